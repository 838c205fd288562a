//! The document in a body, which may be in an envelope or be an error.

use ::http::HeaderMap;

use crate::error::{Error, ErrorKind, Redactor, Result, status_in_body};
use crate::json::{self, MAX_DEPTH, Malformed};

/// What a caller reads, and so what the body of an error looks like.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Expected {
    /// A snapshot, plain or enveloped.
    Snapshot,
    /// A snapshot that was asked for in an envelope.
    Enveloped,
    /// A page of a list, plain or enveloped.
    Page,
}

/// An object and the members that say what kind of document it is, as raw JSON text.
pub(super) struct Document<'a> {
    /// The object.
    pub(super) text: &'a str,
    /// Whether an envelope was around it.
    pub(super) enveloped: bool,
    id: Option<&'a str>,
    status: Option<&'a str>,
    content: Option<&'a str>,
    error: Option<&'a str>,
    /// An array.
    pub(super) results: Option<&'a str>,
    pub(super) total_count: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn read(text: &'a str) -> Result<Document<'a>, Malformed> {
        let names = ["id", "status", "content", "error", "results", "totalCount"];
        let [id, status, content, error, results, total_count] = json::values(text, names)?;
        let id = id.filter(|id| *id != "null");
        let results = results.filter(|results| results.starts_with('['));
        Ok(Document { text, enveloped: false, id, status, content, error, results, total_count })
    }

    /// Finds the document in a body, taking it out of its envelope. An error that Atlas sent in its place fails as it
    /// would with an HTTP status of its own; `headers` are those it came with.
    pub(super) fn find(
        body: &'a str,
        expected: Expected,
        headers: Option<&HeaderMap>,
        redactor: &Redactor,
    ) -> Result<Document<'a>> {
        let outer = Document::read(body)?;
        json::check_depth(body, MAX_DEPTH)?;

        // A snapshot's own status is text and a page has none: an integer is the HTTP status of an envelope.
        let status = outer.status.filter(|raw| json::integer(raw).is_some());
        // Without an object in it something still is an envelope when one was asked for or when it has the members of
        // one; `status` of another type than documented, by itself, is just an odd field of a snapshot.
        let looks_enveloped =
            outer.id.is_none() && (expected != Expected::Snapshot || outer.content.is_some());
        let lacks_content = expected == Expected::Enveloped && outer.id.is_none();
        let content = outer.content.filter(|content| content.starts_with('{'));
        let inner = match content.filter(|_| status.is_some()) {
            Some(content) => Document { enveloped: true, ..Document::read(content)? },
            None => outer,
        };

        // A redirect is no more a snapshot here than as the status of the answer.
        let of_envelope = status.filter(|_| inner.enveloped || looks_enveloped);
        let of_envelope = of_envelope.and_then(status_in_body).filter(|status| *status >= 300);
        let of_error = inner.error.filter(|_| inner.id.is_none());
        let of_error = of_error.and_then(status_in_body).filter(|status| *status >= 400);
        if let Some(status) = of_envelope.or(of_error) {
            return Err(Error::from_response(status, headers, inner.text.as_bytes(), redactor));
        }
        if status.is_some() && !inner.enveloped && lacks_content {
            let what = "expected a JSON object: the envelope has no object \"content\"";
            return Err(Error::new(ErrorKind::InvalidResponse, what));
        }
        Ok(inner)
    }
}

//! From a body to the document in it: the members we know, the envelope around it, the error in its place.

use ureq::http::HeaderMap;

use super::known::{self, FIELDS};
use crate::error::{Error, ErrorKind, Result, status_in_body};
use crate::json;

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

/// An object and the members of it that mean something to us, all as raw JSON text. Of a name that comes twice the
/// last counts, whatever its type.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    /// The object.
    pub(super) text: &'a str,
    /// The documented fields of a snapshot, in the order of [`known::slot`].
    pub(super) fields: [Option<&'a str>; FIELDS],
    pub(super) results: Option<&'a str>,
    pub(super) total_count: Option<&'a str>,
    content: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Document<'a> {
    /// Reads one object; an error for anything else.
    pub(super) fn read(text: &'a str) -> serde_json::Result<Document<'a>> {
        let mut document = Document {
            text,
            fields: [None; FIELDS],
            results: None,
            total_count: None,
            content: None,
            error: None,
        };
        json::members(text, |name, value| match &*json::name(name) {
            "results" => document.results = Some(value),
            "totalCount" => document.total_count = Some(value),
            "content" => document.content = Some(value),
            "error" => document.error = Some(value),
            name => {
                if let Some(slot) = known::slot(name) {
                    document.fields[slot] = Some(value);
                }
            }
        })?;
        Ok(document)
    }

    /// Finds the document in a body, taking it out of its envelope. An error that Atlas sent in its place fails as it
    /// would with an HTTP status of its own; `headers` are those it came with.
    pub(super) fn find(
        body: &'a str,
        expected: Expected,
        headers: Option<&HeaderMap>,
    ) -> Result<Document<'a>> {
        let outer = Document::read(body).map_err(|error| json::malformed(&error))?;
        json::check_depth(body)?;

        // A snapshot's own status is text and a page has none: an integer is the HTTP status of an envelope.
        let number = outer.fields[known::STATUS].filter(|raw| json::integer(raw).is_some());
        let content = outer.content.filter(|content| content.starts_with('{'));
        let inner = match (number, content) {
            (Some(_), Some(content)) => {
                Document::read(content).map_err(|error| json::malformed(&error))?
            }
            _ => outer,
        };
        let enveloped = number.is_some() && content.is_some();

        // Without an object in it something still is an envelope when one was asked for or when it has the members of
        // one; `status` of another type than documented, by itself, is just an odd field of a snapshot.
        let looks_enveloped =
            !outer.has_id() && (expected != Expected::Snapshot || outer.content.is_some());
        // A redirect is no more a snapshot here than as the status of the answer.
        if let Some(status) = number.and_then(status_in_body)
            && status >= 300
            && (enveloped || looks_enveloped)
        {
            return Err(Error::from_content(status, headers, inner.text));
        }
        if let Some(status) = inner.error.and_then(status_in_body)
            && status >= 400
            && !inner.has_id()
        {
            return Err(Error::from_content(status, headers, inner.text));
        }
        if number.is_some() && !enveloped && expected == Expected::Enveloped && !outer.has_id() {
            let what = "not a JSON object as promised: the envelope has no object \"content\"";
            return Err(Error::new(ErrorKind::InvalidResponse, what));
        }
        Ok(inner)
    }

    fn has_id(&self) -> bool {
        self.fields[known::ID].is_some_and(|id| id != "null")
    }
}

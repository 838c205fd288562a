//! From a body to the document in it: the members we know, the envelope around it, the error in its place.

use ::http::HeaderMap;

use super::fields::{self, TextField};
use crate::error::{Error, ErrorKind, Redactor, Result, status_in_body};
use crate::json::{self, Malformed};

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
#[derive(Clone, Copy, Default)]
pub(super) struct Document<'a> {
    /// The object.
    pub(super) text: &'a str,
    /// The documented fields of a snapshot that hold text, by [`TextField`].
    pub(super) texts: [Option<&'a str>; TextField::COUNT],
    pub(super) storage_size_bytes: Option<&'a str>,
    pub(super) copy_regions: Option<&'a str>,
    pub(super) policy_items: Option<&'a str>,
    pub(super) snapshot_ids: Option<&'a str>,
    pub(super) links: Option<&'a str>,
    pub(super) members: Option<&'a str>,
    pub(super) results: Option<&'a str>,
    pub(super) total_count: Option<&'a str>,
    /// Whether an envelope was around it.
    pub(super) enveloped: bool,
    content: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Document<'a> {
    /// Reads one object; an error for anything else.
    pub(super) fn read(text: &'a str) -> std::result::Result<Document<'a>, Malformed> {
        let mut document = Document { text, ..Document::default() };
        json::members(text, |name, value| match &*json::name(name) {
            "results" => document.results = Some(value),
            "totalCount" => document.total_count = Some(value),
            "content" => document.content = Some(value),
            "error" => document.error = Some(value),
            fields::STORAGE_SIZE_BYTES => document.storage_size_bytes = Some(value),
            fields::COPY_REGIONS => document.copy_regions = Some(value),
            fields::POLICY_ITEMS => document.policy_items = Some(value),
            fields::SNAPSHOT_IDS => document.snapshot_ids = Some(value),
            fields::LINKS => document.links = Some(value),
            fields::MEMBERS => document.members = Some(value),
            name => {
                if let Some(field) = TextField::named(name) {
                    document.texts[field as usize] = Some(value);
                }
            }
        })?;
        Ok(document)
    }

    /// The text of the object that [`find`](Self::find) found to be enveloped in `body`.
    pub(super) fn content(body: &'a str) -> &'a str {
        Document::read(body).ok().and_then(|envelope| envelope.content).unwrap_or_default()
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
        json::check_depth(body)?;

        // A snapshot's own status is text and a page has none: an integer is the HTTP status of an envelope.
        let number = outer.text_field(TextField::Status).filter(|raw| json::integer(raw).is_some());
        let content = outer.content.filter(|content| content.starts_with('{'));
        let enveloped = number.is_some() && content.is_some();
        let inner = match content.filter(|_| enveloped) {
            Some(content) => Document { enveloped, ..Document::read(content)? },
            None => outer,
        };

        // Without an object in it something still is an envelope when one was asked for or when it has the members of
        // one; `status` of another type than documented, by itself, is just an odd field of a snapshot.
        let looks_enveloped =
            !outer.has_id() && (expected != Expected::Snapshot || outer.content.is_some());
        // A redirect is no more a snapshot here than as the status of the answer.
        if let Some(status) = number.and_then(status_in_body)
            && status >= 300
            && (enveloped || looks_enveloped)
        {
            return Err(Error::from_content(status, headers, inner.text, redactor));
        }
        if let Some(status) = inner.error.and_then(status_in_body)
            && status >= 400
            && !inner.has_id()
        {
            return Err(Error::from_content(status, headers, inner.text, redactor));
        }
        if number.is_some() && !enveloped && expected == Expected::Enveloped && !outer.has_id() {
            let what = "expected a JSON object: the envelope has no object \"content\"";
            return Err(Error::new(ErrorKind::InvalidResponse, what));
        }
        Ok(inner)
    }

    fn text_field(&self, field: TextField) -> Option<&'a str> {
        self.texts[field as usize]
    }

    /// How long the JSON text of all fields is that hold text, alone or in arrays.
    pub(super) fn text_length(&self) -> usize {
        let arrays =
            [self.copy_regions, self.policy_items, self.snapshot_ids, self.links, self.members];
        let all = self.texts.iter().chain(&arrays);
        all.flatten().map(|raw| raw.len()).sum()
    }

    fn has_id(&self) -> bool {
        self.text_field(TextField::Id).is_some_and(|id| id != "null")
    }
}

//! From a body to the document in it, whatever it looks like: the members we know, the envelope around it, the error in its
//! place, fields of another type than documented.

use std::collections::TryReserveError;

use ::http::HeaderMap;

use super::body::Body;
use super::fields::{ArrayField, Field, Fields, Range, TextField};
use crate::error::{Error, ErrorKind, Redactor, Result, status_in_body};
use crate::json::{self, MAX_DEPTH, Malformed};
use crate::runtime::memory;

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
    text: &'a str,
    /// The documented fields of a snapshot, by their numbers.
    fields: [Option<&'a str>; Field::ALL.len()],
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
            name => {
                if let Some(field) = Field::named(name) {
                    document.fields[field.number()] = Some(value);
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
        json::check_depth(body, MAX_DEPTH)?;

        // A snapshot's own status is text and a page has none: an integer is the HTTP status of an envelope.
        let number =
            outer.field(Field::Text(TextField::Status)).filter(|raw| json::integer(raw).is_some());
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
            return Err(Error::from_response(status, headers, inner.text.as_bytes(), redactor));
        }
        if let Some(status) = inner.error.and_then(status_in_body)
            && status >= 400
            && !inner.has_id()
        {
            return Err(Error::from_response(status, headers, inner.text.as_bytes(), redactor));
        }
        if number.is_some() && !enveloped && expected == Expected::Enveloped && !outer.has_id() {
            let what = "expected a JSON object: the envelope has no object \"content\"";
            return Err(Error::new(ErrorKind::InvalidResponse, what));
        }
        Ok(inner)
    }

    fn field(&self, field: Field) -> Option<&'a str> {
        self.fields[field.number()]
    }

    fn has_id(&self) -> bool {
        self.field(Field::Text(TextField::Id)).is_some_and(|id| id != "null")
    }

    /// Reads the documented fields. One that is missing or null is absent, one of another type than documented is odd
    /// besides.
    pub(super) fn decode(&self, into: &mut Body) -> std::result::Result<Fields, TryReserveError> {
        let mut fields = Fields::default();
        for &(field, _) in Field::ALL {
            let Some(raw) = self.field(field).filter(|raw| *raw != "null") else {
                continue;
            };
            let is_odd = match field {
                Field::Text(field) => {
                    let place = into.texts.push_json(raw)?;
                    fields.texts[field as usize] = place;
                    place.is_none()
                }
                Field::StorageSizeBytes => {
                    let size = json::integer(raw);
                    fields.storage_size_bytes = size.unwrap_or(fields.storage_size_bytes);
                    size.is_none()
                }
                Field::Array(array) => {
                    let range = elements(raw, array, into)?;
                    fields.arrays[array as usize] = range.unwrap_or_default();
                    range.is_none()
                }
            };
            if is_odd {
                fields.set_odd(field);
            }
        }
        Ok(fields)
    }
}

/// Reads an array; with an element of another type it is none.
fn elements(
    raw: &str,
    array: ArrayField,
    into: &mut Body,
) -> std::result::Result<Option<Range>, TryReserveError> {
    let (before, start) = (into.lengths(), into.elements.len());
    let mut outcome = Ok(true);
    let read = json::elements(raw, |raw| {
        if let Ok(true) = outcome {
            outcome = element(raw, array, into);
        }
    });
    if read.is_ok() && outcome? {
        let length = into.elements.len() - start;
        return Ok(Some(Range { start: start as u32, length: length as u32 }));
    }
    into.truncate(before);
    Ok(None)
}

/// Reads an element; false if it has another type than documented. The texts of an object may be absent like any other
/// field. Of one that comes twice only the last is decoded.
fn element(
    raw: &str,
    array: ArrayField,
    into: &mut Body,
) -> std::result::Result<bool, TryReserveError> {
    if array.names().is_empty() {
        let place = into.texts.push_json(raw)?;
        memory::push(&mut into.elements, place)?;
        return Ok(place.is_some());
    }
    let mut values = [None; 3];
    let values = &mut values[..array.names().len()];
    if json::find_values(raw, array.names(), values).is_err() {
        return Ok(false);
    }
    for value in values {
        let place = value.map_or(Ok(None), |raw| into.texts.push_json(raw))?;
        memory::push(&mut into.elements, place)?;
    }
    Ok(true)
}

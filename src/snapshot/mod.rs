//! The document and its fields.
//!
//! A snapshot is JSON text as received, plus what the documented fields in it say, decoded once into one buffer of
//! texts. Nothing else is built unless asked for. The snapshots of a page share its text and one such buffer. Every
//! field is optional and every enumeration open: whatever Atlas sends as a JSON object can be read.

mod accessors;
mod arena;
mod body;
mod document;
mod enums;
mod fields;
mod for_c;
mod list;
mod one_pass;
#[cfg(any(test, fuzzing))]
#[path = "../../tests/unit/one_pass.rs"]
pub(crate) mod one_pass_compared;
mod page;
mod table;

use std::alloc::{Layout, handle_alloc_error};
use std::collections::TryReserveError;
use std::ffi::c_char;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;

use once_cell::race::OnceBox;

use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::headers::Headers;
use crate::json::{self, Malformed, Stopped};
use crate::runtime::memory;
use body::{Body, ResponseHead};
use document::{Document, Expected};
use fields::Fields;
use table::FieldTable;

pub(crate) use arena::CText;
pub use enums::{CloudProvider, ClusterType, FrequencyType, SnapshotType, Status};
pub(crate) use fields::{ArrayField, TextField};
pub use fields::{Link, Member};
pub use list::SnapshotList;
pub(crate) use table::Table;

/// One backup snapshot of a cluster, as Atlas described it in one answer.
///
/// It never changes and may be read by many threads at once. What Atlas did not send, or sent with another type than it
/// documents, is `None`, without an effect on other fields.
pub struct Snapshot {
    body: Arc<Body>,
    /// Where it is in there: all of it, or an item of a page.
    json: Range<u32>,
    fields: Fields,
    // "race", here and below: a fork()ed child must never wait for an initialisation that a thread of its parent began.
    field_table: OnceBox<FieldTable>,
    pointers: OnceBox<Vec<AtomicPtr<c_char>>>,
}

impl Snapshot {
    /// Reads a body that was kept, plain or enveloped (an object `content` beside an integer `status`).
    ///
    /// # Errors
    ///
    /// `InvalidResponse` for anything but a JSON object in UTF-8 of at most 16 MiB and 128 levels, without a byte-order
    /// mark; the message says where. An envelope with a status from 300 to 599, or an object with an integer `error`
    /// from 400 to 599 and no `id`, is returned as the error it would be from the server.
    pub fn parse(body: impl Into<Vec<u8>>) -> Result<Snapshot> {
        Snapshot::read(body.into(), Expected::Snapshot, None, &Redactor::none())
    }

    /// Reads what the server answered with a status of success. `enveloped` says whether an envelope was asked for; one
    /// that nobody asked for is opened, too. The body is not copied if it has room for one more byte.
    pub(crate) fn from_response(
        status: u16,
        headers: Headers,
        body: Vec<u8>,
        enveloped: bool,
        redactor: &Redactor,
    ) -> Result<Snapshot> {
        let expected = if enveloped { Expected::Enveloped } else { Expected::Snapshot };
        Snapshot::read(body, expected, Some(ResponseHead::new(status, headers)), redactor)
    }

    fn read(
        json: Vec<u8>,
        expected: Expected,
        response: Option<ResponseHead>,
        redactor: &Redactor,
    ) -> Result<Snapshot> {
        let mut text = json::begin(json, response.is_none())?;
        text.try_reserve_exact(1)?; // for the NUL
        let mut body = Body::for_json_of(text.len())?;
        // In an envelope they are further in, so that it would be gone over in vain.
        let fields = match expected {
            Expected::Enveloped => None,
            _ => one_pass::read_whole(&text, &mut body).ok(),
        };
        let fields = match fields.filter(Fields::is_as_documented) {
            Some(fields) => fields,
            None => {
                let headers = response.as_ref().map(|response| &*response.headers);
                let document = Document::find(&text, expected, headers, redactor)?;
                body.truncate((0, 0));
                body.enveloped = document.enveloped;
                one_pass::read_whole(document.text, &mut body)?
            }
        };
        body.response = response;
        Ok(Snapshot::alone(text, body, fields))
    }

    /// The only snapshot of a body; `json` has room for a NUL.
    fn alone(mut json: String, mut body: Body, fields: Fields) -> Snapshot {
        let length = json.len() as u32;
        json.push('\0');
        body.json = json;
        body.shrink();
        Snapshot::new(Arc::new(body), 0..length, fields)
    }

    fn new(body: Arc<Body>, json: Range<u32>, fields: Fields) -> Snapshot {
        let (field_table, pointers) = (OnceBox::new(), OnceBox::new());
        Snapshot { body, json, fields, field_table, pointers }
    }

    /// A copy, unless there is no memory for it.
    pub(crate) fn try_clone(&self) -> Result<Snapshot> {
        let json = self.json();
        let mut body = Body::for_json_of(json.len())?;
        let fields = body.copy(&self.body, &self.fields)?;
        body.enveloped = self.body.enveloped;
        let response = self.body.response.as_ref();
        body.response = response.map(|it| ResponseHead::new(it.status, it.headers.clone()));
        Ok(Snapshot::alone(copied(json, json.len() + 1)?, body, fields))
    }

    /// All members, documented or not. `None` if there is no memory for it.
    pub(crate) fn field_table(&self) -> Option<&FieldTable> {
        let made = self.field_table.get_or_try_init(|| {
            let object = match self.body.enveloped {
                true => json::values(self.json(), ["content"]).unwrap_or_default()[0],
                false => Some(self.json()),
            };
            FieldTable::new(object.unwrap_or_default()).map(Box::new)
        });
        made.ok()
    }

    /// `None` if it came in none.
    pub(crate) fn header_table(&self) -> Option<&Table> {
        let response = self.body.response.as_ref()?;
        let make = || Box::new(Table::of_headers(&response.headers));
        Some(response.table.get_or_init(make))
    }
}

/// Independent of the list or the callback that the original came from.
impl Clone for Snapshot {
    fn clone(&self) -> Snapshot {
        // As whatever is cloned without memory for it.
        self.try_clone().unwrap_or_else(|_| handle_alloc_error(Layout::new::<Snapshot>()))
    }
}

/// Nothing that Atlas sent: a body may be long, what is in it belongs to the cluster's owner, and whoever answered in
/// Atlas' place may have echoed a secret.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("status_code", &self.status_code()).finish_non_exhaustive()
    }
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Error {
        match stopped {
            Stopped::NoMemory => Error::new(ErrorKind::Internal, "not enough memory"),
            Stopped::Unexpected => Malformed("expected a JSON object".into()).into(),
        }
    }
}

/// A copy of `text` with room for `room` bytes.
fn copied(text: &str, room: usize) -> Result<String, TryReserveError> {
    let mut copy = memory::string(room)?;
    copy.push_str(text);
    Ok(copy)
}

#[cfg(test)]
mod tests;

//! The document and its fields.
//!
//! A snapshot is its body as received, plus what the documented fields in it say, decoded once into a few flat buffers.
//! Nothing else is built unless asked for. Every field is optional and every enumeration open: whatever Atlas sends as
//! a JSON object can be read.

mod accessors;
mod arena;
mod document;
mod enums;
mod fields;
mod for_c;
mod headers;
mod list;
mod members;
mod table;

use std::collections::TryReserveError;
use std::ffi::c_char;
use std::fmt;
use std::sync::atomic::AtomicPtr;

use ::http::HeaderMap;
use once_cell::race::OnceBox;

use crate::error::{Redactor, Result};
use crate::json;
use crate::runtime::memory;
use document::{Document, Expected};
use fields::Fields;
use headers::HeaderTable;
use members::MemberTable;

use arena::Span;
pub(crate) use arena::Text;
pub use enums::{CloudProvider, ClusterType, FrequencyType, SnapshotType, Status};
pub(crate) use fields::TextField;
pub use fields::{Link, Member};
pub use list::SnapshotList;

/// One backup snapshot of a cluster, as Atlas described it in one answer.
///
/// It never changes and may be read by many threads at once. What Atlas did not send, or sent with another type than it
/// documents, is `None`, without an effect on other fields.
pub struct Snapshot {
    /// The body and a NUL, for C.
    json: Box<str>,
    /// Whether an envelope surrounds the snapshot.
    enveloped: bool,
    fields: Fields,
    response: Option<Box<ResponseHead>>,
    // "race", here and below: a fork()ed child must never wait for an initialisation that a thread of its parent began.
    members: OnceBox<MemberTable>,
    pointers: OnceBox<Vec<AtomicPtr<c_char>>>,
}

/// The HTTP response that a snapshot came in.
struct ResponseHead {
    status: u16,
    headers: HeaderMap,
    table: OnceBox<HeaderTable>,
}

impl Snapshot {
    /// Reads a body that was kept, plain or enveloped (an object `content` beside an integer `status`).
    ///
    /// # Errors
    ///
    /// `InvalidResponse` for anything but a JSON object in UTF-8 of at most 16 MiB and 128 levels, without a byte-order
    /// mark; the message says where. An envelope with a status from 300 to 599, or an object with an integer `error` from
    /// 400 to 599 and no `id`, is returned as the error it would be from the server.
    pub fn parse(body: impl Into<Vec<u8>>) -> Result<Snapshot> {
        Snapshot::read(body.into(), Expected::Snapshot, None, &Redactor::none())
    }

    /// Reads what the server answered with a status of success. `enveloped` says whether an envelope was asked for; one
    /// that nobody asked for is opened, too. The body is not copied if it has room for one more byte.
    pub(crate) fn from_response(
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
        enveloped: bool,
        redactor: &Redactor,
    ) -> Result<Snapshot> {
        let expected = if enveloped { Expected::Enveloped } else { Expected::Snapshot };
        let table = OnceBox::new();
        Snapshot::read(
            body,
            expected,
            Some(Box::new(ResponseHead { status, headers, table })),
            redactor,
        )
    }

    fn read(
        body: Vec<u8>,
        expected: Expected,
        response: Option<Box<ResponseHead>>,
        redactor: &Redactor,
    ) -> Result<Snapshot> {
        let mut text = json::begin(body, response.is_none())?;
        text.try_reserve_exact(1)?; // for the NUL
        let headers = response.as_ref().map(|response| &response.headers);
        let document = Document::find(&text, expected, headers, redactor)?;
        let (enveloped, fields) = (document.enveloped, Fields::decode(&document)?);
        Ok(Snapshot::assemble(text, enveloped, fields, response))
    }

    /// An item of a list. One that is no object has no fields, but is there, so that it hides no other.
    fn item(text: &str) -> std::result::Result<Snapshot, TryReserveError> {
        let fields = match Document::read(text) {
            Ok(document) => Fields::decode(&document)?,
            Err(_) => Fields::default(),
        };
        let json = copied(text, text.len() + 1)?;
        Ok(Snapshot::assemble(json, false, fields, None))
    }

    fn assemble(
        mut json: String,
        enveloped: bool,
        fields: Fields,
        response: Option<Box<ResponseHead>>,
    ) -> Snapshot {
        json.push('\0');
        Snapshot {
            json: json.into_boxed_str(),
            enveloped,
            fields,
            response,
            members: OnceBox::new(),
            pointers: OnceBox::new(),
        }
    }
}

impl Snapshot {
    /// `None` if there is no memory for it.
    fn member_table(&self) -> Option<&MemberTable> {
        let made = self.members.get_or_try_init(|| {
            let object = match self.enveloped {
                true => Document::content(self.json()),
                false => self.json(),
            };
            MemberTable::new(object).map(Box::new)
        });
        made.ok()
    }

    fn header_table(&self) -> Option<&HeaderTable> {
        let response = self.response.as_deref()?;
        let make = || Box::new(HeaderTable::new(&response.headers));
        Some(response.table.get_or_init(make))
    }

    /// How many bytes it takes, without what is built when it is asked for and what the allocator adds.
    fn memory(&self) -> usize {
        size_of::<Snapshot>() + self.json.len() + self.fields.memory()
    }

    fn elements<'a>(&'a self, spans: &'a [Span]) -> impl ExactSizeIterator<Item = &'a str> {
        spans.iter().map(|span| self.fields.element(*span).as_str())
    }

    fn element(&self, spans: &[Span], index: usize) -> Option<Text<'_>> {
        spans.get(index).map(|span| self.fields.element(*span))
    }

    /// A copy that has these for its own.
    fn with(&self, json: Box<str>, fields: Fields) -> Snapshot {
        let response = self.response.as_ref().map(|response| {
            let (status, headers) = (response.status, response.headers.clone());
            Box::new(ResponseHead { status, headers, table: OnceBox::new() })
        });
        let enveloped = self.enveloped;
        let (members, pointers) = (OnceBox::new(), OnceBox::new());
        Snapshot { json, enveloped, fields, response, members, pointers }
    }
}

impl Snapshot {
    /// A copy, unless there is no memory for it.
    pub(crate) fn try_clone(&self) -> Result<Snapshot> {
        let json = copied(&self.json, self.json.len())?.into_boxed_str();
        Ok(self.with(json, self.fields.try_clone()?))
    }
}

/// Independent of the list or the callback that the original came from.
impl Clone for Snapshot {
    fn clone(&self) -> Snapshot {
        self.with(self.json.clone(), self.fields.clone())
    }
}

/// Nothing that Atlas sent: a body may be long, what is in it belongs to the cluster's owner, and whoever answered in
/// Atlas' place may have echoed a secret.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("status_code", &self.status_code()).finish_non_exhaustive()
    }
}

/// A copy of `text` with room for `room` bytes.
fn copied(text: &str, room: usize) -> std::result::Result<String, TryReserveError> {
    let mut copy = memory::string(room)?;
    copy.push_str(text);
    Ok(copy)
}

#[cfg(test)]
mod tests;

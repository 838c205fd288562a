//! The document and its fields.
//!
//! A snapshot is its body as received, plus what the documented fields in it say, decoded once into a few flat buffers.
//! Nothing else is built unless asked for. Every field is optional and every enumeration open: whatever Atlas sends as
//! a JSON object can be read.

mod arena;
mod document;
mod enums;
mod fields;
mod headers;
mod list;
mod members;
mod table;

use std::collections::TryReserveError;
use std::fmt;

use chrono::DateTime;
use once_cell::race::OnceBox;
use ureq::http::HeaderMap;

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
    pub(crate) fn from_answer(
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
        enveloped: bool,
        redactor: &Redactor,
    ) -> Result<Snapshot> {
        let expected = if enveloped {
            Expected::Enveloped
        } else {
            Expected::Snapshot
        };
        let table = OnceBox::new();
        Snapshot::read(
            body,
            expected,
            Some(Box::new(ResponseHead {
                status,
                headers,
                table,
            })),
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
        }
    }

    /// [`status`](Self::status) as a number to match on.
    pub fn status_code(&self) -> Status {
        enums::from_text(self.status())
    }

    /// [`cloud_provider`](Self::cloud_provider) as a number to match on.
    pub fn cloud_provider_code(&self) -> CloudProvider {
        enums::from_text(self.cloud_provider())
    }

    /// [`frequency_type`](Self::frequency_type) as a number to match on.
    pub fn frequency_type_code(&self) -> FrequencyType {
        enums::from_text(self.frequency_type())
    }

    /// [`snapshot_type`](Self::snapshot_type) as a number to match on.
    pub fn snapshot_type_code(&self) -> SnapshotType {
        enums::from_text(self.snapshot_type())
    }

    /// [`cluster_type`](Self::cluster_type) as a number to match on.
    pub fn cluster_type_code(&self) -> ClusterType {
        enums::from_text(self.cluster_type())
    }

    /// Size of the snapshot in bytes; 0 until it is done. Absent when missing, not an integer, or out of range of `i64`
    /// (whose least value counts as absent, too). Atlas' `storageSizeBytes`.
    pub fn storage_size_bytes(&self) -> Option<i64> {
        self.fields.storage_size_bytes
    }

    /// [`created_at`](Self::created_at) as Unix time in milliseconds, rounded down; absent when it cannot be read.
    pub fn created_at_ms(&self) -> Option<i64> {
        unix_ms(self.created_at()?)
    }

    /// [`expires_at`](Self::expires_at) as Unix time in milliseconds, rounded down; absent when it cannot be read.
    pub fn expires_at_ms(&self) -> Option<i64> {
        unix_ms(self.expires_at()?)
    }

    /// The regions that Atlas copies the snapshot to, `US_EAST_1`. Atlas' `copyRegions`.
    pub fn copy_regions(&self) -> impl ExactSizeIterator<Item = &str> {
        self.elements(&self.fields.copy_regions)
    }

    /// The ids of the backup policy's items that took the snapshot. Atlas' `policyItems`.
    pub fn policy_items(&self) -> impl ExactSizeIterator<Item = &str> {
        self.elements(&self.fields.policy_items)
    }

    /// The ids of the snapshots of a sharded cluster's members. Atlas' `snapshotIds`.
    pub fn snapshot_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.elements(&self.fields.snapshot_ids)
    }

    /// Web links to this snapshot and to what it belongs to. Atlas' `links`.
    pub fn links(&self) -> impl ExactSizeIterator<Item = Link<&str>> {
        let text = |span| self.fields.element(span).as_str();
        self.fields.links.iter().map(move |link| link.map(text))
    }

    /// The parts of a sharded cluster's snapshot, one for each shard and config server; none for a replica set. Atlas'
    /// `members`.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<&str>> {
        let text = |span| self.fields.element(span).as_str();
        self.fields
            .members
            .iter()
            .map(move |member| member.map(text))
    }

    /// The whole body byte for byte, envelope included; of an item of a list its bytes in the page.
    pub fn json(&self) -> &str {
        self.json_text().as_str()
    }

    /// The names of all members of the snapshot, documented or not, in the order they came in. A name that came twice is
    /// there once, at its first place; [`field`](Self::field) has its last value.
    pub fn field_names(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.field_count()).map(|i| self.field_name(i).map_or("", Text::as_str))
    }

    /// A member of the snapshot, documented or not, as the JSON text received: `"\"queued\""`, `"null"`. `None` when it
    /// is missing.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.field_text(name).map(Text::as_str)
    }

    /// The names of the documented fields that are absent because they have another type than documented.
    pub fn odd_fields(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.fields.odd().iter().copied()
    }

    /// Status of the HTTP answer; `None` if the snapshot was parsed from text or is an item of a list.
    pub fn http_status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }

    /// A header of the HTTP answer by its name in any case, `RateLimit-Remaining`; of several the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_text(name).map(Text::as_str)
    }

    /// All headers of the HTTP answer, name and value; names are in lower case. None if the snapshot was parsed from text
    /// or is an item of a list.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        (0..self.header_count()).map(|i| {
            let (name, value) = (self.header_name(i), self.header_value(i));
            (
                name.map_or("", Text::as_str),
                value.map_or("", Text::as_str),
            )
        })
    }
}

/// The same for the C ABI: texts that end in a NUL, elements by number.
impl Snapshot {
    pub(crate) fn text(&self, field: TextField) -> Option<Text<'_>> {
        self.fields.text(field)
    }

    pub(crate) fn copy_region(&self, index: usize) -> Option<Text<'_>> {
        self.element(&self.fields.copy_regions, index)
    }

    pub(crate) fn policy_item(&self, index: usize) -> Option<Text<'_>> {
        self.element(&self.fields.policy_items, index)
    }

    pub(crate) fn snapshot_id(&self, index: usize) -> Option<Text<'_>> {
        self.element(&self.fields.snapshot_ids, index)
    }

    pub(crate) fn link(&self, index: usize) -> Option<Link<Text<'_>>> {
        let link = self.fields.links.get(index)?;
        Some(link.map(|span| self.fields.element(span)))
    }

    pub(crate) fn member(&self, index: usize) -> Option<Member<Text<'_>>> {
        let member = self.fields.members.get(index)?;
        Some(member.map(|span| self.fields.element(span)))
    }

    pub(crate) fn json_text(&self) -> Text<'_> {
        Text::new(&self.json)
    }

    pub(crate) fn field_count(&self) -> usize {
        self.member_table().map_or(0, MemberTable::len)
    }

    pub(crate) fn field_name(&self, index: usize) -> Option<Text<'_>> {
        self.member_table()?.name(index)
    }

    pub(crate) fn field_text(&self, name: &str) -> Option<Text<'_>> {
        self.member_table()?.value(name)
    }

    pub(crate) fn header_text(&self, name: &str) -> Option<Text<'_>> {
        self.header_table()?.find(name)
    }

    pub(crate) fn header_count(&self) -> usize {
        self.header_table().map_or(0, HeaderTable::len)
    }

    pub(crate) fn header_name(&self, index: usize) -> Option<Text<'_>> {
        self.header_table()?.name(index)
    }

    pub(crate) fn header_value(&self, index: usize) -> Option<Text<'_>> {
        self.header_table()?.value(index)
    }

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
            Box::new(ResponseHead {
                status,
                headers,
                table: OnceBox::new(),
            })
        });
        Snapshot {
            json,
            enveloped: self.enveloped,
            fields,
            response,
            members: OnceBox::new(),
        }
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
        f.debug_struct("Snapshot")
            .field("status_code", &self.status_code())
            .finish_non_exhaustive()
    }
}

/// A copy of `text` with room for `room` bytes.
fn copied(text: &str, room: usize) -> std::result::Result<String, TryReserveError> {
    let mut copy = memory::string(room)?;
    copy.push_str(text);
    Ok(copy)
}

/// Any form of RFC 3339: with offsets, fractions, a blank for `T`, before 1970. Second 60 is the second after 59, as in
/// POSIX time.
fn unix_ms(date: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(date)
        .ok()
        .map(|date| date.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &str = r#"{"status":200,"content":{"id":"a"}}"#;

    fn answer(body: &str, enveloped: bool) -> Result<Snapshot> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("RateLimit-Remaining", "7"),
            ("Via", "first"),
            ("Via", "second"),
            ("X-Empty", ""),
        ] {
            headers.append(
                name.parse::<ureq::http::HeaderName>().unwrap(),
                value.parse().unwrap(),
            );
        }
        headers.insert(
            "x-odd",
            ureq::http::HeaderValue::from_bytes(b"caf\xe9").unwrap(),
        );
        headers.insert("retry-after", "3".parse().unwrap());
        Snapshot::from_answer(200, headers, body.into(), enveloped, &Redactor::none())
    }

    #[test]
    fn headers_are_found_in_any_case_and_the_first_of_several_counts() {
        let snapshot = answer(r#"{"id":"a"}"#, false).unwrap();
        for snapshot in [snapshot.clone(), snapshot] {
            assert_eq!(snapshot.http_status(), Some(200));
            assert_eq!(snapshot.header("ratelimit-REMAINING"), Some("7"));
            assert_eq!(snapshot.header("via"), Some("first"));
            assert_eq!(snapshot.header("X-Empty"), Some(""));
            assert_eq!(snapshot.header("X-Odd"), Some("caf\u{fffd}"));
            assert_eq!(snapshot.header("missing"), None);
            assert_eq!(snapshot.headers().len(), 6);
            assert!(snapshot.headers().any(|header| header == ("via", "second")));
        }
    }

    #[test]
    fn an_envelope_is_opened_whether_asked_for_or_not() {
        for enveloped in [false, true] {
            let snapshot = answer(ENVELOPE, enveloped).unwrap();
            assert_eq!((snapshot.id(), snapshot.json()), (Some("a"), ENVELOPE));
            assert_eq!(answer(r#"{"id":"a"}"#, enveloped).unwrap().id(), Some("a"));
        }
    }

    #[test]
    fn an_envelope_that_was_asked_for_and_holds_no_object_is_no_snapshot() {
        for body in [
            r#"{"status":200,"content":null}"#,
            r#"{"status":200}"#,
            r#"{"status":200,"content":[]}"#,
        ] {
            assert_eq!(
                answer(body, true).unwrap_err().kind,
                crate::ErrorKind::InvalidResponse,
                "{body}"
            );
        }
        assert_eq!(
            answer(r#"{"status":503}"#, true).unwrap_err().http_status,
            503
        );
    }

    #[test]
    fn an_enveloped_error_keeps_what_the_headers_say() {
        let error = answer(
            r#"{"status":429,"content":{"error":429,"errorCode":"RATE_LIMITED"}}"#,
            true,
        )
        .unwrap_err();
        assert_eq!(
            (error.http_status, error.retry_after, error.code.as_str()),
            (429, Some(3), "RATE_LIMITED")
        );
    }

    #[test]
    fn a_list_item_owns_no_more_than_its_bytes() {
        let snapshot =
            Snapshot::item(r#"{"id":"a\u0062","description":"x","links":[{"href":"h"}]}"#).unwrap();
        assert_eq!(snapshot.fields.spare(), 0);
        assert!(size_of::<Snapshot>() <= 280, "{}", size_of::<Snapshot>());
    }
}

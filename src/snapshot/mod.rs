//! The document and its fields.
//!
//! A snapshot is its body as received, plus what the documented fields in it say, decoded once into a few flat buffers.
//! Nothing else is built unless asked for. Every field is optional and every enumeration open: whatever Atlas sends as
//! a JSON object can be read.

mod codes;
mod document;
mod known;
mod list;
mod tables;
mod texts;

use std::collections::TryReserveError;
use std::fmt;

use chrono::DateTime;
use once_cell::race::OnceBox;
use ureq::http::HeaderMap;

use crate::error::Result;
use crate::json;
use document::{Document, Expected};
use known::Known;
use tables::{Fields, Table};

pub use codes::{CloudProvider, ClusterType, FrequencyType, SnapshotType, Status};
pub(crate) use known::{ArrayField, TextField};
pub use list::SnapshotList;
pub(crate) use texts::Text;

/// One backup snapshot of a cluster, as Atlas described it in one answer.
///
/// It never changes and may be read by many threads at once. What Atlas did not send, or sent with another type than it
/// documents, is `None`, without an effect on other fields.
pub struct Snapshot {
    /// The body and a NUL, for C.
    json: Box<str>,
    /// Where in it the snapshot itself lies, since an envelope may surround it.
    document: std::ops::Range<u32>,
    known: Known,
    answer: Option<Box<Answer>>,
    // "race", here and below: a fork()ed child must never wait for an initialisation that a thread of its parent began.
    fields: OnceBox<Fields>,
}

/// The HTTP answer that a snapshot came in.
struct Answer {
    status: u16,
    headers: HeaderMap,
    table: OnceBox<Table>,
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
        Snapshot::read(body.into(), Expected::Snapshot, None)
    }

    /// Reads what the server answered with a status of success. `enveloped` says whether an envelope was asked for; one
    /// that nobody asked for is opened, too. The body is not copied if it has room for one more byte.
    pub(crate) fn from_answer(
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
        enveloped: bool,
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
            Some(Box::new(Answer {
                status,
                headers,
                table,
            })),
        )
    }

    fn read(body: Vec<u8>, expected: Expected, answer: Option<Box<Answer>>) -> Result<Snapshot> {
        let mut text = json::begin(body)?;
        text.try_reserve_exact(1)?; // for the NUL
        let headers = answer.as_ref().map(|answer| &answer.headers);
        let document = Document::find(&text, expected, headers)?;
        let known = Known::decode(&document)?;
        let start = document.text.as_ptr() as usize - text.as_ptr() as usize;
        let document = start as u32..(start + document.text.len()) as u32;
        Ok(Snapshot::assemble(text, document, known, answer))
    }

    /// An item of a list. One that is no object has no fields, but is there, so that it hides no other.
    fn item(text: &str) -> std::result::Result<Snapshot, TryReserveError> {
        let known = match Document::read(text) {
            Ok(document) => Known::decode(&document)?,
            Err(_) => Known::default(),
        };
        let json = copied(text, text.len() + 1)?;
        Ok(Snapshot::assemble(json, 0..text.len() as u32, known, None))
    }

    fn assemble(
        mut json: String,
        document: std::ops::Range<u32>,
        known: Known,
        answer: Option<Box<Answer>>,
    ) -> Snapshot {
        json.push('\0');
        Snapshot {
            json: json.into_boxed_str(),
            document,
            known,
            answer,
            fields: OnceBox::new(),
        }
    }

    /// [`status`](Self::status) as a number to match on.
    pub fn status_code(&self) -> Status {
        Status::of(self.status())
    }

    /// [`cloud_provider`](Self::cloud_provider) as a number to match on.
    pub fn cloud_provider_code(&self) -> CloudProvider {
        CloudProvider::of(self.cloud_provider())
    }

    /// [`frequency_type`](Self::frequency_type) as a number to match on.
    pub fn frequency_type_code(&self) -> FrequencyType {
        FrequencyType::of(self.frequency_type())
    }

    /// [`snapshot_type`](Self::snapshot_type) as a number to match on.
    pub fn snapshot_type_code(&self) -> SnapshotType {
        SnapshotType::of(self.snapshot_type())
    }

    /// [`cluster_type`](Self::cluster_type) as a number to match on.
    pub fn cluster_type_code(&self) -> ClusterType {
        ClusterType::of(self.cluster_type())
    }

    /// Size of the snapshot in bytes; 0 until it is done. Absent when missing, not an integer, or out of range of `i64`
    /// (whose least value counts as absent, too). Atlas' `storageSizeBytes`.
    pub fn storage_size_bytes(&self) -> Option<i64> {
        self.known.size()
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
        self.elements(ArrayField::CopyRegions)
            .map(|i| self.element_text(ArrayField::CopyRegions, i))
    }

    /// The ids of the backup policy's items that took the snapshot. Atlas' `policyItems`.
    pub fn policy_items(&self) -> impl ExactSizeIterator<Item = &str> {
        self.elements(ArrayField::PolicyItems)
            .map(|i| self.element_text(ArrayField::PolicyItems, i))
    }

    /// The ids of the snapshots of a sharded cluster's members. Atlas' `snapshotIds`.
    pub fn snapshot_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.elements(ArrayField::SnapshotIds)
            .map(|i| self.element_text(ArrayField::SnapshotIds, i))
    }

    /// Web links to this snapshot and to what it belongs to. Atlas' `links`.
    pub fn links(&self) -> impl ExactSizeIterator<Item = Link<'_>> {
        let text = |i, part| self.element(ArrayField::Links, i, part).map(Text::as_str);
        self.elements(ArrayField::Links).map(move |i| Link {
            href: text(i, 0),
            rel: text(i, 1),
        })
    }

    /// The parts of a sharded cluster's snapshot, one for each shard and config server; none for a replica set. Atlas'
    /// `members`.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'_>> {
        let text = |i, part| self.element(ArrayField::Members, i, part).map(Text::as_str);
        self.elements(ArrayField::Members).map(move |i| Member {
            id: text(i, 0),
            cloud_provider: text(i, 1),
            replica_set_name: text(i, 2),
        })
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
    pub fn odd_fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.known.odd()
    }

    /// Status of the HTTP answer; `None` if the snapshot was parsed from text or is an item of a list.
    pub fn http_status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.status)
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
        self.known.text(field)
    }

    pub(crate) fn element_count(&self, array: ArrayField) -> usize {
        self.known.count(array)
    }

    /// A text of an element of an array: the element itself (part 0), or a member of it in the order of the `pub` fields
    /// of [`Link`] and [`Member`].
    pub(crate) fn element(&self, array: ArrayField, index: usize, part: usize) -> Option<Text<'_>> {
        self.known.element(array, index, part)
    }

    pub(crate) fn json_text(&self) -> Text<'_> {
        Text::new(&self.json)
    }

    pub(crate) fn field_count(&self) -> usize {
        self.fields().map_or(0, Fields::len)
    }

    pub(crate) fn field_name(&self, index: usize) -> Option<Text<'_>> {
        self.fields()?.name(index)
    }

    pub(crate) fn field_text(&self, name: &str) -> Option<Text<'_>> {
        self.fields()?.value(name)
    }

    pub(crate) fn header_text(&self, name: &str) -> Option<Text<'_>> {
        self.header_table()?.find_any_case(name)
    }

    pub(crate) fn header_count(&self) -> usize {
        self.header_table().map_or(0, Table::len)
    }

    pub(crate) fn header_name(&self, index: usize) -> Option<Text<'_>> {
        self.header_table()?.name(index)
    }

    pub(crate) fn header_value(&self, index: usize) -> Option<Text<'_>> {
        self.header_table()?.value(index)
    }

    /// `None` if there is no memory for them.
    fn fields(&self) -> Option<&Fields> {
        let made = self.fields.get_or_try_init(|| {
            let document = &self.json[self.document.start as usize..self.document.end as usize];
            Fields::of(document).map(Box::new)
        });
        made.ok()
    }

    fn header_table(&self) -> Option<&Table> {
        let answer = self.answer.as_deref()?;
        Some(
            answer
                .table
                .get_or_init(|| Box::new(Table::of_headers(&answer.headers))),
        )
    }

    /// A copy that has these for its own.
    fn with(&self, json: Box<str>, known: Known) -> Snapshot {
        let answer = self.answer.as_ref().map(|answer| {
            let (status, headers) = (answer.status, answer.headers.clone());
            Box::new(Answer {
                status,
                headers,
                table: OnceBox::new(),
            })
        });
        Snapshot {
            json,
            document: self.document.clone(),
            known,
            answer,
            fields: OnceBox::new(),
        }
    }

    /// How many bytes it takes, without what is built when it is asked for and what the allocator adds.
    fn memory(&self) -> usize {
        size_of::<Snapshot>() + self.json.len() + self.known.memory()
    }

    fn elements(&self, array: ArrayField) -> std::ops::Range<usize> {
        0..self.element_count(array)
    }

    fn element_text(&self, array: ArrayField, index: usize) -> &str {
        self.element(array, index, 0).map_or("", Text::as_str)
    }
}

impl Snapshot {
    /// A copy, unless there is no memory for it.
    pub(crate) fn try_clone(&self) -> Result<Snapshot> {
        let json = copied(&self.json, self.json.len())?.into_boxed_str();
        Ok(self.with(json, self.known.try_clone()?))
    }
}

/// Independent of the list or the callback that the original came from.
impl Clone for Snapshot {
    fn clone(&self) -> Snapshot {
        self.with(self.json.clone(), self.known.clone())
    }
}

/// Short: a body may be long, and what is in it belongs to the cluster's owner.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("id", &self.id())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// A web link of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link<'a> {
    /// The address. Atlas' `href`.
    pub href: Option<&'a str>,
    /// What is there: `self`, or a URL that names the relation. Atlas' `rel`.
    pub rel: Option<&'a str>,
}

/// The snapshot of one shard or config server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// Its id, 24 hexadecimal digits. Atlas' `id`.
    pub id: Option<&'a str>,
    /// Who stores it: `AWS`, `AZURE`, `GCP`. Atlas' `cloudProvider`.
    pub cloud_provider: Option<&'a str>,
    /// Name of the shard or config server. Atlas' `replicaSetName`.
    pub replica_set_name: Option<&'a str>,
}

/// A copy of `text` with room for `room` bytes.
fn copied(text: &str, room: usize) -> std::result::Result<String, TryReserveError> {
    let mut copy = String::new();
    copy.try_reserve_exact(room)?;
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
        Snapshot::from_answer(200, headers, body.into(), enveloped)
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
        assert_eq!(snapshot.known.spare(), 0);
        assert!(size_of::<Snapshot>() <= 280, "{}", size_of::<Snapshot>());
    }
}

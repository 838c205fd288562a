//! What a snapshot says, for Rust.

use chrono::DateTime;

use super::Snapshot;
use super::arena::Text;
use super::enums::{self, CloudProvider, ClusterType, FrequencyType, SnapshotType, Status};
use super::fields::{Link, Member};

impl Snapshot {
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
        self.fields.members.iter().map(move |member| member.map(text))
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
            (name.map_or("", Text::as_str), value.map_or("", Text::as_str))
        })
    }
}

/// Any form of RFC 3339: with offsets, fractions, a blank for `T`, before 1970. Second 60 is the second after 59, as in
/// POSIX time.
fn unix_ms(date: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(date).ok().map(|date| date.timestamp_millis())
}

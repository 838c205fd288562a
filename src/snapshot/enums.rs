//! The enumerations of a snapshot. All are open: live Atlas uses values that its own specification does not list.
//!
//! cbindgen reads this file: the comments and numbers are those of the C header, where `Status::InProgress` is called
//! `ATLAS_STATUS_IN_PROGRESS`.

use super::Snapshot;
use super::fields::TextField;

/// How far Atlas is with a snapshot: what `atlas_snapshot_status_code()` returns. New values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(C)]
pub enum Status {
    /// Absent, or a value that this version of the library does not know: look at the text.
    Unknown = 0,
    /// Atlas has accepted the request and has not begun.
    Queued = 1,
    /// Atlas is taking the snapshot.
    InProgress = 2,
    /// The snapshot can be restored.
    Completed = 3,
    /// The snapshot could not be taken.
    Failed = 4,
}

/// Who stores a snapshot: what `atlas_snapshot_cloud_provider_code()` returns. New values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(C)]
pub enum CloudProvider {
    /// Absent, or a value that this version of the library does not know: look at the text.
    Unknown = 0,
    /// Amazon Web Services.
    Aws = 1,
    /// Microsoft Azure.
    Azure = 2,
    /// Google Cloud.
    Gcp = 3,
}

/// Which rule of the backup policy took a snapshot: what `atlas_snapshot_frequency_type_code()` returns. New values may be
/// added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(C)]
pub enum FrequencyType {
    /// Absent, or a value that this version of the library does not know: look at the text.
    Unknown = 0,
    /// The hourly rule.
    Hourly = 1,
    /// The daily rule.
    Daily = 2,
    /// The weekly rule.
    Weekly = 3,
    /// The monthly rule.
    Monthly = 4,
    /// The yearly rule.
    Yearly = 5,
    /// None: somebody asked for the snapshot. Live Atlas says so, its specification does not list it.
    OnDemand = 6,
}

/// Why a snapshot was taken: what `atlas_snapshot_snapshot_type_code()` returns. New values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(C)]
pub enum SnapshotType {
    /// Absent, or a value that this version of the library does not know: look at the text.
    Unknown = 0,
    /// Somebody asked for it.
    OnDemand = 1,
    /// The backup policy asked for it.
    Scheduled = 2,
    /// Atlas took it in place of one that it could not take as planned.
    Fallback = 3,
}

/// What was saved: what `atlas_snapshot_type_code()` returns. New values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(C)]
pub enum ClusterType {
    /// Absent, or a value that this version of the library does not know: look at the text.
    Unknown = 0,
    /// A replica set.
    ReplicaSet = 1,
    /// A sharded cluster, whose snapshot has members.
    ShardedCluster = 2,
}

impl Snapshot {
    /// [`status`](Self::status) as a number to match on.
    pub fn status_code(&self) -> Status {
        const VALUES: &[(&str, Status)] = &[
            ("queued", Status::Queued),
            ("inProgress", Status::InProgress),
            ("completed", Status::Completed),
            ("failed", Status::Failed),
        ];
        self.code(TextField::Status, Status::Unknown, VALUES)
    }

    /// [`cloud_provider`](Self::cloud_provider) as a number to match on.
    pub fn cloud_provider_code(&self) -> CloudProvider {
        const VALUES: &[(&str, CloudProvider)] = &[
            ("AWS", CloudProvider::Aws),
            ("AZURE", CloudProvider::Azure),
            ("GCP", CloudProvider::Gcp),
        ];
        self.code(TextField::CloudProvider, CloudProvider::Unknown, VALUES)
    }

    /// [`frequency_type`](Self::frequency_type) as a number to match on.
    pub fn frequency_type_code(&self) -> FrequencyType {
        const VALUES: &[(&str, FrequencyType)] = &[
            ("hourly", FrequencyType::Hourly),
            ("daily", FrequencyType::Daily),
            ("weekly", FrequencyType::Weekly),
            ("monthly", FrequencyType::Monthly),
            ("yearly", FrequencyType::Yearly),
            ("ondemand", FrequencyType::OnDemand),
        ];
        self.code(TextField::FrequencyType, FrequencyType::Unknown, VALUES)
    }

    /// [`snapshot_type`](Self::snapshot_type) as a number to match on.
    pub fn snapshot_type_code(&self) -> SnapshotType {
        const VALUES: &[(&str, SnapshotType)] = &[
            ("onDemand", SnapshotType::OnDemand),
            ("scheduled", SnapshotType::Scheduled),
            ("fallback", SnapshotType::Fallback),
        ];
        self.code(TextField::SnapshotType, SnapshotType::Unknown, VALUES)
    }

    /// [`cluster_type`](Self::cluster_type) as a number to match on.
    pub fn cluster_type_code(&self) -> ClusterType {
        const VALUES: &[(&str, ClusterType)] = &[
            ("replicaSet", ClusterType::ReplicaSet),
            ("shardedCluster", ClusterType::ShardedCluster),
        ];
        self.code(TextField::Type, ClusterType::Unknown, VALUES)
    }

    /// The value that the text of a field names, compared without case.
    fn code<E: Copy>(&self, field: TextField, unknown: E, values: &[(&str, E)]) -> E {
        let Some(text) = self.text(field) else {
            return unknown;
        };
        let find = |is_it: &dyn Fn(&str) -> bool| values.iter().find(|(name, _)| is_it(name));
        // Nearly always it is the very name.
        let known = find(&|name| text.is(name))
            .or_else(|| find(&|name| text.as_str().eq_ignore_ascii_case(name)));
        known.map_or(unknown, |(_, value)| *value)
    }
}

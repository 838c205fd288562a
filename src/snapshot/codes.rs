//! The enumerations of a snapshot. All are open: live Atlas uses values that its own specification does not list.

/// An enumeration read from the text of a field, without regard to case.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            /// Absent, or a value that this version of the library does not know: look at the text.
            Unknown,
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            pub(super) fn of(text: Option<&str>) -> $name {
                match text {
                    $(Some(text) if text.eq_ignore_ascii_case($text) => $name::$variant,)*
                    _ => $name::Unknown,
                }
            }
        }
    };
}

open_enum! {
    /// How far Atlas is with a snapshot, from [`Snapshot::status`](super::Snapshot::status).
    Status {
        /// Atlas has accepted the request and has not begun.
        Queued = "queued",
        /// Atlas is taking the snapshot.
        InProgress = "inProgress",
        /// The snapshot can be restored.
        Completed = "completed",
        /// The snapshot could not be taken.
        Failed = "failed",
    }
}

open_enum! {
    /// Who stores a snapshot, from [`Snapshot::cloud_provider`](super::Snapshot::cloud_provider).
    CloudProvider {
        /// Amazon Web Services.
        Aws = "AWS",
        /// Microsoft Azure.
        Azure = "AZURE",
        /// Google Cloud.
        Gcp = "GCP",
    }
}

open_enum! {
    /// Which rule of the backup policy took a snapshot, from [`Snapshot::frequency_type`](super::Snapshot::frequency_type).
    FrequencyType {
        /// The hourly rule.
        Hourly = "hourly",
        /// The daily rule.
        Daily = "daily",
        /// The weekly rule.
        Weekly = "weekly",
        /// The monthly rule.
        Monthly = "monthly",
        /// The yearly rule.
        Yearly = "yearly",
        /// None: somebody asked for the snapshot. Live Atlas says so, its specification does not list it.
        OnDemand = "ondemand",
    }
}

open_enum! {
    /// Why a snapshot was taken, from [`Snapshot::snapshot_type`](super::Snapshot::snapshot_type).
    SnapshotType {
        /// Somebody asked for it.
        OnDemand = "onDemand",
        /// The backup policy asked for it.
        Scheduled = "scheduled",
        /// Atlas took it in place of one it could not take as planned.
        Fallback = "fallback",
    }
}

open_enum! {
    /// What kind of cluster was saved, from [`Snapshot::cluster_type`](super::Snapshot::cluster_type).
    ClusterType {
        /// A replica set.
        ReplicaSet = "replicaSet",
        /// A sharded cluster; the snapshot has one member for each shard and config server.
        ShardedCluster = "shardedCluster",
    }
}

//! The documented fields of a snapshot: which there are, and what one snapshot has of them.

use super::Snapshot;
use super::arena::{CText, Place};

/// The documented fields. Of those that hold text: the name here, the accessor and Atlas' name; a new one is one more
/// row. Of the others, the field and Atlas' name.
macro_rules! fields {
    (
        [texts] $($(#[$doc:meta])* $field:ident, $accessor:ident, $name:literal;)*
        [others] $($other:expr => $other_name:literal;)*
    ) => {
        /// A documented field that holds text.
        #[derive(Clone, Copy)]
        pub(crate) enum TextField { $($field),* }

        impl Field {
            /// Atlas' names of all documented fields, in the order of their numbers.
            pub(super) const NAMES: &'static [&'static str] = &[$($name,)* $($other_name),*];

            /// The field of that name.
            pub(super) fn named(name: &str) -> Option<Field> {
                Some(match name {
                    $($name => Field::Text(TextField::$field),)*
                    $($other_name => $other,)*
                    _ => return None,
                })
            }
        }

        /// Text, as Atlas spells it. `None` when Atlas did not send the field, or sent it as null or with another
        /// type; U+FFFD stands for `\u0000` and for lone surrogates.
        impl Snapshot {
            $($(#[$doc])* pub fn $accessor(&self) -> Option<&str> { self.text(TextField::$field).map(CText::as_str) })*
        }
    };
}

fields! {
    [texts]
    /// The snapshot's id, 24 hexadecimal digits. Atlas' `id`.
    Id, id, "id";
    /// Who stores the snapshot: `AWS`, `AZURE`, `GCP`. Comes only once Atlas works on it; absent for sharded
    /// clusters, whose members have their own. Atlas' `cloudProvider`.
    CloudProvider, cloud_provider, "cloudProvider";
    /// How the config servers of a sharded cluster run: `EMBEDDED`, `DEDICATED`. Atlas' `configServerType`.
    ConfigServerType, config_server_type, "configServerType";
    /// When Atlas took the snapshot, as ISO 8601 in UTC: `2026-08-10T03:27:08Z`. Absent until then. Atlas' `createdAt`.
    CreatedAt, created_at, "createdAt";
    /// The label that somebody gave an on-demand snapshot. Atlas' `description`.
    Description, description, "description";
    /// When Atlas will delete the snapshot, as ISO 8601 in UTC. Changes at completion. Atlas' `expiresAt`.
    ExpiresAt, expires_at, "expiresAt";
    /// Which rule of the backup policy took it: `hourly` … `yearly`, and `ondemand`. Atlas' `frequencyType`.
    FrequencyType, frequency_type, "frequencyType";
    /// The key of the provider's key management that encrypts it; absent without one. Atlas' `masterKeyUUID`.
    MasterKeyUuid, master_key_uuid, "masterKeyUUID";
    /// Version of the MongoDB server that was saved: `8.0.29`, `8.0.24-rc0`. Atlas' `mongodVersion`.
    MongodVersion, mongod_version, "mongodVersion";
    /// Name of the replica set that was saved; absent for sharded clusters. Atlas' `replicaSetName`.
    ReplicaSetName, replica_set_name, "replicaSetName";
    /// Why it was taken: `onDemand`, `scheduled`, `fallback`. Atlas' `snapshotType`.
    SnapshotType, snapshot_type, "snapshotType";
    /// How far Atlas is: `queued`, `inProgress`, `completed`, `failed`. No other field tells. Atlas' `status`.
    Status, status, "status";
    /// What was saved: `replicaSet`, `shardedCluster`. Atlas' `type`.
    Type, cluster_type, "type";
    [others]
    Field::StorageSizeBytes => "storageSizeBytes";
    Field::Array(ArrayField::CopyRegions) => "copyRegions";
    Field::Array(ArrayField::PolicyItems) => "policyItems";
    Field::Array(ArrayField::SnapshotIds) => "snapshotIds";
    Field::Array(ArrayField::Links) => "links";
    Field::Array(ArrayField::Members) => "members";
}

/// A documented field.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Text(TextField),
    StorageSizeBytes,
    Array(ArrayField),
}

/// A documented field that holds an array.
#[derive(Clone, Copy)]
pub(crate) enum ArrayField {
    CopyRegions,
    PolicyItems,
    SnapshotIds,
    Links,
    Members,
}

impl Field {
    const TEXTS: usize = Field::NAMES.len() - 1 - ArrayField::COUNT;

    /// Its place in [`NAMES`](Self::NAMES).
    pub(super) fn number(self) -> usize {
        match self {
            Field::Text(field) => field as usize,
            Field::StorageSizeBytes => Field::TEXTS,
            Field::Array(field) => Field::TEXTS + 1 + field as usize,
        }
    }
}

impl ArrayField {
    const COUNT: usize = ArrayField::Members as usize + 1;

    /// The names of the texts that an element has; none when an element is itself a text.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            ArrayField::CopyRegions | ArrayField::PolicyItems | ArrayField::SnapshotIds => &[],
            ArrayField::Links => &["href", "rel"],
            ArrayField::Members => &["id", "cloudProvider", "replicaSetName"],
        }
    }
}

/// A web link of a snapshot. `T` is the text: `&str` wherever a snapshot hands one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link<T> {
    /// The address. Atlas' `href`.
    pub href: Option<T>,
    /// What is there: `self`, or a URL that names the relation. Atlas' `rel`.
    pub rel: Option<T>,
}

/// The snapshot of one shard or config server. `T` is the text: `&str` wherever a snapshot hands one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<T> {
    /// Its id, 24 hexadecimal digits. Atlas' `id`.
    pub id: Option<T>,
    /// Who stores it: `AWS`, `AZURE`, `GCP`. Atlas' `cloudProvider`.
    pub cloud_provider: Option<T>,
    /// Name of the shard or config server. Atlas' `replicaSetName`.
    pub replica_set_name: Option<T>,
}

/// The texts of an array in [`Body::elements`](super::body::Body): as many for each element as it has names.
#[derive(Clone, Copy, Default)]
pub(super) struct ElementRange {
    pub(super) start: u32,
    pub(super) length: u32,
}

/// What one snapshot has of the documented fields, in little space: a list keeps thousands of these. An array that is
/// absent is empty.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) texts: [Option<Place>; Field::TEXTS],
    pub(super) arrays: [ElementRange; ArrayField::COUNT],
    /// `i64::MIN`, which is ATLAS_ABSENT of the C ABI, when absent; no snapshot has that size.
    pub(super) storage_size_bytes: i64,
    /// The numbers of those that have another type than documented, as bits; and [`UNDOCUMENTED`].
    odd: u32,
}

/// That there is a member which may make the document an error or an envelope.
const UNDOCUMENTED: u32 = 1 << 31;

/// Everything absent.
impl Default for Fields {
    fn default() -> Fields {
        Fields {
            texts: [None; Field::TEXTS],
            arrays: [ElementRange::default(); ArrayField::COUNT],
            storage_size_bytes: i64::MIN,
            odd: 0,
        }
    }
}

impl Fields {
    pub(super) fn set_odd(&mut self, field: Field, is_odd: bool) {
        if is_odd || self.odd != 0 {
            let number = field.number();
            self.odd = self.odd & !(1 << number) | u32::from(is_odd) << number;
        }
    }

    /// Notes that there is a member of that name.
    pub(super) fn note_undocumented(&mut self, name: &str) {
        if matches!(name, "content" | "error") {
            self.odd |= UNDOCUMENTED;
        }
    }

    /// Whether they are a snapshot's, without an envelope around or an error in its place.
    pub(super) fn is_as_documented(&self) -> bool {
        self.odd == 0
    }

    /// The names of the fields that have another type than documented.
    pub(super) fn odd(&self) -> impl Iterator<Item = &'static str> + use<> {
        let odd = self.odd;
        let names = Field::NAMES.iter().enumerate();
        names.filter(move |(number, _)| odd >> number & 1 == 1).map(|(_, name)| *name)
    }
}

const _: () = assert!(Field::NAMES.len() < 32, "the bits of Fields::odd");

//! The documented fields of a snapshot, decoded.

use std::collections::TryReserveError;

use super::Snapshot;
use super::document::Document;
use super::texts::{Span, Text, Texts};
use crate::json;

/// The fields that hold text: for each its number, its accessor and Atlas' name. A new one is one more row here.
macro_rules! text_fields {
    ($($(#[$doc:meta])* $field:ident, $accessor:ident, $name:literal;)*) => {
        /// A documented field that holds text.
        #[derive(Clone, Copy)]
        pub(crate) enum TextField { $($field),* }

        const TEXT_NAMES: &[&str] = &[$($name),*];

        fn text_slot(name: &str) -> Option<usize> {
            match name {
                $($name => Some(TextField::$field as usize),)*
                _ => None,
            }
        }

        /// Text, as Atlas spells it. `None` when Atlas did not send the field, or sent it as null or with another
        /// type; U+FFFD stands for `\u0000` and for lone surrogates.
        impl Snapshot {
            $($(#[$doc])* pub fn $accessor(&self) -> Option<&str> { self.text(TextField::$field).map(Text::as_str) })*
        }
    };
}

text_fields! {
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
}

/// A documented field that holds an array.
#[derive(Clone, Copy)]
pub(crate) enum ArrayField {
    CopyRegions,
    PolicyItems,
    Links,
    Members,
    SnapshotIds,
}

/// For each [`ArrayField`] Atlas' name, and which texts its elements hold when they are objects.
const ARRAYS: [(&str, &[&str]); 5] = [
    ("copyRegions", &[]),
    ("policyItems", &[]),
    ("links", &["href", "rel"]),
    ("members", &["id", "cloudProvider", "replicaSetName"]),
    ("snapshotIds", &[]),
];
const SIZE_NAME: &str = "storageSizeBytes";

// The documented fields are numbered: texts, arrays, the size.
const TEXTS: usize = TEXT_NAMES.len();
const SIZE: usize = TEXTS + ARRAYS.len();
pub(super) const FIELDS: usize = SIZE + 1;
pub(super) const ID: usize = TextField::Id as usize;
pub(super) const STATUS: usize = TextField::Status as usize;

/// The number of a documented field.
pub(super) fn slot(name: &str) -> Option<usize> {
    text_slot(name).or_else(|| match name {
        SIZE_NAME => Some(SIZE),
        _ => ARRAYS
            .iter()
            .position(|(array, _)| *array == name)
            .map(|array| TEXTS + array),
    })
}

/// The documented fields of one snapshot, in as few allocations as a list of ten thousand calls for.
#[derive(Clone)]
pub(super) struct Known {
    texts: Texts,
    fields: [Span; TEXTS],
    /// The elements of all arrays, one after the other, with one span for each of their texts.
    parts: Vec<Span>,
    /// For each array which of `parts` are its own.
    arrays: [Span; ARRAYS.len()],
    size: Option<i64>,
    /// Which fields have another type than documented, as bits by number.
    odd: u32,
}

const _: () = assert!(FIELDS <= u32::BITS as usize);

/// Everything absent.
impl Default for Known {
    fn default() -> Known {
        Known {
            texts: Texts::default(),
            fields: [Span::ABSENT; TEXTS],
            parts: Vec::new(),
            arrays: [Span { start: 0, end: 0 }; ARRAYS.len()],
            size: None,
            odd: 0,
        }
    }
}

impl Known {
    pub(super) fn decode(document: &Document) -> Result<Known, TryReserveError> {
        let raw = &document.fields;
        // Never too little: a text in JSON has two quotes, decoded it has one NUL, and no escape is shorter than what
        // it stands for.
        let enough = raw[..SIZE].iter().flatten().map(|value| value.len()).sum();
        let mut known = Known {
            texts: Texts::with_capacity(enough)?,
            ..Known::default()
        };
        for (slot, value) in raw.iter().enumerate() {
            if let Some(value) = value.filter(|value| *value != "null")
                && !known.decode_field(slot, value)?
            {
                known.odd |= 1 << slot;
            }
        }
        known.texts.shrink();
        known.parts.shrink_to_fit();
        Ok(known)
    }

    pub(super) fn try_clone(&self) -> Result<Known, TryReserveError> {
        let mut parts = Vec::new();
        parts.try_reserve_exact(self.parts.len())?;
        parts.extend_from_slice(&self.parts);
        Ok(Known {
            texts: self.texts.try_clone()?,
            parts,
            ..*self
        })
    }

    /// Whether the value has the documented type.
    fn decode_field(&mut self, slot: usize, value: &str) -> Result<bool, TryReserveError> {
        if slot < TEXTS {
            self.fields[slot] = self.texts.push_json(value)?;
            return Ok(self.fields[slot].is_present());
        }
        if slot < SIZE {
            return self.decode_array(slot - TEXTS, value);
        }
        let size = json::integer(value);
        // ATLAS_ABSENT of the C ABI; no snapshot has that size.
        self.size = size.filter(|size| *size != i64::MIN);
        Ok(size.is_some())
    }

    /// An array with an element of another type is absent as a whole.
    fn decode_array(&mut self, array: usize, value: &str) -> Result<bool, TryReserveError> {
        let names = ARRAYS[array].1;
        let start = self.parts.len();
        // Whether all elements so far have the right type.
        let mut uniform = Ok(true);
        let outcome = json::elements(value, |element| {
            if uniform == Ok(true) {
                uniform = self.decode_element(names, element);
            }
        });
        let valid = uniform? && outcome.is_ok();
        if !valid {
            self.parts.truncate(start);
        }
        self.arrays[array] = Span {
            start: start as u32,
            end: self.parts.len() as u32,
        };
        Ok(valid)
    }

    /// Whether the element is a text, or an object if it has names. Its members may be absent like any other field.
    fn decode_element(&mut self, names: &[&str], element: &str) -> Result<bool, TryReserveError> {
        self.parts.try_reserve(names.len().max(1))?;
        if names.is_empty() {
            let part = self.texts.push_json(element)?;
            self.parts.push(part);
            return Ok(part.is_present());
        }
        // Few enough to live on the stack, so that of a member that comes twice only the last is decoded.
        let mut values = [None; 3];
        let outcome = json::members(element, |name, value| {
            let name = json::name(name);
            if let Some(part) = names.iter().position(|known| *known == name) {
                values[part] = Some(value);
            }
        });
        for value in &values[..names.len()] {
            let part = match value {
                Some(raw) => self.texts.push_json(raw)?,
                None => Span::ABSENT,
            };
            self.parts.push(part);
        }
        Ok(outcome.is_ok())
    }

    pub(super) fn text(&self, field: TextField) -> Option<Text<'_>> {
        self.texts.get(self.fields[field as usize])
    }

    pub(super) fn size(&self) -> Option<i64> {
        self.size
    }

    /// How many elements an array has.
    pub(super) fn count(&self, array: ArrayField) -> usize {
        self.parts(array).len() / width(array)
    }

    /// A text of an element; texts are numbered as in [`ARRAYS`], and an element that is text has but one.
    pub(super) fn element(&self, array: ArrayField, index: usize, part: usize) -> Option<Text<'_>> {
        let element = self.parts(array).chunks_exact(width(array)).nth(index)?;
        self.texts.get(*element.get(part)?)
    }

    /// The names of the fields that have another type than documented.
    pub(super) fn odd(&self) -> impl Iterator<Item = &'static str> + use<> {
        let odd = self.odd;
        let arrays = ARRAYS.iter().map(|(name, _)| name);
        let names = TEXT_NAMES.iter().chain(arrays).chain([&SIZE_NAME]).copied();
        names
            .enumerate()
            .filter_map(move |(slot, name)| (odd & (1 << slot) != 0).then_some(name))
    }

    /// How many bytes it takes beside itself.
    pub(super) fn memory(&self) -> usize {
        self.texts.len() + self.parts.len() * size_of::<Span>()
    }

    /// How many bytes are allocated and not used.
    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.texts.spare() + (self.parts.capacity() - self.parts.len()) * size_of::<Span>()
    }

    fn parts(&self, array: ArrayField) -> &[Span] {
        let range = self.arrays[array as usize];
        &self.parts[range.start as usize..range.end as usize]
    }
}

/// How many texts an element has.
fn width(array: ArrayField) -> usize {
    ARRAYS[array as usize].1.len().max(1)
}

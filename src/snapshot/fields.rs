//! The documented fields of a snapshot, decoded.

use std::collections::TryReserveError;

use memchr::memchr_iter;

use super::Snapshot;
use super::arena::{Span, StringArena, Text};
use super::document::Document;
use crate::json;
use crate::runtime::memory;

/// The fields that hold text: for each its name here, its accessor and Atlas' name. A new one is one more row.
macro_rules! text_fields {
    ($($(#[$doc:meta])* $field:ident, $accessor:ident, $name:literal;)*) => {
        /// A documented field that holds text.
        #[derive(Clone, Copy)]
        pub(crate) enum TextField { $($field),* }

        impl TextField {
            /// All of them with Atlas' names.
            const ALL: &'static [(TextField, &'static str)] = &[$((TextField::$field, $name)),*];
            pub(super) const COUNT: usize = TextField::ALL.len();

            /// The field of that name.
            pub(super) fn named(name: &str) -> Option<TextField> {
                match name {
                    $($name => Some(TextField::$field),)*
                    _ => None,
                }
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

// The other documented fields.
pub(super) const STORAGE_SIZE_BYTES: &str = "storageSizeBytes";
pub(super) const COPY_REGIONS: &str = "copyRegions";
pub(super) const POLICY_ITEMS: &str = "policyItems";
pub(super) const SNAPSHOT_IDS: &str = "snapshotIds";
pub(super) const LINKS: &str = "links";
pub(super) const MEMBERS: &str = "members";

/// A web link of a snapshot. `T` is the text: `&str` wherever a snapshot hands one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link<T> {
    /// The address. Atlas' `href`.
    pub href: Option<T>,
    /// What is there: `self`, or a URL that names the relation. Atlas' `rel`.
    pub rel: Option<T>,
}

impl<T> Link<T> {
    pub(super) fn map<U>(self, text: impl Fn(T) -> U) -> Link<U> {
        Link { href: self.href.map(&text), rel: self.rel.map(&text) }
    }
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

impl<T> Member<T> {
    pub(super) fn map<U>(self, text: impl Fn(T) -> U) -> Member<U> {
        Member {
            id: self.id.map(&text),
            cloud_provider: self.cloud_provider.map(&text),
            replica_set_name: self.replica_set_name.map(&text),
        }
    }
}

/// The documented fields of one snapshot. An array that is absent is empty.
#[derive(Clone)]
pub(super) struct Fields {
    arena: StringArena,
    texts: [Option<Span>; TextField::COUNT],
    pub(super) storage_size_bytes: Option<i64>,
    pub(super) copy_regions: Box<[Span]>,
    pub(super) policy_items: Box<[Span]>,
    pub(super) snapshot_ids: Box<[Span]>,
    pub(super) links: Box<[Link<Span>]>,
    pub(super) members: Box<[Member<Span>]>,
    /// The names of those that have another type than documented.
    odd: Box<[&'static str]>,
}

/// Everything absent.
impl Default for Fields {
    fn default() -> Fields {
        Fields {
            arena: StringArena::default(),
            texts: [None; TextField::COUNT],
            storage_size_bytes: None,
            copy_regions: Box::default(),
            policy_items: Box::default(),
            snapshot_ids: Box::default(),
            links: Box::default(),
            members: Box::default(),
            odd: Box::default(),
        }
    }
}

impl Fields {
    pub(super) fn decode(document: &Document) -> Result<Fields, TryReserveError> {
        let mut decoder = Decoder {
            // Never too little: a text in JSON has two quotes, decoded it has one NUL, and no escape is shorter than
            // what it stands for.
            arena: StringArena::with_capacity(document.text_length())?,
            odd: Vec::new(),
        };
        let mut texts = [None; TextField::COUNT];
        for (field, name) in TextField::ALL {
            let raw = document.texts[*field as usize];
            texts[*field as usize] = decoder.field(name, raw, StringArena::push_json)?;
        }
        let size = |_: &mut StringArena, raw: &str| Ok(json::integer(raw));
        Ok(Fields {
            texts,
            storage_size_bytes: decoder
                .field(STORAGE_SIZE_BYTES, document.storage_size_bytes, size)?
                // ATLAS_ABSENT of the C ABI; no snapshot has that size.
                .filter(|size| *size != i64::MIN),
            copy_regions: decoder.texts(COPY_REGIONS, document.copy_regions)?,
            policy_items: decoder.texts(POLICY_ITEMS, document.policy_items)?,
            snapshot_ids: decoder.texts(SNAPSHOT_IDS, document.snapshot_ids)?,
            links: decoder.array(LINKS, document.links, objects, link)?,
            members: decoder.array(MEMBERS, document.members, objects, member)?,
            odd: decoder.odd.into_boxed_slice(),
            arena: {
                decoder.arena.shrink();
                decoder.arena
            },
        })
    }

    pub(super) fn try_clone(&self) -> Result<Fields, TryReserveError> {
        Ok(Fields {
            arena: self.arena.try_clone()?,
            texts: self.texts,
            storage_size_bytes: self.storage_size_bytes,
            copy_regions: memory::copy(&self.copy_regions)?.into(),
            policy_items: memory::copy(&self.policy_items)?.into(),
            snapshot_ids: memory::copy(&self.snapshot_ids)?.into(),
            links: memory::copy(&self.links)?.into(),
            members: memory::copy(&self.members)?.into(),
            odd: memory::copy(&self.odd)?.into(),
        })
    }

    pub(super) fn text(&self, field: TextField) -> Option<Text<'_>> {
        self.texts[field as usize].map(|span| self.arena.get(span))
    }

    /// A text of an array.
    pub(super) fn element(&self, span: Span) -> Text<'_> {
        self.arena.get(span)
    }

    /// The names of the fields that have another type than documented.
    pub(super) fn odd(&self) -> &[&'static str] {
        &self.odd
    }

    /// How many bytes it takes beside itself.
    pub(super) fn memory(&self) -> usize {
        let texts = self.copy_regions.len() + self.policy_items.len() + self.snapshot_ids.len();
        self.arena.len()
            + texts * size_of::<Span>()
            + self.links.len() * size_of::<Link<Span>>()
            + self.members.len() * size_of::<Member<Span>>()
            + self.odd.len() * size_of::<&str>()
    }

    /// How many bytes are allocated and not used.
    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.arena.spare()
    }
}

struct Decoder {
    arena: StringArena,
    odd: Vec<&'static str>,
}

impl Decoder {
    /// Reads a field; one that is missing or null is absent, one of another type than documented is odd besides.
    fn field<T>(
        &mut self,
        name: &'static str,
        raw: Option<&str>,
        read: impl FnOnce(&mut StringArena, &str) -> Result<Option<T>, TryReserveError>,
    ) -> Result<Option<T>, TryReserveError> {
        let Some(raw) = raw.filter(|raw| *raw != "null") else {
            return Ok(None);
        };
        let value = read(&mut self.arena, raw)?;
        if value.is_none() {
            memory::push(&mut self.odd, name)?;
        }
        Ok(value)
    }

    /// Reads an array; with an element of another type it is absent as a whole.
    fn array<T>(
        &mut self,
        name: &'static str,
        raw: Option<&str>,
        count: impl Fn(&str) -> usize,
        read: impl Fn(&mut StringArena, &str) -> Result<Option<T>, TryReserveError>,
    ) -> Result<Box<[T]>, TryReserveError> {
        let elements = self.field(name, raw, |arena, raw| {
            let mut elements = memory::vec(count(raw)).map(Some);
            let outcome = json::elements(raw, |element| {
                if let Ok(Some(so_far)) = &mut elements {
                    match read(arena, element) {
                        Ok(Some(element)) => {
                            if let Err(error) = memory::push(so_far, element) {
                                elements = Err(error);
                            }
                        }
                        Ok(None) => elements = Ok(None),
                        Err(error) => elements = Err(error),
                    }
                }
            });
            Ok(elements?.filter(|_| outcome.is_ok()))
        })?;
        Ok(elements.unwrap_or_default().into_boxed_slice())
    }

    fn texts(
        &mut self,
        name: &'static str,
        raw: Option<&str>,
    ) -> Result<Box<[Span]>, TryReserveError> {
        self.array(name, raw, texts, StringArena::push_json)
    }
}

// How many elements an array has, so that it is allocated once. Escaped quotes, or brackets within a text, make this too
// many, and then what is too much is given back.

fn texts(raw: &str) -> usize {
    memchr_iter(b'"', raw.as_bytes()).count() / 2
}

fn objects(raw: &str) -> usize {
    memchr_iter(b'{', raw.as_bytes()).count()
}

/// Reads a link; its members may be absent like any other field. Of one that comes twice only the last is decoded.
fn link(arena: &mut StringArena, raw: &str) -> Result<Option<Link<Span>>, TryReserveError> {
    let values = json::values(raw, ["href", "rel"]);
    let [href, rel] = values.unwrap_or_default();
    let link = Link { href: optional_text(arena, href)?, rel: optional_text(arena, rel)? };
    Ok(values.is_some().then_some(link))
}

/// Reads a member, as [`link`] does a link.
fn member(arena: &mut StringArena, raw: &str) -> Result<Option<Member<Span>>, TryReserveError> {
    let values = json::values(raw, ["id", "cloudProvider", "replicaSetName"]);
    let [id, cloud_provider, replica_set_name] = values.unwrap_or_default();
    let member = Member {
        id: optional_text(arena, id)?,
        cloud_provider: optional_text(arena, cloud_provider)?,
        replica_set_name: optional_text(arena, replica_set_name)?,
    };
    Ok(values.is_some().then_some(member))
}

fn optional_text(
    arena: &mut StringArena,
    raw: Option<&str>,
) -> Result<Option<Span>, TryReserveError> {
    raw.map_or(Ok(None), |raw| arena.push_json(raw))
}

//! Names with their values, kept for C: the members of a snapshot, the headers of a response. Made when first asked
//! for, since most callers never ask.

use std::collections::TryReserveError;

use ::http::HeaderMap;

use super::arena::{CText, Place, StringArena};
use crate::json;
use crate::runtime::memory;

/// Names with their values, in the order they came in.
pub(crate) struct Table {
    arena: StringArena,
    /// Name and value.
    entries: Vec<(Place, Place)>,
}

impl Table {
    /// The headers of a response; what is not UTF-8 in a value shows as U+FFFD.
    pub(super) fn of_headers(headers: &HeaderMap) -> Table {
        let mut arena = StringArena::default();
        let mut entries = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            entries.push((arena.push(name.as_str()), arena.push(&value)));
        }
        Table { arena, entries }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn name(&self, index: usize) -> Option<CText<'_>> {
        Some(self.arena.get(self.entries.get(index)?.0))
    }

    pub(crate) fn value(&self, index: usize) -> Option<CText<'_>> {
        Some(self.arena.get(self.entries.get(index)?.1))
    }

    /// The first value of that name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<CText<'_>> {
        let is_it = |place: Place| self.arena.get(place).as_str().eq_ignore_ascii_case(name);
        let (_, value) = self.entries.iter().find(|(name, _)| is_it(*name))?;
        Some(self.arena.get(*value))
    }
}

/// Every member of a snapshot: its name, and its value as the JSON text received. A name that came twice is one
/// member, at its first place and with its last value.
pub(crate) struct FieldTable {
    pub(crate) all: Table,
    /// The same entries in the order of their names.
    by_name: Vec<(Place, Place)>,
}

impl FieldTable {
    /// Of an item of a list that is no object, it is empty.
    pub(super) fn new(object: &str) -> Result<FieldTable, TryReserveError> {
        let mut arena = StringArena::with_capacity(object.len())?;
        let mut entries = Vec::new();
        let mut added = Ok(());
        let _ = json::members(object, |name, value| {
            if added.is_ok() {
                // A name is a JSON string, hence a text.
                let name = arena.push_json(name).unwrap_or_else(|| arena.push(""));
                added = memory::push(&mut entries, (name, arena.push(value)));
            }
        });
        added?;
        arena.shrink();

        // Sorted rather than hashed: no choice of names makes that slow. Equal names stay in the order they came in,
        // which is that of their places.
        let mut by_name = memory::copy(&entries)?;
        let name = |place: Place| arena.get(place).as_str();
        by_name.sort_unstable_by(|(a, _), (b, _)| name(*a).cmp(name(*b)).then(a.cmp(b)));
        by_name.dedup_by(|later, first| {
            let same = name(later.0) == name(first.0);
            if same {
                first.1 = later.1;
            }
            same
        });
        if by_name.len() < entries.len() {
            entries.retain_mut(|entry| {
                let place = entry.0;
                *entry = named(&by_name, &arena, name(place)).unwrap_or(*entry);
                entry.0 == place
            });
        }
        Ok(FieldTable { all: Table { arena, entries }, by_name })
    }

    pub(crate) fn find(&self, name: &str) -> Option<CText<'_>> {
        let (_, value) = named(&self.by_name, &self.all.arena, name)?;
        Some(self.all.arena.get(value))
    }
}

/// The entry of that name.
fn named(by_name: &[(Place, Place)], arena: &StringArena, name: &str) -> Option<(Place, Place)> {
    let compared = |(place, _): &(Place, Place)| arena.get(*place).as_str().cmp(name);
    Some(by_name[by_name.binary_search_by(compared).ok()?])
}

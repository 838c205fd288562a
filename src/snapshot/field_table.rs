//! Every member of a snapshot, documented or not, for lookup by name. Built when first asked for, since most callers
//! never ask.

use std::collections::TryReserveError;

use super::arena::{StringArena, Text};
use super::table::Table;
use crate::json;
use crate::runtime::memory;

/// Every member of a snapshot: its name, and its value as the JSON text received. A name that came twice is one
/// member, at its first place and with its last value.
pub(super) struct FieldTable {
    table: Table,
    /// The entries of the table in the order of their names.
    by_name: Vec<u32>,
}

impl FieldTable {
    pub(super) fn new(object: &str) -> Result<FieldTable, TryReserveError> {
        let mut arena = StringArena::with_capacity(object.len())?;
        let mut entries = Vec::new();
        let mut add = |name, value| {
            // A name is a JSON string, hence a text.
            let name = arena.push_json(name)?.unwrap_or_else(|| arena.push(""));
            memory::push(&mut entries, (name, arena.push(value)))
        };
        let mut added: Result<(), TryReserveError> = Ok(());
        // An item of a list may be no object; then it has no members.
        let _ = json::members(object, |name, value| {
            if added.is_ok() {
                added = add(name, value);
            }
        });
        added?;
        arena.shrink();
        let name = |entry: u32| arena.get(entries[entry as usize].0).as_str();

        // Sorted rather than hashed: no choice of names makes that slow. Equal names stay in order.
        let mut by_name: Vec<u32> = memory::vec(entries.len())?;
        by_name.extend(0..entries.len() as u32);
        by_name.sort_unstable_by(|a, b| name(*a).cmp(name(*b)).then(a.cmp(b)));
        let mut replaced = memory::vec(entries.len())?;
        by_name.dedup_by(|later, first| {
            let same = name(*later) == name(*first);
            if same {
                replaced.push((*first, *later));
            }
            same
        });
        if !replaced.is_empty() {
            for (first, later) in replaced {
                entries[first as usize].1 = entries[later as usize].1;
            }
            let mut kept = memory::copy(&by_name)?;
            kept.sort_unstable();
            // In its place, since what is kept only moves forward.
            for (to, from) in kept.iter().enumerate() {
                entries[to] = entries[*from as usize];
            }
            entries.truncate(kept.len());
            for entry in &mut by_name {
                *entry = kept.partition_point(|other| other < entry) as u32;
            }
        }
        Ok(FieldTable { table: Table { arena, entries }, by_name })
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn name(&self, index: usize) -> Option<Text<'_>> {
        self.table.name(index)
    }

    pub(super) fn value(&self, name: &str) -> Option<Text<'_>> {
        let name_of = |entry: &u32| self.table.name(*entry as usize).map(Text::as_str);
        let at = self.by_name.binary_search_by(|entry| name_of(entry).cmp(&Some(name))).ok()?;
        self.table.value(self.by_name[at] as usize)
    }
}

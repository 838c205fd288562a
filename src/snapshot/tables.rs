//! What is looked up by name: all members of a snapshot, and the headers it came with. Built when first asked for, since
//! most callers never ask.

use std::collections::TryReserveError;

use ureq::http::HeaderMap;

use super::texts::{Span, Text, Texts};
use crate::json;

/// Names with their values, in the order they came in.
pub(super) struct Table {
    texts: Texts,
    /// Name and value.
    entries: Vec<(Span, Span)>,
}

impl Table {
    /// The headers of an answer. What is not UTF-8 in a value shows as U+FFFD.
    pub(super) fn of_headers(headers: &HeaderMap) -> Table {
        let mut texts = Texts::default();
        let mut entries = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            entries.push((texts.push(name.as_str()), texts.push(&value)));
        }
        Table { texts, entries }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn name(&self, index: usize) -> Option<Text<'_>> {
        self.texts.get(self.entries.get(index)?.0)
    }

    pub(super) fn value(&self, index: usize) -> Option<Text<'_>> {
        self.texts.get(self.entries.get(index)?.1)
    }

    /// The first value of that name, in any case.
    pub(super) fn find_any_case(&self, name: &str) -> Option<Text<'_>> {
        let same = |at: &usize| {
            self.name(*at)
                .is_some_and(|it| it.as_str().eq_ignore_ascii_case(name))
        };
        self.value((0..self.len()).find(same)?)
    }
}

/// Every member of a snapshot: its name, and its value as the JSON text received. A name that came twice is one
/// member, at its first place and with its last value.
pub(super) struct Fields {
    table: Table,
    /// The entries of the table in the order of their names.
    by_name: Vec<u32>,
}

impl Fields {
    pub(super) fn of(document: &str) -> Result<Fields, TryReserveError> {
        let mut texts = Texts::with_capacity(document.len())?;
        let mut entries = Vec::new();
        let mut add = |name, value| {
            entries.try_reserve(1)?;
            entries.push((texts.push_json(name)?, texts.push(value)));
            Ok(())
        };
        let mut added: Result<(), TryReserveError> = Ok(());
        // An item of a list may be no object; then it has no members.
        let _ = json::members(document, |name, value| {
            if added.is_ok() {
                added = add(name, value);
            }
        });
        added?;
        texts.shrink();
        let name = |entry: u32| texts.get(entries[entry as usize].0).map(Text::as_str);

        // Sorted rather than hashed: no choice of names makes that slow. Equal names stay in order.
        let mut by_name: Vec<u32> = Vec::new();
        by_name.try_reserve_exact(entries.len())?;
        by_name.extend(0..entries.len() as u32);
        by_name.sort_unstable_by(|a, b| name(*a).cmp(&name(*b)).then(a.cmp(b)));
        let mut replaced = Vec::new();
        replaced.try_reserve_exact(entries.len())?;
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
            let mut kept = Vec::new();
            kept.try_reserve_exact(by_name.len())?;
            kept.extend_from_slice(&by_name);
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
        Ok(Fields {
            table: Table { texts, entries },
            by_name,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn name(&self, index: usize) -> Option<Text<'_>> {
        self.table.name(index)
    }

    pub(super) fn value(&self, name: &str) -> Option<Text<'_>> {
        let name_of = |entry: &u32| self.table.name(*entry as usize).map(Text::as_str);
        let at = self
            .by_name
            .binary_search_by(|entry| name_of(entry).cmp(&Some(name)))
            .ok()?;
        self.table.value(self.by_name[at] as usize)
    }
}

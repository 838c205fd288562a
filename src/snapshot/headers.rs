//! The headers of the response that a snapshot came in, for lookup by name. Built when first asked for, since most
//! callers never ask.

use ::http::HeaderMap;

use super::arena::{StringArena, Text};
use super::table::Table;

pub(super) struct HeaderTable(Table);

impl HeaderTable {
    /// What is not UTF-8 in a value shows as U+FFFD.
    pub(super) fn new(headers: &HeaderMap) -> HeaderTable {
        let mut arena = StringArena::default();
        let mut entries = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            entries.push((arena.push(name.as_str()), arena.push(&value)));
        }
        HeaderTable(Table { arena, entries })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn name(&self, index: usize) -> Option<Text<'_>> {
        self.0.name(index)
    }

    pub(super) fn value(&self, index: usize) -> Option<Text<'_>> {
        self.0.value(index)
    }

    /// The first value of that name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<Text<'_>> {
        let same =
            |at: &usize| self.name(*at).is_some_and(|it| it.as_str().eq_ignore_ascii_case(name));
        self.value((0..self.len()).find(same)?)
    }
}

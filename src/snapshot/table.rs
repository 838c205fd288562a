//! Names with their values, kept for C.

use super::arena::{Place, StringArena, Text};

/// Names with their values, in the order they came in.
pub(super) struct Table {
    pub(super) arena: StringArena,
    /// Name and value.
    pub(super) entries: Vec<(Place, Place)>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn name(&self, index: usize) -> Option<Text<'_>> {
        Some(self.arena.get(self.entries.get(index)?.0))
    }

    pub(super) fn value(&self, index: usize) -> Option<Text<'_>> {
        Some(self.arena.get(self.entries.get(index)?.1))
    }
}

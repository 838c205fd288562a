//! Texts kept so that both Rust and C can read them.

use std::collections::TryReserveError;
use std::ffi::{CStr, c_char};
use std::num::NonZeroU32;

use crate::json;
use crate::runtime::memory;

/// Texts one after the other in a single allocation, each followed by a NUL and none containing one.
#[derive(Default)]
pub(super) struct StringArena(String);

/// Where a text begins in a [`StringArena`], counted from 1: an absent one takes no more memory than one that is there.
/// Bodies end at 16 MiB, so 32 bits are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(NonZeroU32);

/// A text that a NUL ends; what is behind belongs to others.
#[derive(Clone, Copy)]
pub(crate) struct CText<'a>(pub(super) &'a str);

impl<'a> CText<'a> {
    pub(super) fn as_str(self) -> &'a str {
        let text = CStr::from_bytes_until_nul(self.0.as_bytes());
        &self.0[..text.map_or(self.0.len(), CStr::count_bytes)]
    }

    /// Whether it is that text, which has no NUL.
    pub(super) fn is(self, text: &str) -> bool {
        self.0.strip_prefix(text).is_some_and(|rest| rest.starts_with('\0'))
    }

    /// The same text for C, at the same address for as long as its owner lives.
    pub(crate) fn as_ptr(self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

impl StringArena {
    pub(super) fn with_capacity(bytes: usize) -> Result<StringArena, TryReserveError> {
        memory::string(bytes).map(StringArena)
    }

    /// Adds a text as it is; it must not contain a NUL. Neither JSON text nor a header can.
    #[inline]
    pub(super) fn push(&mut self, text: &str) -> Place {
        let start = self.0.len();
        self.0.push_str(text);
        self.finish(start)
    }

    /// The same, but the text at `like` serves for an equal one.
    #[inline]
    pub(super) fn push_unless_like(&mut self, text: &str, like: Option<Place>) -> Place {
        let same = like.filter(|place| self.get(*place).is(text));
        same.unwrap_or_else(|| self.push(text))
    }

    /// Adds what a raw JSON string stands for; any other JSON value is absent.
    pub(super) fn push_json(&mut self, raw: &str) -> Option<Place> {
        let start = self.0.len();
        if json::push_text(raw, &mut self.0).is_none() {
            self.0.truncate(start);
            return None;
        }
        Some(self.finish(start))
    }

    #[inline]
    fn finish(&mut self, start: usize) -> Place {
        self.0.push('\0');
        Place(NonZeroU32::MIN.saturating_add(start as u32))
    }

    pub(super) fn get(&self, place: Place) -> CText<'_> {
        // The place of another arena would be a defect; an empty text is better than a panic.
        let start = place.0.get() as usize - 1;
        CText(self.0.get(start..).unwrap_or("\0"))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was added since it had that length.
    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Gives back the memory that turned out not to be needed, unless that is little; whether it did.
    pub(super) fn shrink(&mut self) -> bool {
        let is_much = self.0.capacity() - self.0.len() > 4096;
        if is_much {
            self.0.shrink_to_fit();
        }
        is_much
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_reads_a_text_where_rust_does() {
        let mut arena = StringArena::default();
        let first = arena.push("");
        let second = arena.push_json(r#""two""#).unwrap();
        for (place, text) in [(first, ""), (second, "two")] {
            let kept = arena.get(place);
            assert_eq!(kept.as_str(), text);
            assert_eq!(kept.as_ptr(), kept.as_str().as_ptr().cast());
        }
    }

    #[test]
    fn a_text_serves_for_an_equal_one_and_for_no_other() {
        let mut arena = StringArena::default();
        let first = arena.push("two");
        assert_eq!(arena.push_unless_like("two", Some(first)), first);
        for other in ["", "tw", "two ", "Two"] {
            let place = arena.push_unless_like(other, Some(first));
            assert_eq!(arena.get(place).as_str(), other);
        }
    }
}

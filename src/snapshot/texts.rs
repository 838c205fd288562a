//! Texts kept so that both Rust and C can read them.

use std::collections::TryReserveError;
use std::ffi::c_char;

use crate::json;

/// Texts one after the other in a single allocation, each followed by a NUL and none containing one.
#[derive(Clone, Default)]
pub(super) struct Texts(String);

/// Where a text lies in a [`Texts`], or that there is none. Bodies end at 16 MiB, so 32 bits are enough.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// No range of any text, since it ends before it starts.
    pub(super) const ABSENT: Span = Span {
        start: u32::MAX,
        end: 0,
    };

    pub(super) fn is_present(self) -> bool {
        self.start <= self.end
    }
}

/// A text and the NUL behind it.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// `with_nul` ends in a NUL and has no other.
    pub(super) fn new(with_nul: &'a str) -> Text<'a> {
        debug_assert_eq!(with_nul.find('\0'), Some(with_nul.len() - 1));
        Text(with_nul)
    }

    pub(crate) fn as_str(self) -> &'a str {
        &self.0[..self.0.len() - 1]
    }

    /// The same text for C, at the same address for as long as its owner lives.
    pub(crate) fn as_ptr(self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

impl Texts {
    pub(super) fn with_capacity(bytes: usize) -> Result<Texts, TryReserveError> {
        let mut text = String::new();
        text.try_reserve_exact(bytes)?;
        Ok(Texts(text))
    }

    /// Adds a text as it is; it must not contain a NUL. Neither JSON text nor a header can.
    pub(super) fn push(&mut self, text: &str) -> Span {
        let start = self.0.len();
        self.0.push_str(text);
        self.finish(start)
    }

    /// Adds what a raw JSON string stands for; any other JSON value is absent.
    pub(super) fn push_json(&mut self, raw: &str) -> Result<Span, TryReserveError> {
        let start = self.0.len();
        if json::push_text(raw, &mut self.0)? {
            Ok(self.finish(start))
        } else {
            Ok(Span::ABSENT)
        }
    }

    /// The same for another owner.
    pub(super) fn try_clone(&self) -> Result<Texts, TryReserveError> {
        let mut copy = Texts::with_capacity(self.0.len())?;
        copy.0.push_str(&self.0);
        Ok(copy)
    }

    fn finish(&mut self, start: usize) -> Span {
        let end = self.0.len();
        self.0.push('\0');
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    pub(super) fn get(&self, span: Span) -> Option<Text<'_>> {
        self.0
            .get(span.start as usize..=span.end as usize)
            .map(Text::new)
    }

    /// Gives back the memory that turned out not to be needed: a list keeps thousands of these.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.0.capacity() - self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_reads_a_text_where_rust_does() {
        let mut texts = Texts::default();
        let (first, second) = (texts.push("one"), texts.push_json(r#""two""#).unwrap());
        for (span, text) in [(first, "one"), (second, "two")] {
            let kept = texts.get(span).unwrap();
            assert_eq!(kept.as_str(), text);
            assert_eq!(kept.as_ptr(), kept.as_str().as_ptr().cast());
        }
    }
}

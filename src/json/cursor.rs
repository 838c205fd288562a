//! Goes over JSON text value by value. Strings without escapes, which nearly all are, are read here; all else that is
//! not structure is read by serde_json.

use std::borrow::Cow;
use std::collections::TryReserveError;
use std::marker::PhantomData;

use memchr::memchr;
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::value::RawValue;

use super::{check_depth, is_space, name};

/// A place in a JSON text.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Whether all of the text is plain.
    is_plain: bool,
    /// How many arrays and objects may still begin within each other.
    levels: usize,
}

/// Why a text was not gone over to its end.
pub(crate) enum Stopped {
    /// It is not what was looked for, or no JSON.
    Unexpected,
    NoMemory,
}

impl From<TryReserveError> for Stopped {
    fn from(_: TryReserveError) -> Stopped {
        Stopped::NoMemory
    }
}

type Result<T> = std::result::Result<T, Stopped>;

impl<'a> Cursor<'a> {
    /// The beginning of a text, in which so many arrays and objects may be within each other.
    pub(crate) fn new(text: &'a str, levels: usize) -> Cursor<'a> {
        Cursor { text, at: 0, is_plain: is_plain(text), levels }
    }

    /// How many bytes come before this place.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Goes past white space; the byte that is next.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes over an object: `each` gets the name of every member and has to go past its value.
    pub(crate) fn members(
        &mut self,
        mut each: impl FnMut(&mut Cursor<'a>, &str) -> Result<()>,
    ) -> Result<()> {
        self.items(b'{', b'}', |json| {
            let name = match json.string() {
                Some(name) => Cow::Borrowed(name),
                None => json.name_with_escapes()?,
            };
            json.expect(b':')?;
            each(json, &name)
        })
    }

    /// Goes over an array: `each` is called at every element and has to go past it.
    pub(crate) fn elements(
        &mut self,
        each: impl FnMut(&mut Cursor<'a>) -> Result<()>,
    ) -> Result<()> {
        self.items(b'[', b']', each)
    }

    fn items(
        &mut self,
        opening: u8,
        closing: u8,
        mut each: impl FnMut(&mut Cursor<'a>) -> Result<()>,
    ) -> Result<()> {
        self.expect(opening)?;
        self.levels = self.levels.checked_sub(1).ok_or(Stopped::Unexpected)?;
        if !self.skip(closing) {
            loop {
                each(self)?;
                if !self.skip(b',') {
                    break;
                }
            }
            self.expect(closing)?;
        }
        self.levels += 1;
        Ok(())
    }

    /// Goes past a string without escapes, if there is one.
    pub(crate) fn string(&mut self) -> Option<&'a str> {
        if !self.is_next(b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = start + quote(self.text.as_bytes().get(start..)?)?;
        let string = self.text.get(start..end)?;
        if !self.is_plain && !is_plain(string) {
            return None;
        }
        self.at = end + 1;
        Some(string)
    }

    /// Goes past a whole number without a sign, if there is one.
    pub(crate) fn integer(&mut self) -> Option<i64> {
        self.skip_space();
        let rest = self.text.get(self.at..)?;
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = rest.split_at(length);
        let goes_on = rest.starts_with(['.', 'e', 'E']) || digits.starts_with('0') && length > 1;
        let number = digits.parse().ok().filter(|_| !goes_on)?;
        self.at += length;
        Some(number)
    }

    /// Whether the value before this place is a null; no other ends like that.
    pub(crate) fn is_behind_null(&self) -> bool {
        self.text.as_bytes()[..self.at].ends_with(b"null")
    }

    #[cold]
    fn name_with_escapes(&mut self) -> Result<Cow<'a, str>> {
        let raw = self.raw()?;
        if raw.starts_with('"') { Ok(name(raw)) } else { Err(Stopped::Unexpected) }
    }

    /// Goes past a value of any kind, which is returned as raw JSON text.
    pub(crate) fn raw(&mut self) -> Result<&'a str> {
        let rest = self.text.get(self.at..).ok_or(Stopped::Unexpected)?;
        let mut reader = serde_json::Deserializer::from_str(rest);
        let raw = PhantomData::<&RawValue>.deserialize(&mut reader);
        let raw = raw.map_err(|_| Stopped::Unexpected)?.get();
        check_depth(raw, self.levels).map_err(|_| Stopped::Unexpected)?;
        self.at += reader.into_iter::<IgnoredAny>().byte_offset();
        Ok(raw)
    }

    /// Goes past white space and a byte that has to be next.
    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.skip(byte) { Ok(()) } else { Err(Stopped::Unexpected) }
    }

    /// Goes past white space and a byte, if that is next.
    #[inline(always)]
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.is_next(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Goes past white space; whether a byte is next.
    #[inline(always)]
    fn is_next(&mut self, byte: u8) -> bool {
        if self.text.as_bytes().get(self.at).is_some_and(|byte| *byte <= b' ') {
            self.skip_space();
        }
        self.text.as_bytes().get(self.at) == Some(&byte)
    }

    #[inline(never)]
    fn skip_space(&mut self) {
        while self.text.as_bytes().get(self.at).is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
    }
}

/// How many bytes come before the first quote. Nearly all strings are so short that it takes `memchr` longer to begin.
#[inline]
fn quote(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let (chunks, _) = text.as_chunks();
    for (number, chunk) in chunks.iter().enumerate() {
        // In the first byte that is 0, the subtraction sets the highest bit; in those before it, it does not.
        let bytes = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'"'));
        let zeros = bytes.wrapping_sub(ONES) & !bytes & (ONES << 7);
        if zeros != 0 {
            return Some(number * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let start = chunks.len() * 8;
    Some(start + memchr(b'"', &text[start..])?)
}

/// Whether a text has neither escapes nor control characters.
#[inline(never)]
fn is_plain(text: &str) -> bool {
    // Not left early, so that many bytes are looked at at once.
    let least = text.bytes().fold(u8::MAX, u8::min);
    least >= b' ' && memchr(b'\\', text.as_bytes()).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_found_wherever_it_is() {
        for length in 0..40 {
            for before in 0..=255u8 {
                for behind in [before, before.wrapping_add(1), 0, b'"', b'#', b'!', 0xff, 0xa2] {
                    let mut text = vec![before; length];
                    text.extend([b'"', behind, behind]);
                    for end in 0..=text.len() {
                        let text = &text[..end];
                        assert_eq!(quote(text), memchr(b'"', text), "{text:?}");
                    }
                }
            }
        }
    }
}

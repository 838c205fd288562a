//! Goes over JSON text value by value, as long as it is the plain JSON that machines write: no text in it has escapes.
//! Whatever else is met, `None` says that somebody else has to look, be it good JSON or not.

use std::marker::PhantomData;

use memchr::memchr;
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::value::RawValue;

use super::is_space;

/// A place in a JSON text.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Whether all of the text is plain.
    is_plain: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0, is_plain: is_plain(text) }
    }

    /// How many bytes come before this place.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes come before the value that is next.
    pub(crate) fn start(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    /// Whether only white space is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    /// Goes over an object: `each` gets the name of every member and has to go past its value.
    pub(crate) fn members(
        &mut self,
        mut each: impl FnMut(&mut Cursor<'a>, &'a str) -> Option<()>,
    ) -> Option<()> {
        self.items(b'{', b'}', |cursor| {
            let name = cursor.string()?;
            cursor.skip(b':').then_some(())?;
            each(cursor, name)
        })
    }

    /// Goes over an array: `each` is called at every element and has to go past it.
    pub(crate) fn elements(
        &mut self,
        each: impl FnMut(&mut Cursor<'a>) -> Option<()>,
    ) -> Option<()> {
        self.items(b'[', b']', each)
    }

    fn items(
        &mut self,
        opening: u8,
        closing: u8,
        mut each: impl FnMut(&mut Cursor<'a>) -> Option<()>,
    ) -> Option<()> {
        self.skip(opening).then_some(())?;
        if self.skip(closing) {
            return Some(());
        }
        loop {
            each(self)?;
            if !self.skip(b',') {
                return self.skip(closing).then_some(());
            }
        }
    }

    /// Goes past a string, if there is one.
    pub(crate) fn string(&mut self) -> Option<&'a str> {
        self.skip(b'"').then_some(())?;
        let end = self.at + quote(self.text.as_bytes().get(self.at..)?)?;
        let string = self.text.get(self.at..end)?;
        self.at = end + 1;
        (self.is_plain || is_plain(string)).then_some(string)
    }

    /// Goes past a null, if there is one.
    pub(crate) fn null(&mut self) -> bool {
        let is_null = self.skip(b'n') && self.text.as_bytes()[self.at..].starts_with(b"ull");
        self.at += if is_null { 3 } else { 0 };
        is_null
    }

    /// Goes past a whole number that is not negative, if there is one.
    pub(crate) fn integer(&mut self) -> Option<i64> {
        self.skip_space();
        let rest = self.text.get(self.at..)?;
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = rest.get(..length).filter(|it| length == 1 || !it.starts_with('0'))?;
        self.at += length;
        digits.parse().ok()
    }

    /// Goes past a value of any kind, which is returned as raw JSON text.
    pub(crate) fn raw(&mut self) -> Option<&'a str> {
        let mut reader = serde_json::Deserializer::from_str(self.text.get(self.at..)?);
        let raw = PhantomData::<&RawValue>.deserialize(&mut reader).ok()?;
        self.at += reader.into_iter::<IgnoredAny>().byte_offset();
        Some(raw.get())
    }

    /// Goes past white space and a byte, if that is next.
    #[inline(always)]
    fn skip(&mut self, byte: u8) -> bool {
        if self.text.as_bytes().get(self.at).is_some_and(|byte| *byte <= b' ') {
            self.skip_space();
        }
        self.is_next(byte)
    }

    #[inline(always)]
    fn is_next(&mut self, byte: u8) -> bool {
        let is_next = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
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

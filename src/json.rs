//! JSON text, looked at where it lies: members and elements come as slices of the text, nothing is built from them.
//!
//! serde_json does the reading. Its raw values accept any escape, lone surrogates included, which is what lets one odd
//! text leave the rest of a document readable; they know no depth limit either, so that is checked here.

mod cursor;

use std::borrow::Cow;

use memchr::{memchr, memchr2_iter};
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::text::boundary;
pub(crate) use cursor::{Cursor, Stopped};

/// The longest body that is read, in bytes. A page of 500 snapshots has about a fortieth of it.
pub(crate) const MAX_BODY: usize = 16 * 1024 * 1024;

/// How many arrays and objects may enclose a value, the outermost object included.
pub(crate) const MAX_DEPTH: usize = 128;

/// Why a text is not the JSON object that was expected.
#[derive(Debug)]
pub(crate) struct Malformed(pub(crate) String);

impl Malformed {
    /// A body of more than [`MAX_BODY`].
    pub(crate) fn too_large() -> Malformed {
        Malformed(format!("too large: more than {MAX_BODY} bytes"))
    }

    /// The fault that shows at a byte of `text`.
    fn at(text: &[u8], at: usize, what: &str) -> Malformed {
        let before = &text[..at];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        Malformed::in_line(line, at + 1 - line_start.map_or(0, |at| at + 1), what)
    }

    fn in_line(line: usize, column: usize, what: &str) -> Malformed {
        Malformed(format!("expected a JSON object; line {line}, column {column}: {what}"))
    }
}

impl From<serde_json::Error> for Malformed {
    fn from(error: serde_json::Error) -> Malformed {
        let what = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let what = what.strip_suffix(&place).unwrap_or(&what);
        Malformed::in_line(error.line(), error.column().max(1), what)
    }
}

/// Checks that a body is a JSON object in UTF-8 within the limits, as far as that shows without reading it. A text that
/// is the caller's own may be quoted.
pub(crate) fn begin(body: Vec<u8>, is_callers: bool) -> Result<String, Malformed> {
    if body.is_empty() {
        return Err(Malformed("expected a JSON object: it is empty".into()));
    }
    if body.len() > MAX_BODY {
        return Err(Malformed::too_large());
    }
    if body.starts_with("\u{feff}".as_bytes()) {
        return Err(Malformed::at(&body, 0, "found a byte-order mark"));
    }
    let text = String::from_utf8(body).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Malformed::at(error.as_bytes(), at, "found bytes that are not UTF-8")
    })?;
    let at = text.bytes().position(|byte| !is_space(byte)).unwrap_or(0);
    let start = &text[at..];
    let what = match text.as_bytes()[at] {
        b'{' => return Ok(text),
        b'[' => "an array",
        b'"' => "a string",
        b'-' | b'0'..=b'9' => "a number",
        byte if is_space(byte) => "nothing but white space",
        _ if start.starts_with("null") => "null",
        _ if start.starts_with("true") || start.starts_with("false") => "a boolean",
        _ if is_callers => {
            let what = format!("found \"{}\"", &start[..boundary(start, 40)]);
            return Err(Malformed::at(text.as_bytes(), at, &what));
        }
        // What a server sends may be a token, and what succeeds is nobody's but the caller's.
        b'<' => "what looks like HTML or XML",
        _ => "what is no JSON",
    };
    Err(Malformed::at(text.as_bytes(), at, &format!("found {what}")))
}

/// Calls `each` with name and value of every member of an object, both as raw JSON text.
pub(crate) fn members<'a>(
    object: &'a str,
    each: impl FnMut(&'a str, &'a str),
) -> Result<(), Malformed> {
    let mut reader = serde_json::Deserializer::from_str(object);
    reader.deserialize_map(Members(each))?;
    Ok(reader.end()?)
}

/// The values of the members with these names in an object, the last of each, as raw JSON text.
pub(crate) fn values<'a, const N: usize>(
    object: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a str>; N], Malformed> {
    let mut values = [None; N];
    members(object, |raw, value| {
        let name = name(raw);
        if let Some(at) = names.iter().position(|known| *known == name) {
            values[at] = Some(value);
        }
    })?;
    Ok(values)
}

/// Calls `each` with every element of a well-formed array, as raw JSON text; what is no array has none.
pub(crate) fn elements<'a>(array: &'a str, mut each: impl FnMut(&'a str)) {
    let _ = Cursor::new(array, usize::MAX).elements(|json| {
        each(json.raw()?);
        Ok(())
    });
}

/// What a member is called, from its name in raw JSON text. A long name with escapes, which is none that Atlas
/// documents, is given as it is.
pub(crate) fn name(raw: &str) -> Cow<'_, str> {
    let has_escapes = memchr(b'\\', raw.as_bytes()).is_some();
    if !has_escapes || raw.len() > 256 {
        return Cow::Borrowed(
            raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw),
        );
    }
    let mut name = String::with_capacity(raw.len());
    push_text(raw, &mut name);
    Cow::Owned(name)
}

/// Appends the text that a raw JSON string stands for, with U+FFFD for what C or UTF-8 cannot hold: `\u0000` and lone
/// surrogates. `None`, and perhaps half a text, when the value is not a string. `into` has room for it.
pub(crate) fn push_text(raw: &str, into: &mut String) -> Option<()> {
    let mut rest = raw.strip_prefix('"')?.strip_suffix('"')?;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        into.push_str(&rest[..at]);
        let (character, length) = escape(&rest.as_bytes()[at..])?;
        into.push(character);
        rest = &rest[at + length..];
    }
    into.push_str(rest);
    Some(())
}

/// The text that a raw JSON string stands for, as [`push_text`] reads it, in memory that is wiped, since it may hold a
/// secret; `None` when the value is not a string.
pub(crate) fn wiped_text(raw: &str) -> Option<Zeroizing<String>> {
    // Room for all, since growing would leave a copy behind that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(raw.len()));
    push_text(raw, &mut text)?;
    Some(text)
}

/// The character that an escape at the beginning of `text` stands for, and how long the escape is; U+FFFD for `\u0000`
/// and for lone surrogates.
pub(crate) fn escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 4)?;
        let digit = |code: u32, byte: &u8| Some(code * 16 + char::from(*byte).to_digit(16)?);
        digits.iter().try_fold(0, digit)
    };
    let character = match text.get(1)? {
        character @ (b'"' | b'\\' | b'/') => char::from(*character),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(2)?;
            let second = text.get(6..8).filter(|next| *next == b"\\u").and_then(|_| unit(8));
            if let (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) = (first, second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Some((char::from_u32(code)?, 12));
            }
            let character = char::from_u32(first).filter(|c| *c != '\0');
            return Some((character.unwrap_or(char::REPLACEMENT_CHARACTER), 6));
        }
        _ => return None,
    };
    Some((character, 2))
}

/// The same JSON text without the white space between its parts, in memory that is wiped: it may hold a secret.
pub(crate) fn compact(raw: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(raw.len()));
    let mut start = 0;
    for (at, _) in outside_strings(raw).filter(|(_, byte)| is_space(*byte)) {
        text.push_str(&raw[start..at]);
        start = at + 1;
    }
    text.push_str(&raw[start..]);
    text
}

/// Ends a JSON text that was cut off: a string is closed where it was cut, whatever else is incomplete is left out, and
/// arrays and objects are closed. What was no JSON before the cut is none afterwards either.
pub(crate) fn ended(cut: &str) -> String {
    // What closes the arrays and objects that are open, the innermost last.
    let mut open = Vec::new();
    // Up to where the text can be kept, and whether the next string is a value rather than a name.
    let (mut end, mut is_value) = (0, false);
    let mut string_start = None;
    for (at, byte) in outside_strings(cut) {
        match byte {
            b'"' => {
                string_start = if string_start.is_none() { Some(at + 1) } else { None };
                end = if is_value { at + 1 } else { end };
            }
            b'{' | b'[' => {
                open.push(if byte == b'{' { '}' } else { ']' });
                is_value = byte == b'[';
                end = at + 1;
            }
            b'}' | b']' => {
                open.pop();
                end = at + 1;
            }
            b',' => {
                is_value = open.last() == Some(&']');
                end = at;
            }
            b':' => is_value = true,
            _ => {}
        }
    }
    let mut text = cut[..end].to_owned();
    if let Some(start) = string_start.filter(|_| is_value) {
        text.push_str(without_cut_escape(&cut[start..]));
        text.push('"');
    }
    text.extend(open.iter().rev());
    text
}

/// The beginning of the inside of a JSON string, as far as the last escape in it is complete.
fn without_cut_escape(string: &str) -> &str {
    let mut end = 0;
    while let Some(at) = memchr(b'\\', &string.as_bytes()[end..]) {
        let start = end + at;
        end = start + if string[start..].starts_with("\\u") { 6 } else { 2 };
        if end > string.len() {
            return &string[..start];
        }
    }
    string
}

/// The bytes of a JSON text that are not inside a string, with their places; the quotes of a string are outside.
fn outside_strings(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut in_string, mut escaped) = (false, false);
    text.bytes().enumerate().filter(move |(_, byte)| {
        let is_quote = *byte == b'"' && !escaped;
        escaped = in_string && *byte == b'\\' && !escaped;
        in_string ^= is_quote;
        is_quote || !in_string
    })
}

/// The value of a raw JSON integer that fits 64 bits; a fraction or an exponent makes it something else.
pub(crate) fn integer(raw: &str) -> Option<i64> {
    // JSON has no leading '+', so what `parse` takes of a JSON value is an optional '-' and digits.
    raw.parse().ok()
}

/// Refuses a (well-formed) text that nests too deeply for those who read it after us.
pub(crate) fn check_depth(text: &str, limit: usize) -> Result<(), Malformed> {
    // Counting brackets, strings included, is many times cheaper than following them and settles it nearly always.
    if memchr2_iter(b'[', b'{', text.as_bytes()).nth(limit).is_none() {
        return Ok(());
    }
    let mut depth = 0;
    for (at, byte) in outside_strings(text) {
        match byte {
            b'[' | b'{' if depth == limit => {
                let what = format!("found more than {limit} levels of nesting");
                return Err(Malformed::at(text.as_bytes(), at, &what));
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

struct Members<F>(F);

impl<'de, F: FnMut(&'de str, &'de str)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            (self.0)(name.get(), value.get());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

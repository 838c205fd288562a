//! JSON text, looked at where it lies: members and elements come as slices of the text, nothing is built from them.
//!
//! serde_json does the reading. Its raw values accept any escape, lone surrogates included, which is what lets one odd
//! text leave the rest of a document readable; they know no depth limit either, so that is checked here.

use std::borrow::Cow;
use std::collections::TryReserveError;

use memchr::{memchr, memchr2_iter};
use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{self, Error, ErrorKind};

/// The longest body that is read, in bytes. A page of 500 snapshots has about a fortieth of it.
pub(crate) const MAX_BODY: usize = 16 * 1024 * 1024;

/// How many arrays and objects may enclose a value, the outermost object included.
const MAX_DEPTH: usize = 128;

/// Checks that a body is a JSON object in UTF-8 within the limits, as far as that shows without reading it.
pub(crate) fn begin(body: Vec<u8>) -> error::Result<String> {
    if body.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidResponse,
            "not a JSON object: it is empty",
        ));
    }
    if body.len() > MAX_BODY {
        return Err(too_large());
    }
    if body.starts_with("\u{feff}".as_bytes()) {
        return Err(invalid(&body, 0, "a byte-order mark"));
    }
    let text = match String::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            return Err(invalid(error.as_bytes(), at, "bytes that are not UTF-8"));
        }
    };
    let at = text.bytes().position(|byte| !is_space(byte)).unwrap_or(0);
    let what = match text.as_bytes()[at] {
        b'{' => return Ok(text),
        b'[' => "an array",
        b'"' => "a string",
        b'n' => "null",
        b't' | b'f' => "a boolean",
        b'-' | b'0'..=b'9' => "a number",
        byte if is_space(byte) => "nothing but white space",
        _ => "no JSON at all",
    };
    let start: String = text[at..].chars().take(40).collect();
    Err(invalid(text.as_bytes(), at, &format!("{what}: {start}")))
}

/// The error for a body of more than [`MAX_BODY`].
pub(crate) fn too_large() -> Error {
    let what = format!("too large: more than {MAX_BODY} bytes");
    Error::new(ErrorKind::InvalidResponse, what)
}

/// Calls `each` with name and value of every member of an object, both as raw JSON text.
pub(crate) fn members<'a>(
    object: &'a str,
    each: impl FnMut(&'a str, &'a str),
) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(object);
    reader.deserialize_map(Members(each))?;
    reader.end()
}

/// Calls `each` with every element of an array, as raw JSON text.
pub(crate) fn elements<'a>(array: &'a str, each: impl FnMut(&'a str)) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(array);
    reader.deserialize_seq(Elements(each))?;
    reader.end()
}

/// What a member is called, from its name in raw JSON text. A long name with escapes, which is none that Atlas
/// documents, is given as it is.
pub(crate) fn name(raw: &str) -> Cow<'_, str> {
    match unescaped(raw) {
        Some(plain) => Cow::Borrowed(plain),
        None if raw.len() > 256 => Cow::Borrowed(raw),
        None => {
            let mut name = String::with_capacity(raw.len());
            match push_text(raw, &mut name) {
                Ok(_) => Cow::Owned(name),
                Err(_) => Cow::Borrowed(raw),
            }
        }
    }
}

/// Appends the text that a raw JSON string stands for, with U+FFFD for what C or UTF-8 cannot hold: `\u0000` and lone
/// surrogates. False, and nothing appended, when the value is not a string. `into` has room for it.
pub(crate) fn push_text(raw: &str, into: &mut String) -> Result<bool, TryReserveError> {
    match unescaped(raw) {
        Some(plain) => into.push_str(plain),
        // Taken as bytes, since serde_json refuses lone surrogates in a `str`. The text was checked before, so this
        // fails only for what is no string.
        None => {
            // serde_json collects it in a buffer that doubles as it grows, and does not ask whether there is memory.
            if raw.len() > 4096 {
                Vec::<u8>::new().try_reserve_exact(3 * raw.len())?;
            }
            return Ok(serde_json::Deserializer::from_str(raw)
                .deserialize_bytes(Unescape(into))
                .is_ok());
        }
    }
    Ok(true)
}

/// The text that a raw JSON string stands for, as [`push_text`] reads it; `None` when the value is not a string.
pub(crate) fn text(raw: &str) -> Option<String> {
    // No escape is shorter than what it stands for.
    let mut text = String::with_capacity(raw.len());
    push_text(raw, &mut text).ok()?.then_some(text)
}

/// The same JSON text without the white space between its parts.
pub(crate) fn compact(raw: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let is_kept = |c: &char| {
        let ends_or_begins = *c == '"' && !escaped;
        escaped = in_string && *c == '\\' && !escaped;
        in_string ^= ends_or_begins;
        in_string || !c.is_ascii_whitespace()
    };
    raw.chars().filter(is_kept).collect()
}

/// Ends a JSON text that was cut off: a string is closed where it was cut, whatever else is incomplete is left out, and
/// arrays and objects are closed. What was no JSON before the cut is none afterwards either.
pub(crate) fn ended(cut: &str) -> String {
    // What closes the arrays and objects that are open, the innermost last.
    let mut open = Vec::new();
    // Up to where the text can be kept, and whether the next string is a value rather than a name.
    let (mut end, mut is_value) = (0, false);
    let (mut in_string, mut escape) = (false, None);
    for (at, byte) in cut.bytes().enumerate() {
        if in_string {
            match (byte, escape) {
                // `\u` and four digits, or one character.
                (_, Some(start)) if at == start + 1 && byte != b'u' || at == start + 5 => {
                    escape = None;
                }
                (_, Some(_)) => {}
                (b'\\', None) => escape = Some(at),
                (b'"', None) => in_string = false,
                _ => {}
            }
            if is_value && escape.is_none() {
                end = at + 1;
            }
            continue;
        }
        match byte {
            b'"' => {
                in_string = true;
                if is_value {
                    end = at + 1;
                }
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
    if in_string && is_value {
        text.push('"');
    }
    text.extend(open.iter().rev());
    text
}

/// The value of a raw JSON integer that fits 64 bits; a fraction or an exponent makes it something else.
pub(crate) fn integer(raw: &str) -> Option<i64> {
    // JSON has no leading '+', so what `parse` takes of a JSON value is an optional '-' and digits.
    raw.parse().ok()
}

/// Refuses a (well-formed) text that nests too deeply for those who read it after us.
pub(crate) fn check_depth(text: &str) -> error::Result<()> {
    // Counting brackets, strings included, is many times cheaper than following them and settles it nearly always.
    let openings = memchr2_iter(b'[', b'{', text.as_bytes());
    if openings.take(MAX_DEPTH + 1).count() <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' if depth == MAX_DEPTH => {
                let what = format!("more than {MAX_DEPTH} levels of nesting");
                return Err(invalid(text.as_bytes(), at, &what));
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

/// The error for a text that is not what Atlas promises, pointing at the byte where that shows.
pub(crate) fn invalid(text: &[u8], at: usize, what: &str) -> Error {
    let before = &text[..at];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before
        .iter()
        .rev()
        .take_while(|byte| **byte != b'\n')
        .count();
    refused(line, column, what)
}

/// The same for what serde_json refused.
pub(crate) fn malformed(error: &serde_json::Error) -> Error {
    let what = error.to_string();
    let what = what
        .rsplit_once(" at line ")
        .map_or(what.as_str(), |(what, _)| what);
    refused(error.line(), error.column().max(1), what)
}

fn refused(line: usize, column: usize, what: &str) -> Error {
    let message = format!("not a JSON object as promised: line {line}, column {column}: {what}");
    Error::new(ErrorKind::InvalidResponse, message)
}

/// The inside of a raw JSON string without escapes.
fn unescaped(raw: &str) -> Option<&str> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    memchr(b'\\', inside.as_bytes()).is_none().then_some(inside)
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

struct Elements<F>(F);

impl<'de, F: FnMut(&'de str)> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element::<&RawValue>()? {
            (self.0)(element.get());
        }
        Ok(())
    }
}

struct Unescape<'a>(&'a mut String);

impl Visitor<'_> for Unescape<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<(), E> {
        for chunk in bytes.utf8_chunks() {
            for (i, piece) in chunk.valid().split('\0').enumerate() {
                if i > 0 {
                    self.0.push(char::REPLACEMENT_CHARACTER);
                }
                self.0.push_str(piece);
            }
            // A lone surrogate comes as three bytes, each a chunk that is invalid; the first of them is always ED.
            if chunk.invalid().first() == Some(&0xed) {
                self.0.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_cut_anywhere_keeps_what_was_complete() {
        let whole = r#" {"a":"x\u00e9\"\\y é","b" :[1, "2", {"c":null,"d":[]}],"e":{"f":-1.5e3},"g":true} "#;
        let read = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text)
                .unwrap_or_else(|e| panic!("{text}: {e}"))
        };
        let start = 2; // nothing can be kept of less
        for at in (start..=whole.len()).filter(|at| whole.is_char_boundary(*at)) {
            let cut = read(&ended(&whole[..at]));
            let is_there = |name: &str, from: &str| {
                let complete = whole.find(from).unwrap() + from.len() <= at;
                assert_eq!(
                    complete,
                    cut[name] == read(whole)[name],
                    "{name} at {at}: {cut}"
                );
            };
            is_there("a", "y é");
            is_there("b", "\"d\":[");
            is_there("e", "-1.5e3}");
            is_there("g", "true}");
        }
        for (cut, kept) in [
            ("", ""),
            ("<html", ""),
            ("{", "{}"),
            (r#"{"a"#, "{}"),
            (r#"{"a":"#, "{}"),
            (r#"{"a":""#, r#"{"a":""}"#),
            (r#"{"a":"b\"#, r#"{"a":"b"}"#),
            (r#"{"a":"b\\"#, r#"{"a":"b\\"}"#),
            (r#"{"a":"b\u00e"#, r#"{"a":"b"}"#),
            (r#"{"a":"b\u00e9"#, r#"{"a":"b\u00e9"}"#),
            (r#"{"a":{"b":1,"c":[[2,3"#, r#"{"a":{"b":1,"c":[[2]]}}"#),
            (
                r#"{"a":{"b":1,"c":[{"d":"e"},"#,
                r#"{"a":{"b":1,"c":[{"d":"e"}]}}"#,
            ),
        ] {
            assert_eq!(ended(cut), kept, "{cut}");
        }
        // Of what is no JSON nothing is known, but that it can be cut anywhere.
        let odd = r#"]}{"é\é\u12é":"\é\u😀\",é{[:"\\\ud83d😀":é,"é"#;
        for (start, _) in odd.char_indices() {
            for (end, _) in odd[start..].char_indices() {
                let _ = ended(&odd[start..start + end]);
            }
        }
    }
}

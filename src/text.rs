//! Text for people and logs.

use std::io;

/// How much of a value from a snapshot or from the caller a message shows, in bytes.
pub(crate) const VALUE_SHOWN: usize = 64;

/// Text from outside on one line: control characters would forge log lines or talk to the terminal, and those that turn
/// the direction of writing would have a person read something else than it says. The programs and the Python package
/// have the same list.
pub(crate) fn one_line(text: &str) -> String {
    let is_control = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(is_control, " ")
}

/// The first place of `what` in a text. Not inlined, since what searches is large.
#[inline(never)]
pub(crate) fn find(text: &str, what: &str) -> Option<usize> {
    text.find(what)
}

/// Why a text cannot stand in a header line, said without showing it; `None` if it can.
pub(crate) fn unprintable(text: &str) -> Option<String> {
    let at = text.bytes().position(|byte| !(b' '..=b'~').contains(&byte))?;
    Some(match &text[at..] {
        "\n" | "\r\n" | "\r" => {
            "ends with a newline; strip it (a file read whole has one)".to_owned()
        }
        _ => format!("has a character at position {} that is not printable ASCII", at + 1),
    })
}

/// What the system says of a failure, without what Rust adds to it: " (os error 2)".
pub(crate) fn system_reason(error: &io::Error) -> String {
    let mut reason = error.to_string();
    if let Some(at) = find(&reason, " (os error") {
        reason.truncate(at);
    }
    reason
}

/// The end of the last whole character in the first `limit` bytes of a text.
pub(crate) fn boundary(text: &str, limit: usize) -> usize {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

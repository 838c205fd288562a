//! Text for people and logs.

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

/// The end of the last whole character in the first `limit` bytes of a text.
pub(crate) fn boundary(text: &str, limit: usize) -> usize {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

//! Takes secrets out of texts from outside.
//!
//! A server, a proxy or whoever stands between may repeat what we sent: in an error's detail, in a header, as the id of a
//! snapshot. Each such text passes [`Redactor::redact`] when it enters an error or a log line: after its JSON was
//! unescaped, and before it is cut, since half a secret could not be recognized any more. Done that early, no copy of the
//! secret is made that would have to be wiped, and the library's own words, which may well contain a short secret, are
//! never searched. At the two ways out, the error that a call returns and the line that the logger gets,
//! [`Redactor::redact_whole`] looks once more for secrets that are too long to be words.
//!
//! What is not sought: the `response` of Digest, which serves for one request alone; H(A1), which is never sent; and
//! encodings that no server in use applies to an echo, such as base64 of a token.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use zeroize::Zeroizing;

use crate::json;
use crate::runtime::fork::Process;
use crate::text::{boundary, find};

/// What stands in the place of secrets.
const MARK: &str = "[secret]";
/// Tokens are remembered up to this many, the newest: a client that lives for years gets one an hour. So are the forms
/// of secrets that were read from a file while it lives.
const REMEMBERED: usize = 32;
/// No text of ours has a word of this many bytes.
const LONGER_THAN_WORDS: usize = 20;
/// How many bytes an escape takes at most: `&#x000002F;`.
const LONGEST_ESCAPE: usize = 11;

type Secret = Zeroizing<String>;

/// Every secret of a client: those of its settings, and the tokens it has seen.
pub(crate) struct Redactor {
    configured: Vec<Secret>,
    seen: Mutex<Seen>,
    /// In which process the lock is sure to be given back.
    process: Process,
}

/// What became known later, the newest last.
#[derive(Default)]
struct Seen {
    tokens: VecDeque<Secret>,
    secrets: VecDeque<Secret>,
}

impl Default for Redactor {
    fn default() -> Redactor {
        Redactor::none()
    }
}

impl Redactor {
    /// For texts of a caller's own, which may hold what they like.
    pub(crate) fn none() -> Redactor {
        Redactor::new(Vec::new())
    }

    pub(crate) fn new(mut secrets: Vec<Secret>) -> Redactor {
        secrets.retain(|secret| !secret.is_empty());
        Redactor { configured: secrets, seen: Mutex::default(), process: Process::current() }
    }

    /// `None` in a child of a fork that happened while another thread was looking; that child soon has its own.
    fn seen(&self) -> Option<MutexGuard<'_, Seen>> {
        if self.process.is_current() {
            return Some(self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.seen.try_lock() {
            Ok(seen) => Some(seen),
            Err(TryLockError::Poisoned(seen)) => Some(seen.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Calls `each` with every secret; false if those seen are not to be had.
    fn for_each(&self, each: &mut dyn FnMut(&str)) -> bool {
        let seen = self.seen();
        let later = seen.iter().flat_map(|seen| seen.secrets.iter().chain(&seen.tokens));
        for secret in self.configured.iter().chain(later) {
            each(secret);
        }
        seen.is_some()
    }

    /// Remembers an access token. It stays a secret after it was refused or replaced.
    pub(crate) fn add_token(&self, token: &str) {
        if let Some(mut seen) = self.seen() {
            remember(&mut seen.tokens, token);
        }
    }

    /// Remembers a secret that took the place of a configured one, which stays a secret.
    pub(crate) fn add_secret(&self, secret: &str) {
        if let Some(mut seen) = self.seen() {
            remember(&mut seen.secrets, secret);
        }
    }

    /// A text from outside without secrets, cut to `limit` bytes. Of a text that is much longer only what is shown is
    /// looked at.
    pub(crate) fn redact(&self, text: &str, limit: usize) -> String {
        // A secret that begins before `end` lies within `text[..reach]` as a whole, however it is escaped.
        let (reach, end) = match self.reach(limit) {
            reach if reach < text.len() => (boundary(text, reach), limit),
            _ => (text.len(), text.len()),
        };
        let mut shown = self.replaced(&text[..reach], boundary(text, end), 0).into_owned();
        let is_cut = reach < text.len() || shown.len() > limit;
        if shown.len() > limit {
            shown.truncate(unmarked(&shown, limit));
        }
        if is_cut {
            shown.push('…');
        }
        shown
    }

    /// A text that is mostly our own words, without the secrets that cannot be among them.
    pub(crate) fn redact_whole<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.replaced(text, text.len(), LONGER_THAN_WORDS)
    }

    /// How much of a long text has to be looked at to show `limit` bytes of it.
    pub(super) fn reach(&self, limit: usize) -> usize {
        let mut longest = 0;
        self.for_each(&mut |secret| longest = longest.max(secret.len()));
        limit.saturating_add(LONGEST_ESCAPE * longest)
    }

    /// Where to cut a long text at `limit` or somewhat before, so that no secret is cut.
    pub(super) fn place_to_cut(&self, text: &str, limit: usize) -> usize {
        let limit = boundary(text, limit);
        let reach = self.reach(0);
        let start = boundary(text, limit.saturating_sub(reach));
        let near = &text[start..boundary(text, limit.saturating_add(reach))];
        let Some(is_secret) = self.find(near, 0) else {
            return limit;
        };
        let is_cut = |at: usize| at > 0 && is_secret.get(at) == Some(&true) && is_secret[at - 1];
        let mut end = limit - start;
        while is_cut(end) {
            end -= 1;
        }
        start + end
    }

    /// `text[..end]` with secrets replaced that begin there, if they have at least `shortest` bytes.
    fn replaced<'a>(&self, text: &'a str, end: usize, shortest: usize) -> Cow<'a, str> {
        let Some(is_secret) = self.find(text, shortest) else {
            return Cow::Borrowed(&text[..end]);
        };
        let mut shown = String::with_capacity(end);
        let mut was_secret = false;
        for (at, character) in text[..end].char_indices() {
            match (is_secret[at], was_secret) {
                (true, false) => shown.push_str(MARK),
                (true, true) => {}
                (false, _) => shown.push(character),
            }
            was_secret = is_secret[at];
        }
        Cow::Owned(shown)
    }

    /// For each byte of the text whether it belongs to a secret; `None` if none does.
    fn find(&self, text: &str, shortest: usize) -> Option<Vec<bool>> {
        if text.is_empty() {
            return None;
        }
        // What was escaped may lie in a text that was escaped again: JSON in a JSON text, a URL in a URL.
        let once = Unescaped::read(text);
        let twice = once.as_ref().and_then(Unescaped::again);
        let mut found: Option<Vec<bool>> = None;
        let mut mark = |place: Range<usize>| {
            found.get_or_insert_with(|| vec![false; text.len()])[place].fill(true);
        };
        let is_complete = self.for_each(&mut |secret| {
            if !(shortest..=text.len()).contains(&secret.len())
                || shortest > 0 && secret.contains(' ')
            {
                return;
            }
            each_place(text, secret, &mut |at| mark(at..at + secret.len()));
            for Unescaped { text, origins } in once.iter().chain(&twice) {
                let origin = |at: usize| origins[at]..origins[at + secret.len()];
                each_place(text, secret, &mut |at| mark(origin(at)));
            }
        });
        if !is_complete && shortest == 0 {
            // Without those seen no text from outside is shown.
            mark(0..text.len());
        }
        found
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

fn remember(list: &mut VecDeque<Secret>, secret: &str) {
    if secret.is_empty() || list.iter().any(|known| **known == secret) {
        return;
    }
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(Zeroizing::new(secret.to_owned()));
}

fn each_place(text: &str, secret: &str, each: &mut dyn FnMut(usize)) {
    let mut start = 0;
    while let Some(at) = find(&text[start..], secret) {
        each(start + at);
        start += at + secret.len();
    }
}

/// Where to cut a text so that neither a character nor a [`MARK`] that stands for a secret is cut in two.
fn unmarked(text: &str, limit: usize) -> usize {
    let end = boundary(text, limit);
    let text = &text.as_bytes()[..end];
    let mut parts = (1..MARK.len()).rev();
    end - parts.find(|length| text.ends_with(&MARK.as_bytes()[..*length])).unwrap_or(0)
}

/// A text whose escapes, of JSON, of URLs and of HTML, were replaced by what they stand for.
struct Unescaped {
    text: Zeroizing<String>,
    /// Where in the original each of the bytes begins, and at last where that ends.
    origins: Vec<usize>,
}

impl Unescaped {
    /// The same for what was escaped twice.
    fn again(&self) -> Option<Unescaped> {
        let mut twice = Unescaped::read(&self.text)?;
        for origin in &mut twice.origins {
            *origin = self.origins[*origin];
        }
        Some(twice)
    }

    /// `None` if there is no escape in it.
    fn read(original: &str) -> Option<Unescaped> {
        if !original.contains(['\\', '%', '&']) {
            return None;
        }
        // Room for all, since growing would leave a copy behind that nobody wipes: no escape is shorter than what it
        // stands for.
        let mut text = Zeroizing::new(String::with_capacity(original.len()));
        let mut origins = Vec::with_capacity(original.len() + 1);
        let mut at = 0;
        while let Some(next) = original[at..].chars().next() {
            let (meant, length) =
                escape(&original.as_bytes()[at..]).unwrap_or((next, next.len_utf8()));
            text.push(meant);
            origins.resize(text.len(), at);
            at += length;
        }
        origins.push(original.len());
        Some(Unescaped { text, origins })
    }
}

/// The character that an escape at the beginning of `text` stands for, and its length. Of URLs those of ASCII, which
/// credentials are in.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    match text.first()? {
        b'\\' => json::escape(text),
        b'%' => {
            let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
            let code = digit(1)? * 16 + digit(2)?;
            Some((char::from_u32(code).filter(char::is_ascii)?, 3))
        }
        b'&' => {
            let name = &text[1..text.len().min(LONGEST_ESCAPE)];
            let name = &name[..name.iter().position(|byte| *byte == b';')?];
            let character = match name {
                b"amp" => '&',
                b"lt" => '<',
                b"gt" => '>',
                b"quot" => '"',
                b"apos" => '\'',
                _ => {
                    let number = str::from_utf8(name.strip_prefix(b"#")?).ok()?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(digits) => u32::from_str_radix(digits, 16),
                        None => number.parse(),
                    };
                    char::from_u32(code.ok()?)?
                }
            };
            Some((character, name.len() + 2))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(secrets.iter().map(|it| Zeroizing::new(it.to_string())).collect())
    }

    #[test]
    fn every_occurrence_of_a_secret_is_replaced_and_nothing_else() {
        for (text, expected) in [
            ("", ""),
            ("a/", "a/"),
            ("a/c", "[secret]"),
            ("a/ca/ca", "[secret]a"),
            (
                "x a/c a\\/c a%2Fc a%2fc a&#47;c a&#x2F;c a&#x002F;c \\u0061/c y",
                &format!("x{} y", " [secret]".repeat(8)),
            ),
            ("\\\\u0061/c &amp;a/c &a/c", "[secret] &amp;[secret] &[secret]"),
            ("\u{e9}a/c\u{e9}%", "\u{e9}[secret]\u{e9}%"),
            ("a%2 a%2", "a%2 a%2"),
            ("geheim\\u00e9 geheim\u{e9}", "[secret] [secret]"),
            ("of two words, two", "of [secret], two"),
            ("&lt;&quot;&apos;&amp;&gt; &lt;&gt;", "[secret] &lt;&gt;"),
            ("\\ud83d\\ude00! \\ud83d! \\ude00 &#128512;!", "[secret] \\ud83d! \\ude00 [secret]"),
        ] {
            let secrets = ["a/c", "", "geheim\u{e9}", "\u{1f600}!", "two words", "<\"'&>"];
            assert_eq!(redactor(&secrets).redact(text, 1000), expected);
        }
        assert_eq!(redactor(&["abc", "bcd"]).redact("abcd-bcd", 1000), "[secret]-[secret]");
    }

    #[test]
    fn a_secret_at_the_cut_is_not_shown_in_part() {
        for secret in ["0123456789", "0123/56789"] {
            let redactor = redactor(&[secret]);
            let escaped = secret.bytes().map(|byte| format!("&#x{byte:07x};")).collect();
            for form in [secret.to_owned(), secret.replace('/', "&#x002F;"), escaped] {
                for before in 0..60 {
                    let fill = "z".repeat(200);
                    for behind in ["", "z", &fill[..100], &fill, &form.repeat(20)] {
                        let text = format!("{}{form}{behind}", "x".repeat(before));
                        let shown = redactor.redact(&text, 40);
                        let rest = shown.replace(MARK, "");
                        assert!(rest.chars().all(|c| "xz…".contains(c)), "{text}: {shown}");
                        assert!(shown.len() <= 40 + "…".len(), "{shown}");
                        let is_whole = shown.replace(MARK, &form) == text;
                        assert_ne!(is_whole, shown.ends_with('…'), "{text}: {shown}");
                    }
                }
            }
        }
        assert_eq!(redactor(&[]).redact("\u{e9}\u{e9}\u{e9}", 3), "\u{e9}…");
        assert_eq!(redactor(&[]).redact("\u{e9}\u{e9}", 4), "\u{e9}\u{e9}");
        assert_eq!(redactor(&[]).redact("x[s", 3), "x[s");
    }

    #[test]
    fn a_long_text_is_cut_before_a_secret_and_not_within() {
        let redactor = redactor(&["0123/56789"]);
        for (secret, length) in [("0123/56789", 10), ("0123\\u002f56789", 15)] {
            for before in 280..=300 {
                let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(200));
                let expected = match 300 - before {
                    within if (1..length).contains(&within) => before,
                    _ => 300,
                };
                assert_eq!(redactor.place_to_cut(&text, 300), expected, "{before}");
            }
        }
        assert_eq!(redactor.place_to_cut("\u{e9}\u{e9}", 3), 2);
        assert_eq!(redactor.place_to_cut("0123/5", 100), 6);
        assert_eq!(redactor.place_to_cut("0123/56789", 5), 0);
    }

    #[test]
    fn the_newest_tokens_are_remembered_once_each() {
        let redactor = redactor(&[]);
        redactor.add_secret("<secret>");
        for number in 0..REMEMBERED + 10 {
            redactor.add_token(&format!("<{number}>"));
            redactor.add_token(&format!("<{number}>"));
        }
        redactor.add_token("");
        let last = format!("<9> <10> <{}> <secret>", REMEMBERED + 9);
        assert_eq!(redactor.redact(&last, 1000), "<9> [secret] [secret] [secret]");
    }

    #[test]
    fn a_whole_text_is_searched_for_what_is_no_word() {
        let redactor = redactor(&["the", "check the ids and the names", "0123456789-0123456789"]);
        let text = "check the ids and the names: 0123456789-0123456789";
        let expected = "check the ids and the names: [secret]";
        assert_eq!(redactor.redact_whole(text), expected);
    }

    /// A child of fork() whose parent's other thread holds the lock for ever.
    #[test]
    fn a_child_that_cannot_know_the_tokens_shows_nothing_from_outside() {
        let mut redactor = redactor(&["configured"]);
        redactor.add_token("a-token");
        redactor.process = Process::another();
        assert_eq!(redactor.redact("a-token and more", 99), "[secret] and more");
        let held = redactor.seen.lock();
        assert_eq!(redactor.redact("a-token and more", 99), "[secret]");
        assert_eq!(redactor.redact("", 99), "");
        assert_eq!(redactor.redact_whole("our own words"), "our own words");
        redactor.add_token("another");
        drop(held);
    }
}

//! The text of an entry: a JSON object with the token and its times.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

use crate::auth::secret::{LONGEST, Secret};
use crate::json;

/// A token as the file has it.
pub(in crate::auth::oauth) struct Entry {
    pub(in crate::auth::oauth) token: Secret,
    pub(in crate::auth::oauth) issued_at: SystemTime,
    pub(in crate::auth::oauth) ends_at: SystemTime,
}

impl Entry {
    pub(super) fn parse(text: &[u8]) -> Option<Entry> {
        let text = str::from_utf8(text).ok()?;
        let [token, issued_at, ends_at] =
            json::values(text, ["access_token", "issued_at", "expires_at"]).ok()?;
        let token = json::wiped_text(token?)?;
        let time = |raw: &str| UNIX_EPOCH.checked_add(Duration::from_secs(raw.parse().ok()?));
        let (issued_at, ends_at) = (time(issued_at?)?, time(ends_at?)?);
        let is_token = (1..=LONGEST).contains(&token.len())
            && token.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| Entry { token: Secret(token), issued_at, ends_at })
    }

    pub(super) fn render(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        // Growing would leave a copy behind that nobody wipes.
        let longest = 6 * self.token.expose().len() + 128;
        let mut text = Zeroizing::new(Vec::with_capacity(longest));
        text.extend_from_slice(b"{\"access_token\":");
        serde_json::to_writer(&mut *text, self.token.expose())?;
        let (issued_at, ends_at) = (unix(self.issued_at), unix(self.ends_at));
        write!(text, ",\"issued_at\":{issued_at},\"expires_at\":{ends_at}}}")?;
        Ok(text)
    }
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_token_is_no_longer_than_one_that_is_fetched() {
        for (length, fits) in [(LONGEST, true), (LONGEST + 1, false)] {
            let token = "t".repeat(length);
            let text = format!(r#"{{"access_token":"{token}","issued_at":1,"expires_at":2}}"#);
            assert_eq!(Entry::parse(text.as_bytes()).is_some(), fits, "{length}");
        }
    }

    #[test]
    fn the_text_of_an_entry_never_grows_which_would_leave_a_copy_behind() {
        let (issued_at, ends_at) =
            (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX)));
        for token in ["t".to_owned(), "\"".repeat(1000)] {
            let token = Secret::new(&token);
            let length = token.expose().len();
            let entry = Entry { token, issued_at, ends_at };
            let text = entry.render().unwrap();
            assert_eq!(text.capacity(), 6 * length + 128);
            let read = Entry::parse(&text).expect("an entry");
            assert_eq!(read.token.expose(), entry.token.expose());
            assert_eq!((read.issued_at, read.ends_at), (issued_at, ends_at));
        }
    }

    #[test]
    fn an_entry_has_all_it_should_and_a_token_that_a_header_can_carry() {
        let entry =
            |token: &str| format!(r#"{{"access_token":{token},"issued_at":1,"expires_at":2}}"#);
        assert!(Entry::parse(entry(r#""t0ken~!""#).as_bytes()).is_some());
        for token in ["null", r#""""#, r#""a b""#, r#""a\n""#, r#""\u007f""#, r#""\u00e9""#] {
            assert!(Entry::parse(entry(token).as_bytes()).is_none(), "{token}");
        }
        for text in [
            "",
            "[]",
            r#"{"access_token":"t","issued_at":1}"#,
            r#"{"access_token":"t","expires_at":2}"#,
            r#"{"access_token":"t","issued_at":-1,"expires_at":2}"#,
        ] {
            assert!(Entry::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}

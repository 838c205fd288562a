//! `WWW-Authenticate` as servers send it: several challenges in one header or in several, odd spacing, commas inside
//! quotes, unknown parameters.

use ::http::HeaderMap;
use ::http::header::WWW_AUTHENTICATE;

/// One way the server offers to authenticate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// A parameter's value, unquoted; of several the first.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// All challenges of a response, in order.
pub(super) fn of(headers: &HeaderMap) -> Vec<Challenge> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .flat_map(parse)
        .collect()
}

/// Reads one header. Never fails: what makes no sense is passed over, since the next challenge may.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
        let Some(first) = rest.chars().next() else {
            return challenges;
        };
        let end = rest.find(|c: char| matches!(c, ',' | '=' | '"') || c.is_ascii_whitespace());
        let (token, after) = rest.split_at(end.unwrap_or(rest.len()));
        if token.is_empty() {
            rest = match first {
                '"' => quoted(&rest[1..]).1,
                _ => &rest[1..],
            };
            continue;
        }
        let behind = after.trim_start();
        if let (Some(value), Some(challenge)) = (behind.strip_prefix('='), challenges.last_mut()) {
            let (value, after) = value_of(value.trim_start());
            challenge.parameters.push((token.to_owned(), value));
            rest = after;
            continue;
        }
        // A lone word between commas behind a challenge is a parameter without a value; anything else is a scheme.
        let is_lone = behind.is_empty() || behind.starts_with(',');
        if challenges.is_empty() || !is_lone {
            challenges.push(Challenge { scheme: token.to_owned(), parameters: Vec::new() });
        }
        rest = after;
    }
}

fn value_of(text: &str) -> (String, &str) {
    match text.strip_prefix('"') {
        Some(inside) => quoted(inside),
        None => {
            let end =
                text.find(|c: char| c == ',' || c.is_ascii_whitespace()).unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    }
}

/// The text of a quoted string, up to its end or the header's, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> String {
        let all: Vec<String> = parse(header)
            .iter()
            .map(|challenge| {
                let parameters: Vec<String> = challenge
                    .parameters
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                format!("{}[{}]", challenge.scheme, parameters.join("|"))
            })
            .collect();
        all.join(" ")
    }

    #[test]
    fn challenges_are_read_as_servers_send_them() {
        let cases = [
            (
                r#"Digest realm="MMS Public API", domain="", nonce="a+/=", algorithm=MD5, qop="auth", stale=false"#,
                "Digest[realm=MMS Public API|domain=|nonce=a+/=|algorithm=MD5|qop=auth|stale=false]",
            ),
            (
                r#"Basic realm="a, b", Digest realm="c",nonce="d""#,
                "Basic[realm=a, b] Digest[realm=c|nonce=d]",
            ),
            (
                r#"Negotiate, Digest   realm = "c" ,, nonce= d"#,
                "Negotiate[] Digest[realm=c|nonce=d]",
            ),
            (r#"Negotiate abc==, digest REALM="c""#, "Negotiate[abc==] digest[REALM=c]"),
            (r#"Digest realm="say \"hi\\\"", nonce="x"#, r#"Digest[realm=say "hi\"|nonce=x]"#),
            (r#"Digest realm="c", novalue, nonce="d""#, "Digest[realm=c|nonce=d]"),
            (r#"Digest realm="c" nonce="d""#, "Digest[realm=c|nonce=d]"),
            (r#"  ,  Digest realm=c"#, "Digest[realm=c]"),
            (r#"="x" Digest realm=c"#, "Digest[realm=c]"),
            (r#"realm="x""#, "realm[]"),
            ("", ""),
            (",,, ", ""),
            ("Digest", "Digest[]"),
            ("Digest =", "Digest[]"),
            ("Digest realm=", "Digest[realm=]"),
            ("Dïgest realm=\"ü\"", "Dïgest[realm=ü]"),
        ];
        for (header, expected) in cases {
            assert_eq!(shown(header), expected, "{header}");
        }
    }
}

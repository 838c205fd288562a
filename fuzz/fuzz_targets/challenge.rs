//! The challenges of a server: each line is a WWW-Authenticate, an empty line ends an answer. Whatever it asks, it is
//! asked a few times at most, and what we answer is a header as RFC 7616 has it, saying what the challenge said.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use atlas_backup::Config;
use atlas_backup::fuzzing::{Account, Scripted};
use libfuzzer_sys::fuzz_target;

const PUBLIC: &str = r#"pub"lic \key"#;
const PRIVATE: &str = "s3cret-pr1vate-key";

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let mut config = Config::new();
    config.set_base_url(Some(b"http://localhost"));
    config.set_api_key(Some(PUBLIC.as_bytes()), Some(PRIVATE.as_bytes()));
    config
});

fuzz_target!(|data: &str| {
    let mut answers = Vec::new();
    let mut headers = String::new();
    for block in data.split("\n\n") {
        let mut answer = Scripted::new(401, b"");
        for line in block.lines() {
            match answer.clone().with("www-authenticate", line.as_bytes()) {
                Ok(with) => answer = with,
                Err(_) => continue,
            }
            headers.push_str(line);
            headers.push('\n');
        }
        answers.push(answer);
    }
    let challenges = answers.len();
    answers.push(Scripted::new(200, b"{}"));

    let account = Account::new(&CONFIG).unwrap();
    let exchange = account.exchange(answers);
    assert!((1..=challenges.min(4) + 1).contains(&exchange.sent.len()), "asked for ever");
    assert_eq!(exchange.sent[0].1, None, "nothing is known before the first challenge");
    let plain = headers.replace('\\', "");
    for (_, authorization) in &exchange.sent[1..] {
        let authorization = authorization.as_deref().expect("a challenge is answered");
        assert!(!authorization.contains(PRIVATE) || headers.contains(PRIVATE));
        let said = digest(authorization);
        assert_eq!(said["username"], PUBLIC);
        assert_eq!(said["uri"], "/snapshot?pretty=true");
        for name in ["realm", "nonce", "opaque"] {
            if let Some(value) = said.get(name) {
                assert!(plain.contains(&value.replace('\\', "")), "{name} is the server's");
            } else {
                assert_eq!(name, "opaque", "{name} has to be there");
            }
        }
        let response = &said["response"];
        assert!(
            matches!(response.len(), 32 | 64)
                && response.bytes().all(|byte| byte.is_ascii_hexdigit())
        );
        match said.get("qop").map(String::as_str) {
            None => assert!(!said.contains_key("nc")),
            Some(qop) => {
                assert_eq!((qop, said["nc"].len(), said["cnonce"].len()), ("auth", 8, 16));
            }
        }
    }
    match &exchange.outcome {
        Ok(status) => assert_eq!(*status, 200),
        Err(error) => {
            assert_eq!(
                error.http_status,
                if error.kind == atlas_backup::ErrorKind::InvalidResponse { 0 } else { 401 }
            );
            assert!(!error.message().contains(PRIVATE));
        }
    }
    // What worked is used again at once.
    if matches!(exchange.outcome, Ok(200)) && exchange.sent.len() > 1 {
        let again = account.exchange([Scripted::new(200, b"{}")]);
        let authorization = again.sent[0].1.as_deref().expect("signed ahead");
        assert_eq!(
            digest(authorization)["nonce"],
            digest(exchange.sent.last().unwrap().1.as_deref().unwrap())["nonce"]
        );
    }
});

/// Reads `Digest name=token, name="quoted", ...`, strictly.
fn digest(header: &str) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    let mut rest = header.strip_prefix("Digest ").expect("the scheme");
    loop {
        let (name, after) = rest.split_once('=').expect("name=");
        let (value, after) = match after.strip_prefix('"') {
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let value = &after[..end];
                assert!(
                    !value.is_empty()
                        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                );
                (value.to_owned(), &after[end..])
            }
            Some(quoted) => {
                let mut value = String::new();
                let mut characters = quoted.char_indices();
                let end = loop {
                    match characters.next().expect("a quote ends it") {
                        (at, '"') => break at,
                        (_, '\\') => value.push(characters.next().expect("escaped").1),
                        (_, character) => value.push(character),
                    }
                };
                (value, &quoted[end + 1..])
            }
        };
        assert!(said.insert(name.to_owned(), value).is_none(), "{name} twice");
        if after.is_empty() {
            return said;
        }
        rest = after.strip_prefix(", ").expect("a comma between");
    }
}

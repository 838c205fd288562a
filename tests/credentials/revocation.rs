//! Giving a token back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use atlas_backup::ErrorKind;
use atlas_simulator::{ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, Simulator, Target};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::support::{
    Watched, api_key, assert_no_secret, bearer, caching, entry, service_account, settings, to,
    to_api, token_requests,
};
use crate::common::{Directory, ms};

#[test]
fn a_token_is_given_back_and_its_entry_emptied() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let client = Watched::new(caching(&atlas, &directory));
    let other = Watched::new(caching(&atlas, &directory));
    client.succeed();
    other.succeed();
    let token = bearer(&to_api(&atlas)[0]).to_owned();
    client.revoke_token().unwrap();
    assert_eq!(atlas.live_tokens(), 0);
    assert!(!entry(&directory, &atlas).exists());
    let revoked = to(&atlas, "/api/oauth/revoke");
    assert_eq!(revoked.len(), 1);
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    assert_eq!(revoked[0].header("authorization"), Some(format!("Basic {basic}").as_str()));
    assert_eq!(revoked[0].body, format!("token={token}&token_type_hint=access_token"));
    assert_eq!(revoked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    // Once more, with nothing to give back.
    client.revoke_token().unwrap();
    assert_eq!(to(&atlas, "/api/oauth/revoke").len(), 1);

    atlas.clear();
    client.succeed();
    other.succeed();
    let statuses: Vec<u16> = to_api(&atlas).iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [200, 401, 200], "the other client met the refusal once");
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn the_token_of_the_cache_is_given_back_by_a_client_that_never_used_it() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    Watched::new(caching(&atlas, &directory)).succeed();
    Watched::new(caching(&atlas, &directory)).revoke_token().unwrap();
    assert_eq!(atlas.live_tokens(), 0);
    assert!(!entry(&directory, &atlas).exists());
}

#[test]
fn a_token_with_odd_characters_is_form_encoded() {
    let atlas = Simulator::start();
    let body = r#"{"access_token":"a+b/c=&d%~.-_","expires_in":3600}"#;
    atlas.script_forever(Target::Token, [Act::respond(200, body)]);
    let client = Watched::new(service_account(&atlas));
    client.fail();
    client.revoke_token().unwrap();
    assert_eq!(
        to(&atlas, "/api/oauth/revoke")[0].body,
        "token=a%2Bb%2Fc%3D%26d%25~.-_&token_type_hint=access_token"
    );
}

#[test]
fn nothing_to_revoke_is_fine() {
    let atlas = Simulator::start();
    let mut token = settings(&atlas);
    token.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
    for config in [service_account(&atlas), api_key(&atlas), token] {
        Watched::new(config).revoke_token().unwrap();
    }
    assert!(atlas.requests().is_empty());
}

#[test]
fn a_failed_revocation_keeps_the_token() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let mut config = caching(&atlas, &directory);
    config.set_max_retries(0);
    config.set_timeout_ms(1000);
    let client = Watched::new(config);
    client.succeed();
    let token = bearer(&to_api(&atlas)[0]).to_owned();
    let failures = [
        (Act::respond(500, "{}"), ErrorKind::Server),
        (Act::respond(401, r#"{"error":"invalid_client"}"#), ErrorKind::Unauthenticated),
        (
            Act::respond(400, format!(r#"{{"error":"x","error_description":"{token}"}}"#)),
            ErrorKind::BadRequest,
        ),
        (Act::respond(404, "{}"), ErrorKind::InvalidResponse),
        (Act::Silence, ErrorKind::Timeout),
        (Act::Reset, ErrorKind::Network),
    ];
    for (failure, kind) in failures {
        atlas.clear();
        atlas.script_forever(Target::Revoke, [failure]);
        let error = client.revoke_token().expect_err("a failure");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message().starts_with("revoke the access token: "), "{error}");
        assert_no_secret(&format!("{error:?}"));
        client.succeed();
        assert_eq!(token_requests(&atlas), 0, "{error}");
        assert!(entry(&directory, &atlas).exists());
    }
    // A passing failure is retried.
    atlas.clear();
    let client = Watched::new(caching(&atlas, &directory));
    atlas.script(Target::Revoke, [Act::respond(503, "{}")]);
    client.revoke_token().unwrap();
    assert_eq!(to(&atlas, "/api/oauth/revoke").len(), 2);
    assert_eq!(atlas.live_tokens(), 0);
}

#[test]
fn what_is_echoed_by_a_failing_revocation_is_not_shown() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    Watched::new(caching(&atlas, &directory)).succeed();
    let token = bearer(&to_api(&atlas)[0]).to_owned();
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    for secret in [&token, &basic] {
        for body in [
            // Only its beginning would fit into the message.
            format!("{}{secret}", "x".repeat(50)),
            format!(r#"{{"error":"x","error_description":"{secret}"}}"#),
        ] {
            atlas.script_forever(Target::Revoke, [Act::respond(400, body)]);
            // The token is known from the cache alone.
            let client = Watched::new(caching(&atlas, &directory));
            let error = client.revoke_token().expect_err("a failure");
            assert!(!format!("{error:?}").contains(&secret[..8]), "{error:?}");
        }
    }
}

#[test]
fn calls_in_flight_survive_a_revocation() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let clients: Vec<Watched> = (0..2).map(|_| Watched::new(caching(&atlas, &directory))).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for index in 0..6 {
            let (clients, done) = (&clients, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    clients[index % 2].succeed();
                }
            });
        }
        // Far enough apart that no call meets two of them.
        for _ in 0..5 {
            thread::sleep(ms(300));
            clients[0].revoke_token().unwrap();
        }
        thread::sleep(ms(300));
        done.store(true, Ordering::Relaxed);
    });
    assert!(atlas.tokens_issued() <= 8, "{} tokens", atlas.tokens_issued());
}

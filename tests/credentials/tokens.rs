//! Service accounts: when a token is fetched, by whom, and who waits for it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use atlas_backup::ErrorKind;
use atlas_simulator::{ACCESS_TOKEN, Act, CLIENT_ID, Simulator, Target};
use serde_json::json;

use super::support::{Watched, bearer, service_account, to, to_api, together, token_requests};
use crate::common::{ms, until};

#[test]
fn sixteen_threads_in_need_of_a_token_fetch_one() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 200 }]);
    let client = Watched::new(service_account(&atlas));
    together(16, |_| client.succeed());
    assert_eq!(token_requests(&atlas), 1);
    let api = to_api(&atlas);
    assert_eq!(api.len(), 16);
    assert!(api.iter().all(|seen| bearer(seen) == bearer(&api[0])));
    let asked = &to(&atlas, "/api/oauth/token")[0];
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.body, "grant_type=client_credentials");
}

#[test]
fn one_thread_refreshes_ahead_while_the_others_use_the_old_token() {
    let atlas = Simulator::start();
    atlas.change(|settings| settings.expires_in = json!(4));
    let client = Watched::new(service_account(&atlas));
    let start = Instant::now();
    client.succeed();
    thread::sleep(ms(3650).saturating_sub(start.elapsed()));
    atlas.clear();
    atlas.script(Target::Token, [Act::Delay { ms: 1000 }]);
    let slow = AtomicU32::new(0);
    together(8, |_| {
        let start = Instant::now();
        client.succeed();
        if start.elapsed() >= ms(900) {
            slow.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(slow.into_inner(), 1, "threads that waited");
    assert_eq!(token_requests(&atlas), 1);
    let api = to_api(&atlas);
    let old = api.iter().filter(|seen| bearer(seen) == bearer(&api[0]));
    assert_eq!(old.count(), 7);
}

#[test]
fn the_old_token_is_used_on_when_the_refresh_fails() {
    let html = Act::Respond {
        status: 503,
        headers: vec![("Content-Type".into(), "text/html".into())],
        body: "<html><title>503</title></html>".into(),
    };
    let refused = r#"{"error":"invalid_client","error_description":"expired"}"#;
    let failures = [
        Act::respond(500, "{}"),
        Act::respond(401, refused),
        Act::respond(200, "[]"),
        Act::respond(404, "{}"),
        html,
        Act::Close,
        Act::Reset,
        Act::Silence,
        Act::DripHead { bytes_per_second: 1 },
    ];
    thread::scope(|scope| {
        for failure in failures {
            scope.spawn(move || {
                let atlas = Simulator::start();
                atlas.change(|settings| settings.expires_in = json!(5));
                let mut config = service_account(&atlas);
                config.set_timeout_ms(800);
                let client = Watched::new(config);
                let start = Instant::now();
                client.succeed();
                let token = bearer(&to_api(&atlas)[0]).to_owned();
                thread::sleep(ms(4550).saturating_sub(start.elapsed()));
                atlas.clear();
                atlas.script_forever(Target::Token, [failure.clone()]);
                // The second asks no more.
                client.succeed();
                client.succeed();
                let api = to_api(&atlas);
                assert!(api.iter().all(|seen| bearer(seen) == token), "{failure:?}");
                assert!(token_requests(&atlas) <= 2, "{failure:?}");
                let warnings = client.warnings();
                assert_eq!(warnings.len(), 1, "{failure:?}: {warnings:?}");
                assert!(warnings[0].contains("is used on"), "{warnings:?}");
            });
        }
    });
}

#[test]
fn whoever_waits_for_a_token_waits_no_longer_than_its_own_deadline() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 1500 }]);
    let client = Watched::new(service_account(&atlas));
    thread::scope(|scope| {
        scope.spawn(|| client.succeed());
        until("the fetch", || token_requests(&atlas) == 1);
        let start = Instant::now();
        let error = client.wait(ms(300)).expect_err("no time");
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!((ms(290)..ms(450)).contains(&start.elapsed()), "{:?}", start.elapsed());
    });
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn a_fetcher_out_of_time_does_not_fail_those_who_waited_for_it() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Silence]);
    let client = Watched::new(service_account(&atlas));
    thread::scope(|scope| {
        scope.spawn(|| {
            let error = client.wait(ms(300)).expect_err("no time");
            assert_eq!(error.kind, ErrorKind::Timeout);
        });
        until("the fetch", || token_requests(&atlas) == 1);
        for _ in 0..4 {
            scope.spawn(|| client.succeed());
        }
    });
    assert_eq!(token_requests(&atlas), 2);
}

#[test]
fn a_call_that_joined_a_cancelled_fetch_fetches_for_itself() {
    let atlas = Simulator::start();
    let client = Watched::new(service_account(&atlas));
    for _ in 0..20 {
        atlas.revoke_all_tokens();
        atlas.clear();
        let _ = client.revoke_token();
        atlas.clear();
        atlas.script(Target::Token, [Act::Silence]);
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(client.fail().kind, ErrorKind::Cancelled));
            until("the fetch", || token_requests(&atlas) == 1);
            client.cancel();
            client.succeed();
        });
        assert_eq!(token_requests(&atlas), 2);
    }
}

#[test]
fn a_refused_token_is_replaced_once() {
    let atlas = Simulator::start();
    let client = Watched::new(service_account(&atlas));
    client.succeed();
    atlas.clear();
    atlas.revoke_all_tokens();
    client.succeed();
    let statuses: Vec<u16> = atlas.requests().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [401, 200, 200]);

    atlas.clear();
    atlas.revoke_all_tokens();
    together(8, |_| client.succeed());
    assert_eq!(token_requests(&atlas), 1, "for eight threads");

    atlas.clear();
    atlas.script_forever(Target::Api, [Act::respond(401, "{}")]);
    let error = client.fail();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert!(error.message().contains(CLIENT_ID), "{error}");
    assert_eq!((to_api(&atlas).len(), token_requests(&atlas)), (2, 1));
}

#[test]
fn a_refused_token_is_not_used_on_though_it_would_have_lived() {
    let atlas = Simulator::start();
    atlas.change(|settings| settings.expires_in = json!(5));
    let mut config = service_account(&atlas);
    config.set_max_retries(0);
    let client = Watched::new(config);
    let start = Instant::now();
    client.succeed();
    thread::sleep(ms(4200).saturating_sub(start.elapsed()));
    atlas.clear();
    atlas.revoke_all_tokens();
    // When the refusal comes, the token is due for a refresh.
    atlas.script(Target::Api, [Act::Delay { ms: 500 }]);
    atlas.script_forever(Target::Token, [Act::respond(500, "{}")]);
    assert_eq!(client.fail().kind, ErrorKind::Server);
    assert_eq!((to_api(&atlas).len(), token_requests(&atlas)), (1, 1));
}

#[test]
fn any_expires_in_is_survived() {
    let lives = [
        "0",
        "-1",
        "-1e300",
        "1e-300",
        "0.001",
        "1",
        "3600",
        "3600.5",
        "\"3600\"",
        "\" 60 \"",
        "\"soon\"",
        "\"\"",
        "null",
        "true",
        "[]",
        "{}",
        "1e300",
        "1e999",
        "-1e999",
        "9223372036854775807",
        "18446744073709551616",
        "",
    ];
    let atlas = Simulator::start();
    for life in lives {
        atlas.clear();
        let member = match life {
            "" => String::new(),
            _ => format!(r#","expires_in":{life}"#),
        };
        let body = format!(r#"{{"access_token":"{ACCESS_TOKEN}","token_type":"bearer"{member}}}"#);
        atlas.script(Target::Token, [Act::respond(200, body)]);
        let client = Watched::new(service_account(&atlas));
        client.succeed();
        client.succeed();
        assert_eq!(token_requests(&atlas), 1, "{life}");
    }
}

//! What servers and proxies echo of our secrets is shown nowhere, and what is said of them is short and in plain words.

mod common;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use atlas_backup::client::Polling;
use atlas_backup::{
    Client, ClusterType, Config, Error, ErrorKind, Format, Level, Result, Snapshot,
};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY,
    SNAPSHOT, Simulator, Target,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::{Lines, client, config, config_for, get, overrun, read_head, server, service_account};
use serde_json::json;

/// A client and its log.
struct Logged {
    client: Client,
    lines: Lines,
}

fn logged(mut config: Config) -> Logged {
    let lines = Lines::default();
    config.set_logger(4, lines.sink());
    Logged { client: client(&config), lines }
}

fn with_token(atlas: &Simulator, token: &str) -> Config {
    let mut config = config(atlas);
    config.set_access_token(Some(token.as_bytes()));
    config
}

fn basic() -> String {
    BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"))
}

fn wait(client: &Client, timeout_ms: u64) -> Result<Snapshot> {
    let polling = Polling {
        interval: Duration::from_millis(500),
        timeout: Some(Duration::from_millis(timeout_ms)),
        format: Format::default(),
    };
    let cluster_type = ClusterType::ReplicaSet;
    client.wait_for_snapshot(cluster_type, PROJECT, CLUSTER, SNAPSHOT, polling, &mut |_| true)
}

/// Everything a caller gets to see.
fn seen(outcome: &Result<Snapshot>, lines: &Lines) -> String {
    let error = outcome
        .as_ref()
        .map_or_else(|error| format!("{error:?}"), |_| String::from("it succeeded"));
    format!("{error}\n{:?}", lines.all())
}

/// Neither the secret nor the beginning of it.
fn assert_hidden(what: &str, secret: &str, seen: &str) {
    let beginning = &secret[..secret.len().min(6)];
    assert!(!seen.contains(beginning), "{what}: {seen}");
}

/// Every character of a text as JSON escapes it at its own discretion.
fn escaped(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn html_encoded(text: &str) -> String {
    text.chars().map(|c| format!("&#x{:x};", c as u32)).collect()
}

#[test]
fn what_the_api_echoes_of_a_token_is_not_shown() {
    let token = ACCESS_TOKEN;
    let error = |text: String| Act::respond(400, format!(r#"{{"error":400,"detail":"{text}"}}"#));
    let page = |text: String| Act::respond(502, text);
    let with_header = |status, name: &str, value: String| Act::Respond {
        status,
        headers: vec![(name.into(), value)],
        body: "".into(),
    };
    let cases = [
        ("a body of success", Act::respond(200, token)),
        ("a string of success", Act::respond(200, format!("\"{token}\""))),
        (
            "the id beside an odd field",
            Act::respond(200, json!({"id": token, "storageSizeBytes": "7"}).to_string()),
        ),
        ("detail", error(token.into())),
        ("detail in JSON escapes", error(escaped(token))),
        (
            "parameters with JSON in them",
            Act::respond(
                400,
                json!({"parameters": [format!(r#"{{"token":"{}"}}"#, escaped(token))]}).to_string(),
            ),
        ),
        ("detail in a URL's escapes", error(percent_encoded(token))),
        ("detail in HTML's escapes", error(html_encoded(token))),
        ("detail with a quotation", error(format!(r#"\"{}\""#, escaped(token)))),
        ("a long detail", error(format!("{} {token}", "x".repeat(16 * 1024 - 20)))),
        ("a longer detail", error(format!("{} {token}", "x".repeat(64 * 1024 - 20)))),
        (
            "a detail at the end of what is looked into",
            Act::respond(
                400,
                format!(
                    r#"{{"x":"{}","detail":"{token}{}"}}"#,
                    "x".repeat(256 * 1024 - 40),
                    "y".repeat(100_000)
                ),
            ),
        ),
        ("code", Act::respond(400, json!({"errorCode": token}).to_string())),
        ("reason", Act::respond(400, format!(r#"{{"reason":"{}"}}"#, escaped(token)))),
        (
            "parameters",
            Act::respond(
                403,
                format!(
                    r#"{{"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST","parameters":["{}"]}}"#,
                    escaped(token)
                ),
            ),
        ),
        (
            "a field that was refused",
            Act::respond(
                400,
                format!(
                    r#"{{"badRequestDetail":{{"fields":[{{"field":"{0}","description":"{0}"}}]}}}}"#,
                    escaped(token)
                ),
            ),
        ),
        (
            "an envelope",
            Act::respond(
                200,
                format!(
                    r#"{{"status":418,"content":{{"error":418,"detail":"{}"}}}}"#,
                    escaped(token)
                ),
            ),
        ),
        ("a title", page(format!("<html><title>no {token}</title>"))),
        ("a title far away", page(format!("{}<title>{token}</title>", " ".repeat(2010)))),
        ("a title in escapes", page(format!("<title>{}</title>", html_encoded(token)))),
        ("a page", page(format!("upstream said {}{token}", "x".repeat(60)))),
        ("JSON that is cut off", page(format!(r#"{{"detail":"{}"#, escaped(token)))),
        ("an array", page(format!(r#"["{}"]"#, escaped(token)))),
        ("a form", page(format!("token={}&x=1", percent_encoded(token)))),
        ("UTF-16", page(token.chars().map(|c| format!("{c}\0")).collect())),
        ("the host of a redirect", with_header(302, "Location", format!("https://{token}/x"))),
        ("an encoding", with_header(200, "Content-Encoding", token.into())),
        ("a header with a code", with_header(400, "X-Error-Code", token.into())),
    ];
    let atlas = Simulator::start();
    for (what, act) in cases {
        atlas.clear();
        atlas.script_forever(Target::Api, [act]);
        let logged = logged(with_token(&atlas, token));
        let outcome = get(&logged.client);
        let spelled: String = token.chars().map(|c| format!("{c} ")).collect();
        for form in
            [token, &escaped(token), &percent_encoded(token), &html_encoded(token), &spelled]
        {
            // The first half of an escaped one would do for whoever reads it.
            assert_hidden(
                what,
                form.trim_start_matches(['\\', '%', '&']),
                &seen(&outcome, &logged.lines),
            );
        }
    }
}

#[test]
fn a_wait_does_not_show_a_token_that_is_echoed() {
    let atlas = Simulator::start();
    for status in ["failed", ACCESS_TOKEN] {
        atlas.clear();
        let body = json!({"id": ACCESS_TOKEN, "status": status}).to_string();
        atlas.script_forever(Target::Api, [Act::respond(200, body)]);
        let logged = logged(with_token(&atlas, ACCESS_TOKEN));
        let outcome = wait(&logged.client, 700);
        let error = outcome.as_ref().unwrap_err();
        let told =
            if status == "failed" { "snapshot [secret] failed" } else { "seen was [secret]" };
        assert!(error.message().contains(told), "{error}");
        assert_hidden(status, ACCESS_TOKEN, &seen(&outcome, &logged.lines));
    }
}

#[test]
fn what_a_token_endpoint_echoes_is_not_shown() {
    let (basic, secret) = (basic(), CLIENT_SECRET);
    let with_header = |status, name: &str, value: &str| Act::Respond {
        status,
        headers: vec![(name.into(), value.into())],
        body: "".into(),
    };
    let error =
        |text: &str| Act::respond(400, format!(r#"{{"error":"x","error_description":"{text}"}}"#));
    let cases = [
        ("X-Error-Code", with_header(400, "X-Error-Code", &basic)),
        ("Location", with_header(302, "Location", &format!("https://{basic}.example/"))),
        ("Content-Encoding", with_header(200, "Content-Encoding", &basic)),
        ("Basic", error(&basic)),
        ("Basic without padding", error(basic.trim_end_matches('='))),
        ("Basic in JSON escapes", error(&escaped(&basic))),
        ("Basic in a URL", error(&percent_encoded(&basic))),
        ("the secret in JSON escapes", error(&escaped(secret))),
        ("the secret as OAuth's code", Act::respond(401, format!(r#"{{"error":"{secret}"}}"#))),
        ("a page", Act::respond(503, format!("<title>{basic}</title>"))),
    ];
    let atlas = Simulator::start();
    for (what, act) in cases {
        atlas.clear();
        atlas.script_forever(Target::Token, [act]);
        let logged = logged(service_account(config(&atlas)));
        let outcome = get(&logged.client);
        assert!(outcome.is_err(), "{what}");
        // The client id, which is shown, begins as the secret does.
        let secret = &secret["mdb_sa_".len()..];
        for form in [basic.as_str(), secret, &escaped(&basic), &percent_encoded(&basic)] {
            assert_hidden(what, form, &seen(&outcome, &logged.lines));
        }
    }
}

#[test]
fn an_earlier_token_that_is_echoed_is_not_shown() {
    let granted = |token: &str| {
        Act::respond(200, format!(r#"{{"access_token":"{token}","expires_in":3600}}"#))
    };
    let atlas = Simulator::start();
    atlas.script(Target::Token, [granted("first-token-of-all"), granted("second-token")]);
    let echo = json!({"detail": "not first-token-of-all but second-token"}).to_string();
    atlas.script(Target::Api, [Act::respond(401, "{}"), Act::respond(400, echo)]);
    let logged = logged(service_account(config(&atlas)));
    let outcome = get(&logged.client);
    let error = outcome.as_ref().unwrap_err();
    assert_eq!(error.detail, "not [secret] but [secret]");
    assert_hidden("the first", "first-token-of-all", &seen(&outcome, &logged.lines));
}

#[test]
fn a_revocation_does_not_show_the_token_it_gives_back() {
    let atlas = Simulator::start();
    let token = "a+token/with=marks";
    let grant = format!(r#"{{"access_token":"{token}","expires_in":3600}}"#);
    atlas.script(Target::Token, [Act::respond(200, grant)]);
    let form = "token=a%2Btoken%2Fwith%3Dmarks&token_type_hint=access_token";
    atlas.script(Target::Revoke, [Act::respond(400, form)]);
    let logged = logged(service_account(config(&atlas)));
    get(&logged.client).unwrap();
    let outcome = logged.client.revoke_token();
    let error = outcome.unwrap_err();
    assert!(error.message().contains("beginning \"token=[secret]&"), "{error}");
}

#[test]
fn a_proxy_may_say_what_it_likes_but_no_password() {
    let password = "pass:word/of-a-proxy";
    let in_url = "pass%3aword%2Fof-a-pro%78y";
    let basic = BASE64_STANDARD.encode(format!("me:{password}"));
    for echo in [password, in_url, &basic] {
        let reply = format!("HTTP/1.1 502 sorry {echo} is not known\r\n\r\n");
        let proxy = server(move |_, mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(reply.as_bytes());
        });
        let mut config = config_for("https://atlas.example");
        config.set_proxy(Some(format!("http://me:{in_url}@{proxy}").as_bytes()));
        let logged = logged(config);
        let outcome = get(&logged.client);
        let error = outcome.as_ref().unwrap_err();
        assert!(error.message().contains("502 sorry [secret] is not known"), "{error}");
        for form in [password, in_url, &basic] {
            assert_hidden(echo, form, &seen(&outcome, &logged.lines));
        }
    }
}

#[test]
fn a_short_secret_is_searched_in_texts_from_outside_alone() {
    let atlas = Simulator::start();
    let body = json!({"detail": "the cluster is not there", "reason": "Not Found"}).to_string();
    atlas.script_forever(Target::Api, [Act::respond(404, body)]);
    for (token, detail) in [
        ("the", "[secret] cluster is not [secret]re"),
        ("cluster", "the [secret] is not there"),
        ("check the ids", "the cluster is not there"),
        ("i", "the cluster [secret]s not there"),
    ] {
        let logged = logged(with_token(&atlas, token));
        let error = get(&logged.client).unwrap_err();
        assert_eq!(error.detail, detail);
        let own = "check the ids; a snapshot that expired or was deleted is gone";
        assert!(error.message().contains(own), "{error}");
        assert!(error.message().starts_with("get snapshot "), "{error}");
        assert!(error.message().contains(detail), "{error}");
        assert_eq!(logged.lines.with(own).len(), 1);
    }
}

#[test]
fn an_api_keys_private_half_is_not_shown() {
    let atlas = Simulator::start();
    let body = json!({"detail": format!("bad key {PRIVATE_KEY}")}).to_string();
    atlas.script_forever(Target::Api, [Act::respond(403, body)]);
    let mut config = config(&atlas);
    config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
    let logged = logged(config);
    assert_eq!(get(&logged.client).unwrap_err().detail, "bad key [secret]");
}

#[test]
fn a_secret_given_for_an_id_is_not_shown() {
    let atlas = Simulator::start();
    let token = ACCESS_TOKEN.repeat(3);
    let logged = logged(with_token(&atlas, &token));
    let (cluster_type, format) = (ClusterType::ReplicaSet, Format::default());
    for ids in [
        [token.as_str(), CLUSTER, SNAPSHOT],
        [PROJECT, &token, SNAPSHOT],
        [PROJECT, CLUSTER, &token],
    ] {
        let outcome = logged.client.get_snapshot(cluster_type, ids[0], ids[1], ids[2], format);
        let error = outcome.as_ref().unwrap_err();
        assert!(error.message().contains("\"[secret]\""), "{error}");
        assert_hidden("an id", ACCESS_TOKEN, &seen(&outcome, &logged.lines));
    }
}

#[test]
fn an_argument_that_is_refused_is_shown_up_to_64_bytes() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let message = |ids: [&str; 3]| {
        let (cluster_type, format) = (ClusterType::ReplicaSet, Format::default());
        let outcome = client.get_snapshot(cluster_type, ids[0], ids[1], ids[2], format);
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        error.message()
    };
    let long = "\u{e9}".repeat(40);
    for (ids, said) in [
        (
            ["5F", CLUSTER, SNAPSHOT],
            r#"the project id "5F" is not 24 lower-case hexadecimal digits"#,
        ),
        (["", CLUSTER, SNAPSHOT], r#"the project id "" is not 24 lower-case hexadecimal digits"#),
        (
            [PROJECT, "a b\n\u{202e}c", SNAPSHOT],
            r#"the cluster name "a b  c" is not 1 to 64 letters, digits and hyphens beginning with a letter or digit"#,
        ),
        (
            [PROJECT, CLUSTER, &long],
            &format!("the snapshot id \"{}…\" is not 24", "\u{e9}".repeat(32)),
        ),
    ] {
        let message = message(ids);
        assert!(message.contains(said), "{message}");
    }
}

/// What a search takes that begins anew behind each "a".
#[test]
fn no_body_delays_a_deadline_or_a_cancellation() {
    let atlas = Simulator::start();
    let token = format!("{}b", "a".repeat(8000));
    let body = "a".repeat(16 * 1024 * 1024 - 1);
    let told = json!({"detail": "a".repeat(200_000), "reason": "a".repeat(50_000)}).to_string();
    let fields = format!(
        r#"{{"error":400,"badRequestDetail":{{"fields":[{{}}{}]}}}}"#,
        ",{}".repeat(80_000)
    );
    for (status, body) in [(400, &body), (200, &body), (503, &told), (400, &fields)] {
        atlas.clear();
        atlas.script_forever(Target::Api, [Act::respond(status, body.as_str())]);
        let mut config = with_token(&atlas, &token);
        config.set_timeout_ms(500);
        let client = client(&config);
        let (outcome, over) = overrun(Duration::from_millis(500), || get(&client));
        outcome.unwrap_err();
        assert!(over < Duration::from_millis(400), "{status}: {over:?} late");

        config.set_timeout_ms(60_000);
        let client = common::client(&config);
        thread::scope(|scope| {
            let call = scope.spawn(|| {
                while !matches!(get(&client), Err(error) if error.kind == ErrorKind::Cancelled) {}
                Instant::now()
            });
            thread::sleep(Duration::from_millis(300));
            let cancelled = Instant::now();
            while !call.is_finished() {
                client.cancel();
                thread::sleep(Duration::from_millis(5));
            }
            let took = call.join().unwrap() - cancelled;
            // Unoptimized and beside other tests a call computes for a second or two; what is quadratic takes minutes.
            assert!(took < Duration::from_secs(5), "{status}: {took:?}");
        });
    }
}

#[test]
fn a_log_line_has_4_kib_at_most() {
    let atlas = Simulator::start();
    let detail = "\u{e9}".repeat(50_000);
    atlas.script_forever(Target::Api, [Act::respond(400, json!({"detail": detail}).to_string())]);
    let logged = logged(config(&atlas));
    get(&logged.client).unwrap_err();
    let lengths: Vec<usize> = logged.lines.all().iter().map(|(_, line)| line.len()).collect();
    assert!(lengths.iter().all(|length| *length < 4096), "{lengths:?}");
    assert!(lengths.iter().any(|length| *length > 4000), "{lengths:?}");
}

#[test]
fn a_page_of_odd_snapshots_is_one_line_for_each_field() {
    let atlas = Simulator::start();
    let item = |number: usize| json!({"id": format!("{number:024x}"), "status": number % 2, "members": 7, "type": "replicaSet"});
    let items: Vec<_> = (0..400).map(item).collect();
    let odd = json!({"results": items}).to_string();
    atlas.script_forever(Target::Api, [Act::respond(200, odd)]);
    let logged = logged(config(&atlas));
    let (cluster_type, format) = (ClusterType::ReplicaSet, Format::default());
    logged.client.list_snapshots(cluster_type, PROJECT, CLUSTER, format).unwrap();
    let warnings: Vec<String> = logged
        .lines
        .all()
        .into_iter()
        .filter_map(|(level, line)| (level == Level::Warning).then_some(line))
        .collect();
    let first = "000000000000000000000000";
    assert_eq!(
        warnings,
        ["status", "members"].map(|field| format!(
            "{field} of 400 snapshots, {first} the first, has another type than documented and counts as absent"
        ))
    );
}

#[test]
fn nothing_from_outside_turns_the_direction_of_a_line() {
    let controls = "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                    \u{2066}\u{2067}\u{2068}\u{2069}\u{1}\u{7f}\u{85}";
    let atlas = Simulator::start();
    let body = json!({"detail": format!("a{controls}b")}).to_string();
    atlas.script_forever(Target::Api, [Act::respond(400, body)]);
    let logged = logged(config(&atlas));
    let error = get(&logged.client).unwrap_err();
    let shown = format!("a{}b", " ".repeat(17));
    assert!(error.message().contains(&shown), "{error:?}");
    assert_eq!(logged.lines.with(&shown).len(), 1);
    assert_eq!(error.detail, format!("a{controls}b"));
}

#[test]
fn what_is_no_json_is_named() {
    for (text, found) in [
        ("nope", "found \"nope\""),
        ("  \u{202e}x", "found \" x\""),
        ("true", "found a boolean"),
        ("null", "found null"),
        ("[1]", "found an array"),
        ("\"s\"", "found a string"),
        ("-7", "found a number"),
        (" \n ", "found nothing but white space"),
        ("", "it is empty"),
    ] {
        let message = Snapshot::parse(text).unwrap_err().message();
        assert!(message.contains(found), "{text}: {message}");
        assert!(text.len() < 2 || message.contains("expected a JSON object"), "{message}");
    }
}

#[test]
fn a_body_of_success_is_not_quoted() {
    let atlas = Simulator::start();
    for (body, found) in [
        ("secretive", "found what is no JSON"),
        ("<html>secretive", "found what looks like HTML or XML"),
        ("\"secretive\"", "found a string"),
        ("[\"secretive\"]", "found an array"),
    ] {
        atlas.clear();
        atlas.script_forever(Target::Api, [Act::respond(200, body)]);
        let logged = logged(config(&atlas));
        let outcome = get(&logged.client);
        let error: &Error = outcome.as_ref().unwrap_err();
        assert!(error.message().contains(found), "{error}");
        assert_hidden(body, "secretive", &seen(&outcome, &logged.lines));
    }
}

#[test]
fn a_refused_connection_is_told_in_the_systems_words() {
    let error = get(&client(&config_for("http://127.0.0.1:1"))).unwrap_err();
    assert!(error.message().contains("Connection refused"), "{error}");
    assert!(!error.message().contains("os error"), "{error}");
}

//! What curl sees of scripts, faults and bad certificates.

use std::process::Command;
use std::time::{Duration, Instant};

use atlas_simulator::{Act, BadTls, CLUSTER, Target};

use super::client::{Curl, one};

#[test]
fn scripts_run_out_and_clear_restores() {
    let Some(curl) = Curl::start() else { return };
    curl.atlas.script(Target::Api, [Act::respond(500, "{}"), Act::Honest, Act::respond(502, "{}")]);
    let status = || curl.get(CLUSTER, &one()).status();
    assert_eq!([status(), status(), status(), status()], [500, 200, 502, 200]);
    curl.atlas.script_forever(
        Target::Path("Cluster0".into()),
        [Act::respond(500, "{}"), Act::respond(503, "{}")],
    );
    assert_eq!([status(), status(), status()], [500, 503, 503]);
    assert_eq!(curl.get("staged", &one()).status(), 200, "not this path");
    curl.atlas.clear();
    assert_eq!(curl.atlas.requests().len(), 0);
    assert_eq!(curl.atlas.connections(), 0);
    assert_eq!(status(), 200);
    assert_eq!(curl.statuses(), [200]);
}

#[test]
fn faults_look_to_curl_like_what_they_are() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    let suffer = |act: Act, more: &[&str]| {
        curl.atlas.script(Target::Api, [act]);
        let start = Instant::now();
        let got = curl.api(&url, more);
        (got, start.elapsed())
    };
    const EMPTY_REPLY: i32 = 52;
    const TIMED_OUT: i32 = 28;
    const RECEIVE_ERROR: i32 = 56;
    const PARTIAL_FILE: i32 = 18;
    let short = ["--max-time", "0.5"];
    assert_eq!(suffer(Act::Close, &[]).0.exit, EMPTY_REPLY);
    assert_eq!(suffer(Act::Reset, &[]).0.exit, RECEIVE_ERROR);
    assert_eq!(suffer(Act::Silence, &short).0.exit, TIMED_OUT);
    assert_eq!(suffer(Act::Endless1xx { interval_ms: 20 }, &short).0.exit, TIMED_OUT);
    assert_eq!(curl.statuses(), [0, 0, 0, 0]);
    let cut = suffer(Act::CloseAfter { bytes: 1000 }, &["-i"]).0;
    assert!([PARTIAL_FILE, RECEIVE_ERROR].contains(&cut.exit), "{}", cut.exit);
    assert!(
        cut.text().starts_with("HTTP/1.1 200 OK\r\n") && cut.text().contains("\"cloudProvider\"")
    );

    let honest = curl.get(CLUSTER, &one());
    let slow = Duration::from_millis(250);
    for act in [
        Act::Delay { ms: 250 },
        Act::DripHead { bytes_per_second: 2000 },
        Act::DripBody { bytes_per_second: 2000 },
        Act::DripChunks { bytes_per_second: 8000 },
    ] {
        let (got, time) = suffer(act.clone(), &[]);
        assert_eq!((got.exit, &got.bytes), (0, &honest.bytes), "{act:?}");
        assert!(time >= slow, "{act:?} took {time:?}");
    }
    assert_eq!(suffer(Act::DripHead { bytes_per_second: 1 }, &short).0.exit, TIMED_OUT);

    let huge = suffer(
        Act::HugeHeaders { bytes: 90_000 },
        &["-o", "/dev/null", "-w", "%{size_header} %{http_code}"],
    )
    .0;
    assert!(huge.text().split(' ').next().unwrap().parse::<usize>().unwrap() > 90_000);
    for content_length in [true, false] {
        let got = suffer(Act::HugeBody { bytes: 3_000_000, content_length }, &["-w", ""]).0;
        assert_eq!(got.bytes.len(), 3_000_000);
        assert!(serde_json::from_slice::<serde_json::Value>(&got.bytes).is_ok());
    }
    for bytes in [0, 1, 258, 259, 1_000_000] {
        let got = suffer(Act::GzipBomb { bytes }, &["--compressed", "-w", ""]).0;
        assert_eq!((got.exit, got.bytes.len()), (0, bytes as usize));
        assert!(got.bytes.iter().all(|byte| *byte == 0));
    }
    let redirect = Act::Redirect { status: 302, location: "https://elsewhere.example/x".into() };
    assert_eq!(
        suffer(redirect, &["-w", "%{redirect_url} %{http_code}"]).0.text(),
        "https://elsewhere.example/x 302"
    );
    let raw = Act::Raw { bytes: "HTTP/1.1 200 Fine\r\nX: y\r\n\r\nuntil the end".into() };
    assert_eq!(suffer(raw, &[]).0.text(), "until the end 200");
}

#[test]
fn kept_connections_can_be_closed_without_a_word() {
    let Some(curl) = Curl::start() else { return };
    let url = curl.url(CLUSTER, &one());
    let connects = |pause: Option<Act>| {
        curl.atlas.script(Target::Api, pause);
        let got = curl.api(
            &url,
            &["-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} %{num_connects};", &url],
        );
        assert_eq!(got.exit, 0);
        got.text().to_owned()
    };
    assert_eq!(connects(None), "200 1;200 0;");
    // Closed at once, curl may notice before it sends or after; either way it comes back with a new connection.
    let before = curl.atlas.connections();
    assert!(connects(Some(Act::ThenClose { after_ms: 0 })).ends_with("200 1;"));
    assert_eq!(curl.atlas.connections() - before, 2);
    let before = curl.atlas.connections();
    assert!(connects(Some(Act::ThenClose { after_ms: 200 })).starts_with("200 1;200 "));
    assert_eq!(
        curl.atlas.connections() - before,
        2,
        "the request into the closing connection was sent again"
    );
    assert!(connects(Some(Act::ThenDropIdle)).ends_with("200 1;"));
    for act in [Act::DripBody { bytes_per_second: 50_000 }, Act::HugeHeaders { bytes: 10 }] {
        assert_eq!(connects(Some(act)), "200 1;200 0;", "these go on living");
    }
}

#[test]
fn the_control_channel_does_what_rust_does() {
    let Some(curl) = Curl::start() else { return };
    let control = |method: &str, name: &str, body: &str| {
        let url = format!("{}/_simulator/{name}", curl.atlas.plain_url());
        curl.run(&["-X", method, "-d", body, "-w", " %{http_code}", &url])
    };
    for act in [
        r#"{"act":"respond","status":418,"headers":[["X-Y","z"]],"body":"{}"}"#,
        r#"{"act":"raw","bytes":{"base64":"SFRUUC8xLjEgNDE4IE5vDQoNCg=="}}"#,
    ] {
        let script = format!(r#"{{"target":{{"path":"Cluster0"}},"acts":[{act}]}}"#);
        assert_eq!(control("POST", "script", &script).status(), 200);
        assert_eq!(curl.get(CLUSTER, &one()).status(), 418);
        assert_eq!(curl.get(CLUSTER, &one()).status(), 200);
    }
    let forever = r#"{"target":"api","acts":[{"act":"respond","status":500}],"forever":true}"#;
    assert_eq!(control("POST", "script", forever).status(), 200);
    assert_eq!(curl.get(CLUSTER, &one()).status(), 500);
    assert_eq!(curl.get(CLUSTER, &one()).status(), 500);
    for bad in [
        r#"{"target":"api","acts":[{"act":"dance"}]}"#,
        r#"{"target":"api","acts":[{"act":"respond","status":100}]}"#,
        r#"{"target":"api","acts":[{"act":"respond","status":200,"headers":[["Content-Length","5"]]}]}"#,
        r#"{"target":"api","acts":[{"act":"redirect","status":302,"location":"a\nb"}]}"#,
    ] {
        assert_eq!(control("POST", "script", bad).status(), 400, "{bad}");
    }
    let settings =
        control("POST", "settings", r#"{"digest":{"nonce_uses":3},"expires_in":null}"#).json();
    assert_eq!(
        (&settings["digest"]["nonce_uses"], &settings["digest"]["realm"]),
        (&3.into(), &"MMS Public API".into())
    );
    assert_eq!(curl.atlas.settings().digest.nonce_uses, 3);
    assert_eq!(control("POST", "settings", r#"{"no_such":1}"#).status(), 400);
    let requests = control("GET", "requests", "").json();
    assert_eq!(requests.as_array().unwrap().len(), 6, "and the control channel is not among them");
    assert_eq!(requests[0]["status"], 418);
    assert_eq!(control("GET", "tokens", "").json()["live"], 0);
    assert_eq!(control("GET", "connections", "").json()["open"], 1);
    assert_eq!(control("POST", "clear", "").status(), 200);
    assert_eq!(control("GET", "requests", "").json(), serde_json::json!([]));
    assert_eq!(control("GET", "nothing", "").status(), 400);
    curl.atlas.change(|settings| settings.record = false);
    assert_eq!(curl.get(CLUSTER, &one()).status(), 200);
    assert_eq!(curl.atlas.requests().len(), 0);
}

#[test]
fn bad_tls_is_refused_for_the_right_reason() {
    let Some(curl) = Curl::start() else { return };
    const CONNECT_ERROR: i32 = 35;
    const NOT_TRUSTED: i32 = 60;
    const TIMED_OUT: i32 = 28;
    let reason = |kind: BadTls| {
        let url = curl.atlas.bad_tls_url(kind);
        assert_eq!(url, curl.atlas.bad_tls_url(kind), "one listener");
        let output = Command::new("curl")
            .args(["-q", "-sS", "--noproxy", "*", "--max-time", "2", "--cacert"])
            .arg(curl.atlas.ca_file())
            .arg(url)
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap().to_lowercase())
    };
    for (kind, exit) in [
        (BadTls::Expired, NOT_TRUSTED),
        (BadTls::NotYetValid, NOT_TRUSTED),
        (BadTls::WrongHost, NOT_TRUSTED),
        (BadTls::SelfSigned, NOT_TRUSTED),
        (BadTls::Untrusted, NOT_TRUSTED),
        (BadTls::PlainText, CONNECT_ERROR),
        (BadTls::StalledHandshake, TIMED_OUT),
        (BadTls::DrippedHandshake, TIMED_OUT),
    ] {
        let (got, message) = reason(kind);
        assert_eq!(got, exit, "{kind:?}: {message}");
    }
    // The words are OpenSSL's, which not every curl is built with.
    if String::from_utf8_lossy(&Command::new("curl").arg("--version").output().unwrap().stdout)
        .contains("OpenSSL")
    {
        assert!(reason(BadTls::Expired).1.contains("expired"));
        assert!(reason(BadTls::NotYetValid).1.contains("not yet valid"));
        assert!(reason(BadTls::WrongHost).1.contains("no alternative certificate subject name"));
        assert!(reason(BadTls::SelfSigned).1.contains("self"));
    }
}

//! Answers of 429: how long the library then waits, and what it says about it. And versions of the API that will end.

mod common;

use std::thread;
use std::time::{Duration, Instant};

use atlas_backup::{Client, ClusterType, Error, ErrorKind, Format, Level, Polling};
use atlas_simulator::{
    Act, CLIENT_ID, CLIENT_SECRET, CLUSTER, PROJECT, SNAPSHOT, Simulator, Target,
};
use common::{Lines, client, config, get, get_of};

/// A 429 with what its body and its header say of the time to wait.
fn limited(parameters: &str, retry_after: Option<&str>) -> Act {
    respond(429, parameters, retry_after)
}

fn respond(status: u16, parameters: &str, retry_after: Option<&str>) -> Act {
    let header = retry_after.map(|value| ("Retry-After".to_owned(), value.to_owned()));
    let body = format!(r#"{{"error":{status},"errorCode":"LIMITED","parameters":{parameters}}}"#);
    Act::Respond { status, headers: header.into_iter().collect(), body: body.into() }
}

fn wait(client: &Client) -> Result<(), Error> {
    let polling = Polling {
        interval: Duration::from_millis(20),
        timeout: Some(Duration::from_secs(30)),
        format: Format::default(),
    };
    let cluster_type = ClusterType::ReplicaSet;
    client
        .wait_for_snapshot(cluster_type, PROJECT, CLUSTER, SNAPSHOT, polling, &mut |_| true)
        .map(drop)
}

/// Lets a call run for a second, in which it must make one request alone and not end, and cancels it.
fn pauses(
    atlas: &Simulator,
    client: &Client,
    call: impl FnOnce(&Client) -> Result<(), Error> + Send,
) {
    atlas.script_forever(Target::Api, [limited("[]", None)]);
    thread::scope(|scope| {
        let running = scope.spawn(|| call(client));
        thread::sleep(Duration::from_secs(1));
        assert!(!running.is_finished(), "{:?}", running.join());
        assert_eq!(atlas.requests().len(), 1);
        client.cancel();
        let error = running.join().unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
    });
}

#[test]
fn without_a_hint_a_429_is_tried_again_after_8_to_12_and_a_half_seconds() {
    // A pause that the deadline leaves no time for is not begun, so the deadline shows how long it would be.
    for hint in [None, Some("0"), Some("soon")] {
        let atlas = Simulator::start();
        atlas.script_forever(Target::Api, [limited("[]", hint)]);
        let mut config = config(&atlas);
        config.set_max_retries(1000);
        config.set_timeout_ms(8000);
        let start = Instant::now();
        let error = get(&client(&config)).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(5), "{hint:?}: {error}");
        assert_eq!(error.kind, ErrorKind::RateLimited, "{hint:?}: {error}");
        assert_eq!(error.retry_after, None, "{hint:?}: {error}");
        assert!(error.message().contains("leaves none for another try"), "{error}");
        assert_eq!(atlas.requests().len(), 1, "{hint:?}");
    }
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_max_retries(3);
    config.set_timeout_ms(12_700);
    pauses(&atlas, &client(&config), |client| get(client).map(drop));
}

#[test]
fn between_polls_a_429_without_a_hint_lengthens_the_pause_as_well() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    pauses(&atlas, &client, wait);
}

#[test]
fn what_the_body_of_a_429_says_is_waited_for() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_max_retries(3);
    let client = client(&config);
    let error = get_of(&client, "error-429-bucket").unwrap_err();
    assert_eq!(error.retry_after, Some(55), "{error}");
    assert!(error.message().contains("Atlas asks to wait 55 s"), "{error}");
    assert_eq!(atlas.requests().len(), 1);

    // The header wins, unless it says nothing.
    for (parameters, header, expected) in [
        (r#"["p",40]"#, Some("50"), 50),
        (r#"["p",40]"#, Some("0"), 40),
        (r#"["p","40"]"#, None, 40),
    ] {
        atlas.script(Target::Api, [limited(parameters, header)]);
        let error = get(&client).unwrap_err();
        assert_eq!(error.retry_after, Some(expected), "{parameters} {header:?}");
    }

    atlas.clear();
    atlas.script(Target::Api, [limited(r#"["p",1,10,5,60]"#, None)]);
    assert!(get(&client).is_ok());
    atlas.script(Target::Api, [limited(r#"["p",1,10,5,60]"#, None)]);
    assert!(wait(&client).is_ok());
    let at: Vec<u64> = atlas.requests().iter().map(|seen| seen.at_ms).collect();
    assert_eq!(at.len(), 4);
    for tries in [&at[..2], &at[2..]] {
        assert!(tries[1] - tries[0] >= 1000, "{at:?}");
    }
}

#[test]
fn a_retry_after_of_0_is_no_busy_loop() {
    let atlas = Simulator::start();
    atlas.script_forever(Target::Api, [respond(503, "[]", Some("0"))]);
    let mut config = config(&atlas);
    config.set_max_retries(1_000_000);
    config.set_timeout_ms(1000);
    let error = get(&client(&config)).unwrap_err();
    assert_eq!((error.kind, error.retry_after), (ErrorKind::Server, None), "{error}");
    assert!(atlas.requests().len() < 50, "{}", atlas.requests().len());
}

#[test]
fn a_limited_token_endpoint_is_waited_for_by_the_same_rules() {
    for (act, retry_after) in [
        (limited(r#"["/api/oauth/token",55,10,5,60]"#, None), Some(55)),
        (limited("[]", Some("0")), None),
    ] {
        let atlas = Simulator::start();
        atlas.script_forever(Target::Token, [act]);
        let mut config = config(&atlas);
        config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
        config.set_max_retries(1000);
        config.set_timeout_ms(8000);
        let start = Instant::now();
        let error = get(&client(&config)).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(5), "{error}");
        let kind = (error.kind, error.retry_after);
        assert_eq!(kind, (ErrorKind::RateLimited, retry_after), "{error}");
        assert_eq!(atlas.requests().len(), 1);
    }
}

#[test]
fn that_a_version_of_the_api_will_end_is_one_warning_for_each_client() {
    let atlas = Simulator::start();
    for clusters in [["sunset", "error-400-flex"], ["error-400-flex", "sunset"]] {
        let lines = Lines::default();
        let mut config = config(&atlas);
        config.set_logger(2, lines.sink());
        let client = client(&config);
        for cluster in clusters.iter().cycle().take(5) {
            let _ = get_of(&client, cluster);
        }
        let said = lines.with("Sunset: Thu, 1 Jul 2027 00:00:00 GMT");
        assert_eq!(said.len(), 1, "{:?}", lines.all());
        assert!(said[0].contains("Deprecation: Mon, 5 Aug 2024"), "{said:?}");
        assert!(said[0].contains("api_version"), "{said:?}");
        let level = lines.all().into_iter().find(|(_, line)| *line == said[0]);
        assert_eq!(level.unwrap().0, Level::Warning);
    }
    let lines = Lines::default();
    let mut config = config(&atlas);
    config.set_logger(2, lines.sink());
    get(&client(&config)).unwrap();
    assert_eq!(lines.all(), []);
}

#[test]
fn the_log_tells_the_time_and_the_limits_of_each_answer() {
    let atlas = Simulator::start();
    let lines = Lines::default();
    let mut settings = config(&atlas);
    settings.set_logger(4, lines.sink());
    let client = client(&settings);
    get(&client).unwrap();
    get_of(&client, "error-404").unwrap_err();
    let told = lines.with("answered with");
    assert_eq!(told.len(), 2, "{told:?}");
    for line in told {
        for part in [" date: ", "GMT", " ratelimit-limit: 1200;", " ratelimit-remaining: "] {
            assert!(line.contains(part), "{line}");
        }
    }
    settings.set_logger(3, lines.sink());
    lines.clear();
    get(&common::client(&settings)).unwrap();
    assert!(lines.with("answered with").is_empty());
}

//! What is tried again, how often and when.

mod common;

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use atlas_backup::{Client, Config, ErrorKind};
use atlas_simulator::{Act, BadTls, CLUSTER, Simulator, Target};
use chrono::DateTime;
use common::{
    Lines, client, config, config_for, get, get_of, in_child, is_child, overrun, read_head, server,
    until,
};
use std::io::Write;

/// What a log calls a round trip.
fn round_trips(lines: &Lines) -> usize {
    lines.with("GET /api").len()
}

fn logged(mut config: Config) -> (Client, Lines) {
    let lines = Lines::default();
    config.set_logger(3, lines.sink());
    (client(&config), lines)
}

fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_passing_failure_is_tried_again_max_retries_times_and_then_reported() {
    let atlas = Simulator::start();
    let cases = [
        ("error-429", ErrorKind::RateLimited),
        ("error-500", ErrorKind::Server),
        ("error-502", ErrorKind::Server),
        ("error-503", ErrorKind::Server),
        ("error-504", ErrorKind::Server),
        ("closing", ErrorKind::Network),
        ("resetting", ErrorKind::Network),
    ];
    thread::scope(|scope| {
        for (cluster, kind) in cases {
            let atlas = &atlas;
            scope.spawn(move || {
                for retries in [0, 2] {
                    let mut config = config(atlas);
                    config.set_max_retries(retries);
                    let error = get_of(&client(&config), cluster).unwrap_err();
                    assert_eq!(error.kind, kind, "{cluster}: {error}");
                    let tries = format!("{} tries were made", retries + 1);
                    assert_eq!(error.message().contains(&tries), retries > 0, "{error}");
                }
                let path = format!("/{cluster}/");
                let requests = atlas.requests();
                let count = requests.iter().filter(|seen| seen.path.contains(&path));
                assert_eq!(count.count(), 1 + 3, "{cluster}");
            });
        }
    });
}

#[test]
fn failing_to_find_or_reach_the_host_is_tried_again() {
    for url in [format!("https://127.0.0.1:{}", closed_port()), "https://nowhere.invalid".into()] {
        let mut config = config_for(&url);
        config.set_max_retries(2);
        let (client, lines) = logged(config);
        let error = get(&client).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Network, "{url}: {error}");
        assert_eq!(round_trips(&lines), 3, "{url}: {:?}", lines.all());
        assert_eq!(
            lines.with("again because of network, retry 2 of 2").len(),
            1,
            "{url}: {:?}",
            lines.all()
        );
    }
}

#[test]
fn a_failure_that_passes_is_not_seen_by_the_caller() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_max_retries(3);
    let client = client(&config);
    let busy = Act::Respond {
        status: 429,
        headers: vec![("Retry-After".into(), "1".into())],
        body: "{}".into(),
    };
    atlas.script(Target::Api, [Act::respond(503, "{}"), Act::Reset, busy]);
    assert!(get(&client).is_ok());
    assert_eq!(atlas.requests().len(), 4);
}

#[test]
fn a_lasting_failure_is_never_tried_again() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_max_retries(3);
    let client = client(&config);
    for cluster in [
        "error-400",
        "error-401",
        "error-403",
        "error-404",
        "error-406",
        "error-409",
        "error-410",
        "no-content",
        "not-json",
        "invalid-utf8",
        "cut-json",
    ] {
        atlas.clear();
        let error = get_of(&client, cluster).unwrap_err();
        assert_eq!(atlas.requests().len(), 1, "{cluster}: {error}");
    }
    for status in [402, 405, 408, 418, 451, 501, 505, 599] {
        atlas.clear();
        atlas.script_forever(Target::Api, [Act::respond(status, "{}")]);
        let error = get(&client).unwrap_err();
        assert_eq!(atlas.requests().len(), 1, "{status}: {error}");
    }
    atlas.clear();
    atlas.script_forever(Target::Api, [Act::Raw { bytes: "garbage\r\n\r\n".into() }]);
    let error = get(&client).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error}");
    assert_eq!(atlas.requests().len(), 1);
    for kind in [BadTls::Expired, BadTls::Untrusted, BadTls::PlainText] {
        let mut config = config_for(&atlas.bad_tls_url(kind));
        config.set_ca_file(atlas.ca_file().to_str().map(str::as_bytes));
        config.set_max_retries(3);
        let (client, lines) = logged(config);
        let error = get(&client).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
        assert_eq!(round_trips(&lines), 1, "{:?}", lines.all());
    }
}

#[test]
fn retry_after_wins_over_our_own_pause() {
    let in_two_seconds = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let at = DateTime::from_timestamp_secs(now.as_secs() as i64 + 2).unwrap();
        at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    let cases = [(429, "1".to_owned()), (503, "1".to_owned()), (429, in_two_seconds())];
    thread::scope(|scope| {
        for (status, retry_after) in cases {
            scope.spawn(move || {
                let atlas = Simulator::start();
                let mut config = config(&atlas);
                config.set_max_retries(1);
                atlas.script(
                    Target::Api,
                    [Act::Respond {
                        status,
                        headers: vec![("Retry-After".into(), retry_after.clone())],
                        body: "{}".into(),
                    }],
                );
                assert!(get(&client(&config)).is_ok());
                let at: Vec<u64> = atlas.requests().iter().map(|seen| seen.at_ms).collect();
                assert_eq!(at.len(), 2);
                // Our own pause would be 250 ms at most. A date has whole seconds, so a second may be nearly over.
                assert!(at[1] - at[0] >= 990, "{retry_after}: {at:?}");
            });
        }
    });
}

#[test]
fn a_retry_after_beyond_the_deadline_fails_at_once() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_max_retries(3);
    let client = client(&config);
    for retry_after in [3600_u32, 31, u32::MAX] {
        atlas.clear();
        atlas.script_forever(
            Target::Api,
            [Act::Respond {
                status: 429,
                headers: vec![("Retry-After".into(), retry_after.to_string())],
                body: "{}".into(),
            }],
        );
        let start = Instant::now();
        let error = get(&client).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(error.kind, ErrorKind::RateLimited, "{error}");
        let told = retry_after.min(i32::MAX as u32);
        assert_eq!(error.retry_after, Some(told), "{error}");
        assert!(error.message().contains("time set for the call"), "{error}");
        assert_eq!(atlas.requests().len(), 1);
    }
}

#[test]
fn when_the_time_is_up_during_retries_the_last_failure_is_the_error() {
    let atlas = Simulator::start();
    // Until there is no time for another pause, and until the time is up within a try.
    for acts in [vec![Act::respond(503, "{}")], vec![Act::respond(503, "{}"), Act::Silence]] {
        atlas.clear();
        atlas.script_forever(Target::Api, acts);
        let timeout = Duration::from_millis(900);
        let mut config = config(&atlas);
        config.set_max_retries(1000);
        config.set_timeout_ms(900);
        let client = client(&config);
        let (outcome, late) = overrun(timeout, || get(&client));
        let error = outcome.unwrap_err();
        assert!(late < Duration::from_millis(150), "{late:?} late");
        assert_eq!(error.kind, ErrorKind::Server, "{error}");
        assert_eq!(error.http_status, 503);
        assert!(error.message().contains("time"), "{error}");
    }
}

#[test]
fn a_kept_connection_that_died_costs_neither_an_error_nor_a_retry() {
    let atlas = Simulator::start();
    let plain = config_for(&atlas.plain_url());
    for (name, config) in [("TLS", config(&atlas)), ("plain", plain)] {
        let (client, lines) = logged(config);
        let check = |what: &str| {
            if let Err(error) = get(&client) {
                panic!("{name}, {what}: {error}; {:?}", lines.all());
            }
        };
        check("at first");
        atlas.close_idle_connections();
        until("it is closed", || atlas.open_connections() == 0);
        check("closed while idle");

        // Closed while the request is on its way, or just before it.
        for after_ms in [0, 0, 0, 1, 2, 5, 100] {
            atlas.script(Target::Api, [Act::ThenClose { after_ms }]);
            check("answered, then closed");
            check("closed as it was used");
        }
        assert!(
            !lines.with("again because the kept connection").is_empty(),
            "{name}: {:?}",
            lines.all()
        );

        // A connection that begins to answer and breaks is another matter.
        for bytes in [1, 40, 300] {
            check("before it breaks");
            atlas.script(Target::Api, [Act::CloseAfter { bytes }]);
            let error = get(&client).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Network, "{name}: {error}");
        }
        // And so is a new one.
        atlas.close_idle_connections();
        until("it is closed", || atlas.open_connections() == 0);
        atlas.script(Target::Api, [Act::Close]);
        let error = get(&client).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Network, "{name}: {error}");
    }
}

#[test]
fn a_kept_connection_that_is_reset_costs_neither_an_error_nor_a_retry() {
    const BODY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let address = server(|_, mut stream| {
        read_head(&mut stream);
        stream.write_all(BODY.as_bytes()).unwrap();
        read_head(&mut stream);
        // Zero linger: closing resets.
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    });
    let client = client(&config_for(&format!("http://{address}")));
    for _ in 0..5 {
        let outcome = get(&client);
        assert!(outcome.is_ok(), "{outcome:?}");
    }
}

#[test]
fn a_server_that_closes_all_idle_connections_at_once_costs_nothing() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let burst = || {
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| get_of(&client, "slow-300").unwrap());
            }
        });
    };
    burst();
    assert!(atlas.open_connections() > 32, "{}", atlas.open_connections());
    atlas.close_idle_connections();
    burst();
    // Not only before a request, but while one is on its way.
    atlas.script(Target::Path(format!("/{CLUSTER}/")), [Act::ThenDropIdle]);
    get(&client).unwrap();
    burst();
}

#[test]
fn many_failing_calls_leave_no_descriptor_open() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    if is_child() {
        let url = std::env::var("ATLAS_URL").unwrap();
        let config_of = |url: &str, proxy: &str| {
            let mut config = config_for(url);
            config.set_ca_file(Some(std::env::var("ATLAS_CA").unwrap().as_bytes()));
            config.set_proxy(Some(proxy.as_bytes()));
            config.set_timeout_ms(100);
            config
        };
        let dead = format!("http://127.0.0.1:{}", closed_port());
        let all_fail = |times| {
            for _ in 0..times {
                for (url, proxy) in [
                    (url.as_str(), ""),
                    (&std::env::var("ATLAS_EXPIRED").unwrap(), ""),
                    (&std::env::var("ATLAS_STALLED").unwrap(), ""),
                    (&url, dead.as_str()),
                    ("https://nowhere.invalid", ""),
                ] {
                    let client = client(&config_of(url, proxy));
                    for cluster in ["resetting", "closing", "silent", "not-json", "error-500"] {
                        assert!(get_of(&client, cluster).is_err());
                        client.cancel();
                    }
                }
            }
        };
        all_fail(1);
        // Resolver threads may still be at it.
        thread::sleep(Duration::from_millis(300));
        let before = open();
        all_fail(3);
        until(&format!("as many are open as before: {before}"), || open() <= before);
        return;
    }
    let atlas = Simulator::start();
    let (url, ca) = (atlas.base_url(), atlas.ca_file().to_owned());
    let (expired, stalled) =
        (atlas.bad_tls_url(BadTls::Expired), atlas.bad_tls_url(BadTls::StalledHandshake));
    in_child(
        "many_failing_calls_leave_no_descriptor_open",
        &[
            ("ATLAS_URL", url.as_ref()),
            ("ATLAS_CA", ca.as_ref()),
            ("ATLAS_EXPIRED", expired.as_ref()),
            ("ATLAS_STALLED", stalled.as_ref()),
        ],
    );
}

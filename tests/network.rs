//! What may come over the wire: how much of it is read, what it is taken for, and what the log says about it.

mod common;

use std::collections::HashSet;
use std::io::Write;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use atlas_backup::{Client, ClusterType, ErrorKind, Format, Level, Polling};
use atlas_simulator::{
    Act, CLIENT_ID, CLIENT_SECRET, CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY, Payload, SNAPSHOT,
    Simulator, Target,
};
use common::{
    Lines, client, config, config_for, flood, get, get_id, get_of, read_head, server, until,
};

const MIB: u64 = 1024 * 1024;

fn raw(bytes: impl Into<Payload>) -> Act {
    Act::Raw { bytes: bytes.into() }
}

#[test]
fn a_body_has_16_mib_at_most_and_headers_64_kib() {
    let atlas = Simulator::start();
    let client = client(&config_for(&atlas.plain_url()));
    let body = |bytes, content_length| Act::HugeBody { bytes, content_length };
    let headers = |bytes| Act::HugeHeaders { bytes };
    let many_headers = |count: usize| {
        let lines = "X-Many: 1\r\n".repeat(count);
        raw(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\n{{}}"))
    };
    let cases = [
        (body(16 * MIB, true), None),
        (body(16 * MIB, false), None),
        (body(16 * MIB + 1, true), Some("more than 16 MiB")),
        (body(16 * MIB + 1, false), Some("more than 16 MiB")),
        (body(1 << 40, true), Some("more than 16 MiB")),
        (body(1 << 40, false), Some("more than 16 MiB")),
        (raw(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n{{}}", "x".repeat(60_000))), None),
        (headers(66_000), Some("headers of more than 64 KiB")),
        (headers(10_000_000), Some("headers of more than 64 KiB")),
        (many_headers(100), None),
        (many_headers(200), Some("too many headers")),
        (Act::GzipBomb { bytes: 1 << 25 }, Some("packed as \"gzip\"")),
    ];
    thread::scope(|scope| {
        for (number, (act, words)) in cases.into_iter().enumerate() {
            let (atlas, client) = (&atlas, &client);
            scope.spawn(move || {
                let (name, id) = (format!("{act:.80?}"), format!("{number:024x}"));
                atlas.script(Target::Path(id.clone()), [act]);
                match (get_id(client, CLUSTER, &id), words) {
                    (Ok(_), None) => {}
                    (Err(error), Some(words)) => {
                        assert_eq!(error.kind, ErrorKind::InvalidResponse, "{name}: {error}");
                        assert!(error.message().contains(words), "{name}: {error}");
                    }
                    (outcome, _) => panic!("{name}: {:?}", outcome.map(drop)),
                }
            });
        }
    });
}

#[test]
fn what_has_no_end_is_given_up_long_before_the_deadline() {
    let cases: [(&str, &[u8], &[u8]); 6] = [
        ("status line", b"", b"H"),
        ("interim answers", b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        ("header", b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        ("chunk size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        ("trailer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x"),
        ("trailers", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n"),
    ];
    thread::scope(|scope| {
        for (name, start, rest) in cases {
            scope.spawn(move || {
                let address = server(move |_, mut stream| {
                    read_head(&mut stream);
                    let _ = stream.write_all(start);
                    flood(&mut stream, rest);
                });
                let began = Instant::now();
                let error = get(&client(&config_for(&format!("http://{address}")))).unwrap_err();
                assert_eq!(error.kind, ErrorKind::InvalidResponse, "{name}: {error}");
                assert!(began.elapsed() < Duration::from_secs(15), "{name}");
            });
        }
    });
}

#[test]
fn a_redirect_is_not_followed_but_reported_with_the_host_it_names() {
    let atlas = Simulator::start();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let host = elsewhere.local_addr().unwrap().to_string();
    let mut config = config(&atlas);
    config.set_max_retries(3);
    let client = client(&config);
    let places = [
        (format!("https://{host}/api"), host.clone()),
        (format!("http://u:p@{host}?a"), format!("to {host},")),
        (format!("//{host}"), host.clone()),
        ("/elsewhere".into(), "another path of the same host".into()),
        (format!("{}/elsewhere", atlas.base_url()), "localhost".into()),
        ("http://forged\u{9b}line/".into(), "forged".into()),
    ];
    for status in [300, 301, 302, 303, 307, 308] {
        for (location, named) in &places {
            atlas.clear();
            let location = location.clone();
            atlas.script_forever(Target::Api, [Act::Redirect { status, location }]);
            let error = get(&client).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error}");
            assert_eq!(error.http_status, status);
            assert!(error.message().contains(named.as_str()), "{error}");
            assert!(!error.message().contains(char::is_control), "{error:?}");
            assert_eq!(atlas.requests().len(), 1, "{status}: {error}");
        }
    }
    assert!(elsewhere.accept().is_err(), "the other host was contacted");
}

#[test]
fn every_way_to_end_an_answer_is_understood_and_nonsense_is_not() {
    use ErrorKind::{InvalidResponse, Network};
    let atlas = Simulator::start();
    let good: &[&str] = &[
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.0 200 OK\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ];
    let bad: &[(&str, ErrorKind)] = &[
        ("HTTP/1.1 204 No Content\r\n\r\n", InvalidResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", InvalidResponse),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", InvalidResponse),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", InvalidResponse),
        ("HTTP/1.1 099 Odd\r\n\r\n", InvalidResponse),
        ("HTTP/1.1 999 Odd\r\n\r\n", InvalidResponse),
        ("HTTP/2 200 OK\r\n\r\n", InvalidResponse),
        ("SSH-2.0-OpenSSH_9.9\r\n", InvalidResponse),
        ("\0\u{1}\u{2}\r\n\r\n", InvalidResponse),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", InvalidResponse),
        ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n{}", InvalidResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", InvalidResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}", InvalidResponse),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", InvalidResponse),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
            InvalidResponse,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n{}", InvalidResponse),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n",
            InvalidResponse,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", Network),
        ("HTTP/1.1 100 Continue\r\n\r\n", Network),
        ("", Network),
    ];
    for config in [config(&atlas), config_for(&atlas.plain_url())] {
        let client = client(&config);
        for text in good {
            atlas.script(Target::Api, [raw(text)]);
            let outcome = get(&client);
            assert!(outcome.is_ok(), "{text:?}: {outcome:?}");
        }
        for (text, kind) in bad {
            atlas.script(Target::Api, [raw(text)]);
            let error = get(&client).expect_err(text);
            assert_eq!(error.kind, *kind, "{text:?}: {error}");
        }
        get(&client).unwrap();
    }
}

#[test]
fn an_answer_that_is_cut_off_is_a_network_failure_wherever_the_cut() {
    let with_length = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"id\":1}\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8;a\r\n{\"id\":1}\r\n1\r\n\n\r\n0\r\n";
    let until_close = "HTTP/1.1 200 OK\r\n\r\n{\"id\":1}\n";
    let atlas = Simulator::start();
    for config in [config(&atlas), config_for(&atlas.plain_url())] {
        let client = client(&config);
        for (text, from) in [(with_length, 0), (chunked, 0)] {
            let cuts: Vec<usize> = (from..text.len() - 1).collect();
            let act = |cut: &usize| Act::RawCut { bytes: Payload::from(&text[..*cut]) };
            atlas.script(Target::Api, cuts.iter().map(act));
            for cut in cuts {
                let error = get(&client).expect_err(&text[..cut]);
                assert_eq!(error.kind, ErrorKind::Network, "{:?}: {error}", &text[..cut]);
            }
        }
    }
    // TLS says when an end is meant; without that even a whole answer may be half of one.
    let client = client(&config(&atlas));
    for cut in 0..=until_close.len() {
        let bytes = Payload::from(&until_close[..cut]);
        atlas.script(Target::Api, [Act::RawCut { bytes }]);
        let error = get(&client).expect_err(&until_close[..cut]);
        assert_eq!(error.kind, ErrorKind::Network, "{cut}: {error}");
    }
}

#[test]
fn a_reset_is_not_the_end_of_a_body_without_a_length() {
    let address = server(|_, mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"id\":\"1\"}");
        thread::sleep(Duration::from_millis(100));
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    });
    let error = get(&client(&config_for(&format!("http://{address}")))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Network, "{error}");
}

#[test]
fn bytes_beyond_an_answer_are_never_taken_for_the_next() {
    const FORGED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"id\":\"forged\"}";
    let atlas = Simulator::start();
    for config in [config(&atlas), config_for(&atlas.plain_url())] {
        let client = client(&config);
        // With the answer, soon after, and when the connection has idled for a while; whole or in part.
        for after_ms in [0, 20, 1200] {
            for length in [FORGED.len(), 20, 1] {
                let bytes = FORGED[..length].into();
                atlas.script(Target::Api, [Act::ThenSay { after_ms, bytes }]);
                get(&client).unwrap();
                thread::sleep(Duration::from_millis(after_ms + 30));
                let snapshot = get(&client).unwrap();
                assert_eq!(snapshot.id(), Some(SNAPSHOT), "{after_ms} ms, {length} bytes");
                if after_ms > 1000 {
                    break;
                }
            }
        }
    }
}

#[test]
fn bursts_of_threads_reuse_their_connections() {
    let atlas = Simulator::start();
    for (threads, bursts) in [(8, 20), (64, 4)] {
        atlas.clear();
        let client = client(&config(&atlas));
        for _ in 0..bursts {
            let together = Barrier::new(threads);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        together.wait();
                        get_of(&client, "slow-20").unwrap();
                    });
                }
            });
        }
        let connections = atlas.connections();
        assert!(connections <= threads, "{threads} threads opened {connections}");
        assert_eq!(atlas.requests().len(), threads * bursts);
    }
}

#[test]
fn the_longest_credentials_fit_into_a_request() {
    let atlas = Simulator::start();
    let long = "x".repeat(8 * 1024);
    let mut config = config(&atlas);
    config.set_service_account(Some(long.as_bytes()), Some(long.as_bytes()));
    let error = get(&client(&config)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated, "{:.300}", error.message());
}

#[test]
fn errors_keep_their_connection() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    for cluster in ["error-404", "error-500", "not-json", "error-503-html", CLUSTER] {
        let _ = get_of(&client, cluster);
    }
    assert_eq!(atlas.connections(), 1);
}

#[test]
fn a_panic_in_a_callback_spoils_neither_thread_nor_client() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    let panics = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let armed = panics.clone();
    config.set_logger(
        3,
        Some(Arc::new(move |_, line: &str| {
            let is_round_trip = line.starts_with("GET");
            if is_round_trip && armed.load(std::sync::atomic::Ordering::Relaxed) {
                panic!("the logger, as the test wants it");
            }
        })),
    );
    let client = client(&config);
    let polling =
        Polling { interval: Duration::from_secs(1), timeout: None, format: Format::default() };
    for _ in 0..3 {
        panics.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(catch_unwind(AssertUnwindSafe(|| get(&client))).is_err());
        panics.store(false, std::sync::atomic::Ordering::Relaxed);
        let waiting = || {
            let panic = &mut |_: &_| panic!("the callback, as the test wants it");
            client.wait_for_snapshot(
                ClusterType::ReplicaSet,
                PROJECT,
                CLUSTER,
                SNAPSHOT,
                polling,
                panic,
            )
        };
        assert!(catch_unwind(AssertUnwindSafe(waiting)).is_err());
        get(&client).unwrap();
    }
    assert_eq!(atlas.connections(), 1);
}

#[test]
fn the_log_has_a_line_for_each_round_trip_and_the_settings_at_the_start() {
    let atlas = Simulator::start();
    let lines = Lines::default();
    let mut config = config(&atlas);
    config.set_max_retries(1);
    config.set_logger(3, lines.sink());
    let client = client(&config);
    let first = lines.all();
    assert_eq!(first.len(), 1, "{first:?}");
    for part in [&atlas.base_url(), "as access token", "timeout 30000 ms", "1 retries"] {
        assert!(first[0].1.contains(part), "{part}: {first:?}");
    }

    get(&client).unwrap();
    atlas.script(Target::Api, [Act::respond(503, "{}"), Act::Honest]);
    get(&client).unwrap();
    atlas.close_idle_connections();
    until("it is closed", || atlas.open_connections() == 0);
    atlas.script(Target::Api, [Act::ThenClose { after_ms: 100 }]);
    get(&client).unwrap();
    get(&client).unwrap();
    atlas.script(Target::Api, [Act::CloseAfter { bytes: 800 }]);
    get(&client).map(drop).unwrap_or_default();
    let path =
        format!("/api/atlas/v2/groups/{PROJECT}/clusters/{CLUSTER}/backup/snapshots/{SNAPSHOT}");
    let told: Vec<String> = lines
        .with("GET")
        .iter()
        .map(|line| {
            let rest = line.strip_prefix(&format!("GET {path} ")).expect(line);
            let (status, rest) = rest.split_once(" in ").expect(line);
            let (time, rest) = rest.split_once(" ms, ").expect(line);
            assert!(time.parse::<u32>().is_ok(), "{line}");
            format!("{status}, {rest}")
        })
        .collect();
    assert_eq!(
        told[..7],
        [
            "200, new connection",
            "503, reused connection",
            "200, reused connection, again because of status 503, retry 1 of 1",
            "200, new connection",
            "no answer, reused connection",
            "200, new connection, again because the kept connection was closed",
            "200 cut off, reused connection",
        ]
    );
}

#[test]
fn levels_filter_the_log() {
    let atlas = Simulator::start();
    for (level, wanted) in [
        (0, vec![]),
        (1, vec![Level::Error]),
        (2, vec![Level::Error, Level::Warning]),
        (3, vec![Level::Error, Level::Warning, Level::Info]),
    ] {
        let lines = Lines::default();
        let mut config = config(&atlas);
        config.set_logger(level, lines.sink());
        let client = client(&config);
        let _ = get_of(&client, "error-404");
        let list = |client: &Client| {
            client.list_snapshots(ClusterType::ReplicaSet, PROJECT, "odd", Format::default())
        };
        list(&client).unwrap();
        let levels: HashSet<i32> = lines.all().iter().map(|(level, _)| *level as i32).collect();
        assert_eq!(levels, wanted.iter().map(|it| *it as i32).collect(), "{:?}", lines.all());
    }
}

#[test]
fn no_log_line_and_no_error_shows_a_secret_or_a_control_character() {
    let atlas = Simulator::start();
    let proxy = server(|_, mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 403 Not\x07so\r\n\r\n");
    });
    let echo = |secret: &str| {
        let detail = format!("you said {secret}\\u0007\\n\\u001b[31m");
        Act::respond(400, format!("{{\"detail\":\"{detail}\",\"errorCode\":\"{secret}\"}}"))
    };
    let secrets = [
        atlas_simulator::ACCESS_TOKEN,
        CLIENT_SECRET,
        PRIVATE_KEY,
        "pass-word",
        "Basic ",
        "Bearer ",
        "response=",
    ];
    for login in 0..3 {
        for through_proxy in [false, true] {
            let lines = Lines::default();
            let mut config = config(&atlas);
            config.set_logger(4, lines.sink());
            let secret = match login {
                0 => atlas_simulator::ACCESS_TOKEN,
                1 => {
                    config.set_service_account(
                        Some(CLIENT_ID.as_bytes()),
                        Some(CLIENT_SECRET.as_bytes()),
                    );
                    CLIENT_SECRET
                }
                _ => {
                    config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
                    PRIVATE_KEY
                }
            };
            if through_proxy {
                config.set_proxy(Some(format!("http://user:pass-word@{proxy}").as_bytes()));
            }
            let client = client(&config);
            let _ = get(&client);
            let mut errors = Vec::new();
            for target in [Target::Api, Target::Token] {
                atlas.clear();
                atlas.script_forever(target, [echo(secret)]);
                errors.extend(get(&client).err());
                atlas.revoke_all_tokens();
            }
            atlas.clear();
            assert!(!lines.all().is_empty() && !errors.is_empty());
            for text in
                lines.all().into_iter().map(|(_, line)| line).chain(errors.iter().map(|error| {
                    format!(
                        "{} {} {}",
                        error.message(),
                        error.code,
                        error.detail.replace(char::is_control, " ")
                    )
                }))
            {
                assert!(!text.contains(char::is_control), "{text:?}");
                for secret in secrets {
                    assert!(!text.contains(secret), "{secret} in {text}");
                }
                assert!(!text.contains('?'), "a query in {text}");
            }
        }
    }
}

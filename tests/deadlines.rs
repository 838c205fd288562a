//! One deadline over everything that a call does: it ends in time whatever the server does, and at once when it is
//! cancelled.

mod common;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use atlas_backup::{Client, ClusterType, Config, Error, ErrorKind, Format, Polling};
use atlas_simulator::{Act, BadTls, CLUSTER, PROJECT, SNAPSHOT, Simulator, Target};
use common::{
    client, config, config_for, get, get_id, get_of, overrun, read_head, server, service_account,
    swallower, until,
};

/// How long a call may take beyond its time. It is compared with a thread that sleeps as long.
const ALLOWANCE: Duration = Duration::from_millis(150);

/// What a server does to a GET that would last for ever.
fn lasting_acts() -> Vec<(&'static str, Act)> {
    vec![
        ("silence", Act::Silence),
        ("late", Act::Delay { ms: 60_000 }),
        ("dripping head", Act::DripHead { bytes_per_second: 1 }),
        ("dripping body", Act::DripBody { bytes_per_second: 1 }),
        ("fast dripping body", Act::DripBody { bytes_per_second: 200 }),
        ("dripping chunk sizes", Act::DripChunks { bytes_per_second: 1 }),
        ("endless 1xx", Act::Endless1xx { interval_ms: 20 }),
    ]
}

/// A proxy that says `bytes` and then more, one at a time, whatever it is told.
fn dripping(bytes: &'static [u8], pause_ms: u64) -> SocketAddr {
    server(move |_, mut stream| {
        for byte in bytes.iter().chain(&[b'x'; 10_000]) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(pause_ms));
        }
    })
}

fn through(mut config: Config, proxy: &str) -> Config {
    config.set_proxy(Some(proxy.as_bytes()));
    config
}

fn wait(client: &Client, cluster: &str, timeout: Option<Duration>) -> Result<(), Error> {
    let polling = Polling { interval: Duration::from_secs(4), timeout, format: Format::default() };
    let cluster_type = ClusterType::ReplicaSet;
    client
        .wait_for_snapshot(cluster_type, PROJECT, cluster, SNAPSHOT, polling, &mut |_| true)
        .map(drop)
}

fn list(client: &Client, cluster: &str) -> Result<(), Error> {
    client.list_snapshots(ClusterType::ReplicaSet, PROJECT, cluster, Format::default()).map(drop)
}

type Call = Box<dyn Fn(&Client) -> Result<(), Error> + Send + Sync>;

fn getting(id: String) -> Call {
    Box::new(move |client| get_id(client, CLUSTER, &id).map(drop))
}

/// Every place where a call can block: what is special about the settings, what is called.
fn blocking_places(atlas: &Simulator) -> Vec<(&'static str, Config, Call)> {
    let mut places: Vec<(&'static str, Config, Call)> = Vec::new();
    for (number, (name, act)) in lasting_acts().into_iter().enumerate() {
        let id = format!("{number:024x}");
        atlas.script_forever(Target::Path(id.clone()), [act]);
        places.push((name, config(atlas), getting(id)));
    }
    for (name, kind) in [
        ("stalled handshake", BadTls::StalledHandshake),
        ("dripping handshake", BadTls::DrippedHandshake),
    ] {
        let mut config = config_for(&atlas.bad_tls_url(kind));
        config.set_ca_file(atlas.ca_file().to_str().map(str::as_bytes));
        places.push((name, config, getting(SNAPSHOT.into())));
    }
    for (name, scheme, bytes, pause_ms) in [
        ("dripping HTTP proxy", "http", &b"HTTP/1.1 200 OK\r\nX: "[..], 50),
        ("dripping SOCKS greeting", "socks5", &[5, 0], 5000),
        ("dripping SOCKS answer", "socks5h", &[5, 0, 5, 0, 0, 3, 255], 50),
    ] {
        let proxy = format!("{scheme}://{}", dripping(bytes, pause_ms));
        let call = getting(SNAPSHOT.into());
        places.push((name, through(config(atlas), &proxy), call));
    }
    atlas.script_forever(Target::Token, [Act::Silence]);
    let config_of = config(atlas);
    places.push((
        "hanging token endpoint",
        service_account(config_of.clone()),
        getting(SNAPSHOT.into()),
    ));
    places.push((
        "list, a page a quarter second",
        config_of.clone(),
        Box::new(|client| list(client, "many")),
    ));
    atlas.script_forever(Target::Path("/many/".into()), [Act::Delay { ms: 250 }]);
    places
}

#[test]
fn no_call_outlasts_its_deadline() {
    let atlas = Simulator::start();
    let swallower = swallower();
    let timeout = Duration::from_millis(700);
    let mut places = blocking_places(&atlas);
    places.push((
        "swallowed packets",
        config_for(&format!("https://{}", swallower.address)),
        getting(SNAPSHOT.into()),
    ));
    places.push((
        "waiting for a snapshot",
        config(&atlas),
        Box::new(move |client| wait(client, "stuck", Some(timeout))),
    ));
    let count = places.len();
    let late: Vec<(&str, Duration)> = thread::scope(|scope| {
        let threads: Vec<_> = places
            .into_iter()
            .map(|(name, mut config, call)| {
                config.set_timeout_ms(timeout.as_millis() as u32);
                let client = client(&config);
                scope.spawn(move || {
                    let start = Instant::now();
                    let (outcome, late) = overrun(timeout, || call(&client));
                    let error = outcome.expect_err(name);
                    assert_eq!(error.kind, ErrorKind::Timeout, "{name}: {error}");
                    assert!(start.elapsed() >= timeout, "{name} was early");
                    (name, late)
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(late.len(), count);
    for (name, late) in late {
        assert!(late < ALLOWANCE, "{name} was {late:?} late");
    }
}

#[test]
fn many_retries_and_their_pauses_end_with_the_deadline() {
    let atlas = Simulator::start();
    let timeout = Duration::from_millis(800);
    for act in [Act::respond(503, "{}"), Act::Reset] {
        atlas.script_forever(Target::Api, [act]);
        let mut config = config(&atlas);
        config.set_max_retries(u32::MAX);
        config.set_timeout_ms(800);
        let (outcome, late) = overrun(timeout, || get(&client(&config)));
        assert!(outcome.unwrap_err().kind.is_retryable());
        assert!(late < ALLOWANCE, "{late:?} late");
    }
}

#[test]
fn connecting_has_a_time_of_its_own() {
    let atlas = Simulator::start();
    let swallower = swallower();
    let silent = server(|_, mut stream| {
        read_head(&mut stream);
        thread::sleep(Duration::from_secs(60));
    });
    let mut stalled = config_for(&atlas.bad_tls_url(BadTls::StalledHandshake));
    stalled.set_ca_file(atlas.ca_file().to_str().map(str::as_bytes));
    let limit = Duration::from_millis(400);
    for config in [
        config_for(&format!("https://{}", swallower.address)),
        stalled,
        through(config(&atlas), &format!("http://{silent}")),
        through(config(&atlas), &format!("socks5h://{silent}")),
    ] {
        let mut config = config;
        config.set_connect_timeout_ms(limit.as_millis() as u32);
        let (outcome, late) = overrun(limit, || get(&client(&config)));
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
        assert!(error.message().contains("the connect timeout (400 ms)"), "{error}");
        assert!(late < ALLOWANCE, "{late:?} late");
    }
}

/// How soon a call must end that was cancelled.
const SOON: Duration = Duration::from_millis(100);

/// Cancels `client` and waits for the call that `running` makes.
fn cancelled_soon(
    name: &str,
    client: &Client,
    running: thread::ScopedJoinHandle<Result<(), Error>>,
) {
    let ((), late) = overrun(Duration::from_millis(1), || {
        client.cancel();
        let error = running.join().unwrap().expect_err(name);
        assert_eq!(error.kind, ErrorKind::Cancelled, "{name}: {error}");
    });
    assert!(late < SOON, "{name} ended {late:?} after it was cancelled");
}

#[test]
fn a_cancelled_call_ends_at_once_and_its_client_goes_on() {
    let atlas = Simulator::start();
    let swallower = swallower();
    let mut places = blocking_places(&atlas);
    places.push((
        "swallowed packets",
        config_for(&format!("https://{}", swallower.address)),
        getting(SNAPSHOT.into()),
    ));
    places.push(("between polls", config(&atlas), Box::new(|client| wait(client, "stuck", None))));
    let mut retrying = config(&atlas);
    retrying.set_max_retries(3);
    let pause = Act::Respond {
        status: 429,
        headers: vec![("Retry-After".into(), "20".into())],
        body: "{}".into(),
    };
    atlas.script_forever(Target::Path("f".repeat(24)), [pause]);
    places.push(("pause", retrying, getting("f".repeat(24))));
    for (name, config, call) in &places {
        let client = &client(config);
        thread::scope(|scope| {
            let running = scope.spawn(|| call(client));
            thread::sleep(Duration::from_millis(100));
            assert!(!running.is_finished(), "{name} does not block");
            cancelled_soon(name, client, running);
        });
        if std::ptr::eq(config, &places[0].1) {
            get(client).unwrap();
        }
    }
    // The same client, cancelled in every way the same host allows.
    let client = client(&config(&atlas));
    for (number, (name, _)) in lasting_acts().iter().enumerate() {
        let id = format!("{number:024x}");
        thread::scope(|scope| {
            let running = scope.spawn(|| get_id(&client, CLUSTER, &id).map(drop));
            thread::sleep(Duration::from_millis(50));
            cancelled_soon(name, &client, running);
        });
        get(&client).unwrap();
    }
}

#[test]
fn who_waits_for_another_calls_token_is_cancelled_with_it() {
    let atlas = Simulator::start();
    atlas.script_forever(Target::Token, [Act::Silence]);
    let mut config = service_account(config(&atlas));
    config.set_timeout_ms(20_000);
    let waiting = client(&config);
    thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| get(&waiting).map(drop))).collect();
        until("a token is asked for", || !atlas.requests().is_empty());
        thread::sleep(Duration::from_millis(50));
        let ((), late) = overrun(Duration::from_millis(1), || {
            waiting.cancel();
            for call in calls {
                let error = call.join().unwrap().unwrap_err();
                assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
            }
        });
        assert!(late < SOON, "{late:?}");
    });
    assert_eq!(atlas.requests().len(), 1, "one asks for all");
    atlas.clear();
    get(&waiting).unwrap();
}

#[test]
fn who_waits_for_another_calls_token_has_a_deadline_of_its_own() {
    let atlas = Simulator::start();
    atlas.script_forever(Target::Token, [Act::Silence]);
    let mut config = service_account(config(&atlas));
    let timeout = Duration::from_millis(600);
    config.set_timeout_ms(600);
    let client = client(&config);
    thread::scope(|scope| {
        let first = scope.spawn(|| overrun(timeout, || get(&client)));
        thread::sleep(Duration::from_millis(300));
        let second = scope.spawn(|| overrun(timeout, || get(&client)));
        for (name, call) in [("the first", first), ("the second", second)] {
            let (outcome, late) = call.join().unwrap();
            assert_eq!(outcome.unwrap_err().kind, ErrorKind::Timeout, "{name}");
            assert!(late < ALLOWANCE, "{name} was {late:?} late");
        }
    });
    assert_eq!(atlas.requests().len(), 2, "the second asks when the first gives up");
}

#[test]
fn calls_entered_after_a_cancellation_are_not_touched() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    thread::scope(|scope| {
        for _ in 0..5 {
            let seen = atlas.requests().len();
            let before = scope.spawn(|| get_of(&client, "silent"));
            until("the call is under way", || atlas.requests().len() > seen);
            client.cancel();
            let after = scope.spawn(|| get_of(&client, "slow-200"));
            assert_eq!(before.join().unwrap().unwrap_err().kind, ErrorKind::Cancelled);
            assert!(after.join().unwrap().is_ok());
        }
    });
    client.cancel();
    client.cancel();
    assert!(get(&client).is_ok());
}

#[test]
fn a_storm_of_cancellations_leaves_a_client_whole() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let over = AtomicBool::new(false);
    let (good, cancelled) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    match get_of(&client, "slow-10") {
                        Ok(_) => good.fetch_add(1, Relaxed),
                        Err(error) => {
                            assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
                            cancelled.fetch_add(1, Relaxed)
                        }
                    };
                }
            });
        }
        for _ in 0..60 {
            thread::sleep(Duration::from_millis(13));
            client.cancel();
        }
        thread::sleep(Duration::from_millis(200));
        over.store(true, Relaxed);
    });
    assert!(good.load(Relaxed) > 0 && cancelled.load(Relaxed) > 0);
    let all = Barrier::new(16);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                all.wait();
                get(&client).unwrap();
            });
        }
    });
}

#[test]
fn a_logger_may_cancel() {
    let atlas = Simulator::start();
    let mut config = config(&atlas);
    config.set_max_retries(3);
    let itself: Arc<OnceLock<Weak<Client>>> = Arc::default();
    let shared = itself.clone();
    config.set_logger(
        4,
        Some(Arc::new(move |_, line: &str| {
            if line.contains("503")
                && let Some(client) = shared.get().and_then(Weak::upgrade)
            {
                client.cancel();
            }
        })),
    );
    let client = Arc::new(client(&config));
    itself.set(Arc::downgrade(&client)).unwrap();
    atlas.script_forever(Target::Api, [Act::respond(503, "{}")]);
    let start = Instant::now();
    assert_eq!(get(&client).unwrap_err().kind, ErrorKind::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(2));
    atlas.clear();
    assert!(get(&client).is_ok());
}

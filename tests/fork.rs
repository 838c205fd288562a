//! `fork()`: a client of the parent starts afresh in the child, waits for nothing of the parent's and uses nothing of
//! it; and the parent notices nothing.

mod common;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, mem, ptr};

use atlas_backup::{Client, ClusterType, Config, ErrorKind, Format, Polling, Result, Snapshot};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY, SNAPSHOT, Seen, Simulator, Target,
};
use common::{
    Lines, api_key, client, config, config_for, fork, get, get_id, get_of, in_child, is_child, ms,
    service_account, until, with_a_name,
};

/// A cluster that answers for any snapshot id, by which requests are told apart.
const ANY: &str = "slow-0";

/// Each kind of credentials, with TLS and without.
fn every_config(atlas: &Simulator) -> Vec<(&'static str, Config)> {
    let (tls, plain) = (config(atlas), config_for(&atlas.plain_url()));
    vec![
        ("token", tls.clone()),
        ("service account", service_account(tls.clone())),
        ("API key", api_key(tls)),
        ("token, plain", plain.clone()),
        ("service account, plain", service_account(plain.clone())),
        ("API key, plain", api_key(plain)),
    ]
}

fn id(number: u32) -> String {
    format!("{number:024x}")
}

/// What was asked about snapshot `number`.
fn asked(atlas: &Simulator, number: u32) -> Vec<Seen> {
    let mut seen = atlas.requests();
    seen.retain(|seen| seen.path.ends_with(&id(number)));
    seen
}

fn connections(seen: &[Seen]) -> HashSet<u64> {
    seen.iter().map(|seen| seen.connection).collect()
}

fn nonce(seen: &Seen) -> Option<&str> {
    let header = seen.header("authorization")?;
    header.split("nonce=\"").nth(1)?.split('"').next()
}

fn polling(interval: Duration) -> Polling {
    Polling { interval, timeout: Some(Duration::from_secs(8)), format: Format::default() }
}

fn wait(
    client: &Client,
    cluster: &str,
    interval: Duration,
    progress: &mut dyn FnMut(&Snapshot) -> bool,
) -> Result<Snapshot> {
    let cluster_type = ClusterType::ReplicaSet;
    client.wait_for_snapshot(cluster_type, PROJECT, cluster, SNAPSHOT, polling(interval), progress)
}

/// Ends this process, which a fork in a callback made, as [`fork`] would.
fn end(good: bool) -> ! {
    // SAFETY: ends this process.
    unsafe { libc::_exit(i32::from(!good)) }
}

/// Waits for the process `pid` to end well.
fn ended_well(pid: u32) {
    let mut status = 0;
    let start = Instant::now();
    // SAFETY: asks after a child of this process.
    while unsafe { libc::waitpid(pid as libc::pid_t, &mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > Duration::from_secs(10) {
            // SAFETY: a child of ours that was not yet waited for.
            unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
            panic!("the child hangs");
        }
        thread::sleep(ms(1));
    }
    assert_eq!(status, 0, "the child failed");
}

#[test]
fn a_client_works_in_parent_and_child_each_on_its_own_connections() {
    for number in 0..6 {
        let atlas = Simulator::start();
        let (name, config) = every_config(&atlas).swap_remove(number);
        let client = client(&config);
        get_id(&client, ANY, &id(1)).unwrap();
        let parents = connections(&atlas.requests());
        assert_eq!(parents.len(), 1, "{name}");
        for round in 0..3 {
            fork(|| {
                get_id(&client, ANY, &id(2)).unwrap();
                get_id(&client, ANY, &id(2)).unwrap();
            })
            .succeeds();
            get_id(&client, ANY, &id(3)).unwrap();
            let seen = atlas.requests();
            let (childs, again) = (asked(&atlas, 2), asked(&atlas, 3));
            // Each child one of its own, though it opens a second for nothing.
            assert_eq!(connections(&childs).len(), round + 1, "{name}");
            assert!(connections(&childs).is_disjoint(&parents), "{name}");
            assert_eq!(connections(&again), parents, "{name}: the parent's is lost");
            assert_eq!(again.len(), round + 1, "{name}: the parent had to ask twice");
            assert_eq!(connections(&seen).len(), round + 2, "{name}");
        }
        if name.starts_with("API key") {
            let of = |number| -> HashSet<String> {
                let seen = asked(&atlas, number);
                seen.iter().filter_map(nonce).map(str::to_owned).collect()
            };
            assert_eq!(of(1), of(3), "the parent keeps its nonce");
            assert_eq!(of(2).len(), 3, "each child has a nonce of its own");
            assert!(of(1).is_disjoint(&of(2)), "a child used the parent's nonce");
        }
    }
}

/// Forks 20 times while 8 threads do `busy` without end. Each child does `childs`, in time.
fn storm(what: &str, busy: impl Fn(usize) + Sync, childs: impl Fn() + Sync) {
    let over = AtomicBool::new(false);
    let rounds = AtomicU32::new(0);
    thread::scope(|scope| {
        for number in 0..8 {
            let (over, rounds, busy) = (&over, &rounds, &busy);
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    busy(number);
                    rounds.fetch_add(1, Relaxed);
                }
            });
        }
        /// Ends the threads even when a child fails.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }
        let _over = Over(&over);
        until("the threads are at it", || rounds.load(Relaxed) > 8);
        for number in 0..20_u64 {
            thread::sleep(Duration::from_micros(number * 237));
            fork(&childs).succeeds();
        }
    });
    assert!(rounds.load(Relaxed) > 20, "{what}: hardly anything went on");
}

#[test]
fn a_fork_amid_requests_hangs_no_child() {
    let atlas = Simulator::start();
    for (name, config) in every_config(&atlas) {
        let client = client(&config);
        storm(
            name,
            |number| drop(get_of(&client, ["slow-0", "slow-3"][number % 2]).unwrap()),
            || drop(get(&client).unwrap()),
        );
    }
}

/// Tokens that are over at once, so that there is always a thread that fetches one and others that wait for it.
fn short_tokens(atlas: &Simulator) {
    let token = format!(r#"{{"access_token":"{ACCESS_TOKEN}","expires_in":0.01}}"#);
    atlas.script_forever(Target::Token, [Act::respond(200, &token)]);
}

fn token_requests(atlas: &Simulator) -> usize {
    atlas.count(|method, _| method == "POST")
}

#[test]
fn a_fork_amid_token_fetches_hangs_no_child() {
    let atlas = Simulator::start();
    short_tokens(&atlas);
    for config in [config(&atlas), config_for(&atlas.plain_url())] {
        let client = client(&service_account(config));
        storm("token fetches", |_| drop(get(&client).unwrap()), || drop(get(&client).unwrap()));
    }
    assert!(token_requests(&atlas) > 60, "{}", token_requests(&atlas));
}

#[test]
fn a_fork_amid_waiting_for_the_token_cache_hangs_no_child() {
    let atlas = Simulator::start();
    short_tokens(&atlas);
    let directory = atlas.ca_file().parent().unwrap().join("cache");
    let mut config = service_account(config_for(&atlas.plain_url()));
    config.set_token_cache(directory.to_str().map(str::as_bytes));
    let shared = client(&config);
    // Each a client of its own, so that they meet at the cache.
    storm(
        "the token cache",
        |_| drop(get(&client(&config)).unwrap()),
        || drop(get(&shared).unwrap()),
    );
    assert!(directory.exists());
    assert!(token_requests(&atlas) > 60, "{}", token_requests(&atlas));
}

#[test]
fn a_fork_amid_setting_up_clients_and_looking_up_names_hangs_no_child() {
    const TEST: &str = "a_fork_amid_setting_up_clients_and_looking_up_names_hangs_no_child";
    if is_child() {
        let anew = || {
            let mut config = Config::from_env();
            get(&client(&config)).unwrap();
            let url = with_a_name(&env::var("MONGODB_ATLAS_BASE_URL").unwrap());
            config.set_base_url(Some(url.as_bytes()));
            let error = get(&client(&config)).unwrap_err();
            assert_ne!(error.kind, ErrorKind::Timeout, "{error}");
        };
        anew();
        storm("new clients", |_| anew(), anew);
        return;
    }
    let atlas = Simulator::start();
    let url = atlas.base_url();
    let variables: [(&str, &OsStr); 5] = [
        ("MONGODB_ATLAS_BASE_URL", url.as_ref()),
        ("MONGODB_ATLAS_CA_FILE", atlas.ca_file().as_ref()),
        ("MONGODB_ATLAS_PUBLIC_API_KEY", PUBLIC_KEY.as_ref()),
        ("MONGODB_ATLAS_PRIVATE_API_KEY", PRIVATE_KEY.as_ref()),
        ("NO_PROXY", "*".as_ref()),
    ];
    in_child(TEST, &variables);
}

#[test]
fn a_fork_amid_the_first_loading_of_the_authorities_hangs_no_child() {
    const TEST: &str = "a_fork_amid_the_first_loading_of_the_authorities_hangs_no_child";
    if is_child() {
        let mut config = config_for(&env::var("ATLAS_URL").unwrap());
        config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        first_of_a_process(&config, 20, Duration::from_micros(700), |client| {
            get(client).unwrap();
        });
        return;
    }
    let atlas = Simulator::start();
    let url = atlas.base_url();
    let variables: [(&str, &OsStr); 2] =
        [("ATLAS_URL", url.as_ref()), ("ATLAS_CA", atlas.ca_file().as_ref())];
    in_child(TEST, &variables);
}

#[test]
fn a_fork_amid_the_first_request_of_a_process_hangs_no_child() {
    const TEST: &str = "a_fork_amid_the_first_request_of_a_process_hangs_no_child";
    if is_child() {
        let url = env::var("ATLAS_URL").unwrap();
        if url.starts_with("http:") {
            let get = |client: &Client| drop(get(client).unwrap());
            first_of_a_process(&config_for(&url), 300, Duration::from_micros(2), get);
        } else {
            let config = config_for(&with_a_name(&url));
            first_of_a_process(&config, 300, Duration::from_micros(2), |client| {
                let error = get(client).unwrap_err();
                assert_ne!(error.kind, ErrorKind::Timeout, "{error}");
            });
        }
        return;
    }
    let atlas = Simulator::start();
    // With a name to look up as well, for which an authority is of no use.
    for url in [atlas.plain_url(), atlas.base_url()] {
        let variables: [(&str, &OsStr); 2] =
            [("ATLAS_URL", url.as_ref()), ("SSL_CERT_FILE", atlas.ca_file().as_ref())];
        in_child(TEST, &variables);
    }
}

/// Forks `count` times, `step` later each time, while other threads make the first clients and requests of a process.
fn first_of_a_process(config: &Config, count: u32, step: Duration, get: fn(&Client)) {
    for number in 0..count {
        // This process itself makes none, so that each of its children is as if the library was just loaded.
        fork(|| {
            let all = Barrier::new(5);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        all.wait();
                        get(&client(config));
                    });
                }
                all.wait();
                let (start, pause) = (Instant::now(), number * step);
                while start.elapsed() < pause {}
                fork(|| get(&client(config))).succeeds_within(ms(5000));
            });
        })
        .succeeds();
    }
}

#[test]
fn a_cancellation_stays_in_its_process() {
    let atlas = Simulator::start();
    for (name, config) in every_config(&atlas) {
        let client = client(&config);
        get(&client).unwrap();
        thread::scope(|scope| {
            let running = scope.spawn(|| get_of(&client, "silent"));
            thread::sleep(ms(50));
            let child = fork(|| drop(get_of(&client, "slow-400").unwrap()));
            thread::sleep(ms(150));
            client.cancel();
            let error = running.join().unwrap().unwrap_err();
            assert_eq!(error.kind, ErrorKind::Cancelled, "{name}: {error}");
            child.succeeds();
        });
        thread::scope(|scope| {
            let running = scope.spawn(|| get_of(&client, "slow-400"));
            thread::sleep(ms(50));
            fork(|| {
                client.cancel();
                thread::scope(|scope| {
                    let running = scope.spawn(|| get_of(&client, "silent"));
                    thread::sleep(ms(100));
                    client.cancel();
                    let error = running.join().unwrap().unwrap_err();
                    assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
                });
                get(&client).unwrap();
            })
            .succeeds();
            running.join().unwrap().expect(name);
        });
    }
}

#[test]
fn a_client_freed_in_the_child_leaves_the_parents_connections_alone() {
    let atlas = Simulator::start();
    for (name, mut config) in every_config(&atlas) {
        let lines = Lines::default();
        config.set_logger(3, lines.sink());
        let client = client(&config);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| get_of(&client, "slow-50").unwrap());
            }
        });
        // On a busy machine a connection that lost the race of addresses may still be closing, and close later.
        let mut open = atlas.open_connections();
        until("no connection closes any more", || {
            thread::sleep(Duration::from_millis(100));
            let now = atlas.open_connections();
            now == mem::replace(&mut open, now)
        });
        let made = atlas.connections();
        let free = || {
            // SAFETY: a copy whose original this process, which ends without a destructor, never touches again.
            drop(unsafe { ptr::read(&client) });
        };
        fork(free).succeeds();
        fork(|| {
            get(&client).unwrap();
            free();
        })
        .succeeds();
        until("the child's connection is gone", || atlas.open_connections() <= open);
        assert_eq!(atlas.connections(), made + 1, "{name}");
        let said = lines.all().len();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| get_of(&client, "slow-50").unwrap());
            }
        });
        let all = lines.all();
        for (_, line) in &all[said..] {
            assert!(line.contains("reused connection"), "{name}: {line}");
            assert!(!line.contains("again"), "{name}: {line}");
        }
        assert_eq!(all.len(), said + 4, "{name}");
        assert_eq!(atlas.connections(), made + 1, "{name}");
    }
}

#[test]
fn grandchildren_start_afresh_too() {
    fn descend(client: &Client, generation: u32) {
        get_id(client, ANY, &id(generation)).unwrap();
        if generation < 4 {
            fork(|| descend(client, generation + 1)).succeeds();
        }
        get_id(client, ANY, &id(generation)).unwrap();
    }
    for number in 0..6 {
        let atlas = Simulator::start();
        let (name, config) = every_config(&atlas).swap_remove(number);
        descend(&client(&config), 0);
        let mut all = HashSet::new();
        for generation in 0..5 {
            let used = connections(&asked(&atlas, generation));
            assert_eq!(used.len(), 1, "{name}: generation {generation}");
            assert!(all.is_disjoint(&used), "{name}: generation {generation}");
            all.extend(used);
        }
    }
    // A generation that did not use the client is nothing special.
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    get(&client).unwrap();
    fork(|| fork(|| fork(|| drop(get(&client).unwrap())).succeeds()).succeeds()).succeeds();
}

#[test]
fn what_was_read_before_can_be_read_and_freed_in_the_child() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let snapshot = get(&client).unwrap();
    let cluster_type = ClusterType::ReplicaSet;
    let list = client.list_snapshots(cluster_type, PROJECT, CLUSTER, Format::default()).unwrap();
    let status = snapshot.status().unwrap().to_owned();
    fork(|| {
        assert_eq!(snapshot.status(), Some(status.as_str()));
        assert_eq!(snapshot.id(), Some(SNAPSHOT));
        assert!(snapshot.json().contains(SNAPSHOT));
        let copy = snapshot.clone();
        assert_eq!(list.len(), 2);
        assert!(list.iter().all(|snapshot| snapshot.id().is_some()));
        // SAFETY: copies whose originals this process, which ends without a destructor, never touches again.
        unsafe {
            drop(ptr::read(&snapshot));
            drop(ptr::read(&list));
        }
        assert_eq!(copy.id(), Some(SNAPSHOT));
    })
    .succeeds();
    assert_eq!(snapshot.status(), Some(status.as_str()));
    assert_eq!(list.len(), 2);
}

#[test]
fn a_fork_in_a_progress_callback_leaves_two_independent_waits() {
    let atlas = Simulator::start();
    for (name, config) in every_config(&atlas) {
        // Both go on to the end.
        atlas.clear();
        let client = client(&config);
        let parent = process::id();
        let mut child = 0;
        let outcome = wait(&client, "staged", ms(500), &mut |_| {
            if child == 0 {
                // SAFETY: the child goes on with the wait and ends below.
                child = unsafe { libc::fork() };
                assert!(child >= 0);
                child = child.max(1);
            }
            true
        });
        if process::id() != parent {
            end(outcome.is_ok());
        }
        outcome.expect(name);
        ended_well(child as u32);
        let seen = atlas.requests();
        assert_eq!(connections(&seen).len(), 2, "{name}");
    }
}

#[test]
fn a_cancellation_reaches_no_wait_that_a_callback_forked_off() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let parent = process::id();

    // The parent cancels its own while the child sleeps between two polls.
    let mut child = 0;
    let mut answers = 0;
    let start = Instant::now();
    let outcome = thread::scope(|scope| {
        wait(&client, "stuck", ms(500), &mut |_| {
            answers += 1;
            if child == 0 {
                // SAFETY: the child goes on with the wait and ends below.
                child = unsafe { libc::fork() };
                if child > 0 {
                    scope.spawn(|| {
                        thread::sleep(ms(200));
                        client.cancel();
                    });
                }
                child = child.max(1);
            }
            answers < 4
        })
    });
    if process::id() != parent {
        // It is `answers` that ended the child's.
        end(answers == 4 && start.elapsed() > ms(1200));
    }
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(answers == 1 && start.elapsed() < ms(400));
    ended_well(child as u32);

    // The child cancels its own, and the parent's goes on.
    let mut child = 0;
    let mut answers = 0;
    let mut start = Instant::now();
    let outcome = wait(&client, "stuck", ms(800), &mut |_| {
        answers += 1;
        if child == 0 {
            // SAFETY: the child goes on with the wait and ends below.
            child = unsafe { libc::fork() };
            if child == 0 {
                start = Instant::now();
                // SAFETY: the client outlives this process, which ends without a destructor.
                let client: &'static Client = unsafe { &*ptr::from_ref(&client) };
                thread::spawn(|| {
                    thread::sleep(ms(200));
                    client.cancel();
                });
            }
            child = child.max(1);
        }
        answers < 3
    });
    if process::id() != parent {
        end(answers == 1 && start.elapsed() < ms(400) && outcome.is_err());
    }
    assert_eq!(answers, 3, "{outcome:?}");
    ended_well(child as u32);
}

#[test]
fn a_fork_in_the_logger_leaves_two_calls_that_know_nothing_of_each_other() {
    let atlas = Simulator::start();
    for (name, mut config) in every_config(&atlas) {
        config.set_max_retries(3);
        for cluster in ["retried", "many-1200"] {
            atlas.clear();
            let unavailable = Act::respond(503, "{}");
            atlas.script(Target::Path("/slow-1/".into()), [unavailable]);
            let (armed, child) = (AtomicBool::new(false), AtomicU32::new(0));
            let state = Arc::new((armed, child));
            let shared = state.clone();
            let parent = process::id();
            config.set_logger(
                3,
                Some(Arc::new(move |_, line: &str| {
                    if line.starts_with("GET") && shared.0.swap(false, Relaxed) {
                        // SAFETY: the child goes on with the call and ends below.
                        let child = unsafe { libc::fork() };
                        assert!(child >= 0);
                        shared.1.store(child as u32, Relaxed);
                    }
                })),
            );
            let client = client(&config);
            get(&client).unwrap();
            let parents = connections(&atlas.requests());
            state.0.store(true, Relaxed);
            let outcome = match cluster {
                "retried" => get_of(&client, "slow-1").map(drop),
                _ => client
                    .list_snapshots(ClusterType::ReplicaSet, PROJECT, cluster, Format::default())
                    .map(|list| assert_eq!(list.len(), 1200)),
            };
            if process::id() != parent {
                end(outcome.is_ok());
            }
            outcome.expect(name);
            ended_well(state.1.load(Relaxed));
            let used = connections(&atlas.requests());
            assert_eq!(used.len(), 2, "{name}, {cluster}: no connection of its own");
            get_id(&client, ANY, &id(9)).unwrap();
            assert_eq!(connections(&asked(&atlas, 9)), parents, "{name}, {cluster}");
        }
    }
}

#[test]
fn thousands_of_forks_leave_nothing_behind_in_the_parent() {
    const TEST: &str = "thousands_of_forks_leave_nothing_behind_in_the_parent";
    if is_child() {
        let mut config = config_for(&env::var("ATLAS_URL").unwrap());
        config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        let client = client(&api_key(config));
        get(&client).unwrap();
        let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
        let threads = || fs::read_dir("/proc/self/task").unwrap().count();
        let kib = || -> i64 {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("RssAnon:"));
            let number = line.unwrap().split_whitespace().nth(1);
            number.unwrap().parse().unwrap()
        };
        let forks = |count: u32| {
            for number in 0..count {
                fork(|| {
                    if number % 50 == 0 {
                        get(&client).unwrap();
                    }
                })
                .succeeds();
            }
            get(&client).unwrap();
        };
        forks(100);
        let before = (descriptors(), threads());
        let (memory, start) = (kib(), Instant::now());
        forks(2000);
        assert_eq!((descriptors(), threads()), before);
        let grown = kib() - memory;
        assert!(grown < 512, "{grown} KiB, {:?}", start.elapsed());
        return;
    }
    let atlas = Simulator::start();
    let url = atlas.base_url();
    let variables: [(&str, &OsStr); 2] =
        [("ATLAS_URL", url.as_ref()), ("ATLAS_CA", atlas.ca_file().as_ref())];
    in_child(TEST, &variables);
    // The parent was challenged once for its three.
    let of_parent = atlas.requests().first().unwrap().connection;
    let seen = atlas.requests();
    let count = seen.iter().filter(|it| it.connection == of_parent).count();
    assert_eq!(count, 4);
}

#[test]
fn a_child_of_a_thread_that_is_no_main_thread_works_too() {
    let atlas = Simulator::start();
    let client = client(&api_key(config(&atlas)));
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..3 {
                    get(&client).unwrap();
                    let child = fork(|| drop(get(&client).unwrap()));
                    let outcome = std::panic::catch_unwind(move || child.succeeds());
                    failures.lock().unwrap().extend(outcome.err().map(drop));
                }
            });
        }
    });
    assert!(failures.into_inner().unwrap().is_empty());
}

/// Has the logger fork once; the number is then the child's, in the child 1.
fn fork_at_the_first_warning(config: &mut Config) -> Arc<AtomicU32> {
    let child = Arc::new(AtomicU32::new(0));
    let forked = child.clone();
    config.set_logger(
        2,
        Some(Arc::new(move |_, _: &str| {
            if forked.load(Relaxed) == 0 {
                // SAFETY: the child goes on with the call, and the test ends it.
                let pid = unsafe { libc::fork() };
                forked.store(pid.max(1) as u32, Relaxed);
            }
        })),
    );
    child
}

#[test]
fn a_fork_in_the_logger_between_two_pages_leaves_each_its_connection() {
    let atlas = Simulator::start();
    let odd = vec![r#"{"id":"a","storageSizeBytes":"odd"}"#; 500].join(",");
    let page = |number: u8, body: String| {
        let target = Target::Path(format!("pageNum={number}"));
        atlas.script_forever(target, [Act::respond(200, body)]);
    };
    page(1, format!(r#"{{"results":[{odd}]}}"#));
    page(2, r#"{"results":[]}"#.into());
    let mut config = config_for(&atlas.plain_url());
    let child = fork_at_the_first_warning(&mut config);
    let client = client(&config);
    let parent = process::id();
    let list = client.list_snapshots(ClusterType::ReplicaSet, PROJECT, CLUSTER, Format::default());
    if process::id() != parent {
        end(list.is_ok_and(|list| list.len() == 500));
    }
    assert_eq!(list.unwrap().len(), 500);
    ended_well(child.load(Relaxed));
    let seen = atlas.requests();
    let of_parent = seen.iter().filter(|it| it.connection == seen[0].connection);
    assert_eq!(of_parent.count(), 2, "the child used the parent's");
    assert_eq!((seen.len(), connections(&seen).len()), (3, 2));
}

#[test]
fn a_fork_as_the_logger_hears_of_a_deprecation_leaves_two_calls() {
    let atlas = Simulator::start();
    let act = Act::Respond {
        status: 200,
        headers: vec![("Deprecation".into(), "@1".into())],
        body: r#"{"id":"a"}"#.into(),
    };
    atlas.script_forever(Target::Api, [act]);
    let mut config = config_for(&atlas.plain_url());
    let child = fork_at_the_first_warning(&mut config);
    let client = client(&config);
    let parent = process::id();
    let snapshot = get(&client);
    if process::id() != parent {
        end(snapshot.is_ok());
    }
    snapshot.unwrap();
    ended_well(child.load(Relaxed));
    // The child asked for itself, on a connection of its own.
    let seen = atlas.requests();
    assert_eq!((seen.len(), connections(&seen).len()), (2, 2));
}

//! Signals neither fail nor prolong a call; and what a process may lack: threads, descriptors.

mod common;

use std::ffi::OsStr;
use std::io::Write;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, ptr};

use atlas_backup::{Client, ClusterType, Config, Error, ErrorKind, Format, Polling};
use atlas_simulator::{Act, BadTls, CLUSTER, PROJECT, SNAPSHOT, Simulator, Target};
use common::{
    client, config, config_for, get, get_of, in_child, is_child, ms, read_head, server,
    service_account, swallower, until, with_a_name,
};

/// Signals handled, by thread.
static HANDLED: [AtomicU32; 64] = [const { AtomicU32::new(0) }; 64];
/// Signals handled on a thread of the library.
static ON_OURS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SLOT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A timer that interrupts this thread a thousand times a second, with a handler without `SA_RESTART`.
struct Interrupting {
    timer: libc::timer_t,
    slot: usize,
}

impl Interrupting {
    fn this_thread() -> Interrupting {
        extern "C" fn handler(_: libc::c_int) {
            HANDLED[SLOT.get()].fetch_add(1, Relaxed);
        }
        static NEXT: AtomicU32 = AtomicU32::new(1);
        static INSTALLED: Once = Once::new();
        let signal = libc::SIGRTMIN() + 3;
        let slot = NEXT.fetch_add(1, Relaxed) as usize;
        SLOT.set(slot);
        // SAFETY: the handler touches only an atomic and a thread-local without destructor; all structures are ours.
        unsafe {
            INSTALLED.call_once(|| {
                let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                action.sa_sigaction = handler as *const () as usize;
                assert_eq!(libc::sigaction(signal, &action, ptr::null_mut()), 0);
            });
            let mut event = MaybeUninit::<libc::sigevent>::zeroed().assume_init();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = signal;
            event.sigev_notify_thread_id = libc::gettid();
            let mut timer = ptr::null_mut();
            let made = libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer);
            assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
            let tick = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            let every = libc::itimerspec { it_interval: tick, it_value: tick };
            assert_eq!(libc::timer_settime(timer, 0, &every, ptr::null_mut()), 0);
            Interrupting { timer, slot }
        }
    }

    fn count(&self) -> u32 {
        HANDLED[self.slot].load(Relaxed)
    }
}

impl Drop for Interrupting {
    fn drop(&mut self) {
        // SAFETY: made above, and deleted once.
        unsafe { libc::timer_delete(self.timer) };
    }
}

fn wait(client: &Client, interval: Duration, timeout: Duration) -> Result<(), Error> {
    let polling = Polling { interval, timeout: Some(timeout), format: Format::default() };
    let cluster_type = ClusterType::ReplicaSet;
    client
        .wait_for_snapshot(cluster_type, PROJECT, "stuck", SNAPSHOT, polling, &mut |_| true)
        .map(drop)
}

type Call = Box<dyn Fn(&Client) -> Result<(), Error> + Send>;

fn getting(cluster: &'static str) -> Call {
    Box::new(move |client| get_of(client, cluster).map(drop))
}

#[test]
fn an_interval_timer_at_1_khz_changes_neither_result_nor_duration() {
    let atlas = Simulator::start();
    let other = Simulator::start();
    let swallower = swallower();
    // (what, the settings, the call, how it ends, after how long)
    let mut cases: Vec<(&str, Config, Call, Option<ErrorKind>, u64)> = Vec::new();
    for (name, config) in [
        ("a slow answer", config(&atlas)),
        ("a slow answer, plain", config_for(&atlas.plain_url())),
    ] {
        cases.push((name, config, getting("slow-2000"), None, 2000));
    }
    let with_timeout = |mut config: Config| {
        config.set_timeout_ms(1000);
        config
    };
    let timeout = Some(ErrorKind::Timeout);
    let swallowed = with_timeout(config_for(&format!("https://{}", swallower.address)));
    cases.push(("connecting", swallowed, getting(CLUSTER), timeout, 1000));
    for (name, kind) in [
        ("a stalled handshake", BadTls::StalledHandshake),
        ("a dripping handshake", BadTls::DrippedHandshake),
    ] {
        let mut config = with_timeout(config_for(&atlas.bad_tls_url(kind)));
        config.set_ca_file(atlas.ca_file().to_str().map(str::as_bytes));
        cases.push((name, config, getting(CLUSTER), timeout, 1000));
    }
    let dripping = with_timeout(config(&atlas));
    cases.push(("a dripping body", dripping, getting("dripping"), timeout, 1000));

    atlas.script(Target::Token, [Act::Delay { ms: 1000 }]);
    let fetching = service_account(config(&atlas));
    cases.push(("a slow token", fetching, getting(CLUSTER), None, 1000));

    let pause = Act::Respond {
        status: 429,
        headers: vec![("Retry-After".into(), "1".into())],
        body: "{}".into(),
    };
    atlas.script(Target::Path("/slow-0/".into()), [pause]);
    let mut retrying = config(&atlas);
    retrying.set_max_retries(1);
    cases.push(("a pause before a retry", retrying, getting("slow-0"), None, 1000));

    let sleeping: Call = Box::new(|client| wait(client, ms(4000), ms(1000)));
    cases.push(("between polls", config(&atlas), sleeping, timeout, 1000));

    // Somebody else holds the lock of the token cache for most of the time.
    other.script(Target::Token, [Act::Delay { ms: 1200 }]);
    let directory = other.ca_file().parent().unwrap().join("cache");
    let mut caching = service_account(config(&other));
    caching.set_token_cache(directory.to_str().map(str::as_bytes));
    let holder = client(&caching);
    let locked = getting(CLUSTER);
    // Its time is counted from the holder's request, or nearly.
    cases.push(("the token cache's lock", caching, locked, None, 1200));
    // Setting up a client takes its time where all do it at once.
    let cases: Vec<_> = cases
        .into_iter()
        .map(|(name, config, call, ending, due)| (name, client(&config), call, ending, due))
        .collect();

    thread::scope(|scope| {
        scope.spawn(|| get(&holder).unwrap());
        until("the lock is held", || !other.requests().is_empty());
        for (name, client, call, ending, due) in cases {
            scope.spawn(move || {
                let interrupting = Interrupting::this_thread();
                let start = Instant::now();
                let outcome = call(&client);
                let took = start.elapsed();
                let handled = interrupting.count();
                drop(interrupting);
                assert_eq!(
                    outcome.as_ref().err().map(|error| error.kind),
                    ending,
                    "{name}: {outcome:?}"
                );
                let late = took.as_millis() as i64 - due as i64;
                // The holder of the lock had a start of a few milliseconds; the lock is asked for every 20.
                assert!((-100..=100).contains(&late), "{name}: {late} ms late");
                let expected = took.as_millis() as u32;
                assert!(handled > expected / 3, "{name}: only {handled} signals in {took:?}");
            });
        }
    });
    assert_eq!(other.tokens_issued(), 1, "the cache was given up");
}

#[test]
fn signals_amid_a_thousand_requests_change_nothing() {
    let atlas = Simulator::start();
    for config in [config(&atlas), service_account(config_for(&atlas.plain_url()))] {
        let shared = client(&config);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let interrupting = Interrupting::this_thread();
                    for number in 0..250 {
                        if number % 25 == 0 {
                            get(&client(&config)).unwrap();
                        }
                        get(&shared).unwrap();
                    }
                    assert!(interrupting.count() > 20);
                });
            }
        });
    }
}

/// What `/proc` says about a thread: its name, and the signals it blocks.
fn threads() -> Vec<(String, u64)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter_map(|task| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let of = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name))?;
                Some(line[name.len()..].trim().to_owned())
            };
            // One that is just ending has no masks any more.
            if of("Threads:")? == "0" {
                return None;
            }
            let blocked = u64::from_str_radix(&of("SigBlk:")?, 16).ok()?;
            Some((of("Name:")?, blocked))
        })
        .collect()
}

#[test]
fn threads_of_the_library_block_every_signal() {
    const TEST: &str = "threads_of_the_library_block_every_signal";
    if is_child() {
        extern "C" fn handler(_: libc::c_int) {
            let mut name = [0; 16];
            // SAFETY: a buffer for what prctl writes, which is async-signal-safe enough: a system call.
            unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
            if name.starts_with(b"atlas-") {
                ON_OURS.fetch_add(1, Relaxed);
            }
            HANDLED[0].fetch_add(1, Relaxed);
        }
        // SAFETY: the handler touches only atomics; the timer is for this process.
        unsafe {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            action.sa_sigaction = handler as *const () as usize;
            assert_eq!(libc::sigaction(libc::SIGALRM, &action, ptr::null_mut()), 0);
            let tick = libc::timeval { tv_sec: 0, tv_usec: 1000 };
            let every = libc::itimerval { it_interval: tick, it_value: tick };
            assert_eq!(libc::setitimer(libc::ITIMER_REAL, &every, ptr::null_mut()), 0);
        }
        let mut config = config_for(&with_a_name(&env::var("ATLAS_URL").unwrap()));
        config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        let seen = Mutex::new(Vec::new());
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    let threads = threads();
                    let ours = threads.into_iter().filter(|it| it.0.starts_with("atlas-"));
                    seen.lock().unwrap().extend(ours);
                }
            });
            // Each new client looks up the name on a new thread.
            while seen.lock().unwrap().len() < 20 {
                let _ = get(&client(&config));
            }
            over.store(true, Relaxed);
        });
        let all = !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1));
        // glibc keeps two for itself, which nobody can block.
        let glibcs = (1 << 31) | (1 << 32);
        for (name, mask) in seen.into_inner().unwrap() {
            assert_eq!(mask | glibcs, all | glibcs, "{name} blocks {mask:x}");
        }
        assert!(HANDLED[0].load(Relaxed) > 0);
        assert_eq!(ON_OURS.load(Relaxed), 0, "handlers ran on our threads");
        return;
    }
    let atlas = Simulator::start();
    let url = atlas.base_url();
    let variables: [(&str, &OsStr); 2] =
        [("ATLAS_URL", url.as_ref()), ("ATLAS_CA", atlas.ca_file().as_ref())];
    in_child(TEST, &variables);
}

#[test]
fn the_callers_signal_mask_is_as_before() {
    let atlas = Simulator::start();
    let mask = || {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: asks for the mask of this thread, into a set of ours.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), set.as_mut_ptr());
            let set = set.assume_init();
            (1..65).filter(|&signal| libc::sigismember(&set, signal) == 1).collect::<Vec<_>>()
        }
    };
    // SAFETY: blocks a signal that nobody sends, on this thread.
    unsafe {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
        libc::sigaddset(&mut set, libc::SIGUSR2);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
    }
    let before = mask();
    assert_eq!(before, [libc::SIGUSR2]);
    get(&client(&config(&atlas))).unwrap();
    assert_eq!(mask(), before);
}

#[test]
fn a_connection_that_dies_as_we_send_raises_no_sigpipe() {
    const TEST: &str = "a_connection_that_dies_as_we_send_raises_no_sigpipe";
    if is_child() {
        // SAFETY: the default, which ends the process; Rust's runtime had it ignored.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let url = env::var("ATLAS_URL").unwrap();
        let mut config = config_for(&url);
        if url.starts_with("https") {
            config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        }
        config.set_proxy(Some(env::var("ATLAS_PROXY").unwrap().as_bytes()));
        let client = client(&config);
        for _ in 0..200 {
            // Kept connections that are closed before, or while, the next request is written.
            let _ = get(&client);
        }
        return;
    }
    let atlas = Simulator::start();
    // A proxy that hangs up for good as soon as the tunnel stands: its end, and then, since zero linger makes closing a
    // reset, one that says so before our handshake begins. That is how the signal is raised for certain.
    let closing = server(|_, mut stream| {
        read_head(&mut stream);
        let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = stream.shutdown(std::net::Shutdown::Write);
    });
    atlas.script_forever(Target::Api, [0, 0, 1, 0].map(|after_ms| Act::ThenClose { after_ms }));
    let proxy = format!("http://{closing}");
    for (url, proxy) in
        [(atlas.base_url(), ""), (atlas.plain_url(), ""), (atlas.base_url(), &*proxy)]
    {
        let variables: [(&str, &OsStr); 3] = [
            ("ATLAS_URL", url.as_ref()),
            ("ATLAS_CA", atlas.ca_file().as_ref()),
            ("ATLAS_PROXY", proxy.as_ref()),
        ];
        in_child(TEST, &variables);
    }
}

#[test]
fn calls_of_a_process_stopped_for_a_second_end_sensibly() {
    let atlas = Simulator::start();
    let calls: [(&str, &str, u32, Option<ErrorKind>); 3] = [
        ("answered meanwhile", "slow-400", 5000, None),
        ("answered later", "slow-1500", 5000, None),
        ("its time is over", "silent", 700, Some(ErrorKind::Timeout)),
    ];
    thread::scope(|scope| {
        for (name, cluster, timeout, ending) in calls {
            let atlas = &atlas;
            scope.spawn(move || {
                let mut config = config(atlas);
                config.set_timeout_ms(timeout);
                let client = client(&config);
                // This thread is the child's only one, so stopping the child stops all there is.
                let child = common::fork(|| {
                    let start = Instant::now();
                    let error = get_of(&client, cluster).err();
                    let took = start.elapsed();
                    assert_eq!(error.as_ref().map(|it| it.kind), ending, "{name}: {error:?}");
                    assert!(took > ms(1000), "{name}: it was not stopped: {took:?}");
                    assert!(took < ms(2300), "{name}: {took:?}");
                    get(&client).unwrap();
                });
                thread::sleep(ms(200));
                // SAFETY: signals to a child of ours that was not yet waited for.
                unsafe { libc::kill(child.pid(), libc::SIGSTOP) };
                thread::sleep(ms(1000));
                // SAFETY: as above.
                unsafe { libc::kill(child.pid(), libc::SIGCONT) };
                child.succeeds();
            });
        }
    });
}

fn limit(resource: libc::__rlimit_resource_t, soft: libc::rlim_t) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads and writes a structure of ours.
    unsafe {
        assert_eq!(libc::getrlimit(resource, &mut limit), 0);
        limit.rlim_cur = soft.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(resource, &limit), 0);
    }
}

/// Becomes a user for whom limits count, who is nobody else as far as this system knows; false if that cannot be.
fn become_somebody() -> bool {
    let user = 61_234 + std::process::id() % 1000;
    // SAFETY: changes the user of this process, all its threads.
    unsafe { libc::geteuid() != 0 || libc::setuid(user) == 0 }
}

#[test]
fn without_a_thread_names_are_not_looked_up_and_addresses_still_work() {
    const TEST: &str = "without_a_thread_names_are_not_looked_up_and_addresses_still_work";
    if is_child() {
        let mut named = config_for(&with_a_name(&env::var("ATLAS_URL").unwrap()));
        named.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        named.set_max_retries(1);
        let named = client(&named);
        let mut by_address = config_for(&env::var("ATLAS_ADDRESS").unwrap());
        by_address.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        let by_address = client(&by_address);
        let plain = client(&config_for(&env::var("ATLAS_PLAIN_URL").unwrap()));
        if !become_somebody() {
            println!("skipped: without a thread to be had: cannot become another user");
            return;
        }
        limit(libc::RLIMIT_NPROC, 1);
        let thread = thread::Builder::new().spawn(|| ());
        if thread.is_ok() {
            println!("skipped: without a thread to be had: RLIMIT_NPROC does not count here");
            return;
        }
        let start = Instant::now();
        let error = get(&named).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Network, "{error}");
        for words in ["cannot start a thread", "limit on threads", "2 tries"] {
            assert!(error.message().contains(words), "{error}");
        }
        assert!(start.elapsed() < ms(1000));
        get(&by_address).unwrap();
        get(&plain).unwrap();
        // And when there are threads again, names are looked up again.
        limit(libc::RLIMIT_NPROC, libc::RLIM_INFINITY);
        let error = get(&named).unwrap_err();
        assert!(!error.message().contains("start a thread"), "{error}");
        return;
    }
    let atlas = Simulator::start();
    let (url, plain) = (atlas.base_url(), atlas.plain_url());
    let address = url.replace("localhost", &IpAddr::from([127, 0, 0, 1]).to_string());
    let variables: [(&str, &OsStr); 4] = [
        ("ATLAS_URL", url.as_ref()),
        ("ATLAS_ADDRESS", address.as_ref()),
        ("ATLAS_PLAIN_URL", plain.as_ref()),
        ("ATLAS_CA", atlas.ca_file().as_ref()),
    ];
    in_child(TEST, &variables);
}

#[test]
fn without_a_descriptor_to_be_had_calls_fail_clearly_and_later_work_again() {
    const TEST: &str = "without_a_descriptor_to_be_had_calls_fail_clearly_and_later_work_again";
    if is_child() {
        let mut config = config_for(&env::var("ATLAS_URL").unwrap());
        // Descriptors below 64 are all in use while these live; those above are what a limit leaves.
        const USED: libc::rlim_t = 64;
        limit(libc::RLIMIT_NOFILE, USED);
        let plug: Vec<_> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
        assert!(!plug.is_empty());
        // Nothing to read the authorities with: no client, and not one that trusts other authorities.
        let error = Client::new(&config).expect_err("no system's authorities");
        assert_eq!(error.kind, ErrorKind::Config, "{error}");
        assert!(error.message().contains("open files"), "{error}");
        limit(libc::RLIMIT_NOFILE, USED + 100);
        config.set_ca_file(Some(env::var("ATLAS_CA").unwrap().as_bytes()));
        client(&config);
        limit(libc::RLIMIT_NOFILE, USED);
        let error = Client::new(&config).expect_err("no ca_file");
        assert_eq!(error.kind, ErrorKind::Config, "{error}");
        assert!(error.message().contains("open files"), "{error}");
        limit(libc::RLIMIT_NOFILE, USED + 100);

        // From none at all to enough: each call fails clearly or works.
        let mut failed = 0;
        for spare in 0..12 {
            let client = client(&config);
            limit(libc::RLIMIT_NOFILE, USED + spare);
            let outcome = get(&client);
            limit(libc::RLIMIT_NOFILE, USED + 100);
            if let Err(error) = outcome {
                failed += 1;
                assert_eq!(error.kind, ErrorKind::Network, "{spare}: {error}");
                let message = error.message().to_lowercase();
                // What the resolver lacks it calls by names of its own.
                let told = message.contains("descriptor")
                    || message.contains("open files")
                    || message.contains("cannot find the address");
                assert!(told, "{spare}: {error}");
            }
            get(&client).unwrap();
        }
        assert!((2..12).contains(&failed), "{failed}");
        return;
    }
    let atlas = Simulator::start();
    let url = atlas.base_url();
    let variables: [(&str, &OsStr); 2] =
        [("ATLAS_URL", url.as_ref()), ("ATLAS_CA", atlas.ca_file().as_ref())];
    in_child(TEST, &variables);
}

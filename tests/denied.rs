//! What the system or the program itself takes away from a call: each error names it, and later calls work again.

mod common;

use std::ffi::OsStr;
use std::os::fd::RawFd;
use std::time::Duration;
use std::{env, fs, mem, thread};

use atlas_backup::client::Polling;
use atlas_backup::{ClusterType, Config, ErrorKind, Format};
use atlas_simulator::{CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY, SNAPSHOT, Simulator};
use common::{client, config, config_for, get, get_of, in_child, is_child, until};

/// Runs `body` on a thread to which these system calls are forbidden, as a sandbox does it.
fn without<T: Send>(calls: &[libc::c_long], body: impl FnOnce() -> T + Send) -> T {
    let allow =
        |k| libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k };
    let mut filter = vec![libc::sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: mem::offset_of!(libc::seccomp_data, nr) as u32,
    }];
    for (number, call) in calls.iter().enumerate() {
        filter.push(libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            // Over the other comparisons and the permission to the refusal.
            jt: (calls.len() - number) as u8,
            jf: 0,
            k: *call as u32,
        });
    }
    filter.push(allow(libc::SECCOMP_RET_ALLOW));
    filter.push(allow(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let program =
                libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            // SAFETY: both change this thread alone; the program is there as long as it is looked at.
            let set = unsafe {
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                    && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0
            };
            assert!(set, "no filter: {}", std::io::Error::last_os_error());
            body()
        });
        thread.join().unwrap()
    })
}

fn with_key(mut config: Config) -> Config {
    config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
    config
}

#[test]
fn an_api_key_without_random_numbers_fails_for_want_of_these() {
    let atlas = Simulator::start();
    let client = client(&with_key(config_for(&atlas.plain_url())));
    let error = without(&[libc::SYS_getrandom], || get(&client)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal, "{error}");
    assert!(error.message().contains("no random numbers (getrandom: Operation not permitted"));
    assert!(!error.message().contains("no Digest"), "{error}");
    assert_eq!(atlas.requests().len(), 1, "the challenge alone");
    get(&client).unwrap();
    // A nonce that has worked needs no more of them.
    without(&[libc::SYS_getrandom], || get(&client)).unwrap();
}

#[test]
fn tls_without_random_numbers_fails_for_want_of_these() {
    let atlas = Simulator::start();
    let client = client(&config(&atlas));
    let error = without(&[libc::SYS_getrandom], || get(&client)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.message().contains("failed to get random bytes"), "{error}");
    get(&client).unwrap();
}

#[test]
fn a_system_that_refuses_to_wait_is_named_and_takes_no_time() {
    let atlas = Simulator::start();
    for (what, config) in [
        ("a token", config(&atlas)),
        ("a token, without TLS", config_for(&atlas.plain_url())),
        ("an API key", with_key(config(&atlas))),
    ] {
        let client = client(&config);
        let wait = || {
            let polling = Polling {
                interval: Duration::from_secs(1),
                timeout: Some(Duration::from_secs(60)),
                format: Format::default(),
            };
            let cluster_type = ClusterType::ReplicaSet;
            client
                .wait_for_snapshot(cluster_type, PROJECT, CLUSTER, SNAPSHOT, polling, &mut |_| true)
        };
        for outcome in
            [without(&[libc::SYS_ppoll], || get(&client)), without(&[libc::SYS_ppoll], wait)]
        {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Internal, "{what}: {error}");
            let said = "the system refused to wait (ppoll: Operation not permitted";
            assert!(error.message().contains(said), "{what}: {error}");
        }
        get(&client).unwrap();
    }
}

/// The event descriptors of this process.
fn events() -> Vec<RawFd> {
    let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
    all.filter(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        target.to_string_lossy().contains("eventfd")
    })
    .map(|entry| entry.file_name().to_str().unwrap().parse().unwrap())
    .collect()
}

#[test]
fn an_event_descriptor_closed_by_the_program_fails_one_call() {
    const TEST: &str = "an_event_descriptor_closed_by_the_program_fails_one_call";
    if is_child() {
        let before = events();
        let client = client(&config_for(&env::var("ATLAS_URL").unwrap()));
        // What is there in its place: nothing, or a file that can always be read.
        for other in [None, Some(c"/dev/zero")] {
            get(&client).unwrap();
            let mut ours = events();
            ours.retain(|fd| !before.contains(fd));
            let &[event] = ours.as_slice() else {
                panic!("{ours:?}");
            };
            // SAFETY: closes what is not ours to close, which is the point.
            unsafe {
                libc::close(event);
                if let Some(path) = other {
                    assert_eq!(libc::open(path.as_ptr(), libc::O_RDONLY), event);
                }
            }
            let error = get_of(&client, "slow-300").unwrap_err();
            assert_eq!(error.kind, ErrorKind::Internal, "{error}");
            let said = "this program closed a file descriptor of the library";
            assert!(error.message().contains(said), "{error}");

            get_of(&client, "slow-300").unwrap();
            thread::scope(|scope| {
                let waiting = scope.spawn(|| get_of(&client, "silent"));
                until("it waits", || {
                    client.cancel();
                    thread::sleep(Duration::from_millis(5));
                    waiting.is_finished()
                });
                let error = waiting.join().unwrap().unwrap_err();
                assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
            });
            // Nobody closed what has the number now.
            // SAFETY: asks for flags; closes what was opened above.
            unsafe {
                let is_open = libc::fcntl(event, libc::F_GETFD) >= 0;
                assert!(is_open || other.is_none());
                if other.is_some() {
                    libc::close(event);
                }
            }
        }
        return;
    }
    let atlas = Simulator::start();
    let url = atlas.plain_url();
    let variables: [(&str, &OsStr); 1] = [("ATLAS_URL", url.as_ref())];
    in_child(TEST, &variables);
}

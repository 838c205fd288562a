//! The token cache shared by processes: who fetches, who waits for the lock, and for how long.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;
use std::{fs, thread};

use atlas_backup::ErrorKind;
use atlas_simulator::{ACCESS_TOKEN, Act, Simulator, Target};

use super::process::{process, this_program};
use super::support::{
    Watched, caching, entry, good_entry, to_api, together, token_requests, write_private,
};
use crate::common::{Directory, ms, until};

#[test]
fn with_a_living_token_nobody_waits_for_another_process_to_refresh_it() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let old = good_entry(ACCESS_TOKEN, 3600, 200);
    write_private(&entry(&directory, &atlas), &old);
    atlas.script(Target::Token, [Act::Delay { ms: 1500 }]);
    thread::scope(|scope| {
        scope.spawn(|| Watched::new(caching(&atlas, &directory)).succeed());
        until("the refresh", || token_requests(&atlas) == 1);
        let start = Instant::now();
        Watched::new(caching(&atlas, &directory)).succeed();
        assert!(start.elapsed() < ms(1000), "{:?}", start.elapsed());
    });
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn a_hundred_processes_starting_at_once_make_one_token_request() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 300 }]);
    let directory = Directory::new();
    let mut children: Vec<Child> = (0..100)
        .map(|_| {
            let cache = directory.to_str().unwrap();
            let mut command = process(&this_program(), "get when told", &atlas, cache);
            command.stdin(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        drop(child.stdin.take());
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
    }
    assert_eq!(token_requests(&atlas), 1);
    assert_eq!(to_api(&atlas).len(), 100);
    assert!(to_api(&atlas).iter().all(|seen| seen.status == 200));
}

#[test]
fn a_stopped_process_that_holds_the_lock_does_not_stop_the_others() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Silence]);
    let directory = Directory::new();
    let mut stopped =
        process(&this_program(), "get", &atlas, directory.to_str().unwrap()).spawn().unwrap();
    until("the fetch", || token_requests(&atlas) == 1);
    let pid = stopped.id() as libc::pid_t;
    // SAFETY: a signal to a child of ours that was not yet waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
    let mut config = caching(&atlas, &directory);
    config.set_timeout_ms(2000);
    let client = Watched::new(config);
    let start = Instant::now();
    client.succeed();
    let took = start.elapsed();
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    assert!((ms(950)..ms(1900)).contains(&took), "{took:?}");
    assert_eq!(token_requests(&atlas), 2);
    // The dead hold no locks.
    let start = Instant::now();
    Watched::new(caching(&atlas, &directory)).succeed();
    assert!(start.elapsed() < ms(1000));
}

#[test]
fn a_program_started_meanwhile_inherits_neither_lock_nor_directory() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let client = Watched::new(caching(&atlas, &directory));
    atlas.script(Target::Token, [Act::Delay { ms: 300 }]);
    thread::scope(|scope| {
        scope.spawn(|| client.succeed());
        let held = || {
            let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
            let ours = all.filter(|it| {
                fs::read_link(it.path()).is_ok_and(|target| target.starts_with(&*directory))
            });
            ours.map(|it| it.file_name()).collect::<Vec<_>>()
        };
        until("the entry is locked", || held().len() == 2);
        for descriptor in held() {
            let path = Path::new("/proc/self/fdinfo").join(descriptor);
            let text = fs::read_to_string(path).unwrap();
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = i32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
            assert!(flags & libc::O_CLOEXEC != 0, "{text}");
        }
    });
}

#[test]
fn waiting_for_the_lock_ends_with_a_cancellation() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    atlas.script(Target::Token, [Act::Silence]);
    let (holder, waiter) =
        (Watched::new(caching(&atlas, &directory)), Watched::new(caching(&atlas, &directory)));
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(holder.fail().kind, ErrorKind::Cancelled));
        until("the fetch", || token_requests(&atlas) == 1);
        let waiting = scope.spawn(|| (waiter.fail().kind, Instant::now()));
        thread::sleep(ms(200));
        let start = Instant::now();
        waiter.cancel();
        let (kind, end) = waiting.join().unwrap();
        assert_eq!(kind, ErrorKind::Cancelled);
        assert!(end - start < ms(100));
        holder.cancel();
    });
    assert_eq!(token_requests(&atlas), 1);
}

#[test]
fn a_fork_while_the_lock_is_held_keeps_nobody_waiting() {
    let atlas = Simulator::start();
    atlas.script(Target::Token, [Act::Delay { ms: 800 }]);
    let directory = Directory::new();
    let client = Watched::new(caching(&atlas, &directory));
    let child = thread::scope(|scope| {
        scope.spawn(|| client.succeed());
        until("the fetch", || token_requests(&atlas) == 1);
        // SAFETY: the child calls the library, which promises to work there, and ends without running any handler.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = i32::from(client.get().is_err());
            // It lives on with the descriptor of the lock that it inherited.
            thread::sleep(ms(4000));
            // SAFETY: ends this process.
            unsafe { libc::_exit(code) };
        }
        child
    });
    assert!(child > 0);
    atlas.revoke_all_tokens();
    let start = Instant::now();
    Watched::new(caching(&atlas, &directory)).succeed();
    assert!(start.elapsed() < ms(2000), "{:?}", start.elapsed());
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child's call failed");
    // The child found its parent's token in the cache; the second was fetched after the revocation.
    assert_eq!(token_requests(&atlas), 2);
}

#[test]
fn a_revoked_token_in_the_cache_is_replaced_by_one_client_for_all() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let clients: Vec<Watched> = (0..8).map(|_| Watched::new(caching(&atlas, &directory))).collect();
    clients.iter().for_each(Watched::succeed);
    for knows in [true, false] {
        atlas.clear();
        atlas.revoke_all_tokens();
        together(8, |index| match knows {
            true => clients[index].succeed(),
            false => Watched::new(caching(&atlas, &directory)).succeed(),
        });
        assert_eq!(token_requests(&atlas), 1, "clients that know the old token: {knows}");
        let api = to_api(&atlas);
        let refused = api.iter().filter(|seen| seen.status == 401).count();
        assert!((1..=8).contains(&refused) && api.len() == 8 + refused);
    }
}

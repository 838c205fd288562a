//! The token cache among other processes: what modes its files get, where it is, and when its lock is held.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::{env, fs, process};

use atlas_backup::{Config, Level};
use atlas_simulator::{ACCESS_TOKEN, Act, Simulator, Target};
use rustix::fs::{FlockOperation, flock};

use crate::common::{
    Directory, Lines, client, config_for, get, in_child, is_child, service_account, until,
};

fn caching(url: &str, directory: &Path) -> Config {
    let mut config = service_account(config_for(url));
    config.set_token_cache(directory.to_str().map(str::as_bytes));
    config
}

/// The files of the cache's only entry with this extension.
fn files(directory: &Path, extension: Option<&str>) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension() == extension.map(OsStr::new))
        .collect()
}

fn entry(directory: &Path) -> PathBuf {
    let files = files(directory, None);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[test]
fn the_logger_runs_while_the_lock_of_the_token_cache_is_free() {
    type Prepare = fn(&Simulator, &Path);
    // What is done to an entry that is there, what is called then, and a line that tells of it.
    let cases: [(&str, Prepare, bool, &str); 5] = [
        (
            "a token is fetched",
            |_, entry| fs::remove_file(entry).unwrap(),
            false,
            "POST /api/oauth/token 200",
        ),
        (
            "an entry is damaged",
            |_, entry| fs::write(entry, "no entry").unwrap(),
            false,
            "is damaged",
        ),
        (
            "an entry cannot be written",
            |_, entry| {
                fs::remove_file(entry).unwrap();
                fs::create_dir(entry.with_extension("tmp")).unwrap();
            },
            false,
            "is not used: File exists",
        ),
        (
            "a refresh fails",
            |atlas, entry| {
                let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
                let (issued_at, expires_at) = (now - 3590, now + 10);
                let text = format!(
                    r#"{{"access_token":"{ACCESS_TOKEN}","issued_at":{issued_at},"expires_at":{expires_at}}}"#
                );
                fs::write(entry, text).unwrap();
                atlas.script_forever(Target::Token, [Act::respond(500, "{}")]);
            },
            false,
            "could not be refreshed",
        ),
        (
            "a token is given back",
            |_, entry| fs::write(entry, "no entry").unwrap(),
            true,
            "is damaged",
        ),
    ];
    for (what, prepare, gives_back, told) in cases {
        let atlas = Simulator::start();
        let directory = Directory::with_mode(0o755);
        let lines = Lines::default();
        let held: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut config = caching(&atlas.plain_url(), &directory.0);
        let (sink, seen, place) = (lines.sink().unwrap(), held.clone(), directory.0.clone());
        config.set_logger(
            4,
            Some(Arc::new(move |level: Level, line: &str| {
                sink(level, line);
                for lock in files(&place, Some("lock")) {
                    let file = File::open(lock).unwrap();
                    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                        // Closing would not unlock: a child that another test forked meanwhile has the file, too.
                        Ok(()) => flock(&file, FlockOperation::Unlock).unwrap(),
                        Err(_) => seen.lock().unwrap().push(line.to_owned()),
                    }
                }
            })),
        );
        let first = client(&config);
        get(&first).unwrap();
        prepare(&atlas, &entry(&directory.0));
        match gives_back {
            true => first.revoke_token().unwrap(),
            false => drop(get(&client(&config)).unwrap()),
        }
        assert!(!lines.with(told).is_empty(), "{what}: {:?}", lines.all());
        let held = held.lock().unwrap();
        assert!(held.is_empty(), "{what}: locked at {held:?}");
    }
}

#[test]
fn a_fork_in_the_logger_amid_the_life_of_a_token_leaves_two_calls() {
    // Whether there is a cache, whether the token is given back from a damaged one, the line at which the logger forks, and
    // the requests for and about tokens.
    for (has_cache, gives_back, told, requests) in [
        (true, false, "POST /api/oauth/token", 1),
        (false, false, "POST /api/oauth/token", 2),
        (true, true, "token_cache", 2),
    ] {
        let atlas = Simulator::start();
        let directory = Directory::with_mode(0o755);
        let mut config = caching(&atlas.plain_url(), &directory.0);
        if !has_cache {
            config.set_token_cache(None);
        }
        let child = Arc::new(AtomicI32::new(0));
        let forked = child.clone();
        config.set_logger(
            4,
            Some(Arc::new(move |_, line: &str| {
                if line.starts_with(told) && forked.load(Relaxed) == 0 {
                    // SAFETY: the child goes on with the call and ends below.
                    let pid = unsafe { libc::fork() };
                    forked.store(pid.max(1), Relaxed);
                }
            })),
        );
        let parent = process::id();
        let client = client(&config);
        let mut outcome = get(&client).map(drop);
        if gives_back {
            fs::write(entry(&directory.0), "no entry").unwrap();
            outcome = outcome.and_then(|()| client.revoke_token());
        }
        if process::id() != parent {
            // SAFETY: ends this process.
            unsafe { libc::_exit(i32::from(outcome.is_err())) };
        }
        outcome.unwrap();
        let (child, mut status) = (child.load(Relaxed), 0);
        until("the child has ended", || {
            // SAFETY: asks after a child of this process.
            unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) == child }
        });
        assert_eq!(status, 0, "{told}: the child failed");
        let made = atlas.count(|method, _| method == "POST");
        assert_eq!(made, requests, "{told}");
    }
}

#[test]
fn a_first_process_with_any_umask_leaves_a_cache_for_all_that_follow() {
    const TEST: &str =
        "cache_files::a_first_process_with_any_umask_leaves_a_cache_for_all_that_follow";
    if is_child() {
        let number = |name: &str| -> u32 { env::var(name).unwrap().parse().unwrap() };
        if rustix::process::geteuid().is_root() {
            // For root modes are no obstacle.
            // SAFETY: changes this process, which has only this to do.
            assert_eq!(unsafe { libc::setuid(65534) }, 0);
        }
        // SAFETY: the same.
        unsafe { libc::umask(number("ATLAS_UMASK") as libc::mode_t) };
        let directory = PathBuf::from(env::var("ATLAS_CACHE").unwrap());
        let mut config = caching(&env::var("ATLAS_URL").unwrap(), &directory);
        let lines = Lines::default();
        config.set_logger(4, lines.sink());
        get(&client(&config)).unwrap();
        assert!(lines.with("token_cache").is_empty(), "{:?}", lines.all());
        return;
    }
    let atlas = Simulator::start();
    for umask in [0o777, 0o277, 0o177, 0o077, 0o000] {
        for place in ["", "cache", "parent/cache"] {
            atlas.clear();
            let directory = Directory::with_mode(0o755);
            let given = rustix::process::geteuid().is_root();
            if given {
                chown(&directory.0, Some(65534), Some(65534)).unwrap();
            }
            let cache = directory.0.join(place);
            let run = |umask: u32| {
                let (url, umask) = (atlas.plain_url(), umask.to_string());
                let variables: [(&str, &OsStr); 3] = [
                    ("ATLAS_URL", url.as_ref()),
                    ("ATLAS_UMASK", umask.as_ref()),
                    ("ATLAS_CACHE", cache.as_ref()),
                ];
                in_child(TEST, &variables);
            };
            run(umask);
            let what = format!("umask {umask:04o} in \"{place}\"");
            let lock = &files(&cache, Some("lock"))[0];
            assert_eq!((mode(lock), mode(&entry(&cache))), (0o600, 0o600), "{what}");
            if !place.is_empty() {
                assert_eq!(mode(&cache), 0o700, "{what}");
            }
            run(0o022);
            assert_eq!(atlas.tokens_issued(), 1, "{what}");

            // What a process left that was killed before it set the mode.
            fs::set_permissions(lock, Permissions::from_mode(0o600 & !umask)).unwrap();
            fs::remove_file(entry(&cache)).unwrap();
            run(0o022);
            assert_eq!(mode(lock), 0o600, "{what}");
            run(0o022);
            assert_eq!(atlas.tokens_issued(), 2, "{what}");
        }
    }
}

#[test]
fn a_symbolic_link_to_the_cache_is_followed_and_what_it_leads_to_counts() {
    let atlas = Simulator::start();
    let directory = Directory::with_mode(0o755);
    let (link, cache) = (directory.0.join("link"), directory.0.join("cache"));
    symlink(&cache, &link).unwrap();
    // The mode of the cache, and a word of the warning.
    for (mode, warning) in [
        (None, Some("No such file")),
        (Some(0o700), None),
        (Some(0o770), Some("writable by others")),
    ] {
        if let Some(mode) = mode {
            let _ = fs::create_dir(&cache);
            fs::set_permissions(&cache, Permissions::from_mode(mode)).unwrap();
        }
        let mut config = caching(&atlas.plain_url(), &link);
        let lines = Lines::default();
        config.set_logger(2, lines.sink());
        get(&client(&config)).unwrap();
        let warnings = lines.all();
        match warning {
            Some(why) => assert!(!lines.with(why).is_empty(), "{why}: {warnings:?}"),
            None => {
                assert!(warnings.is_empty(), "{warnings:?}");
                assert!(link.is_symlink() && entry(&cache).exists());
            }
        }
    }
}

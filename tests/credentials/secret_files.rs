//! Secrets in files: how they are read, and read again when Atlas has refused what they held.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use atlas_backup::{Client, Config, ErrorKind};
use atlas_simulator::{
    ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, Settings, Simulator,
    Target,
};

use super::support::{Watched, fifo, is_root, settings, to, to_api, token_requests};
use crate::common::{Directory, fork, in_child, is_child, ms, until};

/// A kind of credentials whose secret is in a file.
struct Kind {
    name: &'static str,
    setting: &'static str,
    first: &'static str,
    set: fn(&mut Config, Option<&[u8]>),
    /// Makes another secret the one that Atlas takes.
    take: fn(&mut Settings, &str),
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "a service account",
        setting: "client_secret_file",
        first: CLIENT_SECRET,
        set: |config, path| config.set_service_account_file(Some(CLIENT_ID.as_bytes()), path),
        take: |settings, secret| settings.client_secret = secret.into(),
    },
    Kind {
        name: "an API key",
        setting: "private_key_file",
        first: PRIVATE_KEY,
        set: |config, path| config.set_api_key_file(Some(PUBLIC_KEY.as_bytes()), path),
        take: |settings, secret| settings.digest.private_key = secret.into(),
    },
    Kind {
        name: "an access token",
        setting: "access_token_file",
        first: ACCESS_TOKEN,
        set: |config, path| config.set_access_token_file(path),
        take: |settings, secret| settings.access_token = secret.into(),
    },
];

impl Kind {
    fn config(&self, atlas: &Simulator, path: &str) -> Config {
        let mut config = settings(atlas);
        (self.set)(&mut config, Some(path.as_bytes()));
        config
    }

    /// Atlas takes this secret alone from now on, and no token that was fetched with another.
    fn rotate(&self, atlas: &Simulator, secret: &str) {
        atlas.change(|settings| (self.take)(settings, secret));
        atlas.revoke_all_tokens();
    }
}

/// Replaces a file as a whole.
fn replace(path: &str, text: &str) {
    let temporary = format!("{path}.new");
    fs::write(&temporary, text).unwrap();
    fs::set_permissions(&temporary, Permissions::from_mode(0o600)).unwrap();
    fs::rename(temporary, path).unwrap();
}

fn a_secret_file(place: &Directory, text: &str) -> String {
    let path = format!("{}/secret", place.path());
    replace(&path, text);
    path
}

#[test]
fn a_secret_is_replaced_under_a_living_client_and_no_call_fails() {
    const THREADS: usize = 8;
    let place = Directory::new();
    for kind in &KINDS {
        let atlas = Simulator::start();
        let path = a_secret_file(&place, kind.first);
        let client = Watched::new(kind.config(&atlas, &path));
        // Of each thread, since a call that lasts while the secret is replaced twice may fail.
        let calls: [AtomicUsize; THREADS] = Default::default();
        let is_over = AtomicBool::new(false);
        let secrets: Vec<String> = (1..=3).map(|n| format!("{}-number-{n}", kind.first)).collect();
        thread::scope(|scope| {
            for calls in &calls {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        client.succeed();
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for secret in &secrets {
                let some_calls = || {
                    for calls in &calls {
                        let before = calls.load(Ordering::Relaxed);
                        until("calls succeed", || calls.load(Ordering::Relaxed) > before + 2);
                    }
                };
                some_calls();
                replace(&path, &format!("{secret}\n"));
                kind.rotate(&atlas, secret);
                some_calls();
            }
            is_over.store(true, Ordering::Relaxed);
        });
        let told = client.lines.with("holds another secret than the one that Atlas refused");
        assert_eq!(told.len(), secrets.len(), "{}: one thread reads for all", kind.name);
        assert!(told[0].contains(&path), "{}", told[0]);
        let again = match kind.name {
            "a service account" => "again because the access token was refused",
            _ => "again because the secret was read again from its file",
        };
        assert!(!client.lines.with(again).is_empty(), "{}", kind.name);
        for (_, line) in client.lines.all() {
            assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
        }
    }
}

#[test]
fn a_refused_secret_is_looked_for_in_its_file_once() {
    let place = Directory::new();
    for kind in &KINDS {
        let atlas = Simulator::start();
        let requests = || {
            let count = atlas.requests().len();
            atlas.clear();
            count
        };
        let path = a_secret_file(&place, "wrong");
        let client = Watched::new(kind.config(&atlas, &path));
        // The same secret is not sent again.
        let error = client.fail();
        assert_eq!((error.kind, error.http_status), (ErrorKind::Unauthenticated, 401), "{error}");
        let said = format!("{} {path} still holds what was refused", kind.setting);
        assert!(error.message().contains(&said), "{error}");
        let once = requests();
        // Another is, once.
        replace(&path, "wrong as well");
        let error = client.fail();
        assert_eq!((error.kind, error.http_status), (ErrorKind::Unauthenticated, 401), "{error}");
        let said = format!("{} {path} was read again", kind.setting);
        assert!(error.message().contains(&said), "{error}");
        assert_eq!(requests(), 2 * once, "{}", kind.name);
        replace(&path, kind.first);
        client.succeed();
    }
}

#[test]
fn a_file_that_cannot_be_read_again_leaves_the_refusal_as_it_was() {
    let place = Directory::new();
    type Case<'a> = (&'a str, fn(&str), &'a str);
    let mut cases: Vec<Case> = vec![
        ("gone", |path| fs::remove_file(path).unwrap(), "cannot be read: No such file"),
        ("empty", |path| replace(path, ""), "is empty"),
        ("large", |path| replace(path, &"x".repeat(16 * 1024 + 1)), "has more than 16 KiB"),
        ("two lines", |path| replace(path, "hush\nhush\n"), "not printable ASCII"),
        (
            "a directory",
            |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            },
            "neither a regular file nor a pipe",
        ),
    ];
    if is_root() {
        println!("skipped: a file without permission: root may read it");
    } else {
        let forbid = |path: &str| fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
        cases.push(("no permission", forbid, "Permission denied"));
    }
    for kind in &KINDS {
        let atlas = Simulator::start();
        for (what, spoil, why) in &cases {
            let path = a_secret_file(&place, "hushed");
            let client = Watched::new(kind.config(&atlas, &path));
            let before = client.fail();
            spoil(&path);
            let error = client.fail();
            assert_eq!(error.kind, ErrorKind::Unauthenticated, "{what}: {error}");
            assert_eq!((error.http_status, &error.code), (401, &before.code), "{what}: {error}");
            assert!(error.message().contains(&format!("{} {path}", kind.setting)), "{error}");
            assert!(error.message().contains(why) && !error.message().contains("hush"), "{error}");
            let _ = fs::remove_dir(&path);
        }
    }
}

#[test]
fn a_failure_that_is_no_refusal_reads_nothing() {
    let place = Directory::new();
    for kind in &KINDS {
        let path = a_secret_file(&place, kind.first);
        let mut config = kind.config(&Simulator::start(), &path);
        config.set_base_url(Some(b"http://127.0.0.1:1")); // where nobody listens
        let client = Watched::new(config);
        replace(&path, "another");
        let error = client.fail();
        assert_eq!(error.kind, ErrorKind::Network, "{}: {error}", kind.name);
        assert!(!error.message().contains(&path), "{}: {error}", kind.name);
        assert!(client.lines.with("holds another secret").is_empty(), "{}", kind.name);
    }
}

#[test]
fn a_token_or_nonce_that_merely_ended_reads_nothing() {
    let place = Directory::new();
    for kind in &KINDS {
        let atlas = Simulator::start();
        let path = a_secret_file(&place, kind.first);
        let client = Watched::new(kind.config(&atlas, &path));
        client.succeed();
        replace(&path, "another");
        atlas.change(|settings| settings.token_lifetime_ms = 1);
        atlas.revoke_all_tokens();
        atlas.forget_nonces();
        atlas.change(|settings| settings.token_lifetime_ms = 3_600_000);
        client.succeed();
        atlas.change(|settings| settings.digest.nonce_uses = 1);
        client.succeed();
        client.succeed();
        assert!(client.lines.with("another secret").is_empty(), "{}", kind.name);
    }
}

#[test]
fn a_secret_file_is_read_as_people_write_it_or_refused_with_its_name() {
    let place = Directory::new();
    let secret = "s3cr3t-t3xt";
    let (long, limit) = ("x".repeat(8 * 1024), "x".repeat(8 * 1024 + 1));
    let large = "x".repeat(16 * 1024 + 1);
    let cases: [(&str, Result<(), &str>); 15] = [
        (secret, Ok(())),
        (&format!("{secret}\n"), Ok(())),
        (&format!("{secret}\r\n"), Ok(())),
        (&long, Ok(())),
        (&format!("{secret}\n\n"), Err("ends with more than one newline")),
        (&format!("{secret}\r"), Err("ends with more than one newline")),
        (&format!("{secret}\n{secret}"), Err("a character at position 12")),
        (&format!("\u{feff}{secret}"), Err("a character at position 1 ")),
        (&format!("{secret} \n"), Err("begins or ends with a space")),
        ("", Err("is empty")),
        ("\n", Err("is empty")),
        ("\r\n", Err("is empty")),
        (&limit, Err("is longer than any credential of Atlas")),
        (&large[1..], Err("is longer than any credential of Atlas")),
        (&large, Err("has more than 16 KiB")),
    ];
    let atlas = Simulator::start();
    for kind in &KINDS {
        for (text, expected) in &cases {
            let path = a_secret_file(&place, text);
            refused_or_not(kind, &atlas, &path, expected, &format!("{} {path}", kind.setting));
        }
        let path = a_secret_file(&place, secret);
        let link = format!("{}/link", place.path());
        let _ = symlink(&path, &link);
        refused_or_not(kind, &atlas, &link, &Ok(()), "");
        for (path, why) in [
            ("/no/such/file", "cannot be read: No such file or directory"),
            ("/dev/null", "is neither a regular file nor a pipe"),
            ("/dev/zero", "is neither a regular file nor a pipe"),
            (place.path(), "is neither a regular file nor a pipe"),
        ] {
            refused_or_not(kind, &atlas, path, &Err(why), &format!("{} {path}", kind.setting));
        }
        // Perhaps the secret itself.
        let error = refused_or_not(kind, &atlas, secret, &Err("cannot be read"), kind.setting);
        assert!(!error.contains(secret), "{error}");
        refused_or_not(kind, &atlas, "", &Err("is empty"), kind.setting);
        let mut config = settings(&atlas);
        (kind.set)(&mut config, None);
        let error = Client::new(&config).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config);
        assert!(error.message().contains(&format!("{} is missing", kind.setting)), "{error}");
    }
}

/// The message, if a client could not be made.
fn refused_or_not(
    kind: &Kind,
    atlas: &Simulator,
    path: &str,
    expected: &Result<(), &str>,
    named: &str,
) -> String {
    let outcome = Client::new(&kind.config(atlas, path));
    let message = match (&outcome, expected) {
        (Ok(_), Ok(())) => return String::new(),
        (Err(error), Err(why)) if error.message().contains(why) => error.message(),
        _ => panic!("{} in {path}: {outcome:?}, not {expected:?}", kind.name),
    };
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Config, "{message}");
    assert!(message.contains(named) && !message.contains("os error"), "{message}");
    assert!(!message.contains("s3cr3t"), "{message}");
    message
}

#[test]
fn a_pipe_is_waited_for_no_longer_than_a_call_may_take() {
    let place = Directory::new();
    let path = format!("{}/pipe", place.path());
    fifo(Path::new(&path));
    let atlas = Simulator::start();
    let kind = &KINDS[2];
    // Nobody writes: it is empty, at once.
    let start = Instant::now();
    refused_or_not(kind, &atlas, &path, &Err("is empty"), kind.setting);
    // Somebody takes time. The pipe is opened for both, since that does not wait.
    let mut writer = File::options().read(true).write(true).open(&path).unwrap();
    let client = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(ms(50));
            let started = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
            let inherited = String::from_utf8(started.stdout).unwrap();
            assert!(
                !inherited.contains(&path),
                "a program started meanwhile may read it: {inherited}"
            );
            writer.write_all(ACCESS_TOKEN.as_bytes()).unwrap();
            thread::sleep(ms(50));
            drop(writer);
        });
        Watched::new(kind.config(&atlas, &path))
    });
    client.succeed();
    // It cannot be read again, and nobody waits for that.
    let _writer = File::options().read(true).write(true).open(&path).unwrap();
    atlas.change(|settings| settings.access_token = "another".into());
    let error = client.fail();
    assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
    assert!(error.message().contains("does not come to an end in time"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
    // As a shell's <(command) makes it.
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"another\n").unwrap();
    drop(writer);
    Watched::new(kind.config(&atlas, &format!("/dev/fd/{}", reader.as_raw_fd()))).succeed();
    // Nor does a pipe without an end hang anybody who makes a client.
    let mut config = kind.config(&atlas, &path);
    config.set_timeout_ms(100);
    let start = Instant::now();
    let error = Client::new(&config).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Config, "{error}");
    assert!(error.message().contains("does not come to an end in time"), "{error}");
    let took = start.elapsed();
    assert!((ms(100)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[test]
fn a_secret_that_every_user_may_read_is_a_warning() {
    let place = Directory::new();
    let atlas = Simulator::start();
    for kind in &KINDS {
        for (mode, is_warned) in [(0o600, false), (0o440, false), (0o644, true), (0o444, true)] {
            let path = a_secret_file(&place, kind.first);
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let client = Watched::new(kind.config(&atlas, &path));
            client.succeed();
            let warnings = client.warnings();
            assert_eq!(warnings.len(), usize::from(is_warned), "{mode:o}: {warnings:?}");
            assert!(warnings.iter().all(|line| line.contains(&path)), "{warnings:?}");
        }
    }
}

#[test]
fn after_a_fork_parent_and_child_each_read_the_file() {
    if !is_child() {
        return in_child("secret_files::after_a_fork_parent_and_child_each_read_the_file", &[]);
    }
    let place = Directory::new();
    for kind in &KINDS {
        let atlas = Simulator::start();
        let path = a_secret_file(&place, kind.first);
        let client = Watched::new(kind.config(&atlas, &path));
        client.succeed();
        let secret = format!("{}-2", kind.first);
        replace(&path, &secret);
        kind.rotate(&atlas, &secret);
        fork(|| {
            client.succeed();
            client.succeed();
        })
        .succeeds();
        client.succeed();
        fork(|| client.succeed()).succeeds();
    }
}

#[test]
fn what_is_echoed_of_an_old_or_a_new_secret_is_not_shown() {
    let place = Directory::new();
    for kind in &KINDS {
        let atlas = Simulator::start();
        let path = a_secret_file(&place, kind.first);
        let client = Watched::new(kind.config(&atlas, &path));
        client.succeed();
        let secret = format!("{}-replaced", kind.first);
        replace(&path, &secret);
        kind.rotate(&atlas, &secret);
        client.succeed();
        let echo = format!(r#"{{"error":418,"detail":"<{}> <{secret}>"}}"#, kind.first);
        atlas.script(Target::Api, [Act::respond(418, echo)]);
        let error = client.fail();
        assert_eq!(error.detail, "<[secret]> <[secret]>", "{}", kind.name);
    }
}

#[test]
fn processes_that_share_a_token_fetch_one_with_the_new_secret() {
    let (place, cache) = (Directory::new(), Directory::new());
    let atlas = Simulator::start();
    let kind = &KINDS[0];
    let path = a_secret_file(&place, kind.first);
    // Clients know as little of each other as processes do.
    let clients: Vec<Watched> = (0..4)
        .map(|_| {
            let mut config = kind.config(&atlas, &path);
            config.set_token_cache(Some(cache.path().as_bytes()));
            Watched::new(config)
        })
        .collect();
    clients.iter().for_each(Watched::succeed);
    assert_eq!(atlas.tokens_issued(), 1);
    replace(&path, "another-secret");
    kind.rotate(&atlas, "another-secret");
    thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| client.succeed());
        }
    });
    assert_eq!(atlas.tokens_issued(), 2);
}

#[test]
fn a_token_is_given_back_although_the_secret_was_replaced() {
    let place = Directory::new();
    let atlas = Simulator::start();
    let kind = &KINDS[0];
    let path = a_secret_file(&place, kind.first);
    let client = Watched::new(kind.config(&atlas, &path));
    client.succeed();
    replace(&path, "another-secret");
    atlas.change(|settings| settings.client_secret = "another-secret".into());
    client.revoke_token().unwrap();
    assert_eq!(atlas.live_tokens(), 0);
    let statuses: Vec<u16> =
        to(&atlas, "/api/oauth/revoke").iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [401, 200]);
    client.succeed();
    assert_eq!((token_requests(&atlas), to_api(&atlas).len()), (2, 2));
}

#[test]
fn a_refresh_that_is_refused_reads_the_file_while_the_old_token_lives() {
    let place = Directory::new();
    let atlas = Simulator::start();
    let kind = &KINDS[0];
    let path = a_secret_file(&place, kind.first);
    // To be refreshed ahead after nine tenths of it.
    atlas.change(|settings| settings.expires_in = 1.into());
    let client = Watched::new(kind.config(&atlas, &path));
    client.succeed();
    replace(&path, "another-secret");
    atlas.change(|settings| settings.client_secret = "another-secret".into());
    until("the token is refreshed", || {
        client.succeed();
        atlas.tokens_issued() > 1
    });
    assert_eq!(client.warnings(), Vec::<String>::new());
}

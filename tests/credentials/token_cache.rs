//! The token cache: what its files are, what is done with those that are not ours, and where it is.

use std::ffi::CString;
use std::fs;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use atlas_backup::ErrorKind;
use atlas_simulator::{ACCESS_TOKEN, Act, CLIENT_ID, CLIENT_SECRET, Simulator, Target};
use serde_json::{Value, json};

use super::process::{output, process, this_program};
use super::support::{
    Watched, bearer, caching, entry, entry_name, fifo, good_entry, is_root, to_api, token_requests,
    unix_now, write_private,
};
use crate::common::{Directory, ms};

#[test]
fn a_cached_token_serves_every_client_with_the_right_secret() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let cache = directory.join("made").join("here");
    Watched::new(caching(&atlas, &cache)).succeed();
    for made in [&cache, cache.parent().unwrap()] {
        assert_eq!(made.metadata().unwrap().mode() & 0o7777, 0o700);
    }
    let entry = cache.join(entry_name(&atlas, CLIENT_SECRET));
    let mut names: Vec<PathBuf> =
        fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names, [entry.clone(), entry.with_extension("lock")]);
    for file in &names {
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600, "{file:?}");
    }
    let document: Value = serde_json::from_slice(&fs::read(&entry).unwrap()).unwrap();
    assert_eq!(document["access_token"], bearer(&to_api(&atlas)[0]));
    let life = document["expires_at"].as_u64().unwrap() - document["issued_at"].as_u64().unwrap();
    assert!((3599..=3600).contains(&life));

    let other = Watched::new(caching(&atlas, &cache));
    other.succeed();
    assert_eq!((token_requests(&atlas), other.warnings().len()), (1, 0));

    // A wrong or rotated secret finds nothing: it gets its own refusal, not somebody's token.
    atlas.clear();
    let mut config = caching(&atlas, &cache);
    config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(b"mdb_sa_sk_another"));
    assert_eq!(Watched::new(config).fail().kind, ErrorKind::Unauthenticated);
    assert_eq!((token_requests(&atlas), to_api(&atlas).len()), (1, 0));
}

#[test]
fn what_is_not_ours_is_left_alone_with_one_warning() {
    type Spoil = fn(&Path, &Path);
    let cases: [(&str, Spoil, &str, bool); 12] = [
        (
            "a symbolic link",
            |entry, _| symlink("/etc/passwd", entry).unwrap(),
            "symbolic link",
            false,
        ),
        (
            "a link to a good entry",
            |entry, directory| {
                let target = directory.join("target");
                write_private(&target, &good_entry(ACCESS_TOKEN, 3600, 3000));
                symlink(target, entry).unwrap();
            },
            "symbolic link",
            false,
        ),
        ("a FIFO", |entry, _| fifo(entry), "no plain file", false),
        ("a directory", |entry, _| fs::create_dir(entry).unwrap(), "no plain file", false),
        (
            "a readable file",
            |entry, _| {
                write_private(entry, &good_entry(ACCESS_TOKEN, 3600, 3000));
                fs::set_permissions(entry, Permissions::from_mode(0o640)).unwrap();
            },
            "mode 0640, not 0600",
            false,
        ),
        (
            "another's file",
            |entry, _| {
                write_private(entry, &good_entry(ACCESS_TOKEN, 3600, 3000));
                chown(entry, Some(12345), None).unwrap();
            },
            "belongs to another user",
            true,
        ),
        (
            "a FIFO for a lock",
            |entry, _| fifo(&entry.with_extension("lock")),
            "no plain file",
            false,
        ),
        (
            "a link for a lock",
            |entry, directory| {
                symlink(directory.join("new"), entry.with_extension("lock")).unwrap();
            },
            "symbolic link",
            false,
        ),
        (
            "another's lock",
            |entry, _| {
                write_private(&entry.with_extension("lock"), "");
                chown(entry.with_extension("lock"), Some(12345), None).unwrap();
            },
            "belongs to another user",
            true,
        ),
        (
            "a group's directory",
            |_, directory| {
                fs::set_permissions(directory, Permissions::from_mode(0o770)).unwrap();
            },
            "writable by others",
            false,
        ),
        (
            "everybody's directory",
            |_, directory| {
                fs::set_permissions(directory, Permissions::from_mode(0o1703)).unwrap();
            },
            "writable by others",
            false,
        ),
        (
            "another's directory",
            |_, directory| chown(directory, Some(12345), None).unwrap(),
            "belongs to another user",
            true,
        ),
    ];
    let atlas = Simulator::start();
    for (what, spoil, why, as_root) in cases {
        if as_root && !is_root() {
            eprintln!("skipped, as it needs root: {what}");
            continue;
        }
        let directory = Directory::new();
        let entry = entry(&directory, &atlas);
        spoil(&entry, &directory);
        let before = listing(&directory);
        atlas.clear();
        let client = Watched::new(caching(&atlas, &directory));
        client.succeed();
        client.succeed();
        let warnings = client.warnings();
        assert_eq!(warnings.len(), 1, "{what}: {warnings:?}");
        assert!(warnings[0].contains(why), "{what}: {warnings:?}");
        assert_eq!(atlas.tokens_issued(), 1, "{what}");
        let mut after = listing(&directory);
        // The lock of our own may be there now.
        after.retain(|line| before.contains(line) || !line.contains(".lock "));
        assert_eq!(after, before, "{what}");
        let _ = fs::set_permissions(&*directory, Permissions::from_mode(0o700));
    }
}

#[test]
fn what_stands_in_the_directorys_place_is_neither_opened_nor_waited_for() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let place = directory.join("place");
    fifo(&place);
    let client = Watched::new(caching(&atlas, &place));
    let start = Instant::now();
    client.succeed();
    assert!(start.elapsed() < ms(5000), "{:?}", start.elapsed());
    assert!(client.warnings()[0].contains("Not a directory"));
}

/// What is in a directory, in every respect that matters.
fn listing(directory: &Path) -> Vec<String> {
    let mut lines: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let meta = entry.path().symlink_metadata().unwrap();
            let content = match meta.file_type() {
                kind if kind.is_file() => fs::read_to_string(entry.path()).unwrap(),
                kind if kind.is_fifo() => "fifo".into(),
                kind if kind.is_symlink() => format!("{:?}", fs::read_link(entry.path()).unwrap()),
                _ => String::new(),
            };
            format!(
                "{} {:o} {} {} {content}",
                entry.path().display(),
                meta.mode(),
                meta.uid(),
                meta.ino()
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn an_entry_that_makes_no_sense_is_rewritten() {
    let now = unix_now();
    let with = |token: Value, issued: Value, expires: Value| {
        json!({"access_token": token, "issued_at": issued, "expires_at": expires}).to_string()
    };
    let good = good_entry("some-token", 3600, 3000);
    let entries = [
        String::new(),
        "null".into(),
        "[]".into(),
        "7".into(),
        "{}".into(),
        "\0\0\0\0".into(),
        good[..good.len() - 1].into(),
        format!("{{\"x\":\"{}\",{}", "x".repeat(100_000), &good[1..]),
        format!("{good}x"),
        with(json!(null), json!(now), json!(now + 3600)),
        with(json!(""), json!(now), json!(now + 3600)),
        with(json!("a\r\nb"), json!(now), json!(now + 3600)),
        with(json!("ä"), json!(now), json!(now + 3600)),
        with(json!("t"), json!("now"), json!(now + 3600)),
        with(json!("t"), json!(now), json!(-1)),
        with(json!("t"), json!(now), json!(1e300)),
        with(json!("t"), json!(now), json!(u64::MAX)),
        with(json!("t"), json!(u64::MAX), json!(u64::MAX)),
        with(json!("t"), json!(0), json!(i64::MAX)),
        // Longer than any token lives; begun in the future; ended before it began; over.
        with(json!("t"), json!(now), json!(now + 30 * 86400)),
        with(json!("t"), json!(now + 7200), json!(now + 10800)),
        with(json!("t"), json!(now + 3600), json!(now + 1800)),
        with(json!("t"), json!(now - 3600), json!(now)),
        with(json!("t"), json!(now - 7200), json!(now - 3600)),
    ];
    let atlas = Simulator::start();
    for text in entries {
        let directory = Directory::new();
        let entry = entry(&directory, &atlas);
        write_private(&entry, &text);
        atlas.clear();
        Watched::new(caching(&atlas, &directory)).succeed();
        let second = Watched::new(caching(&atlas, &directory));
        second.succeed();
        let api = to_api(&atlas);
        assert_eq!((api.len(), atlas.tokens_issued()), (2, 1), "{text:.200}");
        assert!(second.warnings().is_empty());
        assert_eq!(entry.metadata().unwrap().mode() & 0o7777, 0o600);
    }
}

#[test]
fn a_cached_token_nearly_over_is_refreshed_or_used_on() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let old = good_entry(ACCESS_TOKEN, 3600, 200);
    write_private(&entry(&directory, &atlas), &old);

    atlas.script_forever(Target::Token, [Act::respond(500, "{}")]);
    let client = Watched::new(caching(&atlas, &directory));
    client.succeed();
    client.succeed();
    assert_eq!(bearer(&to_api(&atlas)[0]), ACCESS_TOKEN);
    assert_eq!((token_requests(&atlas), client.warnings().len()), (1, 1));
    assert_eq!(fs::read_to_string(entry(&directory, &atlas)).unwrap(), old);

    atlas.clear();
    Watched::new(caching(&atlas, &directory)).succeed();
    Watched::new(caching(&atlas, &directory)).succeed();
    assert_eq!(token_requests(&atlas), 1);
    assert!(to_api(&atlas).iter().all(|seen| bearer(seen) != ACCESS_TOKEN));
}

#[test]
fn a_left_over_temporary_file_is_no_obstacle() {
    let atlas = Simulator::start();
    let directory = Directory::new();
    let temporary = entry(&directory, &atlas).with_extension("tmp");
    write_private(&temporary, "half a tok");
    Watched::new(caching(&atlas, &directory)).succeed();
    assert!(entry(&directory, &atlas).exists() && !temporary.exists());
}

/// A file system of one page, until dropped.
struct SmallDisk(CString);

impl SmallDisk {
    fn mount_on(directory: &Path) -> std::io::Result<SmallDisk> {
        let target = CString::new(directory.as_os_str().as_bytes()).unwrap();
        let (kind, options) = (c"tmpfs".as_ptr(), c"size=4096,mode=0700".as_ptr().cast());
        // SAFETY: all texts are NUL-terminated.
        match unsafe { libc::mount(kind, target.as_ptr(), kind, 0, options) } {
            0 => Ok(SmallDisk(target)),
            _ => Err(std::io::Error::last_os_error()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Detached, as a process started meanwhile by another test may have our descriptors for a moment.
        // SAFETY: the path is NUL-terminated.
        unsafe { libc::umount2(self.0.as_ptr(), libc::MNT_DETACH) };
    }
}

#[test]
fn a_full_disk_costs_only_the_cache() {
    let directory = Directory::new();
    let _disk = match SmallDisk::mount_on(&directory) {
        Ok(disk) => disk,
        Err(error) => {
            eprintln!("skipped: a file system of one page cannot be mounted ({error})");
            return;
        }
    };
    let atlas = Simulator::start();
    fs::write(directory.join("filler"), [0; 4096]).unwrap();
    let client = Watched::new(caching(&atlas, &directory));
    client.succeed();
    client.succeed();
    let (warnings, names) = (client.warnings(), directory.names());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("No space left"), "{warnings:?}");
    assert_eq!(token_requests(&atlas), 1);
    // Nothing half-written stays beside filler and lock.
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_read_only_place_costs_only_the_cache() {
    let atlas = Simulator::start();
    let place = Directory::new();
    let (cache, program) = (place.join("cache"), place.join("program"));
    fs::copy(this_program(), &program).unwrap();
    fs::set_permissions(&*place, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(0o555)).unwrap();
    let mut command = process(&program, "get", &atlas, cache.to_str().unwrap());
    if is_root() {
        command.uid(65534).gid(65534); // root may write anywhere
    }
    let (good, text) = output(&mut command);
    assert!(good, "{text}");
    assert_eq!(text.matches("is not used: Permission denied").count(), 1, "{text}");
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}

#[test]
fn the_cache_is_off_in_a_program_with_anothers_rights() {
    if !is_root() {
        eprintln!("skipped: making a set-user-id program of another user needs root");
        return;
    }
    let atlas = Simulator::start();
    let place = Directory::new();
    let (cache, program) = (place.join("cache"), place.join("program"));
    fs::copy(this_program(), &program).unwrap();
    fs::set_permissions(&*place, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&cache).unwrap();
    chown(&cache, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(0o700)).unwrap();
    chown(&program, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
    let (good, text) =
        output(&mut process(&program, "get with settings", &atlas, cache.to_str().unwrap()));
    assert!(good, "{text}");
    assert!(text.contains("token_cache is off"), "{text}");
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}

#[test]
fn the_default_place_is_the_users_cache_directory() {
    let atlas = Simulator::start();
    // XDG_CACHE_HOME, HOME, and where the cache is then.
    let cases = [
        (Some("xdg"), Some("home"), Some("xdg/atlas-backup")),
        (Some("deep/er/xdg"), Some("home"), None), // a hole that deep is a mistyped path
        (None, Some("home"), Some("home/.cache/atlas-backup")),
    ];
    for (xdg, home, expected) in cases {
        let place = Directory::new();
        fs::create_dir(place.join("home")).unwrap();
        let mut command = process(&this_program(), "get", &atlas, "default");
        for (name, value) in [("XDG_CACHE_HOME", xdg), ("HOME", home)] {
            if let Some(value) = value {
                command.env(name, place.join(value));
            }
        }
        let (good, text) = output(&mut command);
        assert!(good, "{text}");
        match expected {
            Some(expected) => {
                let directory = place.join(expected);
                assert_eq!(directory.metadata().unwrap().mode() & 0o7777, 0o700);
                assert!(directory.join(entry_name(&atlas, CLIENT_SECRET)).exists());
            }
            None => assert!(text.contains("No such file"), "{text}"),
        }
    }
    // The standard says to ignore a relative one.
    let place = Directory::new();
    let mut command = process(&this_program(), "get", &atlas, "default");
    command.env("XDG_CACHE_HOME", "relative").env("HOME", &*place);
    assert!(output(&mut command).0);
    assert!(place.join(".cache/atlas-backup").exists());
    // And with neither there is none.
    for home in [None, Some(""), Some("relative")] {
        let mut command = process(&this_program(), "get", &atlas, "default");
        if let Some(home) = home {
            command.env("HOME", home);
        }
        let (good, text) = output(&mut command);
        assert!(good, "{text}");
        let warning = "token_cache is off: it is \"default\", and neither XDG_CACHE_HOME nor HOME";
        assert_eq!(text.matches(warning).count(), 1, "{text}");
    }
}

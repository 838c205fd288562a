//! The envelope: the first line says whether one was asked for ("!" or not) and its status, the rest is its content. A
//! snapshot in it is the one it is without; an error in it is the one it is with an HTTP status of its own.
#![no_main]

use atlas_backup::fuzzing::Scripted;
use atlas_backup::fuzzing::c::atlas_snapshot;
use atlas_backup::{ErrorKind, Snapshot};
use atlas_backup_fuzz::*;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

fuzz_target!(|data: &str| {
    let (first, content) = data.split_once('\n').unwrap_or(("", data));
    let (asked, status) = match first.strip_prefix('!') {
        Some(status) => (true, status),
        None => (false, first),
    };
    let is_json = |text| serde_json::from_str::<&RawValue>(text).is_ok();
    if integer(status).is_none() || !is_json(status) || !is_json(content) {
        // Nothing is known of it, but that it must not be taken amiss.
        let _ = Scripted::new(200, data.as_bytes()).snapshot(asked);
        return;
    }
    // A redirect is an error, too; other numbers are no status of an error.
    let is_error = (300..=599).contains(&integer(status).unwrap());
    let content = content.trim_matches([' ', '\t', '\n', '\r']);
    let body = format!(r#"{{"status":{status},"content":{content}}}"#);
    let outcome = Scripted::new(200, body.as_bytes()).snapshot(asked);
    let members = serde_json::from_str::<Members>(content).ok();
    let known = members.is_some() || !content.starts_with('{');
    let member =
        |name: &str| members.as_ref().and_then(|all| all.get(name)).map_or("null", |raw| raw.get());

    match outcome {
        Ok(snapshot) => {
            assert!(!is_error, "an error is no snapshot");
            assert_eq!(snapshot.json(), body, "the whole body is kept");
            assert_eq!(snapshot.http_status(), Some(200));
            // SAFETY: behind the opaque type of C is a Snapshot.
            unsafe {
                let snapshot = std::ptr::from_ref(&snapshot).cast::<atlas_snapshot>();
                check_snapshot(snapshot);
                if content.starts_with('{') {
                    check_fields(snapshot, content);
                } else {
                    assert!(!asked, "an envelope was asked for, and there is no object in it");
                }
            }
        }
        Err(error) if is_error => {
            // Too deep to be read at all.
            if error.http_status != 0 {
                assert_eq!(Some(error.http_status.into()), integer(status));
                assert!(error.message().contains("Atlas answered"));
            }
        }
        // A name with a lone surrogate is one that serde_json does not read.
        Err(error) if error.http_status != 0 && !known => {}
        Err(error) if error.http_status != 0 => {
            let inner = integer(member("error")).expect("only an error inside has a status");
            assert!((400..=599).contains(&inner) && member("id") == "null");
            assert_eq!(i64::from(error.http_status), inner);
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::InvalidResponse);
            let is_deep = content.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() >= 128;
            assert!(is_deep || (asked && !content.starts_with('{')), "{error}");
        }
    }

    // The same content by itself, unless that is an envelope, too.
    let is_nested = !member("status").starts_with('"') && member("content") != "null";
    if !is_error && members.is_some() && !is_nested {
        let without = Snapshot::parse(content);
        let within = Snapshot::parse(body.as_str());
        match (without, within) {
            (Ok(without), Ok(within)) => {
                assert_eq!((without.id(), without.status()), (within.id(), within.status()))
            }
            (Err(without), Err(within)) => assert_eq!(without.http_status, within.http_status),
            // An envelope is one level more.
            (Ok(_), Err(within)) => assert!(within.message().contains("128 levels"), "{within}"),
            (Err(without), Ok(_)) => panic!("only refused by itself: {without}"),
        }
    }
});

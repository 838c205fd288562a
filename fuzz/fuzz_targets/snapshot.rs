//! The snapshot document. What is accepted keeps its bytes, and every accessor says what serde_json reads in the same
//! place; what is refused says why.
#![no_main]

use std::ptr::null_mut;

use atlas_backup::fuzzing::c::*;
use atlas_backup_fuzz::*;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(snapshot) = parse(data) else {
        return;
    };
    // SAFETY: alive until the end.
    unsafe {
        check_snapshot(snapshot.0);
        let json = text(atlas_snapshot_json(snapshot.0, null_mut())).unwrap();
        assert_eq!(json.as_bytes(), data);
        assert_eq!(atlas_snapshot_http_status(snapshot.0), 0);

        // An object "content" beside an integer "status" is an envelope.
        let outer = serde_json::from_str::<Members>(json);
        let Ok(outer) = outer else { return };
        let member = |name: &str| outer.get(name).map_or("null", |raw| raw.get());
        let is_enveloped =
            integer(member("status")).is_some() && member("content").starts_with('{');
        check_fields(snapshot.0, if is_enveloped { member("content") } else { json });
    }
});

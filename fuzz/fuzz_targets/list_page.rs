//! A page of a list. Each item is there with its own bytes, in order, whatever it is.
#![no_main]

use atlas_backup::SnapshotList;
use atlas_backup::fuzzing::c::atlas_snapshot;
use atlas_backup_fuzz::*;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

fuzz_target!(|data: &[u8]| {
    let Ok(list) = SnapshotList::parse(data) else {
        return;
    };
    let page = std::str::from_utf8(data).expect("only UTF-8 is accepted");
    for snapshot in &list {
        // SAFETY: behind the opaque type of C is a Snapshot, which lives as long as the list.
        unsafe { check_snapshot(std::ptr::from_ref(snapshot).cast::<atlas_snapshot>()) };
        assert!(page.contains(snapshot.json()));
        assert_eq!(snapshot.http_status(), None);
    }
    assert!(list.get(list.len()).is_none());

    let Ok(outer) = serde_json::from_str::<Members>(page) else {
        return;
    };
    let member = |name: &str| outer.get(name).map_or("null", |raw| raw.get());
    let is_enveloped = integer(member("status")).is_some() && member("content").starts_with('{');
    let Ok(inner) =
        serde_json::from_str::<Members>(if is_enveloped { member("content") } else { page })
    else {
        return;
    };
    let items: Vec<&RawValue> =
        serde_json::from_str(inner["results"].get()).expect("a page has results");
    assert_eq!(list.len(), items.len());
    for (snapshot, item) in list.iter().zip(items) {
        assert_eq!(snapshot.json(), item.get());
        // SAFETY: as above.
        unsafe { check_fields(std::ptr::from_ref(snapshot).cast::<atlas_snapshot>(), item.get()) };
    }
    let total = inner.get("totalCount").and_then(|raw| integer(raw.get()));
    assert_eq!(list.total_count(), total.filter(|total| *total != i64::MIN));
});

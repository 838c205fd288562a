//! The newest snapshot of a list.

use atlas_backup::SnapshotList;
use atlas_backup::snapshot::Status;

/// A list of these, and the place of the newest.
fn place_of_newest(items: &[&str]) -> Option<usize> {
    let list = SnapshotList::parse(format!(r#"{{"results":[{}]}}"#, items.join(","))).unwrap();
    let newest = list.newest(|_| true)?;
    list.iter().position(|snapshot| std::ptr::eq(snapshot, newest))
}

#[test]
fn the_newest_is_the_latest_by_date_then_by_id() {
    let dated = |id: &str, date: &str| format!(r#"{{"id":"{id}","createdAt":"{date}"}}"#);
    let dateless = |id: &str| format!(r#"{{"id":"{id}"}}"#);
    let anonymous = |date: &str| format!(r#"{{"createdAt":"{date}"}}"#);
    let (early, late) = ("2026-08-10T03:27:08Z", "2026-08-10T03:27:08.001Z");
    let nothing = || "{}".to_owned();
    for (items, newest) in [
        // The date counts, whatever the id and the place.
        ([dated("9", early), dated("1", late)], 1),
        ([dated("1", late), dated("9", early)], 0),
        ([dated("1", "1969-01-01T00:00:00Z"), dateless("9")], 0),
        // It is a time, and not the text of one.
        ([dated("1", "2026-08-10T05:00:00+02:00"), dated("2", "2026-08-10T04:00:00Z")], 1),
        ([dated("1", "2026-08-10T03:27:08Z"), dated("2", "2026-08-10 05:27:08.000+02:00")], 1),
        // At the same time the greater id.
        ([dated("6a80", early), dated("6a7f", early)], 0),
        ([dated("6a7f", early), dated("6a80", early)], 1),
        ([anonymous(early), dated("", early)], 1),
        ([anonymous(late), dated("9", early)], 0),
        // Without a date, too.
        ([dateless("1"), dateless("2")], 1),
        ([dateless("2"), dated("1", "tomorrow")], 0),
        ([dateless("1"), dated("2", "")], 1),
        ([nothing(), dateless("1")], 1),
        ([r#"{"id":7}"#.into(), dateless("1")], 1),
        (["null".into(), dateless("1")], 1),
        // Of equal ones the first.
        ([nothing(), nothing()], 0),
        ([dated("1", early), dated("1", early)], 0),
        ([anonymous(early), anonymous(early)], 0),
    ] {
        let items = items.each_ref().map(String::as_str);
        assert_eq!(place_of_newest(&items), Some(newest), "{items:?}");
        // A third one that is older than all changes nothing, wherever it is.
        assert_eq!(place_of_newest(&[items[0], items[1], "{}"]), Some(newest), "{items:?}");
    }
    assert_eq!(place_of_newest(&[]), None);
    assert_eq!(place_of_newest(&["{}"]), Some(0));
}

#[test]
fn the_newest_is_one_of_those_that_are_wanted() {
    let list = SnapshotList::parse(
        r#"{"results":[{"id":"1","status":"completed"},{"id":"2","status":"failed"},{"id":"3","status":"COMPLETED"}]}"#,
    )
    .unwrap();
    for (status, id) in
        [(Status::Completed, Some("3")), (Status::Failed, Some("2")), (Status::Queued, None)]
    {
        let newest = list.newest(|snapshot| snapshot.status_code() == status);
        assert_eq!(newest.and_then(|snapshot| snapshot.id()), id);
    }
}

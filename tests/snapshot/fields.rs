//! The documented fields, as a Rust program sees them.

use atlas_backup::snapshot::{CloudProvider, ClusterType, FrequencyType, SnapshotType, Status};
use atlas_backup::{Snapshot, SnapshotList};

use super::support::{ARRAYS, EXAMPLE, SHARDED, assert_all_absent, odd, parse, refused, with};
use super::text_fields::TEXTS;

#[test]
fn the_documentations_example_reads_completely() {
    let enveloped = format!(r#"{{"status": 200, "content": {EXAMPLE}}}"#);
    for body in [EXAMPLE, &enveloped, &format!("\r\n\t {EXAMPLE} \n")] {
        for snapshot in [parse(body), parse(body).clone()] {
            assert_eq!(snapshot.json(), body);
            assert_eq!(snapshot.id(), Some("32b6e34b3d91647abb20e7b8"));
            assert_eq!(snapshot.cloud_provider(), Some("AWS"));
            assert_eq!(snapshot.config_server_type(), None);
            assert_eq!(snapshot.created_at(), Some("2024-03-01T10:20:30Z"));
            assert_eq!(snapshot.description(), Some("before the migration"));
            assert_eq!(snapshot.expires_at(), Some("2024-03-08T10:20:30Z"));
            assert_eq!(snapshot.frequency_type(), Some("hourly"));
            assert_eq!(snapshot.master_key_uuid(), Some("72659f08-8b3c-4913-bb4e-a8a68e036502"));
            assert_eq!(snapshot.mongod_version(), Some("7.0.5"));
            assert_eq!(snapshot.replica_set_name(), Some("atlas-abc-shard-0"));
            assert_eq!(snapshot.snapshot_type(), Some("onDemand"));
            assert_eq!(snapshot.status(), Some("queued"));
            assert_eq!(snapshot.cluster_type(), Some("replicaSet"));
            assert_eq!(snapshot.storage_size_bytes(), Some(1_574_477_824));
            assert_eq!(snapshot.created_at_ms(), Some(1_709_288_430_000));
            assert_eq!(snapshot.expires_at_ms(), Some(1_709_893_230_000));
            assert!(snapshot.copy_regions().eq(["US_EAST_1", "EU_WEST_1"]));
            assert!(snapshot.policy_items().eq(["32b6e34b3d91647abb20e7b9"]));
            let links: Vec<_> = snapshot.links().collect();
            assert_eq!(links.len(), 1);
            assert_eq!(links[0].href, Some("https://cloud.mongodb.com/api/atlas"));
            assert_eq!(links[0].rel, Some("self"));
            assert_eq!((snapshot.members().len(), snapshot.snapshot_ids().len()), (0, 0));
            assert_eq!(snapshot.status_code(), Status::Queued);
            assert_eq!(snapshot.cloud_provider_code(), CloudProvider::Aws);
            assert_eq!(snapshot.frequency_type_code(), FrequencyType::Hourly);
            assert_eq!(snapshot.snapshot_type_code(), SnapshotType::OnDemand);
            assert_eq!(snapshot.cluster_type_code(), ClusterType::ReplicaSet);
            assert_eq!(odd(&snapshot), [""; 0]);
            assert_eq!(snapshot.field_names().len(), 16);
            assert_eq!(snapshot.field_names().next(), Some("cloudProvider"));
            assert_eq!(snapshot.field("copyRegions"), Some(r#"["US_EAST_1", "EU_WEST_1"]"#));
            assert_eq!(snapshot.field("status"), Some(r#""queued""#));
            assert_eq!(snapshot.field("content"), None);
            assert_eq!(snapshot.http_status(), None);
            assert_eq!(snapshot.header("date"), None);
            assert_eq!(snapshot.headers().len(), 0);
        }
    }
}

#[test]
fn a_sharded_cluster_has_members() {
    let snapshot = parse(SHARDED);
    assert_eq!(snapshot.config_server_type(), Some("EMBEDDED"));
    assert_eq!(snapshot.cluster_type_code(), ClusterType::ShardedCluster);
    assert!(snapshot.snapshot_ids().eq(["b", "c"]));
    let members: Vec<_> =
        snapshot.members().map(|m| (m.id, m.cloud_provider, m.replica_set_name)).collect();
    let expected =
        [(Some("b"), Some("AWS"), Some("shard-0")), (Some("c"), Some("GCP"), Some("config"))];
    assert_eq!(members, expected);
}

#[test]
fn everything_may_be_missing_or_null() {
    let names = TEXTS.iter().map(|t| t.0).chain(ARRAYS.iter().map(|a| a.0));
    let nulls: Vec<String> =
        names.chain(["storageSizeBytes"]).map(|name| format!(r#""{name}":null"#)).collect();
    let all_null = format!("{{{}}}", nulls.join(","));
    for body in ["{}", &all_null, r#"{"status":200,"content":{}}"#, r#"{"new":{"a":[1]},"":0}"#] {
        let snapshot = parse(body);
        assert_all_absent(&snapshot, body);
        assert_eq!(odd(&snapshot), [""; 0], "{body}");
    }
    let snapshot = parse(&all_null);
    assert_eq!(snapshot.field_names().len(), nulls.len());
    assert_eq!(snapshot.field("links"), Some("null"));
    assert_eq!(snapshot.field("nothing"), None);
    assert_eq!(parse(r#"{"":0}"#).field(""), Some("0"));
}

#[test]
fn a_text_field_with_another_type_is_absent_alone() {
    for &(name, get) in TEXTS {
        for value in ["5", "399", "-0.5e3", "true", "false", "[]", r#"["a"]"#, "{}", r#"{"a":"b"}"#]
        {
            let snapshot = with(name, value);
            assert_eq!(get(&snapshot), None, "{name}: {value}");
            assert_eq!(snapshot.field(name), Some(value));
            assert_eq!(odd(&snapshot), [name], "{value}");
        }
        assert_eq!(get(&with(name, r#""""#)), Some(""), "{name}: an empty string is not absent");
    }
}

#[test]
fn an_array_with_another_type_or_an_odd_element_is_absent_as_a_whole() {
    for (name, count, right) in ARRAYS {
        assert_eq!(count(&with(name, right)), 1, "{name}");
        assert_eq!(odd(&with(name, right)), [""; 0], "{name}");
        assert_eq!(odd(&with(name, "[]")), [""; 0], "{name}");
        let element = &right[1..right.len() - 1];
        let other = if element.starts_with('{') { r#""a""# } else { r#"{"id":"a"}"# };
        let mut wrong: Vec<String> = ["5", "true", r#""a""#, "{}"].map(str::to_owned).into();
        for odd_element in ["null", "5", "true", "[]", other] {
            wrong.push(format!("[{odd_element}]"));
            wrong.push(format!("[{element},{odd_element}]"));
            wrong.push(format!("[{odd_element},{element}]"));
        }
        for value in wrong {
            let snapshot = with(name, &value);
            assert_eq!(count(&snapshot), 0, "{name}: {value}");
            assert_eq!(snapshot.field(name), Some(value.as_str()));
            assert_eq!(odd(&snapshot), [name], "{value}");
        }
    }
}

#[test]
fn an_odd_array_hides_no_other_array() {
    let snapshot = parse(
        r#"{"copyRegions":["a","b",1],"policyItems":["c"],"links":[{"rel":"x"},7],"members":[{"id":"m"}],"snapshotIds":["d"]}"#,
    );
    assert!(snapshot.policy_items().eq(["c"]));
    assert!(snapshot.snapshot_ids().eq(["d"]));
    assert_eq!(snapshot.members().next().and_then(|m| m.id), Some("m"));
    assert_eq!((snapshot.copy_regions().len(), snapshot.links().len()), (0, 0));
    assert_eq!(odd(&snapshot), ["copyRegions", "links"]);
}

#[test]
fn members_of_an_element_may_be_missing_odd_or_double() {
    let snapshot = parse(
        r#"{"links":[{},{"href":5,"rel":null,"more":[]},{"rel":"a","rel":"b","\u0068ref":"c"},{"rel":"a","rel":1}]}"#,
    );
    let links: Vec<_> = snapshot.links().map(|link| (link.href, link.rel)).collect();
    assert_eq!(links, [(None, None), (None, None), (Some("c"), Some("b")), (None, None)]);
    let snapshot =
        parse(r#"{"members":[{"replicaSetName":"r"},{"id":"i"},{"cloudProvider":"p","id":[]}]}"#);
    let members: Vec<_> =
        snapshot.members().map(|m| (m.id, m.cloud_provider, m.replica_set_name)).collect();
    assert_eq!(
        members,
        [(None, None, Some("r")), (Some("i"), None, None), (None, Some("p"), None)]
    );
}

#[test]
fn sizes_are_64_bit_integers() {
    for (value, size, is_odd) in [
        ("0", Some(0), false),
        ("-0", Some(0), false),
        ("-1", Some(-1), false),
        ("9223372036854775807", Some(i64::MAX), false),
        ("-9223372036854775807", Some(-i64::MAX), false),
        // ATLAS_ABSENT in C
        ("-9223372036854775808", None, false),
        ("9223372036854775808", None, true),
        ("-9223372036854775809", None, true),
        ("18446744073709551616", None, true),
        ("1.0", None, true),
        ("1e3", None, true),
        ("1E3", None, true),
        (r#""5""#, None, true),
        ("true", None, true),
        ("[5]", None, true),
        ("{}", None, true),
    ] {
        let snapshot = with("storageSizeBytes", value);
        assert_eq!(snapshot.storage_size_bytes(), size, "{value}");
        assert_eq!(snapshot.field("storageSizeBytes"), Some(value));
        assert_eq!(!odd(&snapshot).is_empty(), is_odd, "{value}");
    }
}

#[test]
fn dates_are_read_in_every_form_of_rfc_3339() {
    for (text, ms) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2024-02-29T23:59:59Z", Some(1_709_251_199_000)),
        ("2024-03-01T01:59:59+02:00", Some(1_709_251_199_000)),
        ("2024-02-29T18:29:59.25-05:30", Some(1_709_251_199_250)),
        ("2024-02-29T23:59:59.1239999999Z", Some(1_709_251_199_123)),
        ("1969-12-31T23:59:59.9995Z", Some(-1)),
        ("1969-12-31T23:59:59.0001Z", Some(-1000)),
        ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000)),
        ("9999-12-31T23:59:59.999Z", Some(253_402_300_799_999)),
        // A blank for T, as RFC 3339 allows, and small letters.
        ("2024-02-29 23:59:59Z", Some(1_709_251_199_000)),
        ("2024-02-29t23:59:59z", Some(1_709_251_199_000)),
        ("2024-02-29  23:59:59Z", None),
        ("2024-02-29_23:59:59Z", None),
        // A leap second is the second behind it, as in POSIX time.
        ("2016-12-31T23:59:60Z", Some(1_483_228_800_000)),
        ("2016-12-31T23:59:60.5Z", Some(1_483_228_800_500)),
        ("2017-01-01T00:59:60+01:00", Some(1_483_228_800_000)),
        ("2016-12-31T23:59:61Z", None),
        ("2023-02-29T00:00:00Z", None),
        ("2024-03-01", None),
        ("2024-03-01T10:20:30", None),
        ("Mon, 5 Aug 2024 00:00:00 GMT", None),
        ("1709251199", None),
        ("2024-03-01T10:20:30Zz", None),
        ("", None),
    ] {
        for (name, get) in [
            ("createdAt", Snapshot::created_at_ms as fn(&Snapshot) -> Option<i64>),
            ("expiresAt", Snapshot::expires_at_ms),
        ] {
            let snapshot = with(name, &format!("{text:?}"));
            assert_eq!(get(&snapshot), ms, "{name} {text}");
            let kept =
                if name == "createdAt" { snapshot.created_at() } else { snapshot.expires_at() };
            assert_eq!(kept, Some(text));
            assert_eq!(odd(&snapshot), [""; 0], "text is the right type, whatever it says");
        }
    }
}

#[test]
fn enumerations_are_open_and_know_no_case() {
    let status = |text: &str| with("status", &format!("{text:?}")).status_code();
    for (text, code) in [
        ("queued", Status::Queued),
        ("inProgress", Status::InProgress),
        ("INPROGRESS", Status::InProgress),
        ("completed", Status::Completed),
        ("COMPLETED", Status::Completed),
        ("failed", Status::Failed),
        ("paused", Status::Unknown),
        ("", Status::Unknown),
        ("completed ", Status::Unknown),
    ] {
        assert_eq!(status(text), code, "{text}");
    }
    let frequency = |text: &str| with("frequencyType", &format!("{text:?}")).frequency_type_code();
    for (text, code) in [
        ("hourly", FrequencyType::Hourly),
        ("daily", FrequencyType::Daily),
        ("Weekly", FrequencyType::Weekly),
        ("monthly", FrequencyType::Monthly),
        ("yearly", FrequencyType::Yearly),
        ("ondemand", FrequencyType::OnDemand),
        ("onDemand", FrequencyType::OnDemand),
        ("live", FrequencyType::Unknown),
    ] {
        assert_eq!(frequency(text), code, "{text}");
    }
    let provider = |text: &str| with("cloudProvider", &format!("{text:?}")).cloud_provider_code();
    for (text, code) in [
        ("AWS", CloudProvider::Aws),
        ("azure", CloudProvider::Azure),
        ("GCP", CloudProvider::Gcp),
        ("TENANT", CloudProvider::Unknown),
    ] {
        assert_eq!(provider(text), code, "{text}");
    }
    let kind = |text: &str| with("snapshotType", &format!("{text:?}")).snapshot_type_code();
    for (text, code) in [
        ("onDemand", SnapshotType::OnDemand),
        ("scheduled", SnapshotType::Scheduled),
        ("fallback", SnapshotType::Fallback),
        ("hourly", SnapshotType::Unknown),
    ] {
        assert_eq!(kind(text), code, "{text}");
    }
    let cluster = |text: &str| with("type", &format!("{text:?}")).cluster_type_code();
    for (text, code) in [
        ("replicaSet", ClusterType::ReplicaSet),
        ("SHARDEDCLUSTER", ClusterType::ShardedCluster),
        ("flex", ClusterType::Unknown),
    ] {
        assert_eq!(cluster(text), code, "{text}");
    }
}

#[test]
fn a_debug_print_shows_nothing_that_atlas_sent() {
    let snapshot = parse(EXAMPLE);
    let print = format!("{snapshot:?}");
    assert_eq!(print, "Snapshot { status_code: Queued, .. }");
}

#[test]
fn threads_share_a_snapshot() {
    let snapshot = parse(EXAMPLE);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let address = snapshot.field("status").unwrap().as_ptr();
                assert_eq!(address, snapshot.field("status").unwrap().as_ptr());
            });
        }
    });
}

#[test]
fn recorded_answers_of_the_live_service_read_as_they_are() {
    let Some(folder) = std::env::var_os("ATLAS_BACKUP_FIXTURES") else {
        println!("skipped: ATLAS_BACKUP_FIXTURES does not name the folder of recorded answers");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("ATLAS_BACKUP_FIXTURES names a folder") {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        seen += 1;
        if name.contains("-list-") {
            let list = SnapshotList::parse(body).unwrap();
            assert!(!list.is_empty() && list.total_count() == Some(list.len() as i64), "{name}");
            for item in &list {
                compare(item, item.json(), &name);
            }
        } else if status == 200 {
            compare(&parse(body), body, &name);
            let enveloped = format!(r#"{{"status":200,"content":{body}}}"#);
            compare(&parse(&enveloped), body, &name);
        } else if body.is_empty() {
            refused(body);
        } else {
            let error = Snapshot::parse(body).unwrap_err();
            assert_eq!(error.http_status, status, "{name}");
        }
    }
    assert!(seen >= 20, "only {seen} recorded answers in {}", folder.display());
}

/// Everything in a snapshot against what serde_json makes of the same text.
fn compare(snapshot: &Snapshot, text: &str, name: &str) {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    for &(field, get) in TEXTS {
        assert_eq!(get(snapshot), document[field].as_str(), "{name}: {field}");
    }
    assert_eq!(snapshot.storage_size_bytes(), document["storageSizeBytes"].as_i64(), "{name}");
    assert_eq!(snapshot.created_at_ms().is_some(), document["createdAt"].is_string(), "{name}");
    assert_eq!(snapshot.expires_at_ms().is_some(), document["expiresAt"].is_string(), "{name}");
    for (field, count, _) in ARRAYS {
        assert_eq!(
            count(snapshot),
            document[field].as_array().map_or(0, Vec::len),
            "{name}: {field}"
        );
    }
    for (i, link) in snapshot.links().enumerate() {
        let expected = &document["links"][i];
        assert_eq!(
            (link.href, link.rel),
            (expected["href"].as_str(), expected["rel"].as_str()),
            "{name}"
        );
    }
    let members = document.as_object().unwrap();
    assert_eq!(snapshot.field_names().len(), members.len(), "{name}");
    for (field, value) in members {
        let text = snapshot.field(field).unwrap();
        assert_eq!(
            &serde_json::from_str::<serde_json::Value>(text).unwrap(),
            value,
            "{name}: {field}"
        );
    }
    assert_ne!(snapshot.status_code(), Status::Unknown, "{name}");
    assert_eq!(odd(snapshot), [""; 0], "{name}");
}

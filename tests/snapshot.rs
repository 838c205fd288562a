//! The document and its fields, as a Rust program sees them.

use std::time::{Duration, Instant};

use atlas_backup::snapshot::{CloudProvider, ClusterType, FrequencyType, SnapshotType, Status};
use atlas_backup::{Error, ErrorKind, Snapshot, SnapshotList};

/// The example of Atlas' documentation, with its placeholders filled in.
const EXAMPLE: &str = r#"{
  "cloudProvider": "AWS",
  "copyRegions": ["US_EAST_1", "EU_WEST_1"],
  "createdAt": "2024-03-01T10:20:30Z",
  "description": "before the migration",
  "expiresAt": "2024-03-08T10:20:30Z",
  "frequencyType": "hourly",
  "id": "32b6e34b3d91647abb20e7b8",
  "links": [
    {"href": "https://cloud.mongodb.com/api/atlas", "rel": "self"}
  ],
  "masterKeyUUID": "72659f08-8b3c-4913-bb4e-a8a68e036502",
  "mongodVersion": "7.0.5",
  "policyItems": ["32b6e34b3d91647abb20e7b9"],
  "replicaSetName": "atlas-abc-shard-0",
  "snapshotType": "onDemand",
  "status": "queued",
  "storageSizeBytes": 1574477824,
  "type": "replicaSet"
}"#;

const SHARDED: &str = r#"{"configServerType":"EMBEDDED","createdAt":"2024-03-01T10:20:30Z","id":"a",
  "members":[{"cloudProvider":"AWS","id":"b","replicaSetName":"shard-0"},
             {"cloudProvider":"GCP","id":"c","replicaSetName":"config"}],
  "snapshotIds":["b","c"],"status":"completed","type":"shardedCluster"}"#;

type TextAccessor = fn(&Snapshot) -> Option<&str>;

/// Every documented field that holds text.
const TEXTS: [(&str, TextAccessor); 13] = [
    ("id", Snapshot::id),
    ("cloudProvider", Snapshot::cloud_provider),
    ("configServerType", Snapshot::config_server_type),
    ("createdAt", Snapshot::created_at),
    ("description", Snapshot::description),
    ("expiresAt", Snapshot::expires_at),
    ("frequencyType", Snapshot::frequency_type),
    ("masterKeyUUID", Snapshot::master_key_uuid),
    ("mongodVersion", Snapshot::mongod_version),
    ("replicaSetName", Snapshot::replica_set_name),
    ("snapshotType", Snapshot::snapshot_type),
    ("status", Snapshot::status),
    ("type", Snapshot::cluster_type),
];

type Count = fn(&Snapshot) -> usize;

/// Every documented field that holds an array, with an array of the right type.
const ARRAYS: [(&str, Count, &str); 5] = [
    ("copyRegions", |s| s.copy_regions().len(), r#"["a"]"#),
    ("policyItems", |s| s.policy_items().len(), r#"["a"]"#),
    ("snapshotIds", |s| s.snapshot_ids().len(), r#"["a"]"#),
    ("links", |s| s.links().len(), r#"[{"rel":"a"}]"#),
    ("members", |s| s.members().len(), r#"[{"id":"a"}]"#),
];

fn parse(text: &str) -> Snapshot {
    Snapshot::parse(text).unwrap_or_else(|error| panic!("{text:.200}: {error}"))
}

fn refused(body: impl Into<Vec<u8>>) -> Error {
    let error = Snapshot::parse(body).expect_err("a body that cannot be read");
    assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error}");
    error
}

/// A document with one field, and another whose sight must not suffer from it.
fn with(field: &str, value: &str) -> Snapshot {
    let other = if field == "id" { "status" } else { "id" };
    let snapshot = parse(&format!(r#"{{"{field}":{value},"{other}":"other"}}"#));
    let seen = if field == "id" {
        snapshot.status()
    } else {
        snapshot.id()
    };
    assert_eq!(seen, Some("other"), "{field}: {value}");
    snapshot
}

fn odd(snapshot: &Snapshot) -> Vec<&'static str> {
    snapshot.odd_fields().collect()
}

/// Nothing documented is there.
fn assert_all_absent(snapshot: &Snapshot, why: &str) {
    for (name, get) in TEXTS {
        assert_eq!(get(snapshot), None, "{why}: {name}");
    }
    for (name, count, _) in ARRAYS {
        assert_eq!(count(snapshot), 0, "{why}: {name}");
    }
    assert_eq!(snapshot.storage_size_bytes(), None, "{why}");
    assert_eq!(snapshot.created_at_ms(), None, "{why}");
    assert_eq!(snapshot.expires_at_ms(), None, "{why}");
    assert_eq!(snapshot.status_code(), Status::Unknown, "{why}");
    assert_eq!(
        snapshot.cloud_provider_code(),
        CloudProvider::Unknown,
        "{why}"
    );
    assert_eq!(
        snapshot.frequency_type_code(),
        FrequencyType::Unknown,
        "{why}"
    );
    assert_eq!(
        snapshot.snapshot_type_code(),
        SnapshotType::Unknown,
        "{why}"
    );
    assert_eq!(snapshot.cluster_type_code(), ClusterType::Unknown, "{why}");
}

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
            assert_eq!(
                snapshot.master_key_uuid(),
                Some("72659f08-8b3c-4913-bb4e-a8a68e036502")
            );
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
            assert_eq!(
                (snapshot.members().len(), snapshot.snapshot_ids().len()),
                (0, 0)
            );
            assert_eq!(snapshot.status_code(), Status::Queued);
            assert_eq!(snapshot.cloud_provider_code(), CloudProvider::Aws);
            assert_eq!(snapshot.frequency_type_code(), FrequencyType::Hourly);
            assert_eq!(snapshot.snapshot_type_code(), SnapshotType::OnDemand);
            assert_eq!(snapshot.cluster_type_code(), ClusterType::ReplicaSet);
            assert_eq!(odd(&snapshot), [""; 0]);
            assert_eq!(snapshot.field_names().len(), 16);
            assert_eq!(snapshot.field_names().next(), Some("cloudProvider"));
            assert_eq!(
                snapshot.field("copyRegions"),
                Some(r#"["US_EAST_1", "EU_WEST_1"]"#)
            );
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
    let members: Vec<_> = snapshot
        .members()
        .map(|m| (m.id, m.cloud_provider, m.replica_set_name))
        .collect();
    let expected = [
        (Some("b"), Some("AWS"), Some("shard-0")),
        (Some("c"), Some("GCP"), Some("config")),
    ];
    assert_eq!(members, expected);
}

#[test]
fn everything_may_be_missing_or_null() {
    let names = TEXTS.iter().map(|t| t.0).chain(ARRAYS.iter().map(|a| a.0));
    let nulls: Vec<String> = names
        .chain(["storageSizeBytes"])
        .map(|name| format!(r#""{name}":null"#))
        .collect();
    let all_null = format!("{{{}}}", nulls.join(","));
    for body in [
        "{}",
        &all_null,
        r#"{"status":200,"content":{}}"#,
        r#"{"new":{"a":[1]},"":0}"#,
    ] {
        let snapshot = parse(body);
        assert_all_absent(&snapshot, body);
        assert_eq!(odd(&snapshot), [""; 0], "{body}");
    }
    let snapshot = parse(&all_null);
    assert_eq!(snapshot.field_names().len(), 19);
    assert_eq!(snapshot.field("links"), Some("null"));
    assert_eq!(snapshot.field("nothing"), None);
    assert_eq!(parse(r#"{"":0}"#).field(""), Some("0"));
}

#[test]
fn a_text_field_with_another_type_is_absent_alone() {
    for (name, get) in TEXTS {
        for value in [
            "5",
            "399",
            "-0.5e3",
            "true",
            "false",
            "[]",
            r#"["a"]"#,
            "{}",
            r#"{"a":"b"}"#,
        ] {
            let snapshot = with(name, value);
            assert_eq!(get(&snapshot), None, "{name}: {value}");
            assert_eq!(snapshot.field(name), Some(value));
            assert_eq!(odd(&snapshot), [name], "{value}");
        }
        assert_eq!(
            get(&with(name, r#""""#)),
            Some(""),
            "{name}: an empty string is not absent"
        );
    }
}

#[test]
fn an_array_with_another_type_or_an_odd_element_is_absent_as_a_whole() {
    for (name, count, right) in ARRAYS {
        assert_eq!(count(&with(name, right)), 1, "{name}");
        assert_eq!(odd(&with(name, right)), [""; 0], "{name}");
        assert_eq!(odd(&with(name, "[]")), [""; 0], "{name}");
        let element = &right[1..right.len() - 1];
        let other = if element.starts_with('{') {
            r#""a""#
        } else {
            r#"{"id":"a"}"#
        };
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
    assert_eq!(
        (snapshot.copy_regions().len(), snapshot.links().len()),
        (0, 0)
    );
    assert_eq!(odd(&snapshot), ["copyRegions", "links"]);
}

#[test]
fn members_of_an_element_may_be_missing_odd_or_double() {
    let snapshot = parse(
        r#"{"links":[{},{"href":5,"rel":null,"more":[]},{"rel":"a","rel":"b","\u0068ref":"c"},{"rel":"a","rel":1}]}"#,
    );
    let links: Vec<_> = snapshot.links().map(|link| (link.href, link.rel)).collect();
    assert_eq!(
        links,
        [
            (None, None),
            (None, None),
            (Some("c"), Some("b")),
            (None, None)
        ]
    );
    let snapshot =
        parse(r#"{"members":[{"replicaSetName":"r"},{"id":"i"},{"cloudProvider":"p","id":[]}]}"#);
    let members: Vec<_> = snapshot
        .members()
        .map(|m| (m.id, m.cloud_provider, m.replica_set_name))
        .collect();
    assert_eq!(
        members,
        [
            (None, None, Some("r")),
            (Some("i"), None, None),
            (None, Some("p"), None)
        ]
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
            (
                "createdAt",
                Snapshot::created_at_ms as fn(&Snapshot) -> Option<i64>,
            ),
            ("expiresAt", Snapshot::expires_at_ms),
        ] {
            let snapshot = with(name, &format!("{text:?}"));
            assert_eq!(get(&snapshot), ms, "{name} {text}");
            let kept = if name == "createdAt" {
                snapshot.created_at()
            } else {
                snapshot.expires_at()
            };
            assert_eq!(kept, Some(text));
            assert_eq!(
                odd(&snapshot),
                [""; 0],
                "text is the right type, whatever it says"
            );
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
fn a_page_has_50_000_items_at_most() {
    let page = |count: usize| format!(r#"{{"results":[{}0]}}"#, "0,".repeat(count - 1));
    assert_eq!(SnapshotList::parse(page(50_000)).unwrap().len(), 50_000);
    let error = SnapshotList::parse(page(50_001)).unwrap_err();
    assert!(
        error.message.contains("more than 50000 snapshots"),
        "{error}"
    );
}

#[test]
fn text_is_unescaped_and_keeps_what_utf_8_can_hold() {
    for (raw, text) in [
        (r#""plain""#, "plain"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\\""#, "\\"),
        (r#""\u00e9é""#, "éé"),
        (r#""\ud83d\ude00😀""#, "😀😀"),
        (r#""\uD83D\uDE00""#, "😀"),
        (r#""a\u0000b\u0000""#, "a\u{fffd}b\u{fffd}"),
        (r#""\u0000""#, "\u{fffd}"),
        (r#""\ud800""#, "\u{fffd}"),
        (r#""x\udc00y""#, "x\u{fffd}y"),
        (r#""\ud800\ud800\udc00""#, "\u{fffd}\u{10000}"),
        (r#""\ud800\n""#, "\u{fffd}\n"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ufffd\uffff""#, "\u{fffd}\u{ffff}"),
    ] {
        for (name, get) in TEXTS {
            let snapshot = with(name, raw);
            assert_eq!(get(&snapshot), Some(text), "{name}: {raw}");
            assert_eq!(snapshot.field(name), Some(raw));
            assert_eq!(odd(&snapshot), [""; 0]);
        }
        let array = format!(r#"{{"copyRegions":["<",{raw},">"],"links":[{{"href":{raw}}}]}}"#);
        assert!(parse(&array).copy_regions().eq(["<", text, ">"]), "{raw}");
        assert_eq!(
            parse(&array).links().next().and_then(|l| l.href),
            Some(text)
        );
    }
}

#[test]
fn names_may_be_escaped_and_odd() {
    let snapshot = parse(r#"{"\u0069d":"a","b\ud800":1,"c\u0000":2,"d\"\n":3,"é":4,"":5}"#);
    assert_eq!(snapshot.id(), Some("a"));
    let fields = [
        ("id", r#""a""#),
        ("b\u{fffd}", "1"),
        ("c\u{fffd}", "2"),
        ("d\"\n", "3"),
        ("é", "4"),
        ("", "5"),
    ];
    assert!(snapshot.field_names().eq(fields.map(|(name, _)| name)));
    for (name, value) in fields {
        assert_eq!(snapshot.field(name), Some(value), "{name:?}");
    }
    assert_eq!(snapshot.field("ID"), None, "names have a case");
}

#[test]
fn of_duplicate_names_the_last_counts_whatever_its_type() {
    for (body, id, field) in [
        (r#"{"id":"a","id":"b"}"#, Some("b"), r#""b""#),
        (r#"{"id":1,"id":"b"}"#, Some("b"), r#""b""#),
        (r#"{"id":"a","id":1}"#, None, "1"),
        (r#"{"id":"a","id":null}"#, None, "null"),
        (r#"{"id":"a","\u0069d":"b"}"#, Some("b"), r#""b""#),
        (r#"{"\u0069d":"b","id":"a"}"#, Some("a"), r#""a""#),
    ] {
        let snapshot = parse(body);
        assert_eq!(snapshot.id(), id, "{body}");
        assert_eq!(snapshot.field("id"), Some(field), "{body}");
        assert_eq!(snapshot.field_names().len(), 1, "{body}");
    }
    let snapshot = parse(r#"{"z":1,"a":2,"z":3,"b":4,"a":5,"z":6,"c":7}"#);
    assert!(
        snapshot.field_names().eq(["z", "a", "b", "c"]),
        "each at its first place"
    );
    let values = ["z", "a", "b", "c"].map(|name| snapshot.field(name));
    assert_eq!(values, [Some("6"), Some("5"), Some("4"), Some("7")]);
    let twice = r#"{"links":[{},{},{}],"links":[{"rel":"x"}],"copyRegions":["a"],"copyRegions":7}"#;
    assert_eq!(parse(twice).links().len(), 1);
    assert_eq!(parse(twice).copy_regions().len(), 0);
}

#[test]
fn what_is_no_json_object_is_refused_and_the_message_says_where() {
    for (body, place) in [
        ("", "empty"),
        (" \n", "line 1, column 1: found nothing but white space"),
        ("[]", "line 1, column 1: found an array"),
        ("null", "line 1, column 1: found null"),
        ("\n 12", "line 2, column 2: found a number"),
        ("-1", "a number"),
        ("true", "a boolean"),
        ("\"text\"", "a string"),
        (
            "<html>\n<body>",
            "line 1, column 1: found \"<html> <body>\"",
        ),
        ("\u{feff}{}", "line 1, column 1: found a byte-order mark"),
        ("{", "line 1, column 1: EOF while parsing an object"),
        ("{} x", "line 1, column 4: trailing characters"),
        ("{}{}", "line 1, column 3: trailing characters"),
        ("{}\0", "line 1, column 3: trailing characters"),
        ("{\n\"a\": tru}", "line 2, column 9: expected ident"),
        (r#"{"a":01}"#, "invalid number"),
        (r#"{"a":1,}"#, "trailing comma"),
        (r#"{"a" 1}"#, "line 1, column 6: expected `:`"),
        (r#"{a:1}"#, "key must be a string"),
        (r#"{"a":"\x"}"#, "invalid escape"),
        (r#"{"a":"\u12g4"}"#, "invalid escape"),
        (r#"{"\x":1}"#, "invalid escape"),
        (r#"{"a":[1,]}"#, "expected value"),
        (r#"{"a":{"b"}}"#, "expected `:`"),
        ("{\"a\":\"\n\"}", "control character"),
        ("{\"a\n\":1}", "control character"),
        ("{\"a\":[{\"b\0\":1}]}", "control character"),
        (r#"{"a":NaN}"#, "expected value"),
        (r#"{"a":'b'}"#, "expected value"),
        ("{\"a\":1 /* */}", "expected"),
    ] {
        let message = refused(body).message.clone();
        assert!(message.contains(place), "{body:?}: {message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    let long = refused(format!("\"{}\"", "x".repeat(1000)));
    assert!(
        long.message.len() < 200,
        "a body is quoted in short form: {long}"
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_wherever_they_are() {
    for (body, place) in [
        (&b"{\"id\":\"\xff\"}"[..], "line 1, column 8"),
        (b"{\"id\":\n \"a\",\n \"\xc3\":1}", "line 3, column 3"),
        (b"{\"id\":\"\xed\xa0\x80\"}", "line 1, column 8"),
        (b"{\"id\":\"\xc0\x80\"}", "line 1, column 8"),
        (b"{}\n\xf0\x9f\x98", "line 2, column 1"),
        (b"\xff\xfe{\0}\0", "line 1, column 1"),
    ] {
        let message = refused(body).message.clone();
        assert!(
            message.contains(place) && message.contains("not UTF-8"),
            "{message}"
        );
    }
}

#[test]
fn nesting_ends_at_128_levels() {
    let nested = |levels: usize, open: &str, close: &str| {
        let inside = levels - 1; // the document is the first level
        format!(
            r#"{{"id":"a","deep":{}1{}}}"#,
            open.repeat(inside),
            close.repeat(inside)
        )
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert_eq!(parse(&nested(128, open, close)).id(), Some("a"));
        let message = refused(nested(129, open, close)).message.clone();
        assert!(message.contains("128 levels"), "{message}");
    }
    let message = refused(format!(
        "{{\"a\":\n{}1{}}}",
        "[".repeat(128),
        "]".repeat(128)
    ))
    .message
    .clone();
    assert!(message.contains("line 2, column 128"), "{message}");
    // Brackets in strings and side by side are no nesting.
    let many = format!(
        r#"{{"id":"a","x":"{}\"{}\\","y":[{}0]}}"#,
        "[".repeat(500),
        "{".repeat(500),
        "[],{},".repeat(500)
    );
    assert_eq!(parse(&many).id(), Some("a"));
    // An envelope is a level, too.
    let enveloped = |levels| format!(r#"{{"status":200,"content":{}}}"#, nested(levels, "[", "]"));
    assert_eq!(parse(&enveloped(127)).id(), Some("a"));
    refused(enveloped(128));
    let page = |levels| format!(r#"{{"results":[{}]}}"#, nested(levels, "[", "]"));
    assert_eq!(SnapshotList::parse(page(126)).unwrap().len(), 1);
    assert_eq!(
        SnapshotList::parse(page(127)).unwrap_err().kind,
        ErrorKind::InvalidResponse
    );
}

#[test]
fn a_body_ends_at_16_mib() {
    const MAX: usize = 16 * 1024 * 1024;
    let body = |length: usize| {
        let mut body = String::from(r#"{"id":"a","description":""#);
        body.extend(std::iter::repeat_n('x', length - body.len() - 2));
        body + "\"}"
    };
    let snapshot = parse(&body(MAX));
    assert_eq!((snapshot.id(), snapshot.json().len()), (Some("a"), MAX));
    let message = refused(body(MAX + 1)).message.clone();
    assert!(message.contains("too large"), "{message}");
}

#[test]
fn an_envelope_is_an_object_content_beside_an_integer_status() {
    for (body, id) in [
        (r#"{"status":200,"content":{"id":"a"}}"#, Some("a")),
        (r#"{"content":{"id":"a"},"status":200}"#, Some("a")),
        (
            r#"{"content":{"id":"x"},"status":"y","content":{"id":"a"},"status":200,"id":"b"}"#,
            Some("a"),
        ),
        // Each of these is a snapshot with an odd or an unknown field.
        (
            r#"{"status":"queued","content":{"id":"a"},"id":"b"}"#,
            Some("b"),
        ),
        (
            r#"{"status":200.0,"content":{"id":"a"},"id":"b"}"#,
            Some("b"),
        ),
        (r#"{"content":{"id":"a"},"id":"b"}"#, Some("b")),
        (
            r#"{"status":200,"content":[{"id":"a"}],"id":"b"}"#,
            Some("b"),
        ),
        (r#"{"status":200,"content":null,"id":"b"}"#, Some("b")),
        (r#"{"status":500,"content":null,"id":"b"}"#, Some("b")),
        (r#"{"status":500,"id":"b"}"#, Some("b")),
        (r#"{"status":200,"content":null}"#, None),
    ] {
        let snapshot = parse(body);
        assert_eq!(snapshot.id(), id, "{body}");
        assert_eq!(snapshot.json(), body);
    }
    let snapshot = parse(r#"{"status":200,"content":{"status":"failed","content":1}}"#);
    assert_eq!(snapshot.status_code(), Status::Failed);
    assert!(snapshot.field_names().eq(["status", "content"]));
    assert_eq!(snapshot.field("status"), Some(r#""failed""#));
}

#[test]
fn an_error_in_place_of_a_snapshot_fails_as_from_the_server() {
    const ERROR: &str = r#"{"detail":"D","error":404,"errorCode":"RESOURCE_NOT_FOUND","parameters":["p"],"reason":"R"}"#;
    let bodies = [
        ERROR.to_owned(),
        format!(r#"{{"status":404,"content":{ERROR}}}"#),
        format!(r#"{{"status":200,"content":{ERROR}}}"#),
        format!(r#"{{"status":404,{}"#, &ERROR[1..]),
        format!(r#"{{"id":null,{}"#, &ERROR[1..]),
    ];
    for body in &bodies {
        for error in [
            Snapshot::parse(body.as_str()).unwrap_err(),
            SnapshotList::parse(body.as_str()).unwrap_err(),
        ] {
            assert_eq!(
                (error.kind, error.http_status),
                (ErrorKind::NotFound, 404),
                "{body}"
            );
            let details = [&error.code, &error.reason, &error.detail, &error.parameters];
            assert_eq!(
                details,
                ["RESOURCE_NOT_FOUND", "R", "D", r#"["p"]"#],
                "{body}"
            );
        }
    }
    for (body, kind) in [
        (r#"{"error":400}"#, ErrorKind::BadRequest),
        (r#"{"error":401}"#, ErrorKind::Unauthenticated),
        (r#"{"status":403,"content":{}}"#, ErrorKind::Forbidden),
        (r#"{"status":429,"content":null}"#, ErrorKind::RateLimited),
        (r#"{"status":503,"content":"<html>"}"#, ErrorKind::Server),
        (r#"{"status":500,"content":{"id":"a"}}"#, ErrorKind::Server),
        (r#"{"error":599}"#, ErrorKind::Server),
        // A redirect is no snapshot, in an envelope no more than without.
        (
            r#"{"status":302,"content":{"id":"a"}}"#,
            ErrorKind::InvalidResponse,
        ),
        (
            r#"{"status":304,"content":null}"#,
            ErrorKind::InvalidResponse,
        ),
    ] {
        let error = Snapshot::parse(body).unwrap_err();
        assert_eq!(error.kind, kind, "{body}");
        let status = error.http_status.to_string();
        assert!(body.contains(&status), "{body}: {status}");
    }
    // What no HTTP answer can have is no status.
    for status in [0, 99, 600, 999, 65_535, 70_000, -404, i64::MIN] {
        let bare = format!(r#"{{"error":{status}}}"#);
        assert_all_absent(&parse(&bare), &bare);
        let within = format!(r#"{{"status":{status},"content":{{"id":"a"}}}}"#);
        assert_eq!(parse(&within).id(), Some("a"), "{within}");
        let both = format!(r#"{{"status":200,"content":{{"error":{status}}}}}"#);
        assert_all_absent(&parse(&both), &both);
        let page = format!(r#"{{"status":{status},"results":[]}}"#);
        assert!(SnapshotList::parse(page.as_str()).is_ok(), "{page}");
    }
    // The inner status of a page is found beside it as well.
    let error = SnapshotList::parse(r#"{"status":307,"results":[]}"#).unwrap_err();
    assert_eq!(
        (error.kind, error.http_status),
        (ErrorKind::InvalidResponse, 307)
    );
    for body in [
        r#"{"error":399}"#,
        r#"{"error":"404"}"#,
        r#"{"error":404.0}"#,
        r#"{"error":404,"id":"a"}"#,
        r#"{"status":200,"content":{"error":404,"id":"a"}}"#,
        r#"{"error":404,"error":null}"#,
    ] {
        assert!(Snapshot::parse(body).is_ok(), "{body}");
    }
}

#[test]
fn a_page_has_its_items_in_order_and_each_its_own_bytes() {
    let second = SHARDED;
    let page = format!(r#"{{"links":[],"results":[ {EXAMPLE} , {second}],"totalCount":7}}"#);
    for page in [
        page.clone(),
        format!(r#"{{"status":200,"content":{page}}}"#),
        format!(r#"{{"status":200,{}"#, &page[1..]),
    ] {
        let list = SnapshotList::parse(page).unwrap();
        assert_eq!(
            (list.len(), list.is_empty(), list.total_count()),
            (2, false, Some(7))
        );
        let first = list.get(0).unwrap();
        assert_eq!(first.id(), Some("32b6e34b3d91647abb20e7b8"));
        assert_eq!(first.json(), EXAMPLE);
        assert_eq!(first.field("status"), Some(r#""queued""#));
        assert_eq!((first.http_status(), first.headers().len()), (None, 0));
        assert_eq!(list.get(1).unwrap().json(), second);
        assert!(list.get(2).is_none());
        let kept = list.get(1).unwrap().clone();
        drop(list);
        assert_eq!(kept.members().len(), 2);
    }
}

#[test]
fn an_odd_item_hides_no_other() {
    let page = r#"{"results":[{"id":"a"},null,5,"x",[{"id":"b"}],{"id":7,"status":"failed"},{"error":404},{"id":"c"}]}"#;
    let list = SnapshotList::parse(page).unwrap();
    let ids: Vec<_> = list.iter().map(Snapshot::id).collect();
    assert!(
        (&list)
            .into_iter()
            .map(Snapshot::id)
            .eq(ids.iter().copied())
    );
    assert_eq!(
        ids,
        [Some("a"), None, None, None, None, None, None, Some("c")]
    );
    for (index, json) in [(1, "null"), (2, "5"), (3, r#""x""#), (4, r#"[{"id":"b"}]"#)] {
        let item = list.get(index).unwrap();
        assert_all_absent(item, json);
        assert_eq!(
            (item.json(), item.field_names().len(), item.field("id")),
            (json, 0, None)
        );
        assert_eq!(refused(item.json()).kind, ErrorKind::InvalidResponse);
    }
    assert_eq!(list.get(5).unwrap().status_code(), Status::Failed);
    assert_eq!(
        list.into_iter()
            .filter_map(|item| item.id().map(str::to_owned))
            .collect::<Vec<_>>(),
        ["a", "c"]
    );
}

#[test]
fn a_page_without_results_is_refused_and_an_odd_total_is_absent() {
    for page in [
        "{}",
        r#"{"results":null}"#,
        r#"{"results":{}}"#,
        r#"{"results":"[]"}"#,
        r#"{"results":[],"results":1}"#,
        r#"{"status":200,"content":{"totalCount":1}}"#,
        r#"{"status":200,"content":null}"#,
        "[]",
        "",
        r#"{"results":[}"#,
    ] {
        assert_eq!(
            SnapshotList::parse(page).unwrap_err().kind,
            ErrorKind::InvalidResponse,
            "{page}"
        );
    }
    for page in [r#"{"results":"[]"}"#, "{}"] {
        let message = SnapshotList::parse(page).unwrap_err().message.clone();
        assert!(message.contains("no array \"results\""), "{message}");
    }
    assert_eq!(
        SnapshotList::parse(r#"{"status":503}"#).unwrap_err().kind,
        ErrorKind::Server
    );
    for (total, expected) in [
        ("0", Some(0)),
        ("12", Some(12)),
        ("null", None),
        (r#""12""#, None),
        ("1.5", None),
        ("-9223372036854775808", None),
    ] {
        let list =
            SnapshotList::parse(format!(r#"{{"totalCount":{total},"results":[]}}"#)).unwrap();
        assert_eq!(
            (list.total_count(), list.is_empty()),
            (expected, true),
            "{total}"
        );
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

/// Bodies made to be slow. The bounds are generous, for a busy machine; what is quadratic takes hours.
#[test]
fn no_body_within_the_limits_takes_long() {
    // An unoptimised build is ten times slower and sees the same shape in less.
    const MAX: usize = if cfg!(debug_assertions) {
        2 << 20
    } else {
        16 << 20
    };
    let fill = |start: &str, piece: &dyn Fn(usize) -> String, end: &str| {
        let mut body = String::with_capacity(MAX);
        body.push_str(start);
        for i in 0.. {
            let piece = piece(i);
            if body.len() + piece.len() + end.len() > MAX {
                break;
            }
            body.push_str(&piece);
        }
        body + end
    };
    for (what, body) in [
        (
            "distinct names",
            fill("{", &|i| format!("\"{i:x}\":1,"), "\"z\":1}"),
        ),
        (
            "one name again and again",
            fill("{", &|_| "\"id\":\"\",".into(), "\"z\":1}"),
        ),
        (
            "escaped names",
            fill("{", &|_| "\"\\u0069d\":1,".into(), "\"z\":1}"),
        ),
        (
            "empty texts",
            fill("{\"copyRegions\":[", &|_| "\"\",".into(), "\"\"],\"z\":1}"),
        ),
        (
            "empty members",
            fill("{\"members\":[", &|_| "{},".into(), "{}],\"z\":1}"),
        ),
        (
            "one element with many members",
            fill(
                "{\"links\":[{",
                &|_| "\"rel\":\"\",".into(),
                "\"z\":1}],\"z\":1}",
            ),
        ),
        (
            "an odd end",
            fill("{\"members\":[", &|_| "{},".into(), "1],\"z\":1}"),
        ),
        (
            "surrogates",
            fill("{\"id\":\"", &|_| "\\ud800".into(), "\",\"z\":1}"),
        ),
        (
            "brackets in text",
            fill("{\"id\":\"", &|_| "[{".into(), "\",\"z\":1}"),
        ),
        ("lines", fill("{\"z\":1", &|_| "\n".into(), "}")),
    ] {
        let start = Instant::now();
        let snapshot = parse(&body);
        assert_eq!(snapshot.field("z"), Some("1"), "{what}");
        assert_eq!(snapshot.field_names().last(), Some("z"), "{what}");
        let took = start.elapsed();
        println!("{what}: {took:?}");
        assert!(took < Duration::from_secs(20), "{what}: {took:?}");
    }
    for (what, body) in [
        ("openings without end", "{\"a\":".repeat(MAX / 5)),
        (
            "brackets without end",
            format!("{{\"a\":{}", "[".repeat(MAX - 5)),
        ),
        (
            "too deep",
            format!(
                "{{\"a\":{}{}}}",
                "[".repeat(MAX / 2 - 5),
                "]".repeat(MAX / 2 - 5)
            ),
        ),
    ] {
        let start = Instant::now();
        refused(body);
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{what}: {:?}",
            start.elapsed()
        );
    }
    let start = Instant::now();
    let error = SnapshotList::parse(fill("{\"results\":[", &|_| "{},".into(), "{}]}")).unwrap_err();
    assert!(
        error.message.contains("more than 50000 snapshots"),
        "{error}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
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
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        seen += 1;
        if name.contains("-list-") {
            let list = SnapshotList::parse(body).unwrap();
            assert!(
                !list.is_empty() && list.total_count() == Some(list.len() as i64),
                "{name}"
            );
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
    assert!(
        seen >= 20,
        "only {seen} recorded answers in {}",
        folder.display()
    );
}

/// Everything in a snapshot against what serde_json makes of the same text.
fn compare(snapshot: &Snapshot, text: &str, name: &str) {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    for (field, get) in TEXTS {
        assert_eq!(get(snapshot), document[field].as_str(), "{name}: {field}");
    }
    assert_eq!(
        snapshot.storage_size_bytes(),
        document["storageSizeBytes"].as_i64(),
        "{name}"
    );
    assert_eq!(
        snapshot.created_at_ms().is_some(),
        document["createdAt"].is_string(),
        "{name}"
    );
    assert_eq!(
        snapshot.expires_at_ms().is_some(),
        document["expiresAt"].is_string(),
        "{name}"
    );
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

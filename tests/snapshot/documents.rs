//! What is a document, an envelope and a page, what is refused, and within which limits.

use std::time::{Duration, Instant};

use atlas_backup::snapshot::Status;
use atlas_backup::{ErrorKind, Snapshot, SnapshotList};

use super::support::{EXAMPLE, SHARDED, assert_all_absent, odd, parse, refused, with};
use super::text_fields::TEXTS;

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
        for &(name, get) in TEXTS {
            let snapshot = with(name, raw);
            assert_eq!(get(&snapshot), Some(text), "{name}: {raw}");
            assert_eq!(snapshot.field(name), Some(raw));
            assert_eq!(odd(&snapshot), [""; 0]);
        }
        let array = format!(r#"{{"copyRegions":["<",{raw},">"],"links":[{{"href":{raw}}}]}}"#);
        assert!(parse(&array).copy_regions().eq(["<", text, ">"]), "{raw}");
        assert_eq!(parse(&array).links().next().and_then(|l| l.href), Some(text));
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
    assert!(snapshot.field_names().eq(["z", "a", "b", "c"]), "each at its first place");
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
        ("<html>\n<body>", "line 1, column 1: found \"<html> <body>\""),
        ("\u{feff}{}", "line 1, column 1: found a byte-order mark"),
        ("{", "line 1, column 1: EOF while parsing an object"),
        ("{} x", "line 1, column 4: trailing characters"),
        ("{}{}", "line 1, column 3: trailing characters"),
        ("{}\0", "line 1, column 3: trailing characters"),
        ("{\n\"a\": tru}", "line 2, column 9: expected ident"),
        (r#"{"a":01}"#, "invalid number"),
        (r#"{"storageSizeBytes":01}"#, "invalid number"),
        (r#"{"id":nope}"#, "expected ident"),
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
        let message = refused(body).message();
        assert!(message.contains(place), "{body:?}: {message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    let long = refused(format!("\"{}\"", "x".repeat(1000)));
    assert!(long.message().len() < 200, "a body is quoted in short form: {long}");
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
        let message = refused(body).message();
        assert!(message.contains(place) && message.contains("not UTF-8"), "{message}");
    }
}

#[test]
fn nesting_ends_at_128_levels() {
    let nested = |levels: usize, open: &str, close: &str| {
        let inside = levels - 1; // the document is the first level
        format!(r#"{{"id":"a","deep":{}1{}}}"#, open.repeat(inside), close.repeat(inside))
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert_eq!(parse(&nested(128, open, close)).id(), Some("a"));
        let message = refused(nested(129, open, close)).message();
        assert!(message.contains("128 levels"), "{message}");
    }
    let message =
        refused(format!("{{\"a\":\n{}1{}}}", "[".repeat(128), "]".repeat(128))).message().clone();
    assert!(message.contains("line 2, column 128"), "{message}");
    // Brackets in strings and side by side are no nesting.
    let many = format!(
        r#"{{"id":"a","x":"{}\"{}\\","y":[{2}0],"z":[[{2}0]]}}"#,
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
    assert_eq!(SnapshotList::parse(page(127)).unwrap_err().kind, ErrorKind::InvalidResponse);
    let beside_results =
        |levels| format!(r#"{},"results":[]}}"#, nested(levels, "[", "]").trim_end_matches('}'));
    assert!(SnapshotList::parse(beside_results(128)).unwrap().is_empty());
    let error = SnapshotList::parse(beside_results(129)).unwrap_err();
    assert!(error.message().contains("128 levels"), "{error}");
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
    let message = refused(body(MAX + 1)).message();
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
        (r#"{"status":"queued","content":{"id":"a"},"id":"b"}"#, Some("b")),
        (r#"{"status":200.0,"content":{"id":"a"},"id":"b"}"#, Some("b")),
        (r#"{"content":{"id":"a"},"id":"b"}"#, Some("b")),
        (r#"{"status":200,"content":[{"id":"a"}],"id":"b"}"#, Some("b")),
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
            assert_eq!((error.kind, error.http_status), (ErrorKind::NotFound, 404), "{body}");
            let details = [&error.code, &error.reason, &error.detail, &error.parameters];
            assert_eq!(details, ["RESOURCE_NOT_FOUND", "R", "D", r#"["p"]"#], "{body}");
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
        (r#"{"status":302,"content":{"id":"a"}}"#, ErrorKind::InvalidResponse),
        (r#"{"status":304,"content":null}"#, ErrorKind::InvalidResponse),
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
    assert_eq!((error.kind, error.http_status), (ErrorKind::InvalidResponse, 307));
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
fn a_page_has_50_000_items_at_most() {
    let page = |count: usize| format!(r#"{{"results":[{}0]}}"#, "0,".repeat(count - 1));
    assert_eq!(SnapshotList::parse(page(50_000)).unwrap().len(), 50_000);
    let error = SnapshotList::parse(page(50_001)).unwrap_err();
    assert!(error.message().contains("more than 50000 snapshots"), "{error}");
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
        assert_eq!((list.len(), list.is_empty(), list.total_count()), (2, false, Some(7)));
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
fn a_list_keeps_no_memory_that_it_does_not_need() {
    // Nearly all of the page is a field that Atlas does not document.
    let new = "x".repeat(1_000_000);
    let page = format!(r#"{{"results":[{{"id":"a","new":"{new}"}}]}}"#);
    let mut list = None;
    let kept = allocation_counter::measure(|| list = Some(SnapshotList::parse(page.as_str())));
    let beside = kept.bytes_current - page.len() as i64;
    assert!((0..10_000).contains(&beside), "{beside} bytes beside the page");
}

#[test]
fn an_odd_item_hides_no_other() {
    let page = r#"{"results":[{"id":"a"},null,5,"x",[{"id":"b"}],{"id":7,"status":"failed"},{"error":404},{"id":"c"}]}"#;
    let list = SnapshotList::parse(page).unwrap();
    let ids: Vec<_> = list.iter().map(Snapshot::id).collect();
    assert!((&list).into_iter().map(Snapshot::id).eq(ids.iter().copied()));
    assert_eq!(ids, [Some("a"), None, None, None, None, None, None, Some("c")]);
    for (index, json) in [(1, "null"), (2, "5"), (3, r#""x""#), (4, r#"[{"id":"b"}]"#)] {
        let item = list.get(index).unwrap();
        assert_all_absent(item, json);
        assert_eq!((item.json(), item.field_names().len(), item.field("id")), (json, 0, None));
        assert_eq!(refused(item.json()).kind, ErrorKind::InvalidResponse);
    }
    assert_eq!(list.get(5).unwrap().status_code(), Status::Failed);
    assert_eq!(
        list.into_iter().filter_map(|item| item.id().map(str::to_owned)).collect::<Vec<_>>(),
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
        let message = SnapshotList::parse(page).unwrap_err().message();
        assert!(message.contains("no array \"results\""), "{message}");
    }
    assert_eq!(SnapshotList::parse(r#"{"status":503}"#).unwrap_err().kind, ErrorKind::Server);
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
        assert_eq!((list.total_count(), list.is_empty()), (expected, true), "{total}");
    }
}

/// Bodies made to be slow. The bounds are generous, for a busy machine; what is quadratic takes hours.
#[test]
fn no_body_within_the_limits_takes_long() {
    // An unoptimised build is ten times slower and sees the same shape in less.
    const MAX: usize = if cfg!(debug_assertions) { 2 << 20 } else { 16 << 20 };
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
        ("distinct names", fill("{", &|i| format!("\"{i:x}\":1,"), "\"z\":1}")),
        ("one name again and again", fill("{", &|_| "\"id\":\"\",".into(), "\"z\":1}")),
        ("escaped names", fill("{", &|_| "\"\\u0069d\":1,".into(), "\"z\":1}")),
        ("empty texts", fill("{\"copyRegions\":[", &|_| "\"\",".into(), "\"\"],\"z\":1}")),
        ("empty members", fill("{\"members\":[", &|_| "{},".into(), "{}],\"z\":1}")),
        (
            "one element with many members",
            fill("{\"links\":[{", &|_| "\"rel\":\"\",".into(), "\"z\":1}],\"z\":1}"),
        ),
        ("an odd end", fill("{\"members\":[", &|_| "{},".into(), "1],\"z\":1}")),
        ("surrogates", fill("{\"id\":\"", &|_| "\\ud800".into(), "\",\"z\":1}")),
        ("brackets in text", fill("{\"id\":\"", &|_| "[{".into(), "\",\"z\":1}")),
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
        ("brackets without end", format!("{{\"a\":{}", "[".repeat(MAX - 5))),
        ("too deep", format!("{{\"a\":{}{}}}", "[".repeat(MAX / 2 - 5), "]".repeat(MAX / 2 - 5))),
    ] {
        let start = Instant::now();
        refused(body);
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: {:?}", start.elapsed());
    }
    let start = Instant::now();
    let error = SnapshotList::parse(fill("{\"results\":[", &|_| "{},".into(), "{}]}")).unwrap_err();
    assert!(error.message().contains("more than 50000 snapshots"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

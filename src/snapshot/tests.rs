//! The headers, envelopes and items that the tests against the simulator do not reach.

use ::http::HeaderMap;

use super::*;

const ENVELOPE: &str = r#"{"status":200,"content":{"id":"a"}}"#;

fn response(body: &str, enveloped: bool) -> Result<Snapshot> {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("RateLimit-Remaining", "7"), ("Via", "first"), ("Via", "second"), ("X-Empty", "")]
    {
        headers.append(name.parse::<::http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers.insert("x-odd", ::http::HeaderValue::from_bytes(b"caf\xe9").unwrap());
    headers.insert("retry-after", "3".parse().unwrap());
    Snapshot::from_response(200, headers.into(), body.into(), enveloped, &Redactor::none())
}

#[test]
fn headers_are_found_in_any_case_and_the_first_of_several_counts() {
    let snapshot = response(r#"{"id":"a"}"#, false).unwrap();
    for snapshot in [snapshot.clone(), snapshot] {
        assert_eq!(snapshot.http_status(), Some(200));
        assert_eq!(snapshot.header("ratelimit-REMAINING"), Some("7"));
        assert_eq!(snapshot.header("via"), Some("first"));
        assert_eq!(snapshot.header("X-Empty"), Some(""));
        assert_eq!(snapshot.header("X-Odd"), Some("caf\u{fffd}"));
        assert_eq!(snapshot.header("missing"), None);
        assert_eq!(snapshot.headers().len(), 6);
        assert!(snapshot.headers().any(|header| header == ("via", "second")));
    }
}

#[test]
fn an_envelope_is_opened_whether_asked_for_or_not() {
    for enveloped in [false, true] {
        let snapshot = response(ENVELOPE, enveloped).unwrap();
        assert_eq!((snapshot.id(), snapshot.json()), (Some("a"), ENVELOPE));
        assert_eq!(response(r#"{"id":"a"}"#, enveloped).unwrap().id(), Some("a"));
    }
}

#[test]
fn an_envelope_that_was_asked_for_and_holds_no_object_is_no_snapshot() {
    for body in
        [r#"{"status":200,"content":null}"#, r#"{"status":200}"#, r#"{"status":200,"content":[]}"#]
    {
        assert_eq!(
            response(body, true).unwrap_err().kind,
            crate::ErrorKind::InvalidResponse,
            "{body}"
        );
    }
    assert_eq!(response(r#"{"status":503}"#, true).unwrap_err().http_status, 503);
}

#[test]
fn an_enveloped_error_keeps_what_the_headers_say() {
    let error =
        response(r#"{"status":429,"content":{"error":429,"errorCode":"RATE_LIMITED"}}"#, true)
            .unwrap_err();
    assert_eq!(
        (error.http_status, error.retry_after, error.code.as_str()),
        (429, Some(3), "RATE_LIMITED")
    );
}

#[test]
fn a_list_item_owns_no_more_than_its_bytes() {
    assert!(size_of::<Snapshot>() <= 144, "{}", size_of::<Snapshot>());
}

#[test]
fn the_memory_of_a_list_is_that_of_its_page_texts_and_elements() {
    let page = r#"{"results":[{"id":"a","snapshotIds":["b","c"]}]}"#;
    let list = SnapshotList::parse(page).unwrap();
    // A text takes a NUL, and an element the place of its text.
    assert_eq!(list.get(0).unwrap().body.memory(), page.len() + 3 * 2 + 2 * 4);
}

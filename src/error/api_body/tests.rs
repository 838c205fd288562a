use super::*;

fn of(status: u16, body: &str) -> Error {
    Error::from_response(status, None, body.as_bytes(), &Redactor::none())
}

#[test]
fn the_status_decides_the_kind_and_whether_to_try_again() {
    for (status, kind, transient) in [
        (302, ErrorKind::InvalidResponse, false),
        (399, ErrorKind::InvalidResponse, false),
        (400, ErrorKind::BadRequest, false),
        (401, ErrorKind::Unauthenticated, false),
        (403, ErrorKind::Forbidden, false),
        (404, ErrorKind::NotFound, false),
        (408, ErrorKind::Timeout, false),
        (429, ErrorKind::RateLimited, true),
        (499, ErrorKind::BadRequest, false),
        (500, ErrorKind::Server, true),
        (501, ErrorKind::Server, false),
        (502, ErrorKind::Server, true),
        (503, ErrorKind::Server, true),
        (504, ErrorKind::Server, true),
        (599, ErrorKind::Server, false),
        (600, ErrorKind::InvalidResponse, false),
    ] {
        let error = of(status, "");
        assert_eq!((error.kind, error.transient), (kind, transient), "{status}");
    }
    let refused = r#"{"error":"invalid_client"}"#;
    assert_eq!(of(400, refused).kind, ErrorKind::Unauthenticated);
    let unknown = r#"{"error":"invalid_scope","error_description":"No such scope.","detail":"no"}"#;
    let error = of(400, unknown);
    assert_eq!(error.kind, ErrorKind::BadRequest);
    assert_eq!((&*error.code, &*error.detail), ("invalid_scope", "No such scope."));
}

#[test]
fn a_body_is_looked_into_up_to_256_kib() {
    let members = r#"{"errorCode":"X","reason":"R","detail":"D","parameters":[1]"#;
    for (length, truncated) in [(ERROR_LIMIT, false), (ERROR_LIMIT + 1, true)] {
        let body = format!("{members}{}}}", " ".repeat(length - members.len() - 1));
        let error = of(404, &body);
        assert_eq!((&*error.code, error.truncated), ("X", truncated), "{length}");
        assert_eq!([&*error.reason, &*error.detail], ["R", "D"], "{length}");
        assert_eq!(error.parameters, "[1]", "{length}");
    }
    // A character and an escape that lie across the end; what has an error before it; what is no JSON.
    let start = format!(r#"{{{}"detail":""#, " ".repeat(ERROR_LIMIT - 200));
    let long = |before: usize, tail: &str| {
        let fill = "x".repeat(ERROR_LIMIT - start.len() - before);
        format!(r#"{start}{fill}{tail}{}"}}"#, "x".repeat(before))
    };
    for (before, tail) in [(1, "é"), (3, "😀"), (1, r"\n"), (4, r"\u00e9")] {
        let error = of(404, &long(before, tail));
        assert!(error.truncated, "{tail}");
        assert!(error.detail.bytes().all(|byte| byte == b'x'), "{tail}");
        assert_eq!(error.detail.len(), ERROR_LIMIT - start.len() - before, "{tail}");
    }
    for body in [
        format!(r#"{{"errorCode":"X",]{}"#, long(0, "")),
        format!("<html>{}", long(0, "")),
        "[".repeat(ERROR_LIMIT + 1),
    ] {
        let error = of(404, &body);
        assert_eq!((&*error.code, error.truncated), ("", false), "{:.20}", body);
    }
    let mut bytes = format!(r#"{{"errorCode":"X","detail":"{}"#, long(0, "")).into_bytes();
    bytes[100] = 0xff;
    assert_eq!(Error::from_response(404, None, &bytes, &Redactor::none()).code, "");
}

#[test]
fn a_429_may_say_in_its_body_how_long_to_wait() {
    for (parameters, seconds) in [
        (r#"["/path",55,10,5,60]"#, Some(55)),
        (r#"["/path","55"]"#, Some(55)),
        (r#"[null,1]"#, Some(1)),
        ("[7,86400]", Some(86_400)),
        ("[7,86401]", None),
        ("[7,0]", None),
        ("[7,-1]", None),
        ("[7,1.5]", None),
        (r#"[7,"soon"]"#, None),
        (r#"[7,""]"#, None),
        (r#"[7,"+55"]"#, None),
        (r#"[7,"055"]"#, None),
        (r#"[7," 55"]"#, None),
        (r#"[7,"\u0035\u0035"]"#, Some(55)),
        ("[7,5e1]", None),
        (r#"[7,"99999999999999999999"]"#, None),
        ("[7,[55]]", None),
        ("[7,null]", None),
        ("[55]", None),
        ("[]", None),
        ("55", None),
        (r#"{"a":55,"b":55}"#, None),
        ("null", None),
    ] {
        let body = format!(r#"{{"error":429,"parameters":{parameters}}}"#);
        assert_eq!(of(429, &body).retry_after, seconds, "{parameters}");
        let enveloped = format!(r#"{{"status":429,"content":{body}}}"#);
        assert_eq!(of(429, &enveloped).retry_after, seconds, "{enveloped}");
        assert_eq!(of(503, &body).retry_after, None, "{parameters}");
    }
}

#[test]
fn parameters_come_without_white_space_but_that_of_texts() {
    for (parameters, expected) in [
        ("[ 1,\n  null ]", "[1,null]"),
        (r#"[ "a b" , "c" ]"#, r#"["a b","c"]"#),
        (r#"[ "\" [ 1 ]", " \\" , { "a" : "\\\" " } ]"#, r#"["\" [ 1 ]"," \\",{"a":"\\\" "}]"#),
        ("null", ""),
    ] {
        let body = format!(r#"{{ "parameters" : {parameters} }}"#);
        assert_eq!(of(404, &body).parameters, expected);
    }
}

#[test]
fn only_a_body_without_words_of_atlas_is_described() {
    let trouble = "the trouble is on Atlas' side: try again later, see status.mongodb.com";
    let long = format!("{}<html><title>far away</title>", " ".repeat(2048));
    for (body, described) in [
        ("", ""),
        ("{}", ""),
        ("[]", r#" (a body beginning "[]")"#),
        (r#"{"detail":"It broke."}"#, " (It broke)"),
        ("<title> Bad\nGateway </title>", r#" (an HTML page titled "Bad Gateway")"#),
        ("<TITLE></TITLE>", r#" (an HTML page titled "")"#),
        ("</title><html><title>", " (an HTML page)"),
        ("<titl</title>", r#" (a body beginning "<titl</title>")"#),
        (&long, r#" (a body beginning "")"#),
    ] {
        let message = format!("Atlas answered 500{described}; {trouble}");
        assert_eq!(of(500, body).message(), message, "{body}");
    }
    let made = of(201, "token").message();
    assert!(made.starts_with("Atlas answered 201; "), "{made}");
    let fields = r#"{"badRequestDetail":{"fields":[{"field":"a","description":"b"},{"field":"c","description":"d"}]}}"#;
    assert_eq!(of(400, fields).detail, "a: b; c: d");
}

#[test]
fn where_a_body_is_cut_no_half_of_a_secret_is_shown() {
    let secret = "0123456789".repeat(5);
    let redactor = Redactor::new(vec![Zeroizing::new(secret.clone())]);
    let of = |body: String| Error::from_response(500, None, body.as_bytes(), &redactor);
    let start = format!(r#"{{{}"detail":""#, " ".repeat(ERROR_LIMIT - 1000));
    for before in (0..990).step_by(20) {
        let error = of(format!("{start}{}{secret}{}", "x".repeat(before), "z".repeat(1000)));
        let shown = error.detail.replace("[secret]", "");
        assert!(error.truncated && shown.bytes().all(|byte| b"xz".contains(&byte)), "{shown}");
    }
    let message = of(secret.repeat(100)).message();
    assert!(message.contains("(a body beginning \"[secret]…\")"), "{message}");
}

#[test]
fn a_detail_that_leaves_fields_out_says_so() {
    let first = "f".repeat(TEXT_LIMIT - 2);
    for (more, end) in [("", "f: "), (r#",{"field":"g"}"#, "f: …")] {
        let fields = format!(r#"{{"fields":[{{"field":"{first}"}}{more}]}}"#);
        let error = of(400, &format!(r#"{{"badRequestDetail":{fields}}}"#));
        assert!(error.detail.ends_with(end), "{more}");
    }
}

//! The head of a response. ureq makes a map of all headers in it, which takes longer than to parse a snapshot, and nearly
//! nobody asks for one. So the head is kept as it was received, and ureq gets to see what it needs itself.

use httparse::Status;

use super::limits::KEPT_HEAD_LIMIT;
use crate::headers::MAX_HEADERS;

/// By these ureq knows where the body ends and whether the connection can be kept; it looks at the last one, too.
const FOR_UREQ: [&str; 4] = ["connection", "content-length", "transfer-encoding", "location"];

/// If `input` begins with the whole head of a response: how long it is, and what of it ureq needs.
pub(super) fn reduced(input: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(Status::Complete(length)) = response.parse(input) else {
        return None;
    };
    // An interim answer is no response.
    response.code.filter(|code| *code >= 200)?;
    let status_line = input.split_inclusive(|byte| *byte == b'\n').next()?;
    let mut reduced = status_line.to_vec();
    for header in response.headers.iter() {
        if FOR_UREQ.iter().any(|name| header.name.eq_ignore_ascii_case(name)) {
            for part in [header.name.as_bytes(), b":", header.value, b"\r\n"] {
                reduced.extend_from_slice(part);
            }
        }
    }
    reduced.extend_from_slice(b"\r\n");
    // Blank lines may come first, and lines may end without a carriage return.
    let is_usual =
        status_line.starts_with(b"HTTP/") && (reduced.len()..=KEPT_HEAD_LIMIT).contains(&length);
    is_usual.then_some((length, reduced))
}

#[cfg(test)]
mod tests {
    use ::http::HeaderMap;

    use super::*;
    use crate::headers::Headers;

    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Mon, 10 Aug 2026 03:29:31 GMT\r\nvia: a\r\n\
        X-Empty:\r\nVia:  b \r\nCONNECTION: Keep-Alive\r\nX-Odd: \x09caf\u{e9}\r\n\r\n";

    #[test]
    fn a_head_is_kept_whole_and_ureq_sees_the_framing() {
        let (length, reduced) = reduced(format!("{HEAD}{{}}").as_bytes()).unwrap();
        assert_eq!(length, HEAD.len());
        let seen = "HTTP/1.1 200 OK\r\nContent-Length:2\r\nCONNECTION:Keep-Alive\r\n\r\n";
        assert_eq!(String::from_utf8(reduced).unwrap(), seen);

        let headers = Headers::of(HEAD.as_bytes().to_vec());
        let named = |name: &str| headers.has(&name.parse().unwrap());
        let check = || {
            for name in ["date", "via", "x-empty", "connection", "x-odd", "content-length"] {
                assert!(named(name), "{name}");
            }
            for name in ["http/1.1", "dat", "date:", "x-empty2", "2026"] {
                assert!(name.parse::<::http::HeaderName>().is_err() || !named(name), "{name}");
            }
        };
        check();
        let all: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let odd = "caf\u{e9}".as_bytes();
        let expected: [(&str, &[u8]); 7] = [
            ("content-length", b"2"),
            ("date", b"Mon, 10 Aug 2026 03:29:31 GMT"),
            ("via", b"a"),
            ("via", b"b"),
            ("x-empty", b""),
            ("connection", b"Keep-Alive"),
            ("x-odd", odd),
        ];
        assert_eq!(all, expected);
        check();
        assert_eq!(*headers.clone(), *headers);
        assert_eq!(*Headers::from(HeaderMap::clone(&headers)), *headers);
    }

    #[test]
    fn what_is_no_whole_head_of_a_response_is_left_to_ureq() {
        for end in 0..HEAD.len() {
            assert!(
                HEAD.is_char_boundary(end) && reduced(&HEAD.as_bytes()[..end]).is_none()
                    || !HEAD.is_char_boundary(end)
            );
        }
        let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(KEPT_HEAD_LIMIT));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(65));
        for head in [
            long.as_str(),
            many.as_str(),
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\nConnection:a\n\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
        ] {
            assert!(reduced(head.as_bytes()).is_none(), "{head:?}");
        }
    }

    #[test]
    fn a_map_of_a_kept_head_has_all_that_httparse_reads() {
        for byte in 0..=255u8 {
            for head in [
                [b"HTTP/1.1 200 OK\r\nab".as_slice(), &[byte], b"c: d\r\n\r\n"].concat(),
                [b"HTTP/1.1 200 OK\r\na: b".as_slice(), &[byte], b"c\r\n\r\n"].concat(),
            ] {
                if reduced(&head).is_some() {
                    assert_eq!(Headers::of(head).len(), 1, "{byte}");
                }
            }
        }
    }
}

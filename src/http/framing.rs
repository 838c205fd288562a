//! Where an answer's body ends. ureq finds that out, but more freely than RFC 9112 allows, and a program on the way that
//! reads the same bytes otherwise could have one answer taken for another. What has two readings is refused here, and
//! what ureq does not understand though it is good HTTP is put so that it does.

use ::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use ::http::{Response, StatusCode, Version};
use httparse::Status;

use crate::error::{Error, ErrorKind, Hint};
use crate::headers::MAX_HEADERS;

/// How long a chunk's line may be, and all trailers together.
const LIMIT: usize = super::limits::HEADER_LIMIT;

/// The length of the answer `100 Continue` that `input` begins with, if one is there whole. ureq skips it itself where it
/// has no headers, and takes it for an error where it has some.
pub(super) fn continue_at_start(input: &[u8]) -> Option<usize> {
    if !input.starts_with(b"HTTP/1.1 100") {
        return None;
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(input) {
        Ok(Status::Complete(length)) if response.code == Some(100) => Some(length),
        _ => None,
    }
}

/// Whether the body comes in chunks. `Transfer-Encoding` is `chunked` alone, in HTTP/1.1, without a `Content-Length`;
/// what else a `Content-Length` may not be, ureq refuses itself.
pub(super) fn is_chunked<T>(response: &Response<T>) -> Result<bool, Error> {
    const FAULTY: &str = "the answer's Transfer-Encoding leaves open where it ends: it is not \"chunked\" alone in \
        HTTP/1.1 without a Content-Length";
    let faulty = || Error::new(ErrorKind::InvalidResponse, FAULTY).hint(Hint::CHECK_PROXIES);
    let headers = response.headers();
    // These have no body. What a header announces all the same could come when the next response is waited for.
    let has_no_body =
        matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = headers.get(CONTENT_LENGTH).filter(|length| *length != "0");
    if has_no_body && (length.is_some() || headers.contains_key(TRANSFER_ENCODING)) {
        return Err(faulty());
    }
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return Ok(false);
    };
    let is_good = encodings.next().is_none()
        && encoding.as_bytes().eq_ignore_ascii_case(b"chunked")
        && response.version() == Version::HTTP_11
        && !headers.contains_key(CONTENT_LENGTH);
    if is_good { Ok(true) } else { Err(faulty()) }
}

/// The chunks have more than one reading, or none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Faulty;

/// Rewrites a chunked body as ureq understands it, in place and as it comes: without extensions and trailers, for which
/// nobody asked, and without the zeros that may begin a size. ureq takes lines of 20 bytes at most, but `+1f` for a size.
#[derive(Debug)]
pub(super) struct Chunks {
    at: At,
    /// The size of the chunk, as far as it was read; then what is left of its data.
    size: u64,
    /// How long the line, or the trailers, are so far.
    line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first digit of a size.
    Start,
    Size,
    /// In blanks behind the size, which some servers pad it with.
    Blank,
    Extension,
    SizeEnd,
    Data,
    DataEnd,
    DataEndLf,
    /// At the start of a line behind the last chunk: a trailer, or the end.
    Line,
    Trailer,
    TrailerLf,
    EndLf,
    /// Behind the body. What comes is nobody's, and ureq closes a connection that has such bytes.
    Ended,
}

impl Chunks {
    pub(super) fn new() -> Chunks {
        Chunks { at: At::Start, size: 0, line: 0 }
    }

    /// Rewrites `bytes`, the next of the body, and returns how many are left of them.
    pub(super) fn rewrite(&mut self, bytes: &mut [u8]) -> Result<usize, Faulty> {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() {
            let rest = bytes.len() - from;
            let whole = match self.at {
                At::Data => rest.min(usize::try_from(self.size).unwrap_or(usize::MAX)),
                At::Ended => rest,
                _ => 0,
            };
            if whole > 0 {
                if from != to {
                    bytes.copy_within(from..from + whole, to);
                }
                (from, to) = (from + whole, to + whole);
                if self.at == At::Data {
                    self.size -= whole as u64;
                    if self.size == 0 {
                        self.at = At::DataEnd;
                    }
                }
                continue;
            }
            let byte = bytes[from];
            from += 1;
            if self.step(byte).ok_or(Faulty)? {
                bytes[to] = byte;
                to += 1;
            }
        }
        Ok(to)
    }

    /// Takes a byte that is no data; says whether ureq shall see it. `None` where it may not be.
    fn step(&mut self, byte: u8) -> Option<bool> {
        self.line += 1;
        if self.line > LIMIT {
            return None;
        }
        let (at, seen) = match (self.at, byte) {
            (At::Start | At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                self.size = self.size.checked_mul(16)?.checked_add(digit.into())?;
                (At::Size, self.at == At::Start || self.size > 0)
            }
            (At::Size | At::Blank, b' ' | b'\t') => (At::Blank, false),
            (At::Size | At::Blank, b';') => (At::Extension, false),
            (At::Size | At::Blank | At::Extension, b'\r') => (At::SizeEnd, true),
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => (At::Extension, false),
            (At::SizeEnd, b'\n') => {
                self.line = 0;
                let at = if self.size == 0 { At::Line } else { At::Data };
                (at, true)
            }
            (At::DataEnd, b'\r') => (At::DataEndLf, true),
            (At::DataEndLf, b'\n') => {
                self.line = 0;
                (At::Start, true)
            }
            (At::Line, b'\r') => (At::EndLf, true),
            (At::Trailer, b'\r') => (At::TrailerLf, false),
            (At::Line | At::Trailer, b'\t' | b' '..=b'~' | 0x80..) => (At::Trailer, false),
            (At::TrailerLf, b'\n') => (At::Line, false),
            (At::EndLf, b'\n') => (At::Ended, true),
            _ => return None,
        };
        self.at = at;
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ureq sees of `text` when it comes in pieces of `length` bytes.
    fn rewritten(text: &str, length: usize) -> Result<String, Faulty> {
        let mut chunks = Chunks::new();
        let mut seen = String::new();
        for piece in text.as_bytes().chunks(length) {
            let mut piece = piece.to_vec();
            let left = chunks.rewrite(&mut piece)?;
            seen += str::from_utf8(&piece[..left]).unwrap();
        }
        Ok(seen)
    }

    #[test]
    fn chunks_are_read_as_rfc_9112_has_them_wherever_they_are_split() {
        let long = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(60_000));
        let zeros = format!("{}2\r\n{{}}\r\n0\r\n\r\n", "0".repeat(1000));
        let good = [
            ("2\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n0\r\n\r\n"),
            ("1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
            ("2;a=\"b;\\\"c\";d\r\n\r\n\r\n0;e\r\n\r\n", "2\r\n\r\n\r\n0\r\n\r\n"),
            ("0000A \t; x\r\n0123456789\r\n000\r\n\r\n", "0A\r\n0123456789\r\n0\r\n\r\n"),
            ("2\r\n{}\r\n0\r\nX: y\r\nZ:\r\n\r\n", "2\r\n{}\r\n0\r\n\r\n"),
            ("0\r\n\r\nHTTP/1.1 2\n", "0\r\n\r\nHTTP/1.1 2\n"),
            (&long, "2\r\n{}\r\n0\r\n\r\n"),
            (&zeros, "02\r\n{}\r\n0\r\n\r\n"),
        ];
        let too_long = long.replace("xx", "xxx");
        let trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(20_000));
        let bad = [
            "+2\r\n{}\r\n0\r\n\r\n",
            "-2\r\n{}\r\n0\r\n\r\n",
            " 2\r\n{}\r\n0\r\n\r\n",
            "\t2\r\n{}\r\n0\r\n\r\n",
            "0x2\r\n{}\r\n0\r\n\r\n",
            "2 0\r\n{}\r\n0\r\n\r\n",
            "2\n{}\n0\n\n",
            "2\r{}\r\n0\r\n\r\n",
            "2;a\n{}\r\n0\r\n\r\n",
            "2\r\n{} \r\n0\r\n\r\n",
            "2\r\n{}0\r\n\r\n",
            ";a\r\n",
            "\r\n",
            "10000000000000000\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\n\n",
            &too_long,
            &trailers,
        ];
        for length in [1, 2, 3, 7, usize::MAX / 2] {
            for (text, seen) in good {
                let outcome = rewritten(text, length);
                assert_eq!(outcome.as_deref(), Ok(seen), "{text:.80?} by {length}");
            }
            for text in bad {
                assert_eq!(rewritten(text, length), Err(Faulty), "{text:.80?} by {length}");
            }
        }
    }
}

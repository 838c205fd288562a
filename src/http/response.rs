//! A response, read to its end within the limits of size and memory.

use std::io::{self, Read};

use ::http::header::CONTENT_ENCODING;
use zeroize::Zeroizing;

use super::limits::{BODY_LIMIT, SHOWN};
use crate::error::{Error, ErrorKind, Hint, Redactor};
use crate::headers::Headers;
use crate::runtime::memory;

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    /// Wiped when freed, since it may be a token.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Response {
    /// The error that this is, if it is not what was promised.
    pub(crate) fn error(&self, redactor: &Redactor) -> Error {
        Error::from_response(self.status, Some(&self.headers), &self.body, redactor)
    }

    /// `head` is that of the response, unless ureq saw all of it.
    pub(super) fn read(
        response: ::http::Response<ureq::Body>,
        head: Vec<u8>,
    ) -> Result<Response, ureq::Error> {
        let (parts, body) = response.into_parts();
        let length = body.content_length();
        if length.is_some_and(|length| length > BODY_LIMIT as u64) {
            return Err(ureq::Error::BodyExceedsLimit(BODY_LIMIT as u64));
        }
        let reader = body.into_with_config().limit(BODY_LIMIT as u64).reader();
        // One byte more than needed shows the end, the other is for the NUL.
        let capacity = length.map_or(4096, |length| length as usize + 2);
        Ok(Response {
            status: parts.status.as_u16(),
            headers: match head.is_empty() {
                true => parts.headers.into(),
                false => Headers::of(head),
            },
            body: read_to_end(reader, capacity)?,
        })
    }

    /// The error for an encoding that was not asked for: unpacking it would let a small answer fill the memory.
    pub(crate) fn refuse_encoding(&self, redactor: &Redactor) -> Result<(), Error> {
        // Asked so first, since `get` makes a map of all headers.
        let encoding = match self.headers.has(&CONTENT_ENCODING) {
            true => self.headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()),
            false => None,
        };
        let Some(encoding) = encoding.filter(|it| !it.eq_ignore_ascii_case(b"identity")) else {
            return Ok(());
        };
        let encoding = redactor.redact(&String::from_utf8_lossy(encoding), SHOWN);
        let cause = format!("the answer is packed as \"{encoding}\", which was not asked for");
        Err(Error::new(ErrorKind::InvalidResponse, cause)
            .hint(Hint::CHECK_PROXIES)
            .answered(self.status))
    }
}

/// What is outgrown is wiped, and a lack of memory is an error.
fn read_to_end(mut reader: impl Read, capacity: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let with_capacity = |capacity| memory::vec(capacity).map(Zeroizing::new).map_err(Error::from);
    let mut bytes = with_capacity(capacity)?;
    loop {
        let room = bytes.capacity() - bytes.len();
        let count = (&mut reader).take(room as u64).read_to_end(&mut bytes)?;
        if count < room {
            return Ok(bytes);
        }
        let mut larger = with_capacity(2 * bytes.capacity())?;
        larger.extend_from_slice(&bytes);
        bytes = larger;
    }
}

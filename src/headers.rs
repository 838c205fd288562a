//! The headers of a response.

use std::ops::Deref;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr_iter;
use once_cell::race::OnceBox;

/// How many headers a head may have that is kept as it was received, that is an interim one, or that is a proxy's.
pub(crate) const MAX_HEADERS: usize = 64;

/// The headers of a response: a [`HeaderMap`], which is made when first asked for.
#[derive(Debug)]
pub(crate) struct Headers {
    /// As received; empty if there is a map from the beginning.
    head: Vec<u8>,
    map: OnceBox<HeaderMap>,
}

impl Headers {
    /// Those of a head that httparse has parsed.
    pub(crate) fn of(head: Vec<u8>) -> Headers {
        Headers { head, map: OnceBox::new() }
    }

    /// Whether there is a header of that name, for which no map is made.
    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        if let Some(map) = self.map.get() {
            return map.contains_key(name);
        }
        let name = name.as_str().as_bytes();
        memchr_iter(b'\n', &self.head).any(|end_of_line| {
            let line = &self.head[end_of_line + 1..];
            let (start, rest) = line.split_at_checked(name.len()).unwrap_or_default();
            rest.starts_with(b":") && start.eq_ignore_ascii_case(name)
        })
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Headers {
        Headers { head: Vec::new(), map: OnceBox::with_value(Box::new(map)) }
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        self.map.get_or_init(|| Box::new(map_of(&self.head)))
    }
}

impl Clone for Headers {
    fn clone(&self) -> Headers {
        match self.map.get() {
            Some(map) => map.clone().into(),
            None => Headers::of(self.head.clone()),
        }
    }
}

fn map_of(head: &[u8]) -> HeaderMap {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    // It was parsed before.
    let _ = response.parse(head);
    let mut map = HeaderMap::with_capacity(response.headers.len());
    for header in response.headers.iter() {
        // All that httparse takes can be a header.
        let name = HeaderName::from_bytes(header.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) {
            map.append(name, value);
        }
    }
    map
}

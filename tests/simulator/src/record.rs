//! What was asked, for tests to look at.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use serde::Serialize;

use crate::answer::Request;

/// Older requests are forgotten.
const MAX_SEEN: usize = 20_000;

/// One request that reached the simulator.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Milliseconds since the simulator started.
    pub at_ms: u64,
    /// Connections are counted from 1.
    pub connection: u64,
    pub method: String,
    pub path: String,
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// 0 while unanswered, and for ever if a fault took the answer's place.
    pub status: u16,
    /// Why it was refused, for whoever debugs a test.
    pub note: String,
}

impl Seen {
    /// The first header of this name, any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.0.eq_ignore_ascii_case(name))
            .map(|header| header.1.as_str())
    }
}

pub(crate) struct Record {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: VecDeque<Seen>,
    forgotten: usize,
}

impl Record {
    pub fn new() -> Record {
        Record {
            start: Instant::now(),
            inner: Mutex::default(),
        }
    }

    pub fn all(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.iter().cloned().collect()
    }

    pub fn clear(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.forgotten += inner.seen.len();
        inner.seen.clear();
    }

    /// A ticket for `answered`.
    pub fn arrived(&self, request: &Request, connection: u64) -> usize {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let seen = Seen {
            at_ms: self.start.elapsed().as_millis() as u64,
            connection,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
                .collect(),
            body: text(&request.body),
            status: 0,
            note: String::new(),
        };
        let mut inner = self.inner.lock().unwrap();
        if inner.seen.len() == MAX_SEEN {
            inner.seen.pop_front();
            inner.forgotten += 1;
        }
        inner.seen.push_back(seen);
        inner.forgotten + inner.seen.len() - 1
    }

    pub fn answered(&self, ticket: usize, status: u16, note: String) {
        let mut inner = self.inner.lock().unwrap();
        let forgotten = inner.forgotten;
        if let Some(seen) = ticket
            .checked_sub(forgotten)
            .and_then(|index| inner.seen.get_mut(index))
        {
            seen.status = status;
            seen.note = note;
        }
    }
}

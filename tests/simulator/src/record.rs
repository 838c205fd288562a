//! What was asked, for tests to look at.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Instant;

use serde::Serialize;

use crate::answer::Request;

/// Older requests are forgotten, all but their count.
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
    /// The ticket of the oldest that is kept.
    oldest: usize,
    /// Whether some were forgotten since the last `clear`.
    is_cut: bool,
    /// How many there were since then, by method and status.
    counts: HashMap<(String, u16), usize>,
}

impl Record {
    pub fn new() -> Record {
        Record { start: Instant::now(), inner: Mutex::default() }
    }

    /// All since the start or the last `clear`. When some were forgotten that is an error: what is left depends on how
    /// fast the machine is, so no test may look at it or compare two counts of it.
    pub fn all(&self) -> Result<Vec<Seen>, String> {
        let inner = self.inner.lock().unwrap();
        if inner.is_cut {
            return Err(format!(
                "more than {MAX_SEEN} requests were made, and only their count is kept"
            ));
        }
        Ok(inner.seen.iter().cloned().collect())
    }

    /// How many requests of these methods and statuses there were, however many.
    pub fn count(&self, wanted: impl Fn(&str, u16) -> bool) -> usize {
        let inner = self.inner.lock().unwrap();
        let counts = inner.counts.iter();
        counts.filter(|((method, status), _)| wanted(method, *status)).map(|(_, count)| count).sum()
    }

    pub fn clear(&self) {
        let mut inner = self.inner.lock().unwrap();
        *inner = Inner { oldest: inner.oldest + inner.seen.len(), ..Inner::default() };
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
        *inner.counts.entry((seen.method.clone(), 0)).or_default() += 1;
        if inner.seen.len() == MAX_SEEN {
            inner.seen.pop_front();
            inner.oldest += 1;
            inner.is_cut = true;
        }
        inner.seen.push_back(seen);
        inner.oldest + inner.seen.len() - 1
    }

    pub fn answered(&self, ticket: usize, status: u16, note: String) {
        let mut inner = self.inner.lock().unwrap();
        let inner = &mut *inner;
        // One that came before a `clear` counts no more.
        if let Some(seen) =
            ticket.checked_sub(inner.oldest).and_then(|index| inner.seen.get_mut(index))
        {
            if let Some(unanswered) = inner.counts.get_mut(&(seen.method.clone(), seen.status)) {
                *unanswered -= 1;
            }
            let counted = (seen.method.clone(), status);
            *inner.counts.entry(counted).or_default() += 1;
            seen.status = status;
            seen.note = note;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str) -> Request {
        Request {
            method: method.into(),
            path: "/".into(),
            query: String::new(),
            target: "/".into(),
            headers: Default::default(),
            body: Default::default(),
        }
    }

    #[test]
    fn what_is_forgotten_is_counted_all_the_same() {
        let record = Record::new();
        let refused = |method: &str, status| method == "GET" && status == 401;
        for number in 0..MAX_SEEN + 5 {
            if number == MAX_SEEN {
                assert_eq!(record.all().unwrap().len(), MAX_SEEN);
            }
            let ticket = record.arrived(&request("GET"), 1);
            record.answered(ticket, if number < 10 { 401 } else { 200 }, String::new());
        }
        record.arrived(&request("POST"), 1);
        assert!(record.all().is_err());
        assert_eq!(record.count(refused), 10);
        assert_eq!(record.count(|_, status| status == 200), MAX_SEEN - 5);
        assert_eq!(record.count(|method, _| method == "POST"), 1);

        let late = record.arrived(&request("GET"), 1);
        record.clear();
        record.answered(late, 401, String::new());
        assert_eq!(record.count(|_, _| true), 0);
        assert_eq!(record.all().unwrap().len(), 0);
    }
}

//! Lists of snapshots, page by page.

use std::collections::TryReserveError;

use ::http::HeaderMap;

use super::Snapshot;
use super::document::{Document, Expected};
use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::json;
use crate::runtime::memory;

/// How many snapshots a list may have, all pages together; no retention policy keeps that many. A page within the limit for
/// bodies could otherwise take a hundred times its size in memory.
const MAX_ITEMS: usize = 50_000;
/// How much memory the snapshots of a list may take, in MiB: 5 KiB each for the longest list, three times what Atlas' take.
const MAX_MEMORY_MIB: usize = 256;

/// Snapshots in Atlas' order, and how many Atlas thinks there are.
///
/// Each item has its own bytes and shares nothing with others; an item that is no JSON object is there with all its
/// fields absent.
#[derive(Clone, Debug, Default)]
pub struct SnapshotList {
    items: Vec<Snapshot>,
    /// What they take.
    memory: usize,
    total_count: Option<i64>,
}

/// Why no more snapshots fit into a list.
enum Full {
    TooMany,
    TooLarge,
    NoMemory(TryReserveError),
}

impl From<TryReserveError> for Full {
    fn from(error: TryReserveError) -> Full {
        Full::NoMemory(error)
    }
}

impl From<Full> for Error {
    fn from(full: Full) -> Error {
        let what = match full {
            Full::NoMemory(error) => return error.into(),
            Full::TooMany => format!("the list has more than {MAX_ITEMS} snapshots"),
            Full::TooLarge => {
                format!("the snapshots of the list take more than {MAX_MEMORY_MIB} MiB of memory")
            }
        };
        let what = format!("{what}; longer ones are not read");
        Error::new(ErrorKind::InvalidResponse, what)
    }
}

impl SnapshotList {
    /// Reads a page that was kept, plain or enveloped.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::parse`]; also `InvalidResponse` when the page has no array `results`, or more than 50,000
    /// items in it, or items that take more than 256 MiB.
    pub fn parse(page: impl Into<Vec<u8>>) -> Result<SnapshotList> {
        let mut list = SnapshotList::default();
        list.add_page(None, page.into(), &Redactor::none())?;
        Ok(list)
    }

    /// Adds a page that the server answered with a status of success. The headers serve an error inside an envelope. Of
    /// the total counts the latest is kept. If it fails the list is as before.
    pub(crate) fn add_page(
        &mut self,
        headers: Option<&HeaderMap>,
        body: Vec<u8>,
        redactor: &Redactor,
    ) -> Result<()> {
        let text = json::begin(body, headers.is_none())?;
        let page = Document::find(&text, Expected::Page, headers, redactor)?;
        let results = page.results.filter(|results| results.starts_with('['));
        let Some(results) = results else {
            let what = "not a page of a list: it has no array \"results\"";
            return Err(Error::new(ErrorKind::InvalidResponse, what));
        };
        let (count, memory) = (self.items.len(), self.memory);
        let mut added = Ok(());
        let read = json::elements(results, |item| {
            if added.is_ok() {
                added = self.add(item);
            }
        });
        if read.is_err() || added.is_err() {
            // At once, since it may be needed to say so.
            self.items.truncate(count);
            self.memory = memory;
        }
        read?;
        added?;
        let total_count = page.total_count.and_then(json::integer);
        self.total_count = total_count.filter(|count| *count != i64::MIN).or(self.total_count);
        Ok(())
    }

    fn add(&mut self, item: &str) -> std::result::Result<(), Full> {
        if self.items.len() == MAX_ITEMS {
            return Err(Full::TooMany);
        }
        let item = Snapshot::item(item)?;
        self.memory += item.memory();
        if self.memory > MAX_MEMORY_MIB * 1024 * 1024 {
            return Err(Full::TooLarge);
        }
        Ok(memory::push(&mut self.items, item)?)
    }

    /// How many snapshots there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The snapshot at a place in the list, counted from 0.
    pub fn get(&self, index: usize) -> Option<&Snapshot> {
        self.items.get(index)
    }

    /// The snapshots in Atlas' order.
    pub fn iter(&self) -> std::slice::Iter<'_, Snapshot> {
        self.items.iter()
    }

    /// The latest by `createdAt` of those that `is_wanted` says. Those without a readable date are older than all that
    /// have one. Of several at the same time, or without a date, it is the one with the greatest id, whose first eight
    /// digits are a time; one without an id comes last. Of equal ones it is the first.
    ///
    /// ```
    /// use atlas_backup::{SnapshotList, snapshot::Status};
    ///
    /// let list = SnapshotList::parse(r#"{"results":[{"id":"a","status":"completed"},{"id":"b"}]}"#)?;
    /// let newest = list.newest(|snapshot| snapshot.status_code() == Status::Completed);
    /// assert_eq!(newest.and_then(|snapshot| snapshot.id()), Some("a"));
    /// # Ok::<(), atlas_backup::Error>(())
    /// ```
    pub fn newest(&self, is_wanted: impl Fn(&Snapshot) -> bool) -> Option<&Snapshot> {
        // From the end, since `max_by_key` takes the last of equal ones.
        let wanted = self.iter().rev().filter(|snapshot| is_wanted(snapshot));
        wanted.max_by_key(|snapshot| (snapshot.created_at_ms(), snapshot.id()))
    }

    /// How many there are by Atlas' own estimate; `None` if it gave none. Atlas' `totalCount`.
    pub fn total_count(&self) -> Option<i64> {
        self.total_count
    }
}

impl<'a> IntoIterator for &'a SnapshotList {
    type Item = &'a Snapshot;
    type IntoIter = std::slice::Iter<'a, Snapshot>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for SnapshotList {
    type Item = Snapshot;
    type IntoIter = std::vec::IntoIter<Snapshot>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

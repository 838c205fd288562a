//! Lists of snapshots, page by page.

use std::sync::Arc;

use ::http::HeaderMap;

use super::document::{Document, Expected};
use super::page::{Item, Page};
use super::{Snapshot, copied};
use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::json::{self, Stopped};

/// How many snapshots a list may have, all pages together; no retention policy keeps that many. A page within the limit
/// for bodies could otherwise take a hundred times its size in memory.
const MAX_ITEMS: usize = 50_000;
/// How much memory the snapshots of a list may take, in MiB: 5 KiB each for the longest list, four times what Atlas'
/// take.
const MAX_MEMORY_MIB: usize = 256;

/// Snapshots in Atlas' order, and how many Atlas thinks there are.
///
/// The items of a page share its bytes, which live as long as the list; a clone of an item has its own. An item that is
/// no JSON object is there with all its fields absent.
#[derive(Clone, Debug, Default)]
pub struct SnapshotList {
    items: Vec<Snapshot>,
    /// What they take.
    memory: usize,
    total_count: Option<i64>,
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
        let limit = MAX_ITEMS - self.items.len();
        let (page, text) = match Page::read(&text, limit) {
            Ok(page) => (page, text),
            Err(_) => {
                let document = Document::find(&text, Expected::Page, headers, redactor)?;
                let results = document.results.ok_or_else(|| {
                    invalid("not a page of a list: it has no array \"results\"".into())
                })?;
                let mut page = match Page::of_results(results, limit) {
                    // Nothing else is unexpected in an array that is JSON.
                    Err(Stopped::Unexpected) => {
                        return Err(invalid(format!(
                            "the list has more than {MAX_ITEMS} snapshots; longer ones are not read"
                        )));
                    }
                    page => page?,
                };
                page.total_count = document.total_count.and_then(json::integer);
                (page, copied(results, results.len())?)
            }
        };
        self.add(page, text)
    }

    /// Adds the snapshots that were read from `text`.
    fn add(&mut self, page: Page, mut text: String) -> Result<()> {
        let Page { mut body, items, total_count, .. } = page;
        for item in &items {
            // For C. A comma, a bracket or white space is there, which nobody looks at any more.
            let behind = item.json.end as usize;
            text.replace_range(behind..=behind, "\0");
        }
        text.shrink_to_fit();
        body.json = text;
        body.shrink();
        let memory = self.memory + body.memory() + items.len() * size_of::<Snapshot>();
        if memory > MAX_MEMORY_MIB * 1024 * 1024 {
            return Err(invalid(format!(
                "the snapshots of the list take more than {MAX_MEMORY_MIB} MiB of memory; longer ones are not read"
            )));
        }
        self.items.try_reserve(items.len())?;
        let body = Arc::new(body);
        let snapshot = |item: Item| Snapshot::new(Arc::clone(&body), item.json, item.fields);
        self.items.extend(items.into_iter().map(snapshot));
        self.memory = memory;
        self.total_count = total_count.filter(|count| *count != i64::MIN).or(self.total_count);
        Ok(())
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

fn invalid(cause: String) -> Error {
    Error::new(ErrorKind::InvalidResponse, cause)
}

impl<'a> IntoIterator for &'a SnapshotList {
    type Item = &'a Snapshot;
    type IntoIter = std::slice::Iter<'a, Snapshot>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Each with bytes of its own, so that it does not keep the others' in memory.
impl IntoIterator for SnapshotList {
    type Item = Snapshot;
    type IntoIter = std::iter::Map<std::vec::IntoIter<Snapshot>, fn(Snapshot) -> Snapshot>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter().map(|item| Snapshot::clone(&item))
    }
}

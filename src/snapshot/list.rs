//! Lists of snapshots, page by page.

use std::collections::TryReserveError;

use ureq::http::HeaderMap;

use super::Snapshot;
use super::document::{Document, Expected};
use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::runtime::memory;

/// What a list may hold. A page within the limit for bodies could otherwise take a hundred times its size in memory.
pub(crate) const MAX_ITEMS: usize = 50_000;

/// Snapshots in Atlas' order, and how many Atlas thinks there are.
///
/// Each item has its own bytes and shares nothing with others; an item that is no JSON object is there with all its
/// fields absent.
#[derive(Clone, Debug, Default)]
pub struct SnapshotList {
    items: Vec<Snapshot>,
    total_count: Option<i64>,
}

impl SnapshotList {
    /// Reads a page that was kept, plain or enveloped.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::parse`]; also `InvalidResponse` when the page has no array `results`, or more than 50,000
    /// items in it.
    pub fn parse(page: impl Into<Vec<u8>>) -> Result<SnapshotList> {
        SnapshotList::from_answer(None, page.into())
    }

    /// Reads a page that the server answered with a status of success. The headers serve an error inside an envelope.
    pub(crate) fn from_answer(headers: Option<&HeaderMap>, body: Vec<u8>) -> Result<SnapshotList> {
        let text = json::begin(body)?;
        let page = Document::find(&text, Expected::Page, headers)?;
        let mut items = Vec::new();
        let results = page.results.filter(|results| results.starts_with('['));
        let Some(results) = results else {
            let what = "not a page of a list: it has no array \"results\"";
            return Err(Error::new(ErrorKind::InvalidResponse, what));
        };
        let mut count = 0;
        let mut short = None;
        json::elements(results, |item| {
            count += 1;
            if count <= MAX_ITEMS
                && short.is_none()
                && let Err(error) = add(&mut items, item)
            {
                short = Some(error);
                // Gives back at once what is needed to say so.
                items = Vec::new();
            }
        })
        .map_err(|error| json::malformed(&error))?;
        if let Some(short) = short {
            return Err(short.into());
        }
        if count > MAX_ITEMS {
            let what = format!("a page of {count} items; more than {MAX_ITEMS} are not read");
            return Err(Error::new(ErrorKind::InvalidResponse, what));
        }
        Ok(SnapshotList {
            items,
            total_count: page
                .total_count
                .and_then(json::integer)
                .filter(|n| *n != i64::MIN),
        })
    }

    /// Adds the next page. Of the total counts the latest is kept.
    pub(crate) fn append(&mut self, mut page: SnapshotList) -> Result<()> {
        self.items.try_reserve(page.items.len())?;
        self.items.append(&mut page.items);
        self.total_count = page.total_count.or(self.total_count);
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

    /// How many there are by Atlas' own estimate; `None` if it gave none. Atlas' `totalCount`.
    pub fn total_count(&self) -> Option<i64> {
        self.total_count
    }
}

fn add(items: &mut Vec<Snapshot>, item: &str) -> std::result::Result<(), TryReserveError> {
    memory::push(items, Snapshot::item(item)?)
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

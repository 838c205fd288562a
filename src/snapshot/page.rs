//! A page of a list, read in one pass as far as it is what Atlas documents.

use std::collections::TryReserveError;
use std::ops::Range;

use super::body::Body;
use super::document::Document;
use super::fields::Fields;
use super::one_pass;
use crate::json::{self, Cursor, MAX_DEPTH};
use crate::runtime::memory;

/// The snapshots of a page.
#[derive(Default)]
pub(super) struct Page {
    /// Still without its JSON text.
    pub(super) body: Body,
    pub(super) items: Vec<Item>,
    pub(super) total_count: Option<i64>,
}

/// A snapshot of a page, and where it is in there.
pub(super) struct Item {
    pub(super) json: Range<u32>,
    pub(super) fields: Fields,
}

/// Why a page was not read.
pub(super) enum Unread {
    /// It is not as Atlas documents it, or no JSON.
    Odd,
    TooMany,
    NoMemory(TryReserveError),
}

impl From<TryReserveError> for Unread {
    fn from(error: TryReserveError) -> Unread {
        Unread::NoMemory(error)
    }
}

impl Page {
    /// Reads a page of at most `limit` snapshots, unless it is odd as a whole: anything but a plain page, or no JSON.
    pub(super) fn read(json: &str, limit: usize) -> Option<Page> {
        let mut page = Page::for_json_of(json.len()).ok()?;
        let mut cursor = Cursor::new(json);
        let mut has_results = false;
        cursor.members(|json, name| match name {
            "results" if !has_results => {
                has_results = true;
                page.read_items(json, limit).ok()
            }
            "totalCount" => {
                page.total_count = json::integer(json.raw()?);
                Some(())
            }
            // An error or an envelope, perhaps.
            "results" | "status" | "content" | "error" => None,
            _ => json::check_depth(json.raw()?, MAX_DEPTH - 1).ok(),
        })?;
        (has_results && cursor.is_at_end()).then_some(page)
    }

    /// Reads the array of at most `limit` snapshots that was found to be in a page.
    pub(super) fn of_results(results: &str, limit: usize) -> Result<Page, Unread> {
        let mut page = Page::for_json_of(results.len())?;
        page.read_items(&mut Cursor::new(results), limit)?;
        Ok(page)
    }

    fn for_json_of(length: usize) -> Result<Page, TryReserveError> {
        Ok(Page { body: Body::for_json_of(length)?, ..Page::default() })
    }

    fn read_items(&mut self, results: &mut Cursor, limit: usize) -> Result<(), Unread> {
        let mut added = Ok(());
        let read = results.elements(|json| {
            added = self.add_item(json, limit);
            added.is_ok().then_some(())
        });
        added.and(read.ok_or(Unread::Odd))
    }

    fn add_item(&mut self, json: &mut Cursor, limit: usize) -> Result<(), Unread> {
        if self.items.len() == limit {
            return Err(Unread::TooMany);
        }
        let start = json.start();
        let fields = self.read_item(json)?;
        let json = start as u32..json.position() as u32;
        Ok(memory::push(&mut self.items, Item { json, fields })?)
    }

    /// Reads an item; one that is no object has no fields, but is there, so that it hides no other.
    fn read_item(&mut self, json: &mut Cursor) -> Result<Fields, Unread> {
        let (start, before) = (json.clone(), self.body.lengths());
        let previous = self.items.last().map(|item| &item.fields);
        if let Some(fields) = one_pass::read(json, &mut self.body, previous) {
            return Ok(fields);
        }
        *json = start;
        self.body.truncate(before);
        let item = json.raw().ok_or(Unread::Odd)?;
        // The page and its array are two levels.
        json::check_depth(item, MAX_DEPTH - 2).map_err(|_| Unread::Odd)?;
        match Document::read(item) {
            Ok(document) => Ok(document.decode(&mut self.body)?),
            Err(_) => Ok(Fields::default()),
        }
    }
}

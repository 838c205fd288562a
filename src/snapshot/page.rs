//! A page of a list, read in one pass.

use std::ops::Range;

use super::body::Body;
use super::fields::Fields;
use super::one_pass;
use crate::json::{self, Cursor, MAX_DEPTH, Stopped};
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

impl Page {
    /// Reads a page of at most `limit` snapshots, unless it is odd as a whole: anything but a plain page, or no JSON.
    pub(super) fn read(json: &str, limit: usize) -> Result<Page, Stopped> {
        let mut page = Page { body: Body::for_json_of(json.len())?, ..Page::default() };
        let mut cursor = Cursor::new(json, MAX_DEPTH);
        let mut has_results = false;
        cursor.members(|json, name| {
            match name {
                "results" if !has_results => {
                    has_results = true;
                    page.read_items(json, limit)?;
                }
                // An error or an envelope, perhaps.
                "results" | "status" | "content" | "error" => return Err(Stopped::Unexpected),
                "totalCount" => page.total_count = json::integer(json.raw()?),
                _ => drop(json.raw()?),
            }
            Ok(())
        })?;
        let is_whole = has_results && cursor.peek().is_none();
        if is_whole { Ok(page) } else { Err(Stopped::Unexpected) }
    }

    /// Reads the array of at most `limit` snapshots that was found to be in a page.
    pub(super) fn of_results(results: &str, limit: usize) -> Result<Page, Stopped> {
        let mut page = Page { body: Body::for_json_of(results.len())?, ..Page::default() };
        page.read_items(&mut Cursor::new(results, MAX_DEPTH), limit)?;
        Ok(page)
    }

    /// Reads the items of an array. One that is no object has no fields, but is there, so that it hides no other.
    fn read_items(&mut self, results: &mut Cursor, limit: usize) -> Result<(), Stopped> {
        results.elements(|json| {
            if self.items.len() == limit {
                return Err(Stopped::Unexpected);
            }
            let previous = self.items.last().map(|item| &item.fields);
            let (next, start) = (json.peek(), json.position());
            let fields = match next {
                Some(b'{') => one_pass::read(json, &mut self.body, previous)?,
                _ => json.raw().map(|_| Fields::default())?,
            };
            let json = start as u32..json.position() as u32;
            Ok(memory::push(&mut self.items, Item { json, fields })?)
        })
    }
}

//! What was received, and the texts read out of it: of one snapshot, or of all snapshots of a page.

use std::collections::TryReserveError;

use once_cell::race::OnceBox;

use super::arena::{CText, Place, StringArena};
use super::fields::{ElementRange, Fields};
use super::table::Table;
use crate::headers::Headers;
use crate::runtime::memory;

#[derive(Default)]
pub(super) struct Body {
    /// The JSON text as received, but for a NUL behind each snapshot. Empty while it is read.
    pub(super) json: String,
    pub(super) texts: StringArena,
    /// The texts of arrays; `None` where an element lacks that text.
    pub(super) elements: Vec<Option<Place>>,
    /// Whether the only snapshot in it has an envelope around.
    pub(super) enveloped: bool,
    pub(super) response: Option<ResponseHead>,
}

/// The HTTP response that a snapshot came in.
pub(super) struct ResponseHead {
    pub(super) status: u16,
    pub(super) headers: Headers,
    // "race": a fork()ed child must never wait for an initialisation that a thread of its parent began.
    pub(super) table: OnceBox<Table>,
}

impl ResponseHead {
    pub(super) fn new(status: u16, headers: Headers) -> ResponseHead {
        ResponseHead { status, headers, table: OnceBox::new() }
    }
}

impl Body {
    /// One that a JSON text of that length can be read into. The texts in it never need more room than that: each has
    /// two quotes in JSON and one NUL here, and no escape is shorter than what it stands for.
    pub(super) fn for_json_of(length: usize) -> Result<Body, TryReserveError> {
        Ok(Body {
            texts: StringArena::with_capacity(length)?,
            // As many as a snapshot usually has.
            elements: memory::vec(16)?,
            ..Body::default()
        })
    }

    /// How much was read into it, for [`truncate`](Self::truncate).
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.texts.len(), self.elements.len())
    }

    /// Forgets what was read into it since it had those lengths.
    pub(super) fn truncate(&mut self, (texts, elements): (usize, usize)) {
        self.texts.truncate(texts);
        self.elements.truncate(elements);
    }

    pub(super) fn text(&self, place: Option<Place>) -> Option<CText<'_>> {
        place.map(|place| self.texts.get(place))
    }

    /// The texts of an array, element by element.
    pub(super) fn array(&self, ElementRange { start, length }: ElementRange) -> &[Option<Place>] {
        self.elements.get(start as usize..(start + length) as usize).unwrap_or_default()
    }

    /// Adds the texts of a snapshot that is in another body.
    pub(super) fn copy(&mut self, from: &Body, fields: &Fields) -> Result<Fields, TryReserveError> {
        let texts = &mut self.texts;
        let mut copied = |place| from.text(place).map(|text| texts.push(text.as_str()));
        let mut copy = *fields;
        copy.texts = copy.texts.map(&mut copied);
        for array in &mut copy.arrays {
            let places = from.array(*array);
            array.start = self.elements.len() as u32;
            self.elements.try_reserve(places.len())?;
            self.elements.extend(places.iter().map(|place| copied(*place)));
        }
        Ok(copy)
    }

    /// Gives back the memory that turned out not to be needed, unless that is little.
    pub(super) fn shrink(&mut self) {
        if self.texts.shrink() {
            self.elements.shrink_to_fit();
        }
    }

    /// How many bytes it takes.
    pub(super) fn memory(&self) -> usize {
        self.json.len() + self.texts.len() + self.elements.len() * size_of::<Option<Place>>()
    }
}

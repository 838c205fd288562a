//! A snapshot as Atlas documents it, read in one pass over its JSON text. Whatever is odd ends the pass and is left to
//! `document.rs`: a field of another type than documented, a text with escapes, a member that may make the document an error
//! or an envelope.

use super::arena::Place;
use super::body::Body;
use super::fields::{ArrayField, Field, Fields, Range};
use crate::json::{self, Cursor};
use crate::runtime::memory;

/// How deep a member may nest that is not documented: so little that no document is too deep with it.
const MAX_DEPTH: usize = 64;

/// Reads a text that is a snapshot. `None`, and nothing is in `body`, if it is odd.
pub(super) fn read_whole(json: &str, body: &mut Body) -> Option<Fields> {
    let mut cursor = Cursor::new(json);
    let fields = read(&mut cursor, body, None).filter(|_| cursor.is_at_end());
    if fields.is_none() {
        body.truncate((0, 0));
    }
    fields
}

/// Reads the snapshot that is next. Texts are shared with the `previous` one in the same body, which has many of them, too.
/// `None` if it is odd; then there is more in `body` than before.
pub(super) fn read(
    json: &mut Cursor,
    body: &mut Body,
    previous: Option<&Fields>,
) -> Option<Fields> {
    let mut fields = Fields::default();
    // Of a name that comes twice the last counts.
    json.members(|json, name| {
        match Field::named(name) {
            Some(Field::Text(field)) => {
                let place = &mut fields.texts[field as usize];
                *place = text(json, body, previous.and_then(|it| it.texts[field as usize]))?;
            }
            Some(Field::StorageSizeBytes) => {
                fields.storage_size_bytes = if json.null() { i64::MIN } else { json.integer()? };
            }
            Some(Field::Array(field)) => {
                let previous = previous.map(|previous| previous.arrays[field as usize]);
                fields.arrays[field as usize] = array(json, body, field, previous)?;
            }
            None if matches!(name, "content" | "error") => return None,
            None => skip(json)?,
        }
        Some(())
    })?;
    Some(fields)
}

/// Reads a text or a null.
fn text(json: &mut Cursor, body: &mut Body, like: Option<Place>) -> Option<Option<Place>> {
    match json.string() {
        Some(text) => Some(Some(body.texts.push_unless_like(text, like))),
        None => json.null().then_some(None),
    }
}

/// Reads an array or a null.
fn array(
    json: &mut Cursor,
    body: &mut Body,
    field: ArrayField,
    previous: Option<Range>,
) -> Option<Range> {
    if json.null() {
        return Some(Range::default());
    }
    let (names, start) = (field.names(), body.elements.len());
    json.elements(|json| {
        let at = body.elements.len();
        // The text at that place in the array of the snapshot before.
        let like =
            |body: &Body, at: usize| *body.elements.get(previous?.start as usize + at - start)?;
        if names.is_empty() {
            let place = body.texts.push_unless_like(json.string()?, like(body, at));
            return memory::push(&mut body.elements, Some(place)).ok();
        }
        for _ in names {
            memory::push(&mut body.elements, None).ok()?;
        }
        json.members(|json, name| {
            let Some(number) = names.iter().position(|known| *known == name) else {
                return skip(json);
            };
            body.elements[at + number] = text(json, body, like(body, at + number))?;
            Some(())
        })
    })?;
    let length = body.elements.len() - start;
    Some(Range { start: start as u32, length: length as u32 })
}

/// Goes past the value of a member that is not documented.
fn skip(json: &mut Cursor) -> Option<()> {
    json::check_depth(json.raw()?, MAX_DEPTH).ok()
}

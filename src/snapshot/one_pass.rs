//! The documented fields of a snapshot, read in one pass over its JSON text.

use super::arena::Place;
use super::body::Body;
use super::fields::{ArrayField, ElementRange, Field, Fields};
use crate::json::{self, Cursor, MAX_DEPTH, Stopped};
use crate::runtime::memory;

type Result<T> = std::result::Result<T, Stopped>;

/// Reads a text that is an object and nothing else.
pub(super) fn read_whole(json: &str, body: &mut Body) -> Result<Fields> {
    let mut cursor = Cursor::new(json, MAX_DEPTH);
    let fields = read(&mut cursor, body, None)?;
    if cursor.peek().is_some() { Err(Stopped::Unexpected) } else { Ok(fields) }
}

/// Reads the object that is next. A field that is missing or null is absent, one of another type than documented is odd
/// besides; of a name that comes twice the last counts. Texts are shared with the `previous` snapshot in the same body,
/// which has many of them, too. When it stops there is more in `body` than before.
pub(super) fn read(
    json: &mut Cursor,
    body: &mut Body,
    previous: Option<&Fields>,
) -> Result<Fields> {
    let mut fields = Fields::default();
    json.members(|json, name| {
        let Some(field) = Field::named(name) else {
            fields.note_undocumented(name);
            return json.raw().map(|_| ());
        };
        let is_absent = match field {
            Field::Text(field) => {
                let like = previous.and_then(|it| it.texts[field as usize]);
                let place = text(json, body, like)?;
                fields.texts[field as usize] = place;
                place.is_none()
            }
            Field::StorageSizeBytes => {
                let size = match json.integer() {
                    None => json::integer(json.raw()?),
                    size => size,
                };
                fields.storage_size_bytes = size.unwrap_or(i64::MIN);
                size.is_none()
            }
            Field::Array(field) => {
                let previous = previous.map(|it| it.arrays[field as usize]);
                let range = array(json, body, field, previous)?;
                fields.arrays[field as usize] = range.unwrap_or_default();
                range.is_none()
            }
        };
        fields.set_odd(field, is_absent && !json.is_behind_null());
        Ok(())
    })?;
    Ok(fields)
}

/// Reads a text; `None` for any other value.
#[inline]
fn text(json: &mut Cursor, body: &mut Body, like: Option<Place>) -> Result<Option<Place>> {
    Ok(match json.string() {
        Some(text) => Some(body.texts.push_unless_like(text, like)),
        None => body.texts.push_json(json.raw()?),
    })
}

/// Reads an array; `None` for any other value, and if an element has another type than documented.
fn array(
    json: &mut Cursor,
    body: &mut Body,
    field: ArrayField,
    previous: Option<ElementRange>,
) -> Result<Option<ElementRange>> {
    let (start, before) = (json.clone(), body.lengths());
    match elements(json, body, field, previous) {
        Err(Stopped::Unexpected) => {
            *json = start;
            body.truncate(before);
            json.raw().map(|_| None)
        }
        read => read.map(Some),
    }
}

/// Reads the elements of an array. The texts of an object may be absent like any other field, but are never odd.
fn elements(
    json: &mut Cursor,
    body: &mut Body,
    field: ArrayField,
    previous: Option<ElementRange>,
) -> Result<ElementRange> {
    let (names, start) = (field.names(), body.elements.len());
    json.elements(|json| {
        let at = body.elements.len();
        // The text at that place in the array of the snapshot before.
        let like =
            |body: &Body, at: usize| *body.elements.get(previous?.start as usize + at - start)?;
        if names.is_empty() {
            let place = text(json, body, like(body, at))?.ok_or(Stopped::Unexpected)?;
            return Ok(memory::push(&mut body.elements, Some(place))?);
        }
        for _ in names {
            memory::push(&mut body.elements, None)?;
        }
        json.members(|json, name| {
            let Some(number) = names.iter().position(|known| *known == name) else {
                return json.raw().map(|_| ());
            };
            body.elements[at + number] = text(json, body, like(body, at + number))?;
            Ok(())
        })
    })?;
    let length = body.elements.len() - start;
    Ok(ElementRange { start: start as u32, length: length as u32 })
}

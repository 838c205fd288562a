//! The documented fields of a snapshot, read in one pass over its JSON text.

use super::arena::Place;
use super::body::Body;
use super::fields::{ArrayField, ElementRange, Field, Fields};
use crate::json::{self, Cursor, MAX_DEPTH, Stopped};
use crate::runtime::memory;

type Result<T> = std::result::Result<T, Stopped>;

/// Reads a text that is an object and nothing else.
pub(super) fn read_whole(json: &str, body: &mut Body) -> Result<Fields> {
    let mut cursor = Cursor::new(json);
    let fields = read(&mut cursor, body, None, MAX_DEPTH)?;
    if cursor.peek().is_some() { Err(Stopped::Unexpected) } else { Ok(fields) }
}

/// Reads the object that is next, which may nest so deeply. A field that is missing or null is absent, one of another type
/// than documented is odd besides; of a name that comes twice the last counts. Texts are shared with the `previous` snapshot
/// in the same body, which has many of them, too. When it stops there is more in `body` than before.
pub(super) fn read(
    json: &mut Cursor,
    body: &mut Body,
    previous: Option<&Fields>,
    levels: usize,
) -> Result<Fields> {
    let mut fields = Fields::default();
    let levels = levels - 1;
    json.members(|json, name| {
        let Some(field) = Field::named(name) else {
            fields.note_undocumented(name);
            json.raw_within(levels)?;
            return Ok(());
        };
        let is_odd = match field {
            Field::Text(field) => {
                let like = previous.and_then(|it| it.texts[field as usize]);
                let (place, is_odd) = text(json, body, like, levels)?;
                fields.texts[field as usize] = place;
                is_odd
            }
            Field::StorageSizeBytes => {
                let raw = json.raw_within(levels)?;
                let size = json::integer(raw);
                fields.storage_size_bytes = size.unwrap_or(i64::MIN);
                size.is_none() && raw != "null"
            }
            Field::Array(field) => {
                let previous = previous.map(|it| it.arrays[field as usize]);
                let (range, is_odd) = array(json, body, field, previous, levels)?;
                fields.arrays[field as usize] = range;
                is_odd
            }
        };
        fields.set_odd(field, is_odd);
        Ok(())
    })?;
    Ok(fields)
}

/// Reads a text; what is none is absent, and odd unless it is null.
fn text(
    json: &mut Cursor,
    body: &mut Body,
    like: Option<Place>,
    levels: usize,
) -> Result<(Option<Place>, bool)> {
    if let Some(text) = json.string() {
        return Ok((Some(body.texts.push_unless_like(text, like)), false));
    }
    let raw = json.raw_within(levels)?;
    let place = body.texts.push_json(raw);
    Ok((place, place.is_none() && raw != "null"))
}

/// Reads an array; what is none, or has an element of another type than documented, is empty, and odd unless it is null.
fn array(
    json: &mut Cursor,
    body: &mut Body,
    field: ArrayField,
    previous: Option<ElementRange>,
    levels: usize,
) -> Result<(ElementRange, bool)> {
    let (start, before) = (json.clone(), body.lengths());
    match elements(json, body, field, previous, levels) {
        Ok(range) => Ok((range, false)),
        Err(Stopped::Unexpected) => {
            *json = start;
            body.truncate(before);
            let raw = json.raw_within(levels)?;
            Ok((ElementRange::default(), raw != "null"))
        }
        Err(no_memory) => Err(no_memory),
    }
}

/// Reads the elements of an array. The texts of an object may be absent like any other field, but are never odd.
fn elements(
    json: &mut Cursor,
    body: &mut Body,
    field: ArrayField,
    previous: Option<ElementRange>,
    levels: usize,
) -> Result<ElementRange> {
    let (names, start) = (field.names(), body.elements.len());
    json.elements(|json| {
        let at = body.elements.len();
        // The text at that place in the array of the snapshot before.
        let like =
            |body: &Body, at: usize| *body.elements.get(previous?.start as usize + at - start)?;
        if names.is_empty() {
            let (place, _) = text(json, body, like(body, at), levels)?;
            let place = place.ok_or(Stopped::Unexpected)?;
            return Ok(memory::push(&mut body.elements, Some(place))?);
        }
        for _ in names {
            memory::push(&mut body.elements, None)?;
        }
        json.members(|json, name| {
            match names.iter().position(|known| *known == name) {
                Some(number) => {
                    let like = like(body, at + number);
                    (body.elements[at + number], _) = text(json, body, like, levels - 2)?;
                }
                None => drop(json.raw_within(levels - 2)?),
            }
            Ok(())
        })
    })?;
    let length = body.elements.len() - start;
    Ok(ElementRange { start: start as u32, length: length as u32 })
}

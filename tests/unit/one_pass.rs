//! Reads snapshots and pages by another way than the library does: each field by itself, by serde_json. A test and a
//! fuzz target prove that both say the same.

use serde_json::value::RawValue;

use super::arena::CText;
use super::body::Body;
use super::document::{Document, Expected};
use super::fields::{ArrayField, ElementRange, Field, Fields};
use super::list::SnapshotList;
use super::page::Page;
use super::{Snapshot, copied, one_pass};
use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::json;

/// Checks that a text, read as [`Snapshot::parse`] and [`SnapshotList::parse`] do, says what it says read field by
/// field. Whether it is a snapshot as Atlas documents it, and whether it is a page.
pub fn assert_same(text: &[u8]) -> (bool, bool) {
    let quick = Snapshot::parse(text).map(|snapshot| told(&snapshot));
    assert_eq!(comparable(quick), comparable(snapshot(text).map(|snapshot| told(&snapshot))));

    let quick = SnapshotList::parse(text).map(|list| {
        let items = list.iter().map(told).collect();
        (items, list.total_count())
    });
    assert_eq!(comparable(quick), comparable(page(text)));

    let Ok(text) = json::begin(text.to_vec(), true) else {
        return (false, false);
    };
    let mut body = Body::for_json_of(text.len()).expect("memory");
    let in_one_pass = one_pass::read_whole(&text, &mut body);
    let is_snapshot = in_one_pass.is_ok_and(|fields| fields.is_as_documented());
    (is_snapshot, Page::read(&text, usize::MAX).is_ok())
}

/// An error by all that it says.
fn comparable<T>(outcome: Result<T>) -> std::result::Result<T, String> {
    outcome.map_err(|error| format!("{error:?}"))
}

fn snapshot(text: &[u8]) -> Result<Snapshot> {
    let text = json::begin(text.to_vec(), true)?;
    let mut body = Body::for_json_of(text.len())?;
    let document = Document::find(&text, Expected::Snapshot, None, &Redactor::none())?;
    body.enveloped = document.enveloped;
    let fields = decode(document.text, &mut body);
    Ok(Snapshot::alone(text, body, fields))
}

/// What is told of each item of a page, and the total count.
fn page(text: &[u8]) -> Result<(Vec<String>, Option<i64>)> {
    let text = json::begin(text.to_vec(), true)?;
    let document = Document::find(&text, Expected::Page, None, &Redactor::none())?;
    let invalid = |cause: &str| Error::new(ErrorKind::InvalidResponse, cause.to_owned());
    let results = document
        .results
        .ok_or_else(|| invalid("not a page of a list: it has no array \"results\""))?;
    let mut items = Vec::new();
    for text in serde_json::from_str::<Vec<&RawValue>>(results).expect("an array") {
        let text = text.get();
        let mut body = Body::for_json_of(text.len()).expect("memory");
        let fields = decode(text, &mut body);
        let text = copied(text, text.len() + 1).expect("memory");
        items.push(told(&Snapshot::alone(text, body, fields)));
    }
    if items.len() > 50_000 {
        return Err(invalid("the list has more than 50000 snapshots; longer ones are not read"));
    }
    let total_count = document.total_count.and_then(json::integer);
    Ok((items, total_count.filter(|count| *count != i64::MIN)))
}

/// Reads the documented fields of an object, the last of each name.
fn decode(object: &str, into: &mut Body) -> Fields {
    let mut found = [(None, ""); Field::NAMES.len()];
    let _ = json::members(object, |name, value| {
        if let Some(field) = Field::named(&json::name(name)) {
            found[field.number()] = (Some(field), value);
        }
    });
    let mut fields = Fields::default();
    for (field, raw) in found {
        let Some(field) = field.filter(|_| raw != "null") else {
            continue;
        };
        let is_odd = match field {
            Field::Text(field) => {
                let place = into.texts.push_json(raw);
                fields.texts[field as usize] = place;
                place.is_none()
            }
            Field::StorageSizeBytes => {
                let size = json::integer(raw);
                fields.storage_size_bytes = size.unwrap_or(fields.storage_size_bytes);
                size.is_none()
            }
            Field::Array(array) => {
                let before = into.lengths();
                let range = elements(raw, array, into);
                if range.is_none() {
                    into.truncate(before);
                }
                fields.arrays[array as usize] = range.unwrap_or_default();
                range.is_none()
            }
        };
        fields.set_odd(field, is_odd);
    }
    fields
}

/// Reads an array; with an element of another type it is none.
fn elements(raw: &str, array: ArrayField, into: &mut Body) -> Option<ElementRange> {
    let start = into.elements.len();
    for element in serde_json::from_str::<Vec<&RawValue>>(raw).ok()? {
        let names = array.names();
        if names.is_empty() {
            let place = into.texts.push_json(element.get())?;
            into.elements.push(Some(place));
            continue;
        }
        let mut values = vec![None; names.len()];
        json::members(element.get(), |name, value| {
            if let Some(at) = names.iter().position(|known| *known == json::name(name)) {
                values[at] = Some(value);
            }
        })
        .ok()?;
        for value in values {
            let place = value.and_then(|raw| into.texts.push_json(raw));
            into.elements.push(place);
        }
    }
    let length = into.elements.len() - start;
    Some(ElementRange { start: start as u32, length: length as u32 })
}

/// All that a snapshot says.
fn told(snapshot: &Snapshot) -> String {
    let texts: Vec<_> = Field::NAMES
        .iter()
        .filter_map(|name| match Field::named(name) {
            Some(Field::Text(field)) => Some(snapshot.text(field).map(CText::as_str)),
            _ => None,
        })
        .collect();
    let arrays: [Vec<_>; 3] = [
        snapshot.copy_regions().collect(),
        snapshot.policy_items().collect(),
        snapshot.snapshot_ids().collect(),
    ];
    let (links, members): (Vec<_>, Vec<_>) =
        (snapshot.links().collect(), snapshot.members().collect());
    let odd: Vec<_> = snapshot.odd_fields().collect();
    let fields: Vec<_> = snapshot.field_names().map(|name| (name, snapshot.field(name))).collect();
    let (size, json) = (snapshot.storage_size_bytes(), snapshot.json());
    format!("{texts:?} {size:?} {arrays:?} {links:?} {members:?} {odd:?} {fields:?} {json}")
}

#[cfg(test)]
#[path = "one_pass_tests.rs"]
mod tests;

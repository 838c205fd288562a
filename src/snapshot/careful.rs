//! Reads without the one pass. Here for the tests and the fuzz target that prove that both ways say the same.

use super::arena::Text;
use super::body::Body;
use super::document::{Document, Expected};
use super::fields::Field;
use super::list::SnapshotList;
use super::page::{Page, Unread};
use super::{Snapshot, copied, one_pass};
use crate::error::{Redactor, Result};
use crate::json;

/// Checks that a text, read as [`Snapshot::parse`] and [`SnapshotList::parse`] do, says what it says without the one pass.
/// Whether one pass did for the snapshot, and for the page, if it is any.
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
    let in_one_pass = one_pass::read_whole(&text, &mut body).is_some();
    (in_one_pass, Page::read(&text, usize::MAX).is_some())
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
    let fields = document.decode(&mut body)?;
    Ok(Snapshot::alone(text, body, fields))
}

/// What is told of each item of a page, and the total count.
fn page(text: &[u8]) -> Result<(Vec<String>, Option<i64>)> {
    let text = json::begin(text.to_vec(), true)?;
    let document = Document::find(&text, Expected::Page, None, &Redactor::none())?;
    let results = document.results.filter(|results| results.starts_with('['));
    let mut items = Vec::new();
    json::elements(results.ok_or(Unread::Odd)?, |text| {
        let mut body = Body::for_json_of(text.len()).expect("memory");
        let document = Document::read(text).unwrap_or_default();
        let fields = document.decode(&mut body).expect("memory");
        let text = copied(text, text.len() + 1).expect("memory");
        items.push(told(&Snapshot::alone(text, body, fields)));
    })?;
    if items.len() > 50_000 {
        return Err(Unread::TooMany.into());
    }
    let total_count = document.total_count.and_then(json::integer);
    Ok((items, total_count.filter(|count| *count != i64::MIN)))
}

/// All that a snapshot says.
fn told(snapshot: &Snapshot) -> String {
    let texts: Vec<_> = Field::ALL
        .iter()
        .filter_map(|(field, _)| match field {
            Field::Text(field) => Some(snapshot.text(*field).map(Text::as_str)),
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
mod tests;

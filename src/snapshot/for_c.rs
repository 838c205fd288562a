//! What a snapshot says, for the C ABI: texts that end in a NUL, elements by number.

use super::Snapshot;
use super::arena::{Place, Text};
use super::field_table::FieldTable;
use super::fields::{ArrayField, Link, Member, TextField};
use super::headers::HeaderTable;

impl Snapshot {
    pub(crate) fn text(&self, field: TextField) -> Option<Text<'_>> {
        self.body.text(self.fields.texts[field as usize])
    }

    pub(crate) fn copy_region(&self, index: usize) -> Option<Text<'_>> {
        let [text] = self.element(ArrayField::CopyRegions, index)?;
        text
    }

    pub(crate) fn policy_item(&self, index: usize) -> Option<Text<'_>> {
        let [text] = self.element(ArrayField::PolicyItems, index)?;
        text
    }

    pub(crate) fn snapshot_id(&self, index: usize) -> Option<Text<'_>> {
        let [text] = self.element(ArrayField::SnapshotIds, index)?;
        text
    }

    pub(crate) fn link(&self, index: usize) -> Option<Link<Text<'_>>> {
        let [href, rel] = self.element(ArrayField::Links, index)?;
        Some(Link { href, rel })
    }

    pub(crate) fn member(&self, index: usize) -> Option<Member<Text<'_>>> {
        let [id, cloud_provider, replica_set_name] = self.element(ArrayField::Members, index)?;
        Some(Member { id, cloud_provider, replica_set_name })
    }

    /// The texts of the elements of an array, `N` for each; one if the elements are texts.
    pub(super) fn array<const N: usize>(&self, array: ArrayField) -> &[[Option<Place>; N]] {
        self.body.array(self.fields.arrays[array as usize]).as_chunks().0
    }

    fn element<const N: usize>(
        &self,
        array: ArrayField,
        index: usize,
    ) -> Option<[Option<Text<'_>>; N]> {
        let places = self.array(array).get(index)?;
        Some(places.map(|place| self.body.text(place)))
    }

    pub(crate) fn json_text(&self) -> Text<'_> {
        let json = self.body.json.get(self.json.start as usize..=self.json.end as usize);
        Text::new(json.unwrap_or("\0"))
    }

    pub(crate) fn field_count(&self) -> usize {
        self.field_table().map_or(0, FieldTable::len)
    }

    pub(crate) fn field_name(&self, index: usize) -> Option<Text<'_>> {
        self.field_table()?.name(index)
    }

    pub(crate) fn field_text(&self, name: &str) -> Option<Text<'_>> {
        self.field_table()?.value(name)
    }

    pub(crate) fn header_text(&self, name: &str) -> Option<Text<'_>> {
        self.header_table()?.find(name)
    }

    pub(crate) fn header_count(&self) -> usize {
        self.header_table().map_or(0, HeaderTable::len)
    }

    pub(crate) fn header_name(&self, index: usize) -> Option<Text<'_>> {
        self.header_table()?.name(index)
    }

    pub(crate) fn header_value(&self, index: usize) -> Option<Text<'_>> {
        self.header_table()?.value(index)
    }
}

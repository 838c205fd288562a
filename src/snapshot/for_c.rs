//! What a snapshot says, for the C ABI: texts that end in a NUL, elements by number.

use std::collections::TryReserveError;
use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

use super::Snapshot;
use super::arena::{Place, Text};
use super::field_table::FieldTable;
use super::fields::{ArrayField, Link, Member, TextField};
use super::headers::HeaderTable;
use crate::runtime::memory;

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

    /// The texts of all arrays, so that C can read these as arrays: regions, policy items and snapshot ids, of each link
    /// href and rel, of each member id, provider and name. Made when first asked for; `None` if there is no memory for it.
    ///
    /// Nobody changes them: they are atomic since only such pointers may be shared between threads.
    pub(crate) fn pointers(&self) -> Option<&[AtomicPtr<c_char>]> {
        let texts =
            self.copy_regions().len() + self.policy_items().len() + self.snapshot_ids().len();
        let count = texts + 2 * self.links().len() + 3 * self.members().len();
        if count == 0 {
            return Some(&[]);
        }
        let made = self.pointers.get_or_try_init(|| {
            let mut pointers = memory::vec(count)?;
            let mut push = |text: Option<Text<'_>>| {
                let text = text.map_or(null_mut(), |text| text.as_ptr().cast_mut());
                pointers.push(AtomicPtr::new(text));
            };
            (0..self.copy_regions().len()).for_each(|i| push(self.copy_region(i)));
            (0..self.policy_items().len()).for_each(|i| push(self.policy_item(i)));
            (0..self.snapshot_ids().len()).for_each(|i| push(self.snapshot_id(i)));
            for link in (0..self.links().len()).filter_map(|i| self.link(i)) {
                [link.href, link.rel].into_iter().for_each(&mut push);
            }
            for member in (0..self.members().len()).filter_map(|i| self.member(i)) {
                let texts = [member.id, member.cloud_provider, member.replica_set_name];
                texts.into_iter().for_each(&mut push);
            }
            Ok::<_, TryReserveError>(Box::new(pointers))
        });
        made.ok().map(Vec::as_slice)
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

//! What a snapshot says, for the C ABI: texts that end in a NUL, elements by number.

use std::collections::TryReserveError;
use std::ffi::c_char;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

use super::Snapshot;
use super::arena::{CText, Place};
use super::fields::{ArrayField, Link, Member, TextField};
use crate::runtime::memory;

impl Snapshot {
    pub(crate) fn text(&self, field: TextField) -> Option<CText<'_>> {
        self.body.text(self.fields.texts[field as usize])
    }

    /// Of an array of texts the one at that place.
    pub(crate) fn text_in(&self, array: ArrayField, index: usize) -> Option<CText<'_>> {
        let [text] = self.element(array, index)?;
        text
    }

    pub(crate) fn link(&self, index: usize) -> Option<Link<CText<'_>>> {
        self.element(ArrayField::Links, index).map(|[href, rel]| Link { href, rel })
    }

    pub(crate) fn member(&self, index: usize) -> Option<Member<CText<'_>>> {
        self.element(ArrayField::Members, index).map(|[id, cloud_provider, replica_set_name]| {
            Member { id, cloud_provider, replica_set_name }
        })
    }

    /// The texts of the elements of an array, `N` for each; one if the elements are texts.
    pub(super) fn array<const N: usize>(&self, array: ArrayField) -> &[[Option<Place>; N]] {
        self.body.array(self.fields.arrays[array as usize]).as_chunks().0
    }

    fn element<const N: usize>(
        &self,
        array: ArrayField,
        index: usize,
    ) -> Option<[Option<CText<'_>>; N]> {
        let places = self.array(array).get(index)?;
        Some(places.map(|place| self.body.text(place)))
    }

    /// The texts of an array, element by element, so that C can read them as an array. Those of all arrays are made
    /// when first asked for; none if there is no memory for them.
    ///
    /// Nobody changes them: they are atomic since only such pointers may be shared between threads.
    pub(crate) fn pointers(&self, array: ArrayField) -> &[AtomicPtr<c_char>] {
        let arrays = self.fields.arrays.map(|range| self.body.array(range));
        let start = arrays[..array as usize].iter().map(|texts| texts.len()).sum();
        let count = arrays[array as usize].len();
        if count == 0 {
            return &[];
        }
        let made = self.pointers.get_or_try_init(|| {
            let mut pointers = memory::vec(arrays.iter().map(|texts| texts.len()).sum())?;
            pointers.extend(arrays.into_iter().flatten().map(|place| {
                let text = self.body.text(*place);
                AtomicPtr::new(text.map_or(null_mut(), |text| text.as_ptr().cast_mut()))
            }));
            Ok::<_, TryReserveError>(Box::new(pointers))
        });
        made.map_or(&[], |pointers| &pointers[start..start + count])
    }

    pub(crate) fn json_text(&self) -> CText<'_> {
        let json = self.body.json.get(self.json.start as usize..=self.json.end as usize);
        CText(json.unwrap_or("\0"))
    }
}

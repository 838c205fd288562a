//! What a snapshot says, for the C ABI: texts that end in a NUL, elements by number.

use super::Snapshot;
use super::arena::Text;
use super::fields::{Link, Member, TextField};
use super::headers::HeaderTable;
use super::members::MemberTable;

impl Snapshot {
    pub(crate) fn text(&self, field: TextField) -> Option<Text<'_>> {
        self.fields.text(field)
    }

    pub(crate) fn copy_region(&self, index: usize) -> Option<Text<'_>> {
        self.element(&self.fields.copy_regions, index)
    }

    pub(crate) fn policy_item(&self, index: usize) -> Option<Text<'_>> {
        self.element(&self.fields.policy_items, index)
    }

    pub(crate) fn snapshot_id(&self, index: usize) -> Option<Text<'_>> {
        self.element(&self.fields.snapshot_ids, index)
    }

    pub(crate) fn link(&self, index: usize) -> Option<Link<Text<'_>>> {
        let link = self.fields.links.get(index)?;
        Some(link.map(|span| self.fields.element(span)))
    }

    pub(crate) fn member(&self, index: usize) -> Option<Member<Text<'_>>> {
        let member = self.fields.members.get(index)?;
        Some(member.map(|span| self.fields.element(span)))
    }

    pub(crate) fn json_text(&self) -> Text<'_> {
        Text::new(&self.json)
    }

    pub(crate) fn field_count(&self) -> usize {
        self.member_table().map_or(0, MemberTable::len)
    }

    pub(crate) fn field_name(&self, index: usize) -> Option<Text<'_>> {
        self.member_table()?.name(index)
    }

    pub(crate) fn field_text(&self, name: &str) -> Option<Text<'_>> {
        self.member_table()?.value(name)
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

//! The document and its fields, as a Rust program sees them.

mod documents;
mod fields;
mod newest;
mod support;
#[path = "../common/fields.rs"]
mod text_fields;

//! Snapshots and lists of them: accessors that hand out pointers into what the core keeps.
//!
//! Each file is a section of the header.

mod arrays;
mod codes;
mod lifetime;
mod list;
mod numbers;
mod raw;
mod read_fields;
mod sharded;
mod text;

/// The functions as Rust names them, for tests and fuzz targets.
#[cfg(any(test, fuzzing))]
pub use self::{
    arrays::*, codes::*, lifetime::*, list::*, numbers::*, raw::*, read_fields::*, sharded::*,
    text::*,
};

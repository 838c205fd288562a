//! Snapshots and lists of them: accessors that hand out pointers into what the core keeps.
//!
//! Each file is a section of the header.

mod arrays;
mod codes;
mod fields;
mod lifetime;
mod list;
mod numbers;
mod raw;
mod sharded;
mod text;

pub use numbers::ATLAS_ABSENT;

/// The functions as Rust names them, for tests and fuzz targets.
#[cfg(any(test, fuzzing))]
mod all {
    pub use super::arrays::*;
    pub use super::codes::*;
    pub use super::fields::*;
    pub use super::lifetime::*;
    pub use super::list::*;
    pub use super::numbers::*;
    pub use super::raw::*;
    pub use super::sharded::*;
    pub use super::text::*;
}
#[cfg(any(test, fuzzing))]
pub use all::*;

//! What the library needs of the process it runs in.

pub(crate) mod memory; // allocation that can fail
pub(crate) mod panic; // keeps what a panic says off the host's standard error

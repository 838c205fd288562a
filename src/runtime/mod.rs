//! What every module needs of the system: memory that may be short.

pub(crate) mod memory;

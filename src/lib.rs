//! Reads MongoDB Atlas cloud backup snapshots: the safe core, and the C ABI over it.
//!
//! The layers, each of which calls only those below it, and the life of a request: docs/architecture.md.

#![deny(unsafe_code, missing_docs, unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks)]

#[cfg(panic = "abort")]
compile_error!("panic = \"abort\" would turn a defect of this library into the end of its host");

pub mod client; // the operations people call
pub mod config; // settings: defaults, environment, checks
pub mod error; // what can go wrong
pub mod log; // lines for the host's log
pub mod snapshot; // the document and its fields

mod auth; // who we are: signs a request, answers challenges, fetches tokens
mod headers; // the headers of a response
mod http; // one request, one response
mod json; // JSON text, looked at where it lies
mod retry; // what is tried again, and when
mod retry_after; // how long a server asks to wait
mod runtime; // what the library needs of the process it runs in
mod target; // what a call is about: where Atlas has it, what messages call it
mod text; // text for people and logs

#[allow(unsafe_code)]
mod ffi; // the C ABI

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing; // what the fuzz targets in fuzz/ call

pub use client::{Client, ClusterType, Format, Polling};
pub use config::Config;
pub use error::{Error, ErrorKind, Result};
pub use log::Level;
pub use snapshot::{Snapshot, SnapshotList};

//! The old names of what is in `runtime` now.
#![allow(unused_imports)]

pub(crate) use crate::runtime::context::{Canceller, Context, earlier};
pub(crate) use crate::runtime::event::Event;
pub(crate) use crate::runtime::interrupted::Interrupted;

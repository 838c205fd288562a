//! The old names of what is in `runtime` now.
#![allow(unused_imports)]

pub(crate) use crate::runtime::descriptor::keep_off_stdio;
pub(crate) use crate::runtime::env::{env, is_privileged};
pub(crate) use crate::runtime::thread::spawn;

//! The old names of what is in `runtime` now.
#![allow(unused_imports)]

pub(crate) use crate::runtime::descriptor::keep_off_stdio;
pub(crate) use crate::runtime::env::{env, is_privileged};
pub(crate) use crate::runtime::fork::fork_epoch;
pub(crate) use crate::runtime::fork::watch as watch_forks;
pub(crate) use crate::runtime::lookup::look_up;
pub(crate) use crate::runtime::thread::spawn;

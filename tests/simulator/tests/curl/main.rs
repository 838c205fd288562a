//! An independent client's opinion: what curl understands and lets through is not merely consistent with
//! our own code.

mod api;
mod authentication;
mod client;
mod faults;

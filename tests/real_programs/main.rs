//! Against programs that are not ours: HTTP and SOCKS proxies, and Apache as a digest server. Each test runs where its
//! program is installed, and says so where it is not.

#[path = "../common/mod.rs"]
mod common;

mod apache;
mod programs;
mod proxies;

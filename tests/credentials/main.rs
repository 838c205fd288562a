//! Credentials, proven against the simulator: API keys, service accounts and their tokens, the token cache, revocation.

#[path = "../common/mod.rs"]
mod common;

mod cache_files;
mod challenges;
mod dead_connections;
mod digest;
mod process;
mod revocation;
mod secret_files;
mod shared_cache;
mod support;
mod token_cache;
mod token_endpoint;
mod tokens;

//! Credentials of the simulator, and what is seen of them there.

use atlas_backup::Config;
use atlas_simulator::{CLIENT_ID, CLIENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, Seen};

/// The settings with the simulator's service account.
pub fn service_account(mut config: Config) -> Config {
    config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
    config
}

/// The settings with the simulator's API key.
pub fn api_key(mut config: Config) -> Config {
    config.set_api_key(Some(PUBLIC_KEY.as_bytes()), Some(PRIVATE_KEY.as_bytes()));
    config
}

/// A parameter of a Digest `Authorization`; none of ours has a comma inside quotes.
pub fn digest_parameter<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let header = seen.header("authorization")?.strip_prefix("Digest ")?;
    let mut parts = header.split(", ").filter_map(|part| part.split_once('='));
    let (_, value) = parts.find(|(key, _)| *key == name)?;
    Some(value.trim_matches('"'))
}

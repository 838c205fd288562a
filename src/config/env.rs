//! The variables of the environment. In a program with rights that its caller does not have none of them counts.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Config, GivenCredentials, GivenSecret, Setting};
use crate::runtime::env::env;

impl Config {
    /// The defaults, then the `MONGODB_ATLAS_*` variables as the Atlas CLI and the Terraform provider name them. An
    /// empty variable is as good as unset. A complete service account beats a complete API key, which beats a token. A
    /// secret may be in the file that the variable with `_FILE` at its end names. In a program with rights its caller
    /// does not have no variable counts.
    pub fn from_env() -> Config {
        Config {
            credentials: credentials().unwrap_or_else(|why| Some(GivenCredentials::Wrong(why))),
            base_url: first(&["MONGODB_ATLAS_OPS_MANAGER_URL", "MONGODB_ATLAS_BASE_URL"]),
            service: text("MONGODB_ATLAS_SERVICE"),
            api_version: text("MONGODB_ATLAS_API_VERSION"),
            timeout: text("MONGODB_ATLAS_TIMEOUT_MS").map(|text| {
                let number = str::from_utf8(&text.bytes).ok();
                let number = number.and_then(|text| text.trim().parse().ok());
                number.filter(|number| *number > 0).ok_or(text)
            }),
            ca_file: text("MONGODB_ATLAS_CA_FILE"),
            token_cache: text("MONGODB_ATLAS_TOKEN_CACHE"),
            ..Config::default()
        }
    }
}

/// The credentials, or what is wrong with them.
fn credentials() -> Result<Option<GivenCredentials>, String> {
    const ID: &str = "MONGODB_ATLAS_CLIENT_ID";
    const SECRET: &str = "MONGODB_ATLAS_CLIENT_SECRET";
    const PUBLIC: &str = "MONGODB_ATLAS_PUBLIC_API_KEY";
    const PRIVATE: &str = "MONGODB_ATLAS_PRIVATE_API_KEY";
    let account = (text(ID), secret(&[SECRET], &["MONGODB_ATLAS_CLIENT_SECRET_FILE"])?);
    let key = (
        first(&[PUBLIC, "MONGODB_ATLAS_PUBLIC_KEY"]),
        secret(
            &[PRIVATE, "MONGODB_ATLAS_PRIVATE_KEY"],
            &["MONGODB_ATLAS_PRIVATE_API_KEY_FILE", "MONGODB_ATLAS_PRIVATE_KEY_FILE"],
        )?,
    );
    let token = secret(&["MONGODB_ATLAS_ACCESS_TOKEN"], &["MONGODB_ATLAS_ACCESS_TOKEN_FILE"])?;
    let half =
        |present: &str, missing: &str| Err(format!("{missing} is missing, while {present} is set"));
    Ok(Some(match (account, key, token) {
        ((Some(id), Some((_, secret))), ..) => GivenCredentials::ServiceAccount(Ok(id), secret),
        (_, (Some(public), Some((_, secret))), _) => GivenCredentials::ApiKey(Ok(public), secret),
        (.., Some((_, token))) => GivenCredentials::AccessToken(token),
        ((Some(id), _), ..) => return half(id.name, SECRET),
        ((_, Some((secret, _))), ..) => return half(secret, ID),
        (_, (Some(public), _), _) => return half(public.name, PRIVATE),
        (_, (_, Some((private, _))), _) => return half(private, PUBLIC),
        _ => return Ok(None),
    }))
}

/// A secret or its file, with the name of the variable that has it.
fn secret(
    values: &[&'static str],
    files: &[&'static str],
) -> Result<Option<(&'static str, GivenSecret)>, String> {
    match (first(values), first(files)) {
        (Some(value), Some(file)) => {
            Err(format!("{} and {} are both set; unset one of them", value.name, file.name))
        }
        (Some(value), None) => Ok(Some((value.name, GivenSecret::Value(Ok(value))))),
        (None, Some(file)) => Ok(Some((file.name, GivenSecret::File(Ok(file))))),
        (None, None) => Ok(None),
    }
}

/// The proxy for HTTPS.
pub(super) fn proxy() -> Option<Setting> {
    first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
}

/// Which hosts are reached without the proxy.
pub(super) fn no_proxy() -> Option<Setting> {
    first(&["no_proxy", "NO_PROXY"])
}

/// The user's directory for caches.
pub(super) fn cache_directory() -> Option<PathBuf> {
    let xdg = env("XDG_CACHE_HOME").map(PathBuf::from);
    xdg.filter(|path| path.is_absolute())
        .or_else(|| env("HOME").map(|home| Path::new(&home).join(".cache")))
        .filter(|path| path.is_absolute())
}

fn first(names: &[&'static str]) -> Option<Setting> {
    names.iter().find_map(|name| text(name))
}

/// Not inlined: each variable is read once.
#[inline(never)]
fn text(name: &'static str) -> Option<Setting> {
    env(name).map(|value| Setting { name, bytes: Zeroizing::new(value.into_vec()) })
}

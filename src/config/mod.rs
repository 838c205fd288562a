//! Settings: what the caller and the environment give, and the checked values that a client works with.
//!
//! A [`Config`] keeps what it was given, right or wrong; `Config::check` turns it into `Settings`, all of them valid,
//! or says which setting is wrong. So a bad value does no harm once it was set again.

mod base_url;
mod builder;
mod env;
mod settings;

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::log::Sink;
use crate::text::unprintable;

pub(crate) use settings::Settings;

/// Text as it was given, with the name under which a person would look for it.
#[derive(Clone)]
struct Setting {
    name: &'static str,
    bytes: Zeroizing<Vec<u8>>,
}

/// What credentials cannot do without; the name alone if it was not given.
type Required = Result<Setting, &'static str>;

/// A secret as it was given: itself, or the path of the file that holds it.
#[derive(Clone)]
enum GivenSecret {
    Value(Required),
    File(Required),
}

/// Credentials as they were given.
#[derive(Clone)]
enum GivenCredentials {
    ServiceAccount(Required, GivenSecret),
    ApiKey(Required, GivenSecret),
    AccessToken(GivenSecret),
    /// The environment has half of a pair and nothing complete, or a secret and a file for it: what to say of that.
    Wrong(String),
}

/// How to reach Atlas and as whom. Setters never fail: a bad value is reported by [`crate::Client::new`].
///
/// Text is given as bytes, since what comes from C or the environment may be anything; `None` restores the default.
#[derive(Clone, Default)]
pub struct Config {
    credentials: Option<GivenCredentials>,
    base_url: Option<Setting>,
    service: Option<Setting>,
    api_version: Option<Setting>,
    timeout: Option<Result<u32, Setting>>,
    connect_timeout_ms: Option<u32>,
    max_retries: Option<u32>,
    ca_file: Option<Setting>,
    proxy: Option<Setting>,
    user_agent: Option<Setting>,
    token_cache: Option<Setting>,
    logger: Option<(i32, Arc<Sink>)>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: any of the texts may hold a secret.
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

impl Setting {
    fn new(name: &'static str, bytes: &[u8]) -> Setting {
        Setting { name, bytes: Zeroizing::new(bytes.to_vec()) }
    }

    fn wrong(&self, why: &str) -> Error {
        config_error(format!("{} {why}", self.name))
    }

    fn as_str(&self) -> Result<&str> {
        std::str::from_utf8(&self.bytes).map_err(|_| self.wrong("is not UTF-8"))
    }

    fn path(&self) -> Result<PathBuf> {
        if self.bytes.is_empty() {
            return Err(self.wrong("is empty"));
        }
        Ok(PathBuf::from(OsStr::from_bytes(&self.bytes)))
    }

    /// The text if it can stand in a header line. What is wrong is said without showing the text.
    fn printable(&self) -> Result<&str> {
        let text = self.as_str()?;
        unprintable(text).map_or(Ok(text), |why| Err(self.wrong(&why)))
    }
}

fn config_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

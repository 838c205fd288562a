//! The settings checked, with the defaults in the place of those that were not given.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::HeaderValue;
use chrono::DateTime;

use super::base_url::BaseUrl;
use super::env::{cache_directory, no_proxy, proxy};
use super::{Config, GivenCredentials, GivenSecret, Required, Setting, config_error};
use crate::auth::{Credentials, Identity, Secret, SecretFile};
use crate::error::{Error, Redactor, Result};
use crate::http::Destination;
use crate::http::no_proxy::is_bypassed;
use crate::http::proxy::Proxy;
use crate::http::roots::{self, Sources};
use crate::log::{Level, Logger};
use crate::runtime::env::{env, is_privileged};
use crate::text::{VALUE_SHOWN, one_line};

const CLOUD: &str = "https://cloud.mongodb.com";
const CLOUD_GOV: &str = "https://cloud.mongodbgov.com";
const API_VERSION: &str = "2024-05-30";
const TIMEOUT_MS: u32 = 30_000;
const CONNECT_TIMEOUT_MS: u32 = 10_000;
const MAX_RETRIES: u32 = 3;

/// What a client works with: checked, complete, never changed.
pub(crate) struct Settings {
    pub(crate) credentials: Credentials,
    /// Without a slash at the end.
    pub(crate) base_url: String,
    pub(crate) destination: Destination,
    pub(crate) accept: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) token_cache: Option<PathBuf>,
    pub(crate) logger: Logger,
}

impl Settings {
    /// The settings in force, for the log.
    pub(crate) fn summary(&self) -> String {
        let mut who = match &self.credentials.identity {
            Identity::ServiceAccount { client_id } => format!("service account {client_id}"),
            Identity::ApiKey { public_key } => format!("API key {public_key}"),
            Identity::AccessToken => "access token".to_owned(),
        };
        if let Some(file) = &self.credentials.file {
            who = format!("{who} ({file})");
        }
        let none = || "none".to_owned();
        let proxy = self.destination.proxy.as_ref().map_or_else(none, |proxy| proxy.shown());
        let cache = self.token_cache.as_ref();
        let cache = cache.map_or_else(none, |path| path.display().to_string());
        format!(
            "atlas-backup {}: {} as {who}, timeout {} ms, connect timeout {} ms, {} retries, proxy {proxy}, \
             token cache {cache}, {}",
            env!("CARGO_PKG_VERSION"),
            self.base_url,
            self.timeout.as_millis(),
            self.destination.connect_timeout.as_millis(),
            self.max_retries,
            self.accept.to_str().unwrap_or_default(),
        )
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<Settings> {
        let given = self.credentials.as_ref().ok_or_else(no_credentials)?;
        let base = self.base()?;
        let accept = self.accept()?;
        let timeout = match &self.timeout {
            None => Duration::from_millis(TIMEOUT_MS.into()),
            Some(Ok(milliseconds)) => positive("timeout_ms", *milliseconds)?,
            Some(Err(text)) => {
                return Err(text.wrong("is not a number of milliseconds from 1 to 4294967295"));
            }
        };
        let connect_timeout = self.connect_timeout_ms.unwrap_or(CONNECT_TIMEOUT_MS);
        let connect_timeout = positive("connect_timeout_ms", connect_timeout)?;
        let logger = self.logger()?;
        let authorities = self.authorities(&base)?;
        Ok(Settings {
            credentials: credentials(given, timeout, &logger)?,
            destination: Destination {
                proxy: self.proxy(&base)?,
                user_agent: self.user_agent()?,
                connect_timeout,
                // They are read here, once for all processes that fork from this one.
                roots: authorities.as_ref().map(roots::load).transpose().map_err(config_error)?,
                host: base.host,
                port: base.port,
            },
            base_url: base.text,
            accept,
            timeout,
            max_retries: self.max_retries.unwrap_or(MAX_RETRIES),
            token_cache: self.token_cache(&logger)?,
            logger,
        })
    }

    fn base(&self) -> Result<BaseUrl> {
        let url = match (&self.base_url, &self.service) {
            (Some(url), _) => return BaseUrl::parse(url),
            (None, None) => CLOUD,
            (None, Some(service)) => match service.as_str()? {
                "cloud" => CLOUD,
                "cloudgov" => CLOUD_GOV,
                other => {
                    let shown = one_line(&Redactor::none().redact(other, VALUE_SHOWN));
                    return Err(service.wrong(&format!("is \"{shown}\", not cloud or cloudgov")));
                }
            },
        };
        BaseUrl::parse(&Setting::new("base_url", url.as_bytes()))
    }

    /// The media type of the API version.
    fn accept(&self) -> Result<HeaderValue> {
        let date = match &self.api_version {
            None => API_VERSION,
            Some(text) => {
                let date = text.printable()?;
                let midnight = format!("{date}T00:00:00Z");
                if date.len() != 10 || DateTime::parse_from_rfc3339(&midnight).is_err() {
                    return Err(text.wrong("is not a date like 2024-05-30"));
                }
                date
            }
        };
        HeaderValue::try_from(format!("application/vnd.atlas.{date}+json"))
            .map_err(|_| config_error("api_version cannot be sent"))
    }

    fn user_agent(&self) -> Result<HeaderValue> {
        let ours = concat!("atlas-backup/", env!("CARGO_PKG_VERSION"));
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let agent = match &self.user_agent {
            None => format!("{ours} ({os}; {arch})"),
            Some(text) => {
                let product = text.printable()?;
                if product.trim().is_empty() || product.len() > 256 {
                    return Err(text.wrong("is empty or longer than 256 characters"));
                }
                format!("{} {ours} ({os}; {arch})", product.trim())
            }
        };
        HeaderValue::try_from(agent).map_err(|_| config_error("user_agent cannot be sent"))
    }

    fn logger(&self) -> Result<Logger> {
        let Some((level, sink)) = &self.logger else {
            return Ok(Logger::default());
        };
        let levels = [Level::Error, Level::Warning, Level::Info, Level::Debug];
        match levels.into_iter().find(|known| *known as i32 == *level) {
            Some(level) => Ok(Logger::new(level, sink.clone())),
            None if *level == 0 => Ok(Logger::default()),
            None => Err(config_error(format!("logger: the level {level} is not one of 0 to 4"))),
        }
    }

    /// Where the certificate authorities to trust are; `None`: plain HTTP, which is allowed to this machine alone.
    fn authorities(&self, base: &BaseUrl) -> Result<Option<Sources>> {
        if base.is_plain {
            return Ok(None);
        }
        let extra = match &self.ca_file {
            None => None,
            Some(text) => Some((text.name, text.path()?)),
        };
        let file = env("SSL_CERT_FILE").map(PathBuf::from);
        Ok(Some(Sources { file, directories: env("SSL_CERT_DIR"), extra }))
    }

    /// The proxy for `base`: the setting, or the environment's as curl reads it. The setting must be good in any case,
    /// a variable only where it is used, since it is meant for other programs as well.
    fn proxy(&self, base: &BaseUrl) -> Result<Option<Arc<Proxy>>> {
        let proxy = match &self.proxy {
            Some(text) if text.bytes.is_empty() => None,
            Some(text) => {
                let proxy = parse_proxy(text)?;
                (!is_direct(base)?).then_some(proxy)
            }
            None => match proxy() {
                Some(text) if !is_direct(base)? => Some(parse_proxy(&text)?),
                _ => None,
            },
        };
        Ok(proxy.map(Arc::new))
    }

    fn token_cache(&self, logger: &Logger) -> Result<Option<PathBuf>> {
        let Some(text) = &self.token_cache else {
            return Ok(None);
        };
        if is_privileged() {
            logger.log(Level::Warning, || {
                "token_cache is off: this program runs with others' rights".into()
            });
            return Ok(None);
        }
        if *text.bytes == *b"default" {
            let base = cache_directory();
            if base.is_none() {
                logger.log(Level::Warning, || {
                    "token_cache is off: it is \"default\", and neither XDG_CACHE_HOME nor HOME names a place for it"
                        .into()
                });
            }
            return Ok(base.map(|base| base.join("atlas-backup")));
        }
        let path = text.path()?;
        if !path.is_absolute() {
            return Err(text.wrong("is neither an absolute path nor \"default\""));
        }
        Ok(Some(path))
    }
}

fn parse_proxy(text: &Setting) -> Result<Proxy> {
    Proxy::parse(text.as_str()?).map_err(|why| text.wrong(&format!("cannot be used: {why}")))
}

/// Whether `base` is reached without the proxy.
fn is_direct(base: &BaseUrl) -> Result<bool> {
    // Plain HTTP carries credentials in the clear, which is why it may not leave this machine.
    if base.is_plain {
        return Ok(true);
    }
    match no_proxy() {
        Some(list) => Ok(is_bypassed(list.as_str()?, &base.host)),
        None => Ok(false),
    }
}

fn no_credentials() -> Error {
    config_error(match is_privileged() {
        true => {
            "no credentials: set a service account, an API key or an access token; the environment does not count, \
             since this program runs with others' rights"
        }
        false => {
            "no credentials: set a service account, an API key or an access token (MONGODB_ATLAS_CLIENT_ID and \
             MONGODB_ATLAS_CLIENT_SECRET in the environment, say)"
        }
    })
}

/// The credentials, for which a file is read. `timeout` is how long to wait for a pipe.
fn credentials(
    given: &GivenCredentials,
    timeout: Duration,
    logger: &Logger,
) -> Result<Credentials> {
    let (identity, secret) = match given {
        GivenCredentials::ServiceAccount(id, secret) => {
            (Identity::ServiceAccount { client_id: name_part(id)? }, secret)
        }
        GivenCredentials::ApiKey(public, secret) => {
            (Identity::ApiKey { public_key: name_part(public)? }, secret)
        }
        GivenCredentials::AccessToken(secret) => (Identity::AccessToken, secret),
        GivenCredentials::Wrong(why) => return Err(config_error(why)),
    };
    let (secret, file) = match secret {
        GivenSecret::Value(text) => (credential(required(text)?)?, None),
        GivenSecret::File(text) => {
            let text = required(text)?;
            let file = SecretFile::new(text.name, text.path()?);
            let content = file.read(Instant::now().checked_add(timeout)).map_err(config_error)?;
            file.warn(&content, logger);
            (content.secret, Some(file))
        }
    };
    Ok(Credentials { identity, secret, file })
}

fn required(given: &Required) -> Result<&Setting> {
    given.as_ref().map_err(|name| config_error(format!("{name} is missing")))
}

fn credential(text: &Setting) -> Result<Secret> {
    Secret::parse(&text.bytes).map_err(|why| text.wrong(&why))
}

/// The half of a pair that is no secret. A colon would end it early in what is sent.
fn name_part(given: &Required) -> Result<String> {
    let text = required(given)?;
    let value = credential(text)?;
    match value.expose().contains(':') {
        true => Err(text.wrong("has a colon")),
        false => Ok(value.expose().to_owned()),
    }
}

fn positive(name: &str, milliseconds: u32) -> Result<Duration> {
    if milliseconds == 0 {
        return Err(config_error(format!("{name} is 0, which no call could keep")));
    }
    Ok(Duration::from_millis(milliseconds.into()))
}

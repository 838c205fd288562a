//! Settings: defaults, environment, checks.
//!
//! A [`Config`] keeps what it was given, right or wrong; `Config::check` turns it into `Settings`, all of them
//! valid, or says which setting is wrong. So setting a bad value again heals it.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderValue, Uri};
use chrono::DateTime;
use zeroize::Zeroizing;

use crate::auth::{Credentials, Secret};
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::http::Destination;
use crate::http::no_proxy::is_bypassed;
use crate::http::proxy::{Proxy, split_port};
use crate::http::roots::{self, Sources};
use crate::log::{Level, Logger, Sink};
use crate::sys;

const CLOUD: &str = "https://cloud.mongodb.com";
const CLOUD_GOV: &str = "https://cloud.mongodbgov.com";
const API_VERSION: &str = "2024-05-30";
/// Longer than any credential or token of Atlas, and short enough for one header line.
const CREDENTIAL_LIMIT: usize = 8 * 1024;

/// Text as it was given, with the name under which a person would look for it.
#[derive(Clone)]
struct Text {
    name: &'static str,
    bytes: Zeroizing<Vec<u8>>,
}

#[derive(Clone)]
enum Login {
    ServiceAccount(Option<Text>, Option<Text>),
    ApiKey(Option<Text>, Option<Text>),
    AccessToken(Option<Text>),
    /// The environment has half of a pair and nothing complete: what is there, what is missing.
    Half(&'static str, &'static str),
}

/// How to reach Atlas and as whom. Setters never fail: a bad value is reported by [`crate::Client::new`].
///
/// Text is given as bytes, since what comes from C or the environment may be anything; `None` restores the default.
#[derive(Clone, Default)]
pub struct Config {
    login: Option<Login>,
    base_url: Option<Text>,
    service: Option<Text>,
    api_version: Option<Text>,
    timeout: Option<std::result::Result<u32, Text>>,
    connect_timeout_ms: Option<u32>,
    max_retries: Option<u32>,
    ca_file: Option<Text>,
    proxy: Option<Text>,
    user_agent: Option<Text>,
    token_cache: Option<Text>,
    logger: Option<(i32, Arc<Sink>)>,
}

impl Config {
    /// The defaults; reads nothing from the environment.
    pub fn new() -> Config {
        Config::default()
    }

    /// The defaults, then the `MONGODB_ATLAS_*` variables as the Atlas CLI and the Terraform provider name them. An
    /// empty variable is as good as unset. A complete service account beats a complete API key, which beats a token. In
    /// a program with rights its caller does not have no variable counts.
    pub fn from_env() -> Config {
        let text = |name| read_env(name);
        let client_id = text("MONGODB_ATLAS_CLIENT_ID");
        let client_secret = text("MONGODB_ATLAS_CLIENT_SECRET");
        let public_key =
            text("MONGODB_ATLAS_PUBLIC_API_KEY").or_else(|| text("MONGODB_ATLAS_PUBLIC_KEY"));
        let private_key =
            text("MONGODB_ATLAS_PRIVATE_API_KEY").or_else(|| text("MONGODB_ATLAS_PRIVATE_KEY"));
        let access_token = text("MONGODB_ATLAS_ACCESS_TOKEN");
        let login = match (
            client_id,
            client_secret,
            public_key,
            private_key,
            access_token,
        ) {
            (id @ Some(_), secret @ Some(_), ..) => Some(Login::ServiceAccount(id, secret)),
            (_, _, public @ Some(_), private @ Some(_), _) => Some(Login::ApiKey(public, private)),
            (.., token @ Some(_)) => Some(Login::AccessToken(token)),
            (Some(half), ..) => Some(Login::Half(half.name, "MONGODB_ATLAS_CLIENT_SECRET")),
            (_, Some(half), ..) => Some(Login::Half(half.name, "MONGODB_ATLAS_CLIENT_ID")),
            (_, _, Some(half), ..) => Some(Login::Half(half.name, "MONGODB_ATLAS_PRIVATE_API_KEY")),
            (_, _, _, Some(half), _) => {
                Some(Login::Half(half.name, "MONGODB_ATLAS_PUBLIC_API_KEY"))
            }
            _ => None,
        };
        Config {
            login,
            base_url: text("MONGODB_ATLAS_OPS_MANAGER_URL")
                .or_else(|| text("MONGODB_ATLAS_BASE_URL")),
            service: text("MONGODB_ATLAS_SERVICE"),
            api_version: text("MONGODB_ATLAS_API_VERSION"),
            timeout: text("MONGODB_ATLAS_TIMEOUT_MS").map(|text| {
                let number = std::str::from_utf8(&text.bytes)
                    .ok()
                    .and_then(|text| text.trim().parse().ok());
                number.ok_or(text)
            }),
            ca_file: text("MONGODB_ATLAS_CA_FILE"),
            token_cache: text("MONGODB_ATLAS_TOKEN_CACHE"),
            ..Config::default()
        }
    }

    /// Authenticates as a service account (OAuth 2.0 client credentials). Of the three ways to authenticate the last
    /// one set wins and forgets the others.
    pub fn set_service_account(&mut self, client_id: Option<&[u8]>, client_secret: Option<&[u8]>) {
        self.login = Some(Login::ServiceAccount(
            given("client_id", client_id),
            given("client_secret", client_secret),
        ));
    }

    /// Authenticates with an API key (HTTP Digest).
    pub fn set_api_key(&mut self, public_key: Option<&[u8]>, private_key: Option<&[u8]>) {
        self.login = Some(Login::ApiKey(
            given("public_key", public_key),
            given("private_key", private_key),
        ));
    }

    /// Authenticates with an access token somebody else fetched; it is used until Atlas refuses it.
    pub fn set_access_token(&mut self, access_token: Option<&[u8]>) {
        self.login = Some(Login::AccessToken(given("access_token", access_token)));
    }

    /// Where Atlas is: `https://host[:port][/path]`, by default `https://cloud.mongodb.com`. Plain `http://` is for
    /// 127.0.0.0/8, `[::1]` and `localhost` alone.
    pub fn set_base_url(&mut self, url: Option<&[u8]>) {
        self.service = None;
        self.base_url = given("base_url", url);
    }

    /// The date of the API version asked for, by default `2024-05-30`.
    pub fn set_api_version(&mut self, date: Option<&[u8]>) {
        self.api_version = given("api_version", date);
    }

    /// How many milliseconds a call may take, all its round trips, retries and pauses included; by default 30000.
    pub fn set_timeout_ms(&mut self, milliseconds: u32) {
        self.timeout = Some(Ok(milliseconds));
    }

    /// How many milliseconds connecting may take, name lookup, proxy and TLS handshake included; by default 10000.
    pub fn set_connect_timeout_ms(&mut self, milliseconds: u32) {
        self.connect_timeout_ms = Some(milliseconds);
    }

    /// How often a request is tried again after a passing failure; by default 3.
    pub fn set_max_retries(&mut self, count: u32) {
        self.max_retries = Some(count);
    }

    /// A PEM file of certificates to trust besides the system's: authorities, or a server's own. A regular file of at
    /// most 16 MiB.
    pub fn set_ca_file(&mut self, pem_path: Option<&[u8]>) {
        self.ca_file = given("ca_file", pem_path);
    }

    /// The proxy, `http://`, `socks5://` or `socks5h://`; empty for none; `None` for what the environment says.
    /// `NO_PROXY` applies in any case, as in curl.
    pub fn set_proxy(&mut self, url: Option<&[u8]>) {
        self.proxy = given("proxy", url);
    }

    /// A product name to put before ours in `User-Agent`: `backup-audit/2.1`.
    pub fn set_user_agent(&mut self, product: Option<&[u8]>) {
        self.user_agent = given("user_agent", product);
    }

    /// A directory in which the processes of this machine share a service account's access token: an absolute path,
    /// or `default`. `None`: no cache.
    pub fn set_token_cache(&mut self, directory: Option<&[u8]>) {
        self.token_cache = given("token_cache", directory);
    }

    /// Who gets the log lines of `level` (1 error … 4 debug) and below; level 0 or `None`: nobody.
    pub fn set_logger(&mut self, level: i32, sink: Option<Arc<Sink>>) {
        self.logger = sink.map(|sink| (level, sink));
    }

    pub(crate) fn check(&self) -> Result<Settings> {
        let credentials = self.credentials()?;
        let base = self.base()?;
        let api_version = self.api_version()?;
        let timeout = match &self.timeout {
            None => Duration::from_secs(30),
            Some(Ok(milliseconds)) => positive("timeout_ms", *milliseconds)?,
            Some(Err(text)) => return Err(text.wrong("is not a number of milliseconds")),
        };
        let connect_timeout = positive(
            "connect_timeout_ms",
            self.connect_timeout_ms.unwrap_or(10_000),
        )?;
        let logger = match &self.logger {
            None | Some((0, _)) => Logger::default(),
            Some((level, sink)) => {
                let level = match level {
                    1 => Level::Error,
                    2 => Level::Warning,
                    3 => Level::Info,
                    4 => Level::Debug,
                    _ => {
                        return Err(config_error(format!(
                            "logger: the level {level} is not one of 0 to 4"
                        )));
                    }
                };
                Logger::new(level, sink.clone())
            }
        };
        let proxy = self.proxy(&base)?;
        let roots = if base.plain {
            None
        } else {
            Some(self.roots()?)
        };
        let destination = Destination {
            host: base.host,
            port: base.port,
            roots,
            proxy,
            connect_timeout,
            user_agent: self.user_agent()?,
        };
        Ok(Settings {
            credentials,
            base_url: base.text,
            accept: HeaderValue::from_str(&format!("application/vnd.atlas.{api_version}+json"))
                .map_err(|_| config_error("api_version cannot be sent".into()))?,
            timeout,
            max_retries: self.max_retries.unwrap_or(3),
            token_cache: self.token_cache(&logger)?,
            destination,
            logger,
        })
    }

    fn credentials(&self) -> Result<Credentials> {
        match &self.login {
            None if sys::is_privileged() => Err(config_error(
                "no credentials: set a service account, an API key or an access token; the environment does not count, \
                 since this program runs with others' rights"
                    .into(),
            )),
            None => Err(config_error(
                "no credentials: set a service account, an API key or an access token (MONGODB_ATLAS_CLIENT_ID and \
                 MONGODB_ATLAS_CLIENT_SECRET in the environment, say)"
                    .into(),
            )),
            Some(Login::ServiceAccount(id, secret)) => Ok(Credentials::ServiceAccount {
                client_id: name_part("client_id", id)?,
                client_secret: credential("client_secret", secret)?,
            }),
            Some(Login::ApiKey(public, private)) => Ok(Credentials::ApiKey {
                public_key: name_part("public_key", public)?,
                private_key: credential("private_key", private)?,
            }),
            Some(Login::AccessToken(token)) => {
                Ok(Credentials::AccessToken(credential("access_token", token)?))
            }
            Some(Login::Half(present, missing)) => {
                Err(config_error(format!("{missing} is missing, while {present} is set")))
            }
        }
    }

    fn base(&self) -> Result<Base> {
        match (&self.base_url, &self.service) {
            (Some(url), _) => Base::parse(url),
            (None, None) => Base::of(CLOUD),
            (None, Some(service)) => match service.as_str()? {
                "cloud" => Base::of(CLOUD),
                "cloudgov" => Base::of(CLOUD_GOV),
                other => Err(service.wrong(&format!(
                    "is \"{}\", not cloud or cloudgov",
                    one_line(other)
                ))),
            },
        }
    }

    fn api_version(&self) -> Result<&str> {
        let Some(text) = &self.api_version else {
            return Ok(API_VERSION);
        };
        let date = text.printable()?;
        if date.len() != 10 || DateTime::parse_from_rfc3339(&format!("{date}T00:00:00Z")).is_err() {
            return Err(text.wrong("is not a date like 2024-05-30"));
        }
        Ok(date)
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
        HeaderValue::from_str(&agent).map_err(|_| config_error("user_agent cannot be sent".into()))
    }

    fn roots(&self) -> Result<Arc<rustls::RootCertStore>> {
        let extra = match &self.ca_file {
            None => None,
            Some(text) => Some((text.name, text.path()?)),
        };
        let sources = Sources {
            file: sys::env("SSL_CERT_FILE").map(PathBuf::from),
            directories: sys::env("SSL_CERT_DIR"),
            extra,
        };
        roots::load(&sources).map_err(config_error)
    }

    /// The proxy for `base`: the setting, or the environment's as curl reads it. The setting must be good in any case,
    /// a variable only where it is used, since it is meant for other programs as well.
    fn proxy(&self, base: &Base) -> Result<Option<Arc<Proxy>>> {
        let proxy = match &self.proxy {
            Some(text) if text.bytes.is_empty() => return Ok(None),
            Some(text) => {
                let proxy = parse_proxy(text)?;
                if is_direct(base)? {
                    return Ok(None);
                }
                proxy
            }
            None => {
                let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
                match names.into_iter().find_map(read_env) {
                    Some(text) if !is_direct(base)? => parse_proxy(&text)?,
                    _ => return Ok(None),
                }
            }
        };
        Ok(Some(Arc::new(proxy)))
    }

    fn token_cache(&self, logger: &Logger) -> Result<Option<PathBuf>> {
        let Some(text) = &self.token_cache else {
            return Ok(None);
        };
        if sys::is_privileged() {
            logger.log(Level::Warning, || {
                "token_cache is off: this program runs with others' rights".into()
            });
            return Ok(None);
        }
        if *text.bytes == *b"default" {
            let base = match sys::env("XDG_CACHE_HOME").map(PathBuf::from) {
                Some(path) if path.is_absolute() => Some(path),
                _ => sys::env("HOME").map(|home| Path::new(&home).join(".cache")),
            };
            let base = base.filter(|base| base.is_absolute());
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

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: any of the texts may hold a secret.
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

/// What a client works with: checked, complete, never changed.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) credentials: Credentials,
    /// Without a slash at the end.
    pub(crate) base_url: String,
    pub(crate) accept: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) token_cache: Option<PathBuf>,
    pub(crate) destination: Destination,
    pub(crate) logger: Logger,
}

impl Settings {
    /// The settings in force, for the log.
    pub(crate) fn summary(&self) -> String {
        let who = match &self.credentials {
            Credentials::ServiceAccount { client_id, .. } => format!("service account {client_id}"),
            Credentials::ApiKey { public_key, .. } => format!("API key {public_key}"),
            Credentials::AccessToken(_) => "access token".to_owned(),
        };
        let proxy = self
            .destination
            .proxy
            .as_ref()
            .map_or("none".to_owned(), |proxy| proxy.shown());
        let cache = self
            .token_cache
            .as_ref()
            .map_or("none".to_owned(), |path| path.display().to_string());
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

struct Base {
    text: String,
    host: String,
    port: u16,
    plain: bool,
}

impl Base {
    fn of(url: &'static str) -> Result<Base> {
        Base::parse(&Text {
            name: "base_url",
            bytes: Zeroizing::new(url.into()),
        })
    }

    fn parse(text: &Text) -> Result<Base> {
        const FORM: &str = "is not of the form https://host[:port][/path]";
        let url = text.printable()?;
        let (scheme, rest) = url.split_once("://").ok_or_else(|| text.wrong(FORM))?;
        let plain = match scheme.to_ascii_lowercase().as_str() {
            "https" => false,
            "http" => true,
            _ => return Err(text.wrong("begins with neither https:// nor http://")),
        };
        if rest.contains('@') {
            return Err(text.wrong("may not hold a user name or password"));
        }
        if rest.contains(['?', '#']) {
            return Err(text.wrong("may not have a query or fragment"));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let path = rest[authority.len()..].trim_end_matches('/');
        let (host, port) =
            split_port(authority).ok_or_else(|| text.wrong("has a port that is not 1 to 65535"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        // Brackets are for IPv6 addresses alone.
        let is_host = if authority.starts_with('[') {
            host.parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            !host.is_empty() && host.len() <= 253 && host.chars().all(is_name)
        };
        if !is_host {
            return Err(text.wrong(FORM));
        }
        if plain && !is_local(host) {
            return Err(text.wrong(
                "is plain http, which would send credentials in the clear; only 127.0.0.0/8, [::1] and localhost may be",
            ));
        }
        let normal = format!(
            "{}://{authority}{path}",
            if plain { "http" } else { "https" }
        );
        if Uri::try_from(&normal).is_err() {
            return Err(text.wrong(FORM));
        }
        let default_port = if plain { 80 } else { 443 };
        Ok(Base {
            text: normal,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            plain,
        })
    }
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl Text {
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
        match text.bytes().position(|byte| !(b' '..=b'~').contains(&byte)) {
            None => Ok(text),
            Some(at) if matches!(&text[at..], "\n" | "\r\n" | "\r") => {
                Err(self.wrong("ends with a newline; strip it (a file read whole has one)"))
            }
            Some(at) => Err(self.wrong(&format!(
                "has a character at position {} that is not printable ASCII",
                at + 1
            ))),
        }
    }
}

fn given(name: &'static str, text: Option<&[u8]>) -> Option<Text> {
    text.map(|bytes| Text {
        name,
        bytes: Zeroizing::new(bytes.to_vec()),
    })
}

fn read_env(name: &'static str) -> Option<Text> {
    sys::env(name).map(|value| Text {
        name,
        bytes: Zeroizing::new(value.into_vec()),
    })
}

fn parse_proxy(text: &Text) -> Result<Proxy> {
    Proxy::parse(text.as_str()?).map_err(|why| text.wrong(&format!("cannot be used: {why}")))
}

/// Whether `base` is reached without the proxy.
fn is_direct(base: &Base) -> Result<bool> {
    // Plain HTTP carries credentials in the clear, which is why it may not leave this machine.
    if base.plain {
        return Ok(true);
    }
    match read_env("no_proxy").or_else(|| read_env("NO_PROXY")) {
        Some(list) => Ok(is_bypassed(list.as_str()?, &base.host)),
        None => Ok(false),
    }
}

fn credential(name: &'static str, text: &Option<Text>) -> Result<Secret> {
    let Some(text) = text else {
        return Err(config_error(format!("{name} is missing")));
    };
    let value = text.printable()?;
    if value.is_empty() {
        return Err(text.wrong("is empty"));
    }
    if value.len() > CREDENTIAL_LIMIT {
        return Err(text.wrong("is longer than any credential of Atlas"));
    }
    if value.starts_with(' ') || value.ends_with(' ') {
        return Err(text.wrong("begins or ends with a space"));
    }
    Ok(Secret::new(value))
}

/// The half of a pair that is no secret. A colon would end it early in what is sent.
fn name_part(name: &'static str, text: &Option<Text>) -> Result<String> {
    let value = credential(name, text)?;
    if value.expose().contains(':') {
        return Err(config_error(format!(
            "{} has a colon",
            text.as_ref().map_or(name, |text| text.name)
        )));
    }
    Ok(value.expose().to_owned())
}

fn positive(name: &str, milliseconds: u32) -> Result<Duration> {
    if milliseconds == 0 {
        return Err(config_error(format!(
            "{name} is 0, which no call could keep"
        )));
    }
    Ok(Duration::from_millis(milliseconds.into()))
}

fn config_error(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

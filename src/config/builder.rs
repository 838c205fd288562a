//! The setters.

use std::sync::Arc;

use super::{Config, GivenCredentials, GivenSecret, Required, Setting};
use crate::log::Sink;

impl Config {
    /// The defaults; reads nothing from the environment.
    pub fn new() -> Config {
        Config::default()
    }

    /// Authenticates as a service account (OAuth 2.0 client credentials). Of the ways to authenticate the last one set
    /// wins and forgets the others.
    pub fn set_service_account(&mut self, client_id: Option<&[u8]>, client_secret: Option<&[u8]>) {
        let secret = GivenSecret::Value(required("client_secret", client_secret));
        self.credentials =
            Some(GivenCredentials::ServiceAccount(required("client_id", client_id), secret));
    }

    /// The same with the secret in a file, which [`crate::Client::new`] reads. It is read again when Atlas has refused
    /// what it held, and if it then holds something else, the call goes on with that. One newline at its end does not
    /// count; it has at most 16 KiB.
    ///
    /// A pipe will do, but can be read once. It is waited for as long as a call may take.
    pub fn set_service_account_file(
        &mut self,
        client_id: Option<&[u8]>,
        client_secret_path: Option<&[u8]>,
    ) {
        let secret = GivenSecret::File(required("client_secret_file", client_secret_path));
        self.credentials =
            Some(GivenCredentials::ServiceAccount(required("client_id", client_id), secret));
    }

    /// Authenticates with an API key (HTTP Digest).
    pub fn set_api_key(&mut self, public_key: Option<&[u8]>, private_key: Option<&[u8]>) {
        let secret = GivenSecret::Value(required("private_key", private_key));
        self.credentials =
            Some(GivenCredentials::ApiKey(required("public_key", public_key), secret));
    }

    /// The same with the private key in a file, as [`set_service_account_file`](Self::set_service_account_file) has it.
    pub fn set_api_key_file(&mut self, public_key: Option<&[u8]>, private_key_path: Option<&[u8]>) {
        let secret = GivenSecret::File(required("private_key_file", private_key_path));
        self.credentials =
            Some(GivenCredentials::ApiKey(required("public_key", public_key), secret));
    }

    /// Authenticates with an access token somebody else fetched; it is used until Atlas refuses it.
    pub fn set_access_token(&mut self, access_token: Option<&[u8]>) {
        let secret = GivenSecret::Value(required("access_token", access_token));
        self.credentials = Some(GivenCredentials::AccessToken(secret));
    }

    /// The same with the token in a file, as [`set_service_account_file`](Self::set_service_account_file) has it.
    pub fn set_access_token_file(&mut self, access_token_path: Option<&[u8]>) {
        let secret = GivenSecret::File(required("access_token_file", access_token_path));
        self.credentials = Some(GivenCredentials::AccessToken(secret));
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
}

fn required(name: &'static str, text: Option<&[u8]>) -> Required {
    given(name, text).ok_or(name)
}

fn given(name: &'static str, text: Option<&[u8]>) -> Option<Setting> {
    text.map(|bytes| Setting::new(name, bytes))
}

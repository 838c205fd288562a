//! ureq as it is used here: its pool of connections and its HTTP, but no redirects, no timeouts and no proxies of its own.

use std::time::Duration;

use ::http::Uri;
use once_cell::race::OnceBox;
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, NextTimeout};

use super::connection::Connection;
use super::limits::HEADER_LIMIT;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::fork;
use crate::text::system_reason;

/// Idle connections are kept for this long; a poller asking once a minute need not shake hands each time.
const IDLE_AGE: Duration = Duration::from_secs(90);
/// More threads than this at once open connections that are not kept.
const IDLE_CONNECTIONS: usize = 512;

pub(super) fn new(connector: impl Connector<Out = Connection>) -> Result<Agent> {
    fork::watch(initialise_ureq).map_err(|error| {
        let cause = format!("pthread_atfork failed: {}", system_reason(&error));
        Error::new(ErrorKind::Internal, cause)
    })?;
    Ok(Agent::with_parts(initialised().clone(), connector, NoResolver))
}

/// Before each fork this finds ureq initialised, or waits until it is.
extern "C" fn initialise_ureq() {
    initialised();
}

/// ureq's configuration, once ureq has initialised its `static ACCEPTS: LazyLock<String>` (run.rs, `add_headers`). That is
/// locked while the first request of a process builds its head, and a child forked at that moment would find it locked
/// for ever. ureq offers no other way to initialise it than a request.
///
/// Made once per process: ureq begins each configuration with the proxies of the environment, which it then parses and
/// frees unwiped, before it can be told to have none.
fn initialised() -> &'static Config {
    static CONFIG: OnceBox<Config> = OnceBox::new();
    CONFIG.get_or_init(|| {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .accept_encoding("") // User-Agent and Accept are set for each request, from a kept value
            .max_response_header_size(HEADER_LIMIT)
            .max_idle_connections(IDLE_CONNECTIONS)
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .max_idle_age(IDLE_AGE)
            .build();
        let mut request = ::http::Request::new(());
        *request.uri_mut() = Uri::from_static("http://localhost/");
        // `()` opens no connection, so this fails, but not before the request's head was made.
        let _ = Agent::with_parts(config.clone(), (), NoResolver).run(request);
        Box::new(config)
    })
}

/// Tells ureq nothing: a [`Route`](super::route::Route) looks up names, since it may be the proxy's that counts.
#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

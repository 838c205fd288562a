//! ureq as it is used here: its pool of connections and its HTTP, but no redirects, no timeouts and no proxies of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::Uri;
use once_cell::race::OnceBox;
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};

use super::connection::Connection;
use super::limits::HEADER_LIMIT;

/// Idle connections are kept for this long; a poller asking once a minute need not shake hands each time.
const IDLE_AGE: Duration = Duration::from_secs(90);
/// More threads than this at once open connections that are not kept.
const IDLE_CONNECTIONS: usize = 512;

pub(super) fn new(connector: impl Connector<Out = Connection>) -> Agent {
    Agent::with_parts(settings(), connector, NoResolver)
}

/// Has ureq initialise its `static ACCEPTS: LazyLock<String>` (run.rs, `add_headers`). That is locked while the first
/// request of a process builds its head, and a child forked at that moment would find it locked for ever. ureq offers no
/// other way to initialise it than a request. Before each fork this finds it initialised, or waits until it is; before
/// the first request it spares forks the work.
pub(crate) extern "C" fn initialise_ureq() {
    static INITIALISED: AtomicBool = AtomicBool::new(false);
    if !INITIALISED.load(Ordering::Acquire) {
        let mut request = ::http::Request::new(());
        *request.uri_mut() = Uri::from_static("http://localhost/");
        // Fails without a connection, but not before the request's head was made.
        let _ = new(NoConnector).run(request);
        INITIALISED.store(true, Ordering::Release);
    }
}

/// Made once per process: ureq begins each configuration with the proxies of the environment, which it then parses and
/// frees unwiped, before it can be told to have none.
fn settings() -> Config {
    static SETTINGS: OnceBox<Config> = OnceBox::new();
    let make = || {
        Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent("") // both are set for each request, from a kept value
            .accept("")
            .accept_encoding("")
            .max_response_header_size(HEADER_LIMIT)
            .max_idle_connections(IDLE_CONNECTIONS)
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .max_idle_age(IDLE_AGE)
            .build()
    };
    SETTINGS.get_or_init(|| Box::new(make())).clone()
}

/// Opens no connection at all.
#[derive(Debug)]
struct NoConnector;

impl Connector for NoConnector {
    type Out = Connection;

    fn connect(
        &self,
        _: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        Ok(None)
    }
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

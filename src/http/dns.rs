//! Names to addresses: looked up on a thread of their own, so that a call can end before the system's resolver does,
//! and kept for half a minute.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::context::Context;
use crate::runtime::event::Event;
use crate::runtime::lookup::look_up;
use crate::runtime::thread::spawn;

const KEPT_FOR: Duration = Duration::from_secs(30);
/// A lookup without an answer after this long may never have one: the resolver is asked once more, on another thread.
const OVERDUE_AFTER: Duration = Duration::from_secs(5);
/// The threads that a client may have in the system's resolver at once. One that hangs there cannot be ended, so this is
/// what a resolver that never answers costs in the end.
const THREADS: usize = 8;

/// The names a client has looked up: its host's and its proxy's.
#[derive(Debug)]
pub(super) struct DnsCache {
    entries: Mutex<Vec<Entry>>,
    /// Each thread that asks the resolver holds a clone, so that they can be counted.
    threads: Arc<()>,
    /// Asks the system's resolver; tests put another in its place.
    ask: fn(&str) -> io::Result<Vec<IpAddr>>,
    overdue_after: Duration,
}

/// A name and what is known of it.
#[derive(Debug)]
struct Entry {
    name: String,
    /// When the resolver was last asked.
    asked: Instant,
    lookup: Arc<Lookup>,
}

/// A question to the resolver that any number of calls wait for, and its answer: the first one, if it had to be asked
/// more than once.
#[derive(Debug)]
struct Lookup {
    answered: Event,
    answer: OnceLock<Answer>,
}

#[derive(Debug)]
struct Answer {
    since: Instant,
    addresses: Result<Vec<IpAddr>, String>,
}

impl Default for DnsCache {
    fn default() -> DnsCache {
        DnsCache::asking(|host| {
            Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        })
    }
}

impl DnsCache {
    fn asking(ask: fn(&str) -> io::Result<Vec<IpAddr>>) -> DnsCache {
        DnsCache {
            entries: Mutex::default(),
            threads: Arc::default(),
            ask,
            overdue_after: OVERDUE_AFTER,
        }
    }

    /// The addresses of `host`, at least one.
    pub(super) fn resolve(
        &self,
        context: &Context,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>> {
        let with_port = |addresses: &[IpAddr]| {
            let with_port = |ip: &IpAddr| SocketAddr::new(*ip, port);
            addresses.iter().map(with_port).collect()
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Ok(with_port(&[address]));
        }
        if is_this_machine(host) {
            return Ok(with_port(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]));
        }
        loop {
            let (lookup, overdue_at) = self.lookup(host)?;
            context.wait_for(&lookup.answered, overdue_at)?;
            match lookup.answer.get().map(|answer| &answer.addresses) {
                Some(Ok(addresses)) => return Ok(with_port(addresses)),
                Some(Err(why)) => {
                    let cause = format!(
                        "cannot find the address of {host} ({why}); check the host name and this machine's DNS"
                    );
                    return Err(Error::transient(ErrorKind::Network, cause));
                }
                None => {} // overdue
            }
        }
    }

    /// Forgets a name whose addresses did not answer: they may have changed.
    pub(super) fn forget(&self, host: &str) {
        self.lock().retain(|entry| entry.name != host || entry.lookup.answer.get().is_none());
    }

    /// The lookup of `host` that goes on or is known well enough, or a new one; and when to ask for it again, should it
    /// have no answer by then.
    fn lookup(&self, host: &str) -> Result<(Arc<Lookup>, Option<Instant>)> {
        let mut list = self.lock();
        list.retain(|entry| {
            let is_of_use =
                |answer: &Answer| answer.addresses.is_ok() && answer.since.elapsed() < KEPT_FOR;
            entry.lookup.answer.get().is_none_or(is_of_use)
        });
        let now = Instant::now();
        if let Some(entry) = list.iter_mut().find(|entry| entry.name == host) {
            let lookup = entry.lookup.clone();
            let overdue = entry.asked + self.overdue_after <= now;
            if lookup.answer.get().is_none() && overdue {
                // Without another thread there is still the answer of the first to wait for.
                if self.start(host, &lookup).is_err() {
                    return Ok((lookup, None));
                }
                entry.asked = now;
            }
            return Ok((lookup, Some(entry.asked + self.overdue_after)));
        }
        let lookup = Arc::new(Lookup { answered: Event::new()?, answer: OnceLock::new() });
        self.start(host, &lookup).map_err(|why| {
            // Looking up on this thread would need no other, but could not be bounded in time.
            Error::transient(ErrorKind::Network, format!("cannot look up {host}: {why}"))
        })?;
        list.push(Entry { name: host.to_owned(), asked: now, lookup: lookup.clone() });
        Ok((lookup, Some(now + self.overdue_after)))
    }

    /// Asks the resolver for `host`, on a thread of its own; the error says why not.
    fn start(&self, host: &str, lookup: &Arc<Lookup>) -> Result<(), String> {
        let counted = self.threads.clone();
        if Arc::strong_count(&counted) > 1 + THREADS {
            return Err(format!(
                "{THREADS} lookups hang in this machine's resolver; check its DNS"
            ));
        }
        let (ask, name, lookup) = (self.ask, host.to_owned(), lookup.clone());
        spawn("atlas-resolver", move || {
            let addresses = look_up(|| ask(&name)).map_err(|error| error.to_string());
            let _ = lookup.answer.set(Answer {
                since: Instant::now(),
                addresses,
            });
            lookup.answered.notify();
            drop(counted);
        })
        .map_err(|error| {
            format!(
                "cannot start a thread ({error}); check the limit on threads, or name the host by its address"
            )
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the name is `localhost` or ends in `.localhost`, which RFC 6761 has mean this machine and nothing else. The
/// resolver is not asked: a hosts file or a DNS server that says otherwise would have credentials leave the machine in
/// the clear.
fn is_this_machine(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicU8, Ordering};
    use std::thread;

    use super::*;
    use crate::error::ErrorKind;
    use crate::runtime::context::Canceller;

    fn context(milliseconds: u64) -> Context {
        let deadline = Instant::now() + Duration::from_millis(milliseconds);
        Canceller::default().enter(Some(deadline)).unwrap()
    }

    /// What a resolver answers that answers something else each time.
    fn next(counter: &AtomicU8) -> io::Result<Vec<IpAddr>> {
        let count = counter.fetch_add(1, Ordering::Relaxed);
        Ok(vec![Ipv4Addr::new(127, 0, 0, count).into()])
    }

    fn response(names: &DnsCache) -> String {
        names.resolve(&context(5000), "host", 1).unwrap()[0].to_string()
    }

    #[test]
    fn a_resolver_that_hangs_costs_no_more_than_the_callers_time() {
        let names = DnsCache::asking(|_| {
            thread::sleep(Duration::from_millis(600));
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        });
        let start = Instant::now();
        let error = names.resolve(&context(100), "host", 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        let canceller = Canceller::default();
        let cancelled = canceller.enter(None).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| names.resolve(&cancelled, "host", 1));
            thread::sleep(Duration::from_millis(50));
            canceller.cancel();
            let error = waiting.join().unwrap().unwrap_err();
            assert_eq!(error.kind, ErrorKind::Cancelled);
        });
        assert!(start.elapsed() < Duration::from_millis(500));
        // The answer that nobody waited for is of use to the next.
        assert_eq!(response(&names), "127.0.0.1:1");
    }

    #[test]
    fn addresses_are_kept_for_half_a_minute_unless_they_fail() {
        static ASKED: AtomicU8 = AtomicU8::new(0);
        let names = DnsCache::asking(|_| next(&ASKED));
        assert_eq!(response(&names), "127.0.0.0:1");
        assert_eq!(response(&names), "127.0.0.0:1");
        names.forget("another");
        assert_eq!(response(&names), "127.0.0.0:1");
        names.forget("host");
        assert_eq!(response(&names), "127.0.0.1:1");

        let aged = |age| {
            let asked = Instant::now().checked_sub(age).unwrap();
            let lookup = Lookup {
                answered: Event::new().unwrap(),
                answer: OnceLock::from(Answer {
                    since: asked,
                    addresses: Ok(vec![Ipv4Addr::LOCALHOST.into()]),
                }),
            };
            lookup.answered.notify();
            *names.lock() = vec![Entry { name: "host".into(), asked, lookup: Arc::new(lookup) }];
            response(&names)
        };
        assert_eq!(aged(Duration::from_secs(29)), "127.0.0.1:1");
        assert_eq!(aged(Duration::from_secs(31)), "127.0.0.2:1");
    }

    #[test]
    fn a_name_that_was_not_found_is_asked_for_again() {
        static ASKED: AtomicU8 = AtomicU8::new(0);
        let names = DnsCache::asking(|_| match ASKED.load(Ordering::Relaxed) {
            0 => {
                ASKED.store(1, Ordering::Relaxed);
                Err(io::Error::other("not now"))
            }
            _ => next(&ASKED),
        });
        let error = names.resolve(&context(5000), "host", 1).unwrap_err();
        assert!(error.kind == ErrorKind::Network && error.transient, "{error}");
        assert!(error.message().contains("not now"), "{error}");
        assert_eq!(response(&names), "127.0.0.1:1");
    }

    #[test]
    fn a_lookup_that_hangs_is_superseded_within_the_call_and_for_later_ones() {
        static ASKED: AtomicU8 = AtomicU8::new(0);
        let mut names = DnsCache::asking(|_| match next(&ASKED) {
            Ok(addresses) if addresses[0] == IpAddr::from([127, 0, 0, 0]) => loop {
                thread::park();
            },
            addresses => addresses,
        });
        names.overdue_after = Duration::from_millis(200);
        let error = names.resolve(&context(50), "host", 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        let start = Instant::now();
        assert_eq!(response(&names), "127.0.0.1:1");
        assert!(start.elapsed() < Duration::from_secs(3));
        assert_eq!(response(&names), "127.0.0.1:1");
    }

    #[test]
    fn a_resolver_that_never_answers_costs_eight_threads_at_most() {
        static ASKED: AtomicU8 = AtomicU8::new(0);
        let mut names = DnsCache::asking(|_| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            loop {
                thread::park();
            }
        });
        names.overdue_after = Duration::from_millis(5);
        let error = names.resolve(&context(500), "host", 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        while ASKED.load(Ordering::Relaxed) < 8 {
            thread::yield_now();
        }
        let error = names.resolve(&context(500), "another", 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Network, "{error}");
        assert!(error.message().contains("8 lookups hang"), "{error}");
        assert_eq!(ASKED.load(Ordering::Relaxed), 8);
    }

    #[test]
    fn localhost_is_this_machine_whatever_the_resolver_says() {
        let names = DnsCache::asking(|_| Ok(vec![Ipv4Addr::new(192, 0, 2, 1).into()]));
        let resolve = |host| names.resolve(&context(5000), host, 1).unwrap();
        for host in ["localhost", "LocalHost", "localhost.", "a.b.localhost"] {
            let addresses: Vec<String> = resolve(host).iter().map(|it| it.to_string()).collect();
            assert_eq!(addresses, ["127.0.0.1:1", "[::1]:1"], "{host}");
        }
        for host in ["localhost.example", "notlocalhost", "localhost..", "."] {
            assert_eq!(resolve(host)[0].to_string(), "192.0.2.1:1", "{host}");
        }
    }
}

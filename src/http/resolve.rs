//! Names to addresses: looked up on a thread of their own, so that a call can end before the system's resolver does,
//! and kept for half a minute.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::call::{Bell, Call};
use crate::error::{Error, ErrorKind, Result};
use crate::sys;

const KEPT_FOR: Duration = Duration::from_secs(30);

/// The names a client has looked up: its host's and its proxy's.
#[derive(Debug)]
pub(super) struct Names {
    lookups: Mutex<Vec<(String, Arc<Lookup>)>>,
    /// Asks the system's resolver; tests put another in its place.
    ask: fn(&str) -> io::Result<Vec<IpAddr>>,
}

/// A question to the resolver that any number of calls wait for, and its answer.
#[derive(Debug)]
struct Lookup {
    answered: Bell,
    answer: OnceLock<Answer>,
}

#[derive(Debug)]
struct Answer {
    since: Instant,
    addresses: std::result::Result<Vec<IpAddr>, String>,
}

impl Default for Names {
    fn default() -> Names {
        Names {
            lookups: Mutex::default(),
            ask: |host| {
                Ok((host, 0)
                    .to_socket_addrs()?
                    .map(|address| address.ip())
                    .collect())
            },
        }
    }
}

impl Names {
    /// The addresses of `host`, at least one.
    pub(super) fn resolve(&self, call: &Call, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        let with_port = |addresses: &[IpAddr]| {
            addresses
                .iter()
                .map(|ip| SocketAddr::new(*ip, port))
                .collect()
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(with_port(&[address]));
        }
        let lookup = self.lookup(host)?;
        call.wait_for(&lookup.answered, None)?;
        let why = match lookup.answer.get().map(|answer| &answer.addresses) {
            Some(Ok(addresses)) => return Ok(with_port(addresses)),
            Some(Err(why)) => why,
            None => "the resolver gave no answer",
        };
        Err(Error::transient(
            ErrorKind::Network,
            format!(
                "cannot find the address of {host} ({why}); check the host name and this machine's DNS"
            ),
        ))
    }

    /// Forgets a name whose addresses did not answer: they may have changed.
    pub(super) fn forget(&self, host: &str) {
        self.lock()
            .retain(|(name, lookup)| name != host || lookup.answer.get().is_none());
    }

    /// The lookup of `host` that goes on or is known well enough, or a new one.
    fn lookup(&self, host: &str) -> Result<Arc<Lookup>> {
        let mut lookups = self.lock();
        lookups.retain(|(_, lookup)| lookup.is_of_use());
        if let Some((_, lookup)) = lookups.iter().find(|(name, _)| name == host) {
            return Ok(lookup.clone());
        }
        let lookup = Arc::new(Lookup {
            answered: Bell::new()?,
            answer: OnceLock::new(),
        });
        let (ask, name, asked) = (self.ask, host.to_owned(), lookup.clone());
        sys::spawn("atlas-resolver", move || {
            let addresses = sys::look_up(|| ask(&name)).map_err(|error| error.to_string());
            let _ = asked.answer.set(Answer {
                since: Instant::now(),
                addresses,
            });
            asked.answered.ring();
        })
        .map_err(|error| {
            // Looking up on this thread would need no other, but could not be bounded in time.
            Error::transient(
                ErrorKind::Network,
                format!("cannot start a thread to look up {host} ({error}); check the limit on threads, or name the host by its address"),
            )
        })?;
        lookups.push((host.to_owned(), lookup.clone()));
        Ok(lookup)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Arc<Lookup>)>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lookup {
    fn is_of_use(&self) -> bool {
        self.answer
            .get()
            .is_none_or(|answer| answer.addresses.is_ok() && answer.since.elapsed() < KEPT_FOR)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicU8, Ordering};
    use std::thread;

    use super::*;
    use crate::call::Canceller;
    use crate::error::ErrorKind;

    fn names(ask: fn(&str) -> io::Result<Vec<IpAddr>>) -> Names {
        Names {
            lookups: Mutex::default(),
            ask,
        }
    }

    fn call(milliseconds: u64) -> Call {
        let deadline = Instant::now() + Duration::from_millis(milliseconds);
        Canceller::default().enter(Some(deadline)).unwrap()
    }

    /// What a resolver answers that answers something else each time.
    fn next(counter: &AtomicU8) -> io::Result<Vec<IpAddr>> {
        let count = counter.fetch_add(1, Ordering::Relaxed);
        Ok(vec![Ipv4Addr::new(127, 0, 0, count).into()])
    }

    fn answer(names: &Names) -> String {
        names.resolve(&call(5000), "host", 1).unwrap()[0].to_string()
    }

    #[test]
    fn a_resolver_that_hangs_costs_no_more_than_the_callers_time() {
        let names = names(|_| {
            thread::sleep(Duration::from_millis(600));
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        });
        let start = Instant::now();
        let error = names.resolve(&call(100), "host", 1).unwrap_err();
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
        assert_eq!(answer(&names), "127.0.0.1:1");
    }

    #[test]
    fn addresses_are_kept_for_half_a_minute_unless_they_fail() {
        static ASKED: AtomicU8 = AtomicU8::new(0);
        let names = names(|_| next(&ASKED));
        assert_eq!(answer(&names), "127.0.0.0:1");
        assert_eq!(answer(&names), "127.0.0.0:1");
        names.forget("another");
        assert_eq!(answer(&names), "127.0.0.0:1");
        names.forget("host");
        assert_eq!(answer(&names), "127.0.0.1:1");

        let aged = |age| {
            let lookup = Lookup {
                answered: Bell::new().unwrap(),
                answer: OnceLock::from(Answer {
                    since: Instant::now().checked_sub(age).unwrap(),
                    addresses: Ok(vec![Ipv4Addr::LOCALHOST.into()]),
                }),
            };
            lookup.answered.ring();
            *names.lock() = vec![("host".into(), Arc::new(lookup))];
            answer(&names)
        };
        assert_eq!(aged(Duration::from_secs(29)), "127.0.0.1:1");
        assert_eq!(aged(Duration::from_secs(31)), "127.0.0.2:1");
    }

    #[test]
    fn a_name_that_was_not_found_is_asked_for_again() {
        static ASKED: AtomicU8 = AtomicU8::new(0);
        let names = names(|_| match ASKED.load(Ordering::Relaxed) {
            0 => {
                ASKED.store(1, Ordering::Relaxed);
                Err(io::Error::other("not now"))
            }
            _ => next(&ASKED),
        });
        let error = names.resolve(&call(5000), "host", 1).unwrap_err();
        assert!(
            error.kind == ErrorKind::Network && error.transient,
            "{error}"
        );
        assert!(error.message.contains("not now"), "{error}");
        assert_eq!(answer(&names), "127.0.0.1:1");
    }
}

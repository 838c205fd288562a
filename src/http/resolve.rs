//! Names to addresses: looked up on a thread of their own, so that a call can end before the system's resolver does,
//! and kept for half a minute.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::call::{Bell, Call};
use crate::error::{Error, ErrorKind, Result};
use crate::sys;

const KEPT_FOR: Duration = Duration::from_secs(30);

/// The names a client has looked up: its host's and its proxy's.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Vec<(String, Entry)>>);

#[derive(Debug, Clone)]
enum Entry {
    Known {
        addresses: Vec<IpAddr>,
        since: Instant,
    },
    Asked(Arc<Lookup>),
}

/// A question to the system's resolver that any number of calls wait for.
#[derive(Debug)]
struct Lookup {
    bell: Bell,
    answer: OnceLock<std::result::Result<Vec<IpAddr>, String>>,
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
        let lookup = match self.known_or_asked(host)? {
            Entry::Known { addresses, .. } => return Ok(with_port(&addresses)),
            Entry::Asked(lookup) => lookup,
        };
        call.wait(lookup.bell.as_fd(), PollFlags::IN, None)?;
        match lookup.answer.get() {
            Some(Ok(addresses)) => {
                let known = Entry::Known {
                    addresses: addresses.clone(),
                    since: Instant::now(),
                };
                self.replace(host, &lookup, Some(known));
                Ok(with_port(addresses))
            }
            failed => {
                self.replace(host, &lookup, None);
                let why = match failed {
                    Some(Err(why)) => why,
                    _ => "the resolver gave no answer",
                };
                Err(Error::transient(
                    ErrorKind::Network,
                    format!(
                        "cannot find the address of {host} ({why}); check the host name and this machine's DNS"
                    ),
                ))
            }
        }
    }

    /// Forgets a name whose addresses did not answer: they may have changed.
    pub(super) fn forget(&self, host: &str) {
        self.lock()
            .retain(|(name, entry)| name != host || matches!(entry, Entry::Asked(_)));
    }

    fn known_or_asked(&self, host: &str) -> Result<Entry> {
        let mut names = self.lock();
        names.retain(|(_, entry)| match entry {
            Entry::Known { since, .. } => since.elapsed() < KEPT_FOR,
            Entry::Asked(_) => true,
        });
        if let Some((_, entry)) = names.iter().find(|(name, _)| name == host) {
            return Ok(entry.clone());
        }
        let lookup = Arc::new(Lookup {
            bell: Bell::new()?,
            answer: OnceLock::new(),
        });
        let (asked, name) = (lookup.clone(), host.to_owned());
        sys::spawn("atlas-resolver", move || {
            let answer = (name.as_str(), 0)
                .to_socket_addrs()
                .map(|addresses| addresses.map(|address| address.ip()).collect())
                .map_err(|error| error.to_string());
            let _ = asked.answer.set(answer);
            asked.bell.ring();
        })
        .map_err(|error| {
            // Looking up on this thread would need no other, but could not be bounded in time.
            Error::transient(
                ErrorKind::Network,
                format!("cannot start a thread to look up {host} ({error}); check the limit on threads, or name the host by its address"),
            )
        })?;
        let entry = Entry::Asked(lookup);
        names.push((host.to_owned(), entry.clone()));
        Ok(entry)
    }

    /// Puts `entry` where the answered `lookup` stands, unless somebody was faster.
    fn replace(&self, host: &str, lookup: &Arc<Lookup>, entry: Option<Entry>) {
        let mut names = self.lock();
        let stands = names.iter().position(|(name, entry)| {
            name == host && matches!(entry, Entry::Asked(asked) if Arc::ptr_eq(asked, lookup))
        });
        match (stands, entry) {
            (Some(index), Some(entry)) => names[index].1 = entry,
            (Some(index), None) => {
                names.swap_remove(index);
            }
            (None, _) => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Entry)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Our socket: connects to the fastest of several addresses, and never blocks but in [`Call::wait`].

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
    sockopt,
};

use crate::call::{Call, Stop};

/// RFC 8305's "Connection Attempt Delay": how long an address may be silent before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// One exchange on this thread. ureq blocks on the thread that calls it and hands our transport no more than a
/// timeout, so the socket finds the call it works for here.
#[derive(Debug)]
pub(super) struct Exchange {
    call: Call,
    /// Whether a new connection was opened for it.
    pub(super) connected: Cell<bool>,
    /// Whether any byte came back.
    pub(super) received: Cell<bool>,
}

thread_local! {
    static CURRENT: RefCell<Option<Exchange>> = const { RefCell::new(None) };
}

/// Runs `body` with `call` bounding every read and write on this thread; returns what became of the exchange too.
pub(super) fn exchange<T>(call: &Call, body: impl FnOnce() -> T) -> (T, Exchange) {
    /// Restores the outer exchange even when `body` panics.
    struct Restore(Option<Exchange>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let inner = Exchange {
        call: call.clone(),
        connected: Cell::new(false),
        received: Cell::new(false),
    };
    let restore = Restore(CURRENT.replace(Some(inner)));
    let value = body();
    let inner = CURRENT.take().expect("set above");
    drop(restore);
    (value, inner)
}

/// The exchange going on on this thread.
pub(super) fn current<T>(body: impl FnOnce(&Exchange) -> T) -> io::Result<T> {
    CURRENT.with_borrow(|current| {
        current
            .as_ref()
            .map(body)
            .ok_or_else(|| io::Error::other("a socket was used outside an exchange"))
    })
}

/// The call the exchange on this thread works for.
pub(super) fn current_call() -> io::Result<Call> {
    current(|exchange| exchange.call.clone())
}

/// A connected, non-blocking TCP socket.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// Connects to the first of `addresses` that answers, trying them in turn with a head start for each (RFC 8305).
    pub(super) fn connect(call: &Call, addresses: &[SocketAddr]) -> io::Result<Socket> {
        let mut waiting = interleaved(addresses).into_iter();
        let mut trying: Vec<(OwnedFd, SocketAddr)> = Vec::new();
        let mut next_start = Instant::now();
        let mut failure = None;
        loop {
            if trying.is_empty() || next_start <= Instant::now() {
                if let Some(address) = waiting.next() {
                    match start(address) {
                        Ok(Started::Connected(fd)) => return Socket::ready(fd),
                        Ok(Started::Pending(fd)) => {
                            trying.push((fd, address));
                            next_start = Instant::now() + HEAD_START;
                        }
                        Err(errno) => failure = Some((address, errno)),
                    }
                    continue;
                }
                if trying.is_empty() {
                    return Err(refused(addresses, failure));
                }
            }
            let until = (waiting.len() > 0).then_some(next_start);
            let mut fds: Vec<_> = trying
                .iter()
                .map(|(fd, _)| PollFd::new(fd, PollFlags::OUT))
                .collect();
            call.wait_any(&mut fds, until)?;
            let settled = fds.iter().position(|fd| !fd.revents().is_empty());
            if let Some(index) = settled {
                let (fd, address) = trying.swap_remove(index);
                match sockopt::socket_error(&fd) {
                    Ok(Ok(())) => return Socket::ready(fd),
                    Ok(Err(errno)) | Err(errno) => {
                        failure = Some((address, errno));
                        // Its head start is forfeited.
                        next_start = Instant::now();
                    }
                }
            }
        }
    }

    fn ready(fd: OwnedFd) -> io::Result<Socket> {
        sockopt::set_tcp_nodelay(&fd, true)?;
        Ok(Socket(fd))
    }

    /// Whether nothing arrived while the connection idled: neither its end nor bytes nobody asked for.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        loop {
            match recv(&self.0, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                Err(Errno::INTR) => {}
                outcome => return matches!(outcome, Err(Errno::AGAIN)),
            }
        }
    }

    fn wait(&self, interest: PollFlags) -> io::Result<()> {
        CURRENT.with_borrow(|current| {
            let exchange = current
                .as_ref()
                .ok_or_else(|| io::Error::from(Stop::Cancelled))?;
            exchange.call.wait(self.0.as_fd(), interest, None)?;
            Ok(())
        })
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Waiting first costs one system call; trying first would cost two, since an answer is never there yet.
            self.wait(PollFlags::IN)?;
            match recv(&self.0, &mut *buffer, RecvFlags::empty()) {
                Ok((count, _)) => {
                    if count > 0 {
                        current(|exchange| exchange.received.set(true))?;
                    }
                    return Ok(count);
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            // NOSIGNAL: a host that has not ignored SIGPIPE must not die of a connection that did.
            match send(&self.0, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Started {
    Connected(OwnedFd),
    Pending(OwnedFd),
}

fn start(address: SocketAddr) -> Result<Started, Errno> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&fd, &address) {
        Ok(()) => Ok(Started::Connected(fd)),
        // An interrupted connect goes on in the background like any other.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Started::Pending(fd)),
        Err(errno) => Err(errno),
    }
}

/// The resolver's order, the address families taking turns, so that one broken family costs one head start.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (mut one, mut other): (Vec<SocketAddr>, Vec<SocketAddr>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut order = Vec::with_capacity(addresses.len());
    one.reverse();
    other.reverse();
    while !one.is_empty() || !other.is_empty() {
        order.extend(one.pop());
        order.extend(other.pop());
    }
    order
}

fn refused(addresses: &[SocketAddr], failure: Option<(SocketAddr, Errno)>) -> io::Error {
    let Some((address, errno)) = failure else {
        return io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    };
    let error = io::Error::from(errno);
    let others = match addresses.len() {
        1 => String::new(),
        count => format!(" (the last of {count} addresses)"),
    };
    io::Error::new(error.kind(), format!("{address}{others}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_take_turns_in_the_resolvers_order() {
        let order = |list: &[&str]| -> Vec<String> {
            let list: Vec<SocketAddr> = list.iter().map(|text| text.parse().unwrap()).collect();
            interleaved(&list)
                .iter()
                .map(SocketAddr::to_string)
                .collect()
        };
        assert_eq!(
            order(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]),
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]
        );
        assert_eq!(order(&["1.1.1.1:1", "[::1]:1"]), ["1.1.1.1:1", "[::1]:1"]);
        assert!(order(&[]).is_empty());
    }
}

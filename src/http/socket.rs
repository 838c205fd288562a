//! Our socket: connects to the fastest of several addresses, and hardly blocks but in [`Context::wait`].

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
    sockopt,
};

use crate::call::Context;
use crate::error::{Error, ErrorKind};
use crate::sys;

/// RFC 8305's "Connection Attempt Delay": how long an address may be silent before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);
/// What may be read until the head of an answer is there. It ends what has no limit of its own, such as interim answers
/// (1xx), which at full speed would keep a processor busy until the deadline.
const HEAD_WIRE_LIMIT: usize = 4 * super::HEADER_LIMIT;
/// What may be read from then on: the largest body in rather small chunks.
const BODY_WIRE_LIMIT: usize = 4 * super::BODY_LIMIT;

/// How long a read may block outside [`Context::wait`], where neither the deadline nor a cancellation ends it: long enough
/// for a near server's answer, so that reading that takes one system call, and short enough to be late by.
const BLOCKING_READ: Duration = Duration::from_millis(40);

/// How long a kept connection may leave what we sent without the peer's acknowledgement, before it counts as dead and
/// the request is sent on a new one: a third of the time there is, within these bounds. The peer's system acknowledges
/// at once however slow its server is, so only a peer that vanished, or a way that is gone, is met by this.
const UNACKNOWLEDGED_AT_LEAST: Duration = Duration::from_secs(1);
const UNACKNOWLEDGED_AT_MOST: Duration = Duration::from_secs(5);

/// One exchange on this thread. ureq blocks on the thread that calls it and hands our transport no more than a
/// timeout, so the socket finds the call it works for here.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) context: Context,
    /// Whether no kept connection may be used.
    pub(super) only_new: bool,
    /// Whether a new connection was opened for it, or would have been.
    pub(super) connected: Cell<bool>,
    /// Whether any byte of an answer came back.
    pub(super) received: Cell<bool>,
    /// Whether the body comes in chunks; `None` as long as the head has not come.
    pub(super) chunked: Cell<Option<bool>>,
    /// How many bytes more may be read, of whatever kind.
    left: Cell<usize>,
    /// Whether nothing was read yet since something was written.
    asked: Cell<bool>,
}

thread_local! {
    /// Without a destructor: calls are made in destructors of the host's own thread-local variables and in its exit
    /// handlers, when a variable with a destructor may be gone. Between exchanges there is nothing in it.
    static CURRENT: RefCell<ManuallyDrop<Option<Exchange>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

fn replace_current(exchange: Option<Exchange>) -> Option<Exchange> {
    ManuallyDrop::into_inner(CURRENT.replace(ManuallyDrop::new(exchange)))
}

/// Runs `body` with `context` bounding every read and write on this thread, on a kept connection unless there shall be
/// `only_new` ones; returns what became of the exchange too.
pub(super) fn exchange<T>(
    context: &Context,
    only_new: bool,
    body: impl FnOnce() -> T,
) -> (T, Exchange) {
    /// Restores the outer exchange even when `body` panics.
    struct Restore(Option<Exchange>);
    impl Drop for Restore {
        fn drop(&mut self) {
            drop(replace_current(self.0.take()));
        }
    }
    let inner = Exchange {
        context: context.clone(),
        only_new,
        connected: Cell::new(false),
        received: Cell::new(false),
        chunked: Cell::new(None),
        left: Cell::new(HEAD_WIRE_LIMIT),
        asked: Cell::new(false),
    };
    let restore = Restore(replace_current(Some(inner)));
    let value = body();
    let inner = replace_current(None).expect("set above");
    drop(restore);
    (value, inner)
}

/// The head of the answer has come; from now on a body may.
pub(super) fn expect_body(chunked: bool) -> io::Result<()> {
    current(|exchange| {
        exchange.left.set(BODY_WIRE_LIMIT);
        exchange.chunked.set(Some(chunked));
    })
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

/// A connected TCP socket. It blocks in reads alone, and there for no longer than [`BLOCKING_READ`].
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// Connects to the first of `addresses` that answers, trying them in turn with a head start for each (RFC 8305).
    pub(super) fn connect(context: &Context, addresses: &[SocketAddr]) -> io::Result<Socket> {
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
            context.wait_any(&mut fds, until)?;
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
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(BLOCKING_READ))?;
        ioctl_fionbio(&fd, false)?;
        Ok(Socket(fd))
    }

    /// From now on, has a peer that acknowledges nothing fail reads with an error.
    pub(super) fn expect_acknowledgement(&self) -> io::Result<()> {
        let deadline = current(|exchange| exchange.context.deadline())?;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(UNACKNOWLEDGED_AT_MOST, |left| {
            (left / 3).clamp(UNACKNOWLEDGED_AT_LEAST, UNACKNOWLEDGED_AT_MOST)
        });
        Ok(sockopt::set_tcp_user_timeout(
            &self.0,
            limit.as_millis() as u32,
        )?)
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

    /// Whether the next read may block by itself: once after each thing said, since whatever drips has to be waited for
    /// where it can be cancelled, and not close to the deadline.
    fn may_block(&self) -> io::Result<bool> {
        current(|exchange| {
            exchange.asked.replace(false)
                && exchange
                    .context
                    .deadline()
                    .is_none_or(|deadline| Instant::now() + 2 * BLOCKING_READ < deadline)
        })
    }

    fn wait(&self, interest: PollFlags) -> io::Result<()> {
        current(|exchange| exchange.context.wait(self.0.as_fd(), interest, None))??;
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let flags = if self.may_block()? {
                RecvFlags::empty()
            } else {
                self.wait(PollFlags::IN)?;
                RecvFlags::DONTWAIT
            };
            match recv(&self.0, &mut *buffer, flags) {
                Ok((count, _)) => {
                    let left = current(|exchange| {
                        let left = exchange.left.get().checked_sub(count);
                        exchange.left.set(left.unwrap_or_default());
                        left
                    })?;
                    if left.is_none() {
                        let message = "the server sends much more than an answer may have";
                        let error = Error::new(ErrorKind::InvalidResponse, message);
                        return Err(io::Error::other(error));
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
            match send(&self.0, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => {
                    current(|exchange| exchange.asked.set(true))?;
                    return Ok(count);
                }
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
    let fd = socket_with(family, SocketType::STREAM, flags, None).and_then(sys::keep_off_stdio)?;
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
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use rustix::net::{bind, getsockname, listen};

    use super::*;
    use crate::call::Canceller;

    /// An address that never answers, since its queue is full, and what fills it.
    fn swallower() -> (SocketAddr, OwnedFd, Vec<TcpStream>) {
        let flags = SocketFlags::CLOEXEC;
        let fd = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        bind(&fd, &"127.0.0.1:0".parse::<SocketAddr>().unwrap()).unwrap();
        listen(&fd, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&fd).unwrap()).unwrap();
        let patience = Duration::from_millis(200);
        let queued = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok());
        let queued = queued.take(100).collect();
        (address, fd, queued)
    }

    #[test]
    fn an_address_that_swallows_packets_costs_a_head_start_and_a_closed_one_nothing() {
        let (swallowing, _fd, _queued) = swallower();
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let limit = Instant::now() + Duration::from_secs(10);
        let context = Canceller::default().enter(Some(limit)).unwrap();
        for (addresses, head_starts) in [
            (vec![good, swallowing], 0),
            (vec![closed, good], 0),
            (vec![closed, closed, closed, good], 0),
            (vec![swallowing, good], 1),
            (vec![swallowing, closed, good], 1),
            (vec![swallowing, swallowing, good], 2),
        ] {
            let expected = Duration::from_millis(250) * head_starts;
            let start = Instant::now();
            let control = thread::spawn(move || {
                thread::sleep(expected);
                start.elapsed()
            });
            let socket = Socket::connect(&context, &addresses).unwrap();
            let took = start.elapsed();
            let reached = rustix::net::getpeername(&socket.0).unwrap();
            assert_eq!(SocketAddr::try_from(reached.unwrap()).unwrap(), good);
            assert!(took >= expected, "{addresses:?}: {took:?}");
            let late = took.saturating_sub(control.join().unwrap());
            assert!(
                late < Duration::from_millis(100),
                "{addresses:?}: {late:?} late"
            );
        }
        let error = Socket::connect(&context, &[closed, closed]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let limited = context.within(Duration::from_millis(300));
        assert!(Socket::connect(&limited, &[swallowing]).is_err());
    }

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

//! Our socket: connects to the fastest of several addresses, and hardly blocks but in [`Context::wait`].

use std::io::{self, Read, Write};
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use std::vec;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
    sockopt,
};

use super::limits::HEAD_WIRE_LIMIT;
use crate::error::{Error, ErrorKind};
use crate::runtime::context::Context;
use crate::runtime::descriptor::keep_off_stdio;
use crate::runtime::interrupted::Interrupted;

/// RFC 8305's "Connection Attempt Delay": how long an address may be silent before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);
/// How long a read may block outside [`Context::wait`], where neither the deadline nor a cancellation ends it: long enough
/// for a near server's answer, so that reading that takes one system call, and short enough to be late by.
const BLOCKING_READ: Duration = Duration::from_millis(40);

/// How long a kept connection may leave what we sent without the peer's acknowledgement, before it counts as dead and
/// the request is sent on a new one: a third of the time there is when it is first kept, within these bounds. The peer's
/// system acknowledges at once however slow its server is, so this only meets a peer that vanished or a broken route.
const UNACKNOWLEDGED_AT_LEAST: Duration = Duration::from_secs(1);
const UNACKNOWLEDGED_AT_MOST: Duration = Duration::from_secs(5);

/// A connected TCP socket. It is read and written as long as a call lasts, through [`Socket::bounded`].
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    /// Whether nothing was read yet since something was written.
    asked: bool,
    /// How many bytes more may be read.
    left: usize,
}

impl Socket {
    /// Connects to the first of `addresses` that answers, trying them in turn with a head start for each (RFC 8305).
    pub(super) fn connect(context: &Context, addresses: &[SocketAddr]) -> io::Result<Socket> {
        let mut race = Race::new(addresses);
        loop {
            while race.start_next() {}
            if race.trying.is_empty() {
                return Err(refused(addresses, race.failure));
            }
            if let Some(fd) = race.wait(context)? {
                return Socket::new(fd);
            }
        }
    }

    fn new(fd: OwnedFd) -> io::Result<Socket> {
        sockopt::set_tcp_nodelay(&fd, true)?;
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(BLOCKING_READ))?;
        ioctl_fionbio(&fd, false)?;
        Ok(Socket { fd, asked: false, left: HEAD_WIRE_LIMIT })
    }

    /// For reading and writing in a call. It blocks in reads alone, and there for no longer than [`BLOCKING_READ`].
    pub(super) fn bounded<'a>(&'a mut self, context: &'a Context) -> BoundedSocket<'a> {
        BoundedSocket { socket: self, context }
    }

    /// From now on, has reading more than `bytes` fail.
    pub(super) fn limit_reads(&mut self, bytes: usize) {
        self.left = bytes;
    }

    /// From now on, has a peer that acknowledges nothing fail reads with an error.
    pub(super) fn expect_acknowledgement(&self, deadline: Option<Instant>) -> io::Result<()> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(UNACKNOWLEDGED_AT_MOST, |left| {
            (left / 3).clamp(UNACKNOWLEDGED_AT_LEAST, UNACKNOWLEDGED_AT_MOST)
        });
        let milliseconds = limit.as_millis() as u32;
        Ok(sockopt::set_tcp_user_timeout(&self.fd, milliseconds)?)
    }

    /// Whether nothing arrived while the connection idled: neither its end nor bytes nobody asked for.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        loop {
            match recv(&self.fd, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                Err(Errno::INTR) => {}
                outcome => return matches!(outcome, Err(Errno::AGAIN)),
            }
        }
    }
}

/// A socket for as long as a call lasts.
pub(super) struct BoundedSocket<'a> {
    socket: &'a mut Socket,
    context: &'a Context,
}

impl BoundedSocket<'_> {
    /// Whether the next read may block by itself: once after each thing said, since whatever drips has to be waited for
    /// where it can be cancelled, and not close to the deadline.
    fn may_block(&mut self) -> bool {
        mem::take(&mut self.socket.asked)
            && self
                .context
                .deadline()
                .is_none_or(|deadline| Instant::now() + 2 * BLOCKING_READ < deadline)
    }
}

impl Read for BoundedSocket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let flags = if self.may_block() {
                RecvFlags::empty()
            } else {
                self.context.wait(self.socket.fd.as_fd(), PollFlags::IN, None)?;
                RecvFlags::DONTWAIT
            };
            match recv(&self.socket.fd, &mut *buffer, flags) {
                Ok((count, _)) => {
                    let left = self.socket.left.checked_sub(count);
                    self.socket.left = left.ok_or_else(|| {
                        let message = "the server sends much more than an answer may have";
                        Error::new(ErrorKind::InvalidResponse, message)
                    })?;
                    return Ok(count);
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Write for BoundedSocket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            // NOSIGNAL: a host that has not ignored SIGPIPE must not die of a connection that did.
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match send(&self.socket.fd, bytes, flags) {
                Ok(count) => {
                    self.socket.asked = true;
                    return Ok(count);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.context.wait(self.socket.fd.as_fd(), PollFlags::OUT, None)?;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Several addresses that are tried side by side.
struct Race {
    waiting: vec::IntoIter<SocketAddr>,
    trying: Vec<(OwnedFd, SocketAddr)>,
    next_start: Instant,
    failure: Option<(SocketAddr, Errno)>,
}

impl Race {
    fn new(addresses: &[SocketAddr]) -> Race {
        Race {
            waiting: interleaved(addresses).into_iter(),
            trying: Vec::new(),
            next_start: Instant::now(),
            failure: None,
        }
    }

    /// Starts the next one, if it is its turn; whether it was.
    fn start_next(&mut self) -> bool {
        if !self.trying.is_empty() && Instant::now() < self.next_start {
            return false;
        }
        let Some(address) = self.waiting.next() else {
            return false;
        };
        match start(address) {
            Ok(fd) => {
                self.trying.push((fd, address));
                self.next_start = Instant::now() + HEAD_START;
            }
            Err(errno) => self.failure = Some((address, errno)),
        }
        true
    }

    /// Waits until one of those tried succeeds, which it returns, or fails, or until it is the next one's turn.
    fn wait(&mut self, context: &Context) -> Result<Option<OwnedFd>, Interrupted> {
        let until = (self.waiting.len() > 0).then_some(self.next_start);
        let mut fds: Vec<_> =
            self.trying.iter().map(|(fd, _)| PollFd::new(fd, PollFlags::OUT)).collect();
        context.wait_any(&mut fds, until)?;
        let Some(index) = fds.iter().position(|fd| !fd.revents().is_empty()) else {
            return Ok(None);
        };
        let (fd, address) = self.trying.swap_remove(index);
        match sockopt::socket_error(&fd) {
            Ok(Ok(())) => return Ok(Some(fd)),
            Ok(Err(errno)) | Err(errno) => self.failure = Some((address, errno)),
        }
        // Its head start is forfeited.
        self.next_start = Instant::now();
        Ok(None)
    }
}

/// Begins to connect; [`Race::wait`] finds out how that ends.
fn start(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(family, SocketType::STREAM, flags, None).and_then(keep_off_stdio)?;
    match connect(&fd, &address) {
        // An interrupted connect goes on in the background like any other.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(fd),
        Err(errno) => Err(errno),
    }
}

/// The resolver's order, the address families taking turns, so that one broken family costs one head start.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (one, other): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv4() == is_v4);
    (0..one.len().max(other.len()))
        .flat_map(|turn| [one.get(turn), other.get(turn)])
        .flatten()
        .copied()
        .collect()
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
    use crate::runtime::context::Canceller;

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
    fn a_silent_address_costs_a_head_start_and_a_closed_one_nothing() {
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
            let reached = rustix::net::getpeername(&socket.fd).unwrap();
            assert_eq!(SocketAddr::try_from(reached.unwrap()).unwrap(), good);
            assert!(took >= expected, "{addresses:?}: {took:?}");
            let late = took.saturating_sub(control.join().unwrap());
            assert!(late < Duration::from_millis(100), "{addresses:?}: {late:?} late");
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
            interleaved(&list).iter().map(SocketAddr::to_string).collect()
        };
        assert_eq!(
            order(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]),
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]
        );
        assert_eq!(order(&["1.1.1.1:1", "[::1]:1"]), ["1.1.1.1:1", "[::1]:1"]);
        assert!(order(&[]).is_empty());
    }
}

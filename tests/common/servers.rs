//! Servers that are no Atlas, and addresses that lead nowhere.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A server of a test's own on 127.0.0.1: each connection, counted from 0, gets a thread that runs `serve`.
pub fn server(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let serve = serve.clone();
            thread::spawn(move || serve(number, stream));
        }
    });
    address
}

/// Reads a request's head; false at the end of the connection.
pub fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return false;
        }
        head.push(byte[0]);
    }
    true
}

/// Writes until the other side is gone.
pub fn flood(stream: &mut TcpStream, bytes: &[u8]) {
    let block = bytes.repeat(65536 / bytes.len().max(1));
    while stream.write_all(&block).is_ok() {}
}

/// An address that swallows packets: it never answers a SYN, since its queue is full.
pub struct Swallower {
    pub address: SocketAddr,
    _listener: rustix::fd::OwnedFd,
    _queued: Vec<TcpStream>,
}

pub fn swallower() -> Swallower {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    bind(&listener, &any).expect("a port");
    listen(&listener, 0).expect("a listener");
    let address = getsockname(&listener).expect("a name");
    let address = SocketAddr::try_from(address).expect("an address");
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queued.push(stream);
        assert!(queued.len() < 100, "this system never fills a queue");
    }
    Swallower { address, _listener: listener, _queued: queued }
}

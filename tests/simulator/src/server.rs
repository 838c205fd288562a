//! Listeners, connections, and the way of a request through the simulator.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener as StdListener};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{future, io};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::answer::{Answer, Request};
use crate::atlas::{Atlas, Outcome};
use crate::control;
use crate::faults::{self, Ending};
use crate::io::Stream;
use crate::script::Act;

/// No request of Atlas' API comes near.
const MAX_REQUEST_BODY: usize = 1 << 20;

/// What a listener does with the sockets it accepts.
#[derive(Clone)]
pub(crate) enum Welcome {
    Plain,
    Tls(TlsAcceptor),
    /// Takes the first message and never says a word.
    StalledHandshake,
    /// Says its part of the handshake a byte a second.
    DrippedHandshake(TlsAcceptor),
}

/// The same port on 127.0.0.1 and, where there is IPv6, on `[::1]`: `localhost` means either.
pub(crate) fn bind(port: u16) -> io::Result<(u16, Vec<StdListener>)> {
    let mut attempts = 0;
    loop {
        let v4 = StdListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let bound = v4.local_addr()?.port();
        match StdListener::bind((Ipv6Addr::LOCALHOST, bound)) {
            Ok(v6) => return Ok((bound, vec![v4, v6])),
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && port == 0 && attempts < 20 =>
            {
                attempts += 1
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => return Ok((bound, vec![v4])),
        }
    }
}

/// Accepts for ever; called inside a runtime.
pub(crate) fn listen(
    atlas: &Arc<Atlas>,
    listeners: Vec<StdListener>,
    welcome: &Welcome,
) -> io::Result<()> {
    for listener in listeners {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (atlas, welcome) = (atlas.clone(), welcome.clone());
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((socket, _)) => {
                        tokio::spawn(receive(atlas.clone(), socket, welcome.clone()));
                    }
                    // Out of descriptors, most likely: some will be given back.
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        });
    }
    Ok(())
}

async fn receive(atlas: Arc<Atlas>, socket: TcpStream, welcome: Welcome) {
    let (connection, takeovers) = atlas.connections.open();
    let _ = socket.set_nodelay(true);
    // A client that fails here is the client's business.
    match welcome {
        Welcome::Plain => serve(&atlas, &connection, takeovers, Stream::Plain(socket)).await,
        Welcome::Tls(acceptor) => {
            if let Ok(stream) = acceptor.accept(socket).await {
                serve(&atlas, &connection, takeovers, Stream::Tls(Box::new(stream))).await;
            }
        }
        Welcome::StalledHandshake => {
            let _ = swallow(socket).await;
        }
        Welcome::DrippedHandshake(acceptor) => {
            let _ = drip_handshake(socket, acceptor).await;
        }
    }
    atlas.connections.closed(connection.number);
}

async fn swallow(mut socket: TcpStream) -> io::Result<()> {
    let mut ignored = [0; 4096];
    while socket.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// The handshake takes the better part of an hour, so that nothing need come after it.
async fn drip_handshake(socket: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
    let (ours, theirs) = duplex(1 << 16);
    let handshake = tokio::spawn(acceptor.accept(ours));
    let (mut from_client, mut to_client) = socket.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(theirs);
    let talk = async {
        let mut byte = [0];
        while from_server.read(&mut byte).await? > 0 {
            to_client.write_all(&byte).await?;
            sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = talk => ended,
        ended = tokio::io::copy(&mut from_client, &mut to_server) => ended.map(drop),
    };
    handshake.abort();
    ended
}

/// Every open connection, so that one request can close the others' idle ones.
#[derive(Default)]
pub(crate) struct Connections(Mutex<OpenConnections>);

#[derive(Default)]
struct OpenConnections {
    open: HashMap<u64, UnboundedSender<Takeover>>,
    accepted: u64,
    forgotten: u64,
}

/// What a connection's own task is told.
pub(crate) enum Takeover {
    Perform(Act, Answer),
    CloseIfIdle,
}

struct Connection {
    number: u64,
    takeover: UnboundedSender<Takeover>,
    /// Until it has answered something, too: no server closes a connection that it has just accepted.
    busy: AtomicBool,
}

impl Connections {
    fn open(&self) -> (Arc<Connection>, UnboundedReceiver<Takeover>) {
        let (takeover, takeovers) = unbounded_channel();
        let mut connections = self.0.lock().unwrap();
        connections.accepted += 1;
        let number = connections.accepted;
        connections.open.insert(number, takeover.clone());
        (Arc::new(Connection { number, takeover, busy: AtomicBool::new(true) }), takeovers)
    }

    fn closed(&self, number: u64) {
        self.0.lock().unwrap().open.remove(&number);
    }

    pub fn accepted(&self) -> usize {
        let connections = self.0.lock().unwrap();
        (connections.accepted - connections.forgotten) as usize
    }

    pub fn open_now(&self) -> usize {
        self.0.lock().unwrap().open.len()
    }

    pub fn forget_count(&self) {
        let mut connections = self.0.lock().unwrap();
        connections.forgotten = connections.accepted;
    }

    pub fn close_idle(&self) {
        for takeover in self.0.lock().unwrap().open.values() {
            let _ = takeover.send(Takeover::CloseIfIdle);
        }
    }
}

async fn serve(
    atlas: &Arc<Atlas>,
    connection: &Arc<Connection>,
    mut takeovers: UnboundedReceiver<Takeover>,
    mut stream: Stream,
) {
    loop {
        let service = service_fn(|request| respond(atlas.clone(), connection.clone(), request));
        let mut http = http1::Builder::new()
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), service);
        let takeover = loop {
            let takeover = tokio::select! {
                biased;
                takeover = takeovers.recv() => takeover,
                _ = &mut http => return,
            };
            match takeover {
                Some(Takeover::CloseIfIdle) if connection.busy.load(Relaxed) => continue,
                other => break other,
            }
        };
        let taken = http.into_parts().io.into_inner();
        let Some(Takeover::Perform(act, honest)) = takeover else {
            let _ = { taken }.shutdown().await;
            return;
        };
        match faults::perform(taken, act, honest).await {
            Ok(Ending::KeepAlive(kept)) => stream = kept,
            Ok(Ending::AllIdleClosed) => return atlas.connections.close_idle(),
            Ok(Ending::Closed) | Err(_) => return,
        }
        connection.busy.store(false, Relaxed);
    }
}

async fn respond(
    atlas: Arc<Atlas>,
    connection: Arc<Connection>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    connection.busy.store(true, Relaxed);
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_REQUEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let request = Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        target: head.uri.to_string(),
        headers: head.headers,
        body,
    };
    let answer = match control::answer(&atlas, &request) {
        Some(answer) => answer,
        None => answer(&atlas, &connection, &request).await,
    };
    connection.busy.store(false, Relaxed);
    Ok(answer.into_response())
}

async fn answer(atlas: &Atlas, connection: &Connection, request: &Request) -> Answer {
    let ticket = atlas.settings().record.then(|| atlas.record.arrived(request, connection.number));
    let act = atlas.scripts.next(request);
    if let Act::Delay { ms } = act {
        sleep(Duration::from_millis(ms)).await;
    }
    let Outcome { answer, act, note, .. } = match act {
        Act::Honest | Act::Delay { .. } => atlas.answer(request, connection.number),
        Act::Respond { status, headers, body } => {
            let headers = headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
            Answer { status, headers, body: body.0.into() }.into()
        }
        Act::Redirect { status, location } => {
            Answer::empty(status).with("Location", location).into()
        }
        _ if has_honest_part(&act) => Outcome { act, ..atlas.answer(request, connection.number) },
        Act::HugeBody { .. } | Act::GzipBomb { .. } => Outcome { act, ..Answer::empty(200).into() },
        _ => Outcome { act, ..Answer::empty(0).into() },
    };
    if let Act::Delay { ms } = act {
        sleep(Duration::from_millis(ms)).await;
    }
    if let Some(ticket) = ticket {
        atlas.record.answered(ticket, answer.status, note);
    }
    if matches!(act, Act::Honest | Act::Delay { .. }) {
        return answer;
    }
    let _ = connection.takeover.send(Takeover::Perform(act, answer));
    // The connection's task drops this future.
    future::pending().await
}

fn has_honest_part(act: &Act) -> bool {
    !matches!(
        act,
        Act::Silence
            | Act::Close
            | Act::Reset
            | Act::Endless1xx { .. }
            | Act::HugeBody { .. }
            | Act::GzipBomb { .. }
            | Act::Raw { .. }
            | Act::RawCut { .. }
    )
}

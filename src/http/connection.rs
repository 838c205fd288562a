//! A connection as ureq's transport.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use zeroize::Zeroize;

use super::buffers::ConnectionBuffers;
use super::exchange::{self, Exchange, Stage};
use super::limits::{BODY_WIRE_LIMIT, HEAD_WIRE_LIMIT, INPUT_LIMIT};
use super::route::Route;
use super::stream::Stream;
use crate::error::{Error, ErrorKind};
use crate::runtime::context::Context;

/// Opens connections for ureq.
#[derive(Debug)]
pub(super) struct TcpConnector(pub(super) Arc<Route>);

impl Connector for TcpConnector {
    type Out = Connection;

    fn connect(
        &self,
        _: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        exchange::with_current(|exchange| {
            exchange.connected.set(true);
            Ok(Some(Connection::open(&exchange.context, &self.0)?))
        })?
    }
}

/// An open connection.
pub(super) struct Connection {
    stream: Stream,
    buffers: ConnectionBuffers,
    route: Arc<Route>,
    /// Whether it was kept after a response.
    kept: bool,
    /// How many responses of the route had faulty framing when it was opened.
    faults: u32,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection over {:?}", self.route)
    }
}

impl Connection {
    fn open(context: &Context, route: &Arc<Route>) -> Result<Connection, Error> {
        Ok(Connection {
            buffers: ConnectionBuffers::new()?,
            stream: route.open(context)?,
            route: route.clone(),
            kept: false,
            faults: route.faults.load(Ordering::Relaxed),
        })
    }

    fn enter(&mut self, stage: Stage) {
        self.buffers.enter(stage);
        self.stream.socket.limit_reads(match stage {
            Stage::Head => HEAD_WIRE_LIMIT,
            Stage::Body { .. } => BODY_WIRE_LIMIT,
        });
    }

    /// Reads what ureq can go on with; false at the end.
    fn fill(&mut self, exchange: &Exchange) -> Result<bool, ureq::Error> {
        loop {
            let is_full = self.buffers.input_append_buf().is_empty();
            if let Some(error) = self.buffers.failure.take() {
                return Err(error.into());
            }
            if is_full {
                let (host, limit) = (&self.route.to.host, INPUT_LIMIT / 1024);
                let cause =
                    format!("{host} sent more than {limit} KiB where HTTP has a short line");
                return Err(Error::new(ErrorKind::InvalidResponse, cause).into());
            }
            let space = self.buffers.input_append_buf();
            let count = match self.stream.read(&exchange.context, space) {
                Ok(count) => count,
                // ureq would take a reset, or TLS cut off, for the end of a body without a length.
                Err(error) if exchange.received.get() => {
                    return Err(self.route.broken(error).into());
                }
                Err(error) => return Err(error.into()),
            };
            if count == 0 {
                return Ok(false);
            }
            exchange.received.set(true);
            if self.buffers.appended(count) > 0 {
                if let Some(head) = self.buffers.take_head() {
                    exchange.head.set(head);
                }
                return Ok(true);
            }
            // Nothing but what ureq does not get to see; it would take that for the end.
        }
    }

    /// Whether another request may be sent on it, as far as can be seen.
    fn is_usable(&mut self, exchange: &Exchange) -> bool {
        let is_put_back = exchange.received.get();
        if exchange.only_new && !is_put_back || !self.stream.is_read_up() {
            return false;
        }
        // What nobody asked for would be taken for the next response. That costs a system call, but only once.
        if !is_put_back {
            let faults = self.route.faults.load(Ordering::Relaxed);
            return self.faults == faults && self.stream.socket.is_quiet();
        }
        if !self.kept {
            self.kept = true;
            // Where that cannot be, a peer that vanishes costs a later call its time.
            let _ = self.stream.socket.expect_acknowledgement(exchange.context.deadline());
        }
        true
    }
}

// ureq's timeouts are not used: the context of the exchange bounds every read and write.
impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        // ureq asks for them before it looks at a body, whose beginning came with the head.
        let stage = exchange::with_current(|exchange| exchange.stage.get()).unwrap_or(Stage::Head);
        if stage != self.buffers.stage {
            self.enter(stage);
        }
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.enter(Stage::Head);
        let bytes = &mut self.buffers.output[..amount];
        let sent =
            exchange::with_current(|exchange| self.stream.write_all(&exchange.context, bytes));
        // It held credentials.
        bytes.zeroize();
        Ok(sent??)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        exchange::with_current(|exchange| self.fill(exchange))?
    }

    /// ureq asks when it takes a connection from its pool, and when it puts one back that was read to the response's end.
    fn is_open(&mut self) -> bool {
        exchange::with_current(|exchange| self.is_usable(exchange)).unwrap_or(false)
    }

    fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }
}

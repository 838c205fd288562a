//! One request and its response, as ureq runs them on this thread.
//!
//! Whatever blocks takes a [`Context`] as an argument, except what ureq calls. ureq hands a connection the bytes to send
//! and a timeout, and asks a connection of its pool whether it is open with no argument at all, so a connection that was
//! made for one call cannot be handed the next one's deadline. ureq blocks on the thread that calls it, which is why a
//! variable of the thread can stand in for the argument. `Connection` alone reads it, at the beginning of what ureq
//! calls, and hands on what is below as an argument.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::ManuallyDrop;

use crate::runtime::context::Context;

/// The exchange that this thread is in.
pub(super) struct Exchange {
    pub(super) context: Context,
    /// Whether no kept connection may be used.
    pub(super) only_new: bool,
    /// Whether a new connection was opened for it, or would have been.
    pub(super) connected: Cell<bool>,
    /// Whether any byte of a response came back.
    pub(super) received: Cell<bool>,
    pub(super) stage: Cell<Stage>,
    /// The head of the response, if ureq does not get to see all of it.
    pub(super) head: Cell<Vec<u8>>,
}

/// What of the response is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Body { chunked: bool },
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

/// Runs `body`, which calls ureq, and returns what became of the exchange too.
pub(super) fn run<T>(context: &Context, only_new: bool, body: impl FnOnce() -> T) -> (T, Exchange) {
    /// Put back even when `body` panics. There is one if a logger of the host, called by ureq, makes a call of its own.
    struct OuterExchange(Option<Exchange>);
    impl Drop for OuterExchange {
        fn drop(&mut self) {
            drop(replace_current(self.0.take()));
        }
    }
    let inner = Exchange {
        context: context.clone(),
        only_new,
        connected: Cell::new(false),
        received: Cell::new(false),
        stage: Cell::new(Stage::Head),
        head: Cell::default(),
    };
    let outer = OuterExchange(replace_current(Some(inner)));
    let value = body();
    let inner = replace_current(None).expect("set above");
    drop(outer);
    (value, inner)
}

/// Lets `body` see the exchange of this thread.
pub(super) fn with_current<T>(body: impl FnOnce(&Exchange) -> T) -> io::Result<T> {
    CURRENT.with_borrow(|current| {
        current
            .as_ref()
            .map(body)
            .ok_or_else(|| io::Error::other("a connection was used outside an exchange"))
    })
}

//! What the library needs of the process it runs in. Nothing here knows of Atlas or of HTTP.

pub(crate) mod context; // the deadline of a call, and its cancellation
pub(crate) mod descriptor; // keeps descriptors off the host's standard streams
#[allow(unsafe_code)]
pub(crate) mod env; // the environment, as far as it is to be trusted
pub(crate) mod event; // what one thread tells others
#[allow(unsafe_code)]
pub(crate) mod fork; // what each process has of its own
pub(crate) mod interrupted; // why a call ends early
#[allow(unsafe_code)]
pub(crate) mod lookup; // keeps forks and the system's resolver apart
pub(crate) mod memory; // allocation that can fail
pub(crate) mod panic; // keeps what a panic says off the host's standard error
#[allow(unsafe_code)]
pub(crate) mod thread; // threads without the host's signals

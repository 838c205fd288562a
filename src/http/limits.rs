//! How much of what is received is read, kept and shown.

/// The largest body; Atlas' largest page is below 1 MiB.
pub(super) const BODY_LIMIT: usize = crate::json::MAX_BODY;
/// The status line and the headers, and apart from them the trailers or a chunk's line.
pub(super) const HEADER_LIMIT: usize = 64 * 1024;
/// A longer head of a response is not kept as it was received, but left to ureq, which knows how long one may be.
pub(super) const KEPT_HEAD_LIMIT: usize = 8 * 1024;
/// What a proxy answers to CONNECT.
pub(super) const PROXY_REPLY_LIMIT: usize = 16 * 1024;
/// How much of a text from outside a message shows.
pub(super) const SHOWN: usize = 256;
/// What may be read from the socket until the head of a response is there. It ends what has no limit of its own, such as
/// interim responses (1xx), which at full speed would keep a processor busy until the deadline.
pub(super) const HEAD_WIRE_LIMIT: usize = 4 * HEADER_LIMIT;
/// What may be read from then on: the largest body in rather small chunks.
pub(super) const BODY_WIRE_LIMIT: usize = 4 * BODY_LIMIT;
/// What may wait unread in a connection. ureq stops at its limit for headers, which is half of this, and consumes bodies
/// as they come; but it would collect a chunk size or trailer without end.
pub(super) const INPUT_LIMIT: usize = 2 * HEADER_LIMIT;

//! The buffers of a connection. The framing of a response is rewritten here, before ureq sees it.

use ureq::unversioned::transport::Buffers;
use zeroize::Zeroizing;

use super::exchange::Stage;
use super::framing::{self, Chunks, Faulty};
use super::head;
use super::limits::INPUT_LIMIT;
use crate::error::{Error, ErrorKind, Hint};
use crate::runtime::memory;

const FAULTY_CHUNK: &str = "the answer is cut into chunks in a way that HTTP does not know";

/// Small to begin with, since most responses are, and grown for long headers. Tokens and credentials pass through them.
pub(super) struct ConnectionBuffers {
    input: Zeroizing<Vec<u8>>,
    consumed: usize,
    filled: usize,
    pub(super) output: Zeroizing<Vec<u8>>,
    progress: bool,
    pub(super) stage: Stage,
    /// What rewrites the body, if it comes in chunks.
    chunks: Option<Chunks>,
    /// Why it could not grow, or what is wrong with the chunks.
    pub(super) failure: Option<Error>,
}

impl ConnectionBuffers {
    pub(super) fn new() -> Result<ConnectionBuffers, Error> {
        Ok(ConnectionBuffers {
            input: zeros(8 * 1024)?,
            consumed: 0,
            filled: 0,
            // Each line of a request's head has to fit: the longest credentials in base64 are 22 KiB.
            output: zeros(32 * 1024)?,
            progress: false,
            stage: Stage::Head,
            chunks: None,
            failure: None,
        })
    }

    /// What comes from now on is of another stage, as is what is there and was not consumed.
    pub(super) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.chunks = (stage == Stage::Body { chunked: true }).then(Chunks::new);
        self.rewrite(self.consumed);
    }

    /// Adds what was read; returns how much of it is for ureq to see.
    pub(super) fn appended(&mut self, count: usize) -> usize {
        let start = self.filled;
        self.filled += count;
        if self.stage == Stage::Head {
            self.skip_continue();
            return count;
        }
        self.rewrite(start);
        self.filled - start
    }

    fn rewrite(&mut self, start: usize) {
        let Some(chunks) = &mut self.chunks else {
            return;
        };
        match chunks.rewrite(&mut self.input[start..self.filled]) {
            Ok(left) => self.filled = start + left,
            Err(Faulty) => {
                self.filled = start;
                let error = Error::new(ErrorKind::InvalidResponse, FAULTY_CHUNK);
                self.failure = Some(error.hint(Hint::CHECK_PROXIES));
            }
        }
    }

    /// The head of a response, once it is there whole; ureq gets to see what it needs of it. A head that comes behind an
    /// interim answer may be left to ureq, as may an odd one.
    pub(super) fn take_head(&mut self) -> Option<Vec<u8>> {
        if self.stage != Stage::Head {
            return None;
        }
        let (length, reduced) = head::reduced(self.input())?;
        let head = self.input()[..length].to_vec();
        self.consumed += length - reduced.len();
        self.input[self.consumed..][..reduced.len()].copy_from_slice(&reduced);
        Some(head)
    }

    fn skip_continue(&mut self) {
        while let Some(length) = framing::continue_at_start(self.input()) {
            self.consumed += length;
        }
    }
}

fn zeros(count: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(memory::vec(count)?);
    bytes.resize(count, 0);
    Ok(bytes)
}

impl Buffers for ConnectionBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.consumed..self.filled]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.consumed > 0 {
            self.input.copy_within(self.consumed..self.filled, 0);
            self.filled -= self.consumed;
            self.consumed = 0;
        }
        if self.filled == self.input.len() && self.filled < INPUT_LIMIT {
            match zeros(self.filled * 2) {
                Ok(mut larger) => {
                    larger[..self.filled].copy_from_slice(&self.input);
                    self.input = larger;
                }
                Err(error) => self.failure = Some(error),
            }
        }
        &mut self.input[self.filled..]
    }

    /// Our transport calls `appended` itself, as it needs what that returns.
    fn input_appended(&mut self, amount: usize) {
        self.appended(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        // Another interim answer may follow one; behind any other head a body does.
        let is_interim = amount > 0 && self.input().starts_with(b"HTTP/1.1 1");
        self.progress = amount > 0;
        self.consumed += amount;
        if is_interim && self.stage == Stage::Head {
            self.skip_continue();
        }
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        // The scratch space is for chunked request bodies, which we do not send.
        (&mut self.input[self.filled..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.filled > self.consumed && self.progress
    }
}

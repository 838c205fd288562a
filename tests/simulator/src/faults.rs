//! Misbehaviour that an HTTP library would not let happen: written by hand on a connection taken over from it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use crate::answer::Answer;
use crate::io::Stream;
use crate::script::Act;

const CHUNKED: &str = "Transfer-Encoding: chunked";

/// How a connection goes on after an act.
pub(crate) enum Ending {
    KeepAlive(Stream),
    Closed,
    /// Closed, and so shall be the idle ones.
    AllIdleClosed,
}

/// `honest` is only looked at by acts that begin with the honest answer.
pub(crate) async fn perform(mut stream: Stream, act: Act, honest: Answer) -> io::Result<Ending> {
    match act {
        Act::Silence => {
            let mut ignored = [0; 4096];
            while stream.read(&mut ignored).await? > 0 {}
        }
        Act::Close => stream.shutdown().await?,
        Act::Reset => reset(stream)?,
        Act::ResetIfLetIn if honest.status != 401 => reset(stream)?,
        Act::CloseAfter { bytes } => {
            let mut wire = honest.head(&honest.content_length());
            wire.extend_from_slice(&honest.body);
            write(&mut stream, &wire[..bytes.min(wire.len())]).await?;
            stream.into_socket().shutdown().await?;
        }
        Act::DripHead { bytes_per_second } => {
            drip(&mut stream, &honest.head(&honest.content_length()), bytes_per_second).await?;
            write(&mut stream, &honest.body).await?;
            return Ok(Ending::KeepAlive(stream));
        }
        Act::DripBody { bytes_per_second } => {
            write(&mut stream, &honest.head(&honest.content_length())).await?;
            drip(&mut stream, &honest.body, bytes_per_second).await?;
            return Ok(Ending::KeepAlive(stream));
        }
        Act::DripChunks { bytes_per_second } => {
            write(&mut stream, &honest.head(CHUNKED)).await?;
            for byte in &honest.body {
                drip(&mut stream, b"1\r\n", bytes_per_second).await?;
                write(&mut stream, &[*byte, b'\r', b'\n']).await?;
            }
            write(&mut stream, b"0\r\n\r\n").await?;
            return Ok(Ending::KeepAlive(stream));
        }
        Act::Endless1xx { interval_ms } => {
            for line in ["100 Continue", "102 Processing", "103 Early Hints"].iter().cycle() {
                write(&mut stream, format!("HTTP/1.1 {line}\r\n\r\n").as_bytes()).await?;
                sleep(Duration::from_millis(interval_ms)).await;
            }
        }
        Act::HugeHeaders { bytes } => {
            let mut honest = honest;
            let mut left = bytes;
            while left > 0 {
                let size = left.min(4000);
                honest = honest.with("X-Padding", "x".repeat(size));
                left -= size;
            }
            let mut wire = honest.head(&honest.content_length());
            wire.extend_from_slice(&honest.body);
            write(&mut stream, &wire).await?;
            return Ok(Ending::KeepAlive(stream));
        }
        Act::HugeBody { bytes, content_length } => {
            huge_body(&mut stream, bytes, content_length).await?;
            return Ok(Ending::KeepAlive(stream));
        }
        Act::GzipBomb { bytes } => {
            let body = zeros_in_gzip(bytes);
            let answer =
                Answer::new(200, "application/json", body).with("Content-Encoding", "gzip");
            write(&mut stream, &answer.head(&answer.content_length())).await?;
            write(&mut stream, &answer.body).await?;
            return Ok(Ending::KeepAlive(stream));
        }
        Act::Raw { bytes } => {
            write(&mut stream, &bytes.0).await?;
            stream.shutdown().await?;
        }
        Act::RawCut { bytes } => {
            write(&mut stream, &bytes.0).await?;
            stream.into_socket().shutdown().await?;
        }
        Act::ThenSay { after_ms, bytes } => {
            let mut wire = honest.head(&honest.content_length());
            wire.extend_from_slice(&honest.body);
            if after_ms == 0 {
                wire.extend_from_slice(&bytes.0);
                write(&mut stream, &wire).await?;
            } else {
                write(&mut stream, &wire).await?;
                sleep(Duration::from_millis(after_ms)).await;
                write(&mut stream, &bytes.0).await?;
            }
            return Ok(Ending::KeepAlive(stream));
        }
        Act::ThenClose { after_ms } => {
            write_answer(&mut stream, &honest).await?;
            sleep(Duration::from_millis(after_ms)).await;
            stream.shutdown().await?;
        }
        Act::ThenDropIdle => {
            write_answer(&mut stream, &honest).await?;
            stream.shutdown().await?;
            return Ok(Ending::AllIdleClosed);
        }
        Act::Honest
        | Act::ResetIfLetIn
        | Act::Respond { .. }
        | Act::Delay { .. }
        | Act::Redirect { .. } => {
            write_answer(&mut stream, &honest).await?;
            return Ok(Ending::KeepAlive(stream));
        }
    }
    Ok(Ending::Closed)
}

async fn write(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn write_answer(stream: &mut Stream, answer: &Answer) -> io::Result<()> {
    let mut wire = answer.head(&answer.content_length());
    wire.extend_from_slice(&answer.body);
    write(stream, &wire).await
}

async fn drip(stream: &mut Stream, bytes: &[u8], bytes_per_second: u32) -> io::Result<()> {
    let rate = bytes_per_second.max(1);
    for drop in bytes.chunks((rate / 50).max(1) as usize) {
        write(stream, drop).await?;
        sleep(Duration::from_secs_f64(drop.len() as f64 / f64::from(rate))).await;
    }
    Ok(())
}

fn reset(stream: Stream) -> io::Result<()> {
    stream.into_socket().set_zero_linger()
}

async fn huge_body(stream: &mut Stream, bytes: u64, content_length: bool) -> io::Result<()> {
    const START: &[u8] = br#"{"description":""#;
    const END: &[u8] = br#""}"#;
    let fill = bytes.saturating_sub((START.len() + END.len()) as u64);
    let length = fill + (START.len() + END.len()) as u64;
    let framing = if content_length { format!("Content-Length: {length}") } else { CHUNKED.into() };
    write(stream, &Answer::empty(200).with("Content-Type", "application/json").head(&framing))
        .await?;
    let chunk = [b'x'; 65536];
    let mut left = fill;
    piece(stream, START, content_length).await?;
    while left > 0 {
        let size = left.min(chunk.len() as u64);
        piece(stream, &chunk[..size as usize], content_length).await?;
        left -= size;
    }
    piece(stream, END, content_length).await?;
    if content_length { Ok(()) } else { write(stream, b"0\r\n\r\n").await }
}

async fn piece(stream: &mut Stream, bytes: &[u8], bare: bool) -> io::Result<()> {
    if bare {
        return write(stream, bytes).await;
    }
    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
    stream.write_all(bytes).await?;
    write(stream, b"\r\n").await
}

/// Written by hand, as a compressor would be a dependency for this alone. One deflate block with fixed
/// Huffman codes: a literal zero, then "258 bytes from 1 back" again and again, 13 bits each.
fn zeros_in_gzip(length: u64) -> Vec<u8> {
    const LITERAL_ZERO: (u32, u32) = (0b0011_0000, 8);
    const AS_BEFORE_258_BYTES: (u32, u32) = (0b1_1000_1010_0000, 13);
    const LAST_BLOCK_FIXED_CODES: (u32, u32) = (0b110, 3);
    const END_OF_BLOCK: (u32, u32) = (0, 7);
    let mut bits = Bits { out: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], pending: 0, count: 0 };
    bits.put(LAST_BLOCK_FIXED_CODES);
    if let Some(rest) = length.checked_sub(1) {
        bits.put(LITERAL_ZERO);
        (0..rest / 258).for_each(|_| bits.put(AS_BEFORE_258_BYTES));
        (0..rest % 258).for_each(|_| bits.put(LITERAL_ZERO));
    }
    bits.put(END_OF_BLOCK);
    bits.put((0, 7)); // fills the last byte
    let mut out = bits.out;
    out.extend_from_slice(&crc_of_zeros(length).to_le_bytes());
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out
}

struct Bits {
    out: Vec<u8>,
    pending: u8,
    count: u32,
}

impl Bits {
    fn put(&mut self, (code, width): (u32, u32)) {
        for at in (0..width).rev() {
            self.pending |= ((code >> at & 1) as u8) << self.count;
            self.count += 1;
            if self.count == 8 {
                self.out.push(self.pending);
                (self.pending, self.count) = (0, 0);
            }
        }
    }
}

fn crc_of_zeros(length: u64) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold(
            index as u32,
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
            },
        )
    });
    !(0..length).fold(!0u32, |crc, _| crc >> 8 ^ table[(crc & 0xff) as usize])
}

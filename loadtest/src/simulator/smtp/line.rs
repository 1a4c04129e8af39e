//! Lines in, replies out: replies wait until the client's pipelined commands are all read.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::LARGEST_MESSAGE;
use crate::simulator::wire::Wire;

/// The longest command line, in bytes; RFC 5321 asks for 512, AUTH for 12,288.
const LONGEST_COMMAND: usize = 12_288;

pub(super) struct Lines {
    wire: BufReader<Wire>,
    out: Vec<u8>,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            wire: BufReader::new(wire),
            out: Vec::new(),
            line: Vec::new(),
        }
    }

    /// The next command without its line end; `None` when the client has gone.
    pub(super) async fn command(&mut self) -> io::Result<Option<String>> {
        if memchr::memchr(b'\n', self.wire.buffer()).is_none() {
            self.flush().await?;
        }
        self.line.clear();
        let mut limited = tokio::io::AsyncReadExt::take(&mut self.wire, LONGEST_COMMAND as u64);
        if limited.read_until(b'\n', &mut self.line).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&self.line);
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The message up to the line with a single dot, dots unstuffed. `None` in the place of the
    /// message: it was too large; the outer `None`: the client has gone.
    pub(super) async fn message(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        self.flush().await?;
        let mut message = Vec::new();
        let mut fits = true;
        loop {
            self.line.clear();
            if self.wire.read_until(b'\n', &mut self.line).await? == 0 {
                return Ok(None);
            }
            if self.line == b".\r\n" {
                return Ok(Some(fits.then_some(message)));
            }
            let line = self.line.strip_prefix(b".").unwrap_or(&self.line);
            fits &= message.len() + line.len() <= LARGEST_MESSAGE;
            if fits {
                message.extend_from_slice(line);
            }
        }
    }

    /// Resolves when the client has gone; what it may still say stays to be read.
    pub(super) async fn gone(&mut self) {
        let says_more = match self.wire.fill_buf().await {
            Ok(more) => !more.is_empty(),
            Err(_) => false,
        };
        if says_more {
            std::future::pending().await
        }
    }

    pub(super) fn reply(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.wire.get_mut().write_all(&self.out).await?;
            self.wire.get_mut().flush().await?;
            self.out.clear();
        }
        Ok(())
    }
}

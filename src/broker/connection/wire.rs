//! The stream below the client library: what it could not read never reaches it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use tokio::io::ReadBuf;

use super::frames::{FrameStep, Frames};

/// A connection of the operating system, encrypted or not.
trait BrokerSocket: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> BrokerSocket for T {}

/// Bytes to and from a broker.
pub(super) struct BrokerWire {
    socket: Box<dyn BrokerSocket>,
    frames: Frames,
    /// The beginning of a frame whose rest is still to come.
    held: Vec<u8>,
    /// What was looked at and not yet read.
    looked_at: Vec<u8>,
    read: usize,
}

impl BrokerWire {
    /// A new connection, on which we take frames of at most `frame_max` bytes where that is given.
    pub(super) fn new(
        socket: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        frame_max: Option<u32>,
    ) -> Self {
        Self {
            socket: Box::new(socket),
            frames: Frames::new(frame_max),
            held: vec![],
            looked_at: vec![],
            read: 0,
        }
    }

    fn socket(&mut self) -> Pin<&mut dyn BrokerSocket> {
        Pin::new(&mut *self.socket)
    }

    /// Hands out what was looked at.
    fn read_looked_at(&mut self, buf: &mut [u8]) -> usize {
        let rest = self.looked_at.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        if let (Some(from), Some(to)) = (rest.get(..count), buf.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.read += count;
        if self.read >= self.looked_at.len() {
            self.looked_at.clear();
            self.read = 0;
        }
        count
    }

    /// Looks at what came; says how much of it may be read where it stands. The rest is held, or
    /// looked at.
    fn look(&mut self, new: &mut [u8]) -> io::Result<usize> {
        let mut passed = 0;
        if self.held.is_empty() {
            while let Some(rest) = new.get_mut(passed..).filter(|rest| !rest.is_empty()) {
                match self.frames.step(rest)? {
                    FrameStep::Pass(count) => passed += count,
                    FrameStep::Replace(count, replaced) => {
                        self.looked_at.extend_from_slice(&replaced);
                        let rest = rest.get(count..).unwrap_or_default();
                        self.held.extend_from_slice(rest);
                        break;
                    }
                    FrameStep::More => {
                        self.held.extend_from_slice(rest);
                        return Ok(passed);
                    }
                }
            }
        } else {
            self.held.extend_from_slice(new);
        }
        self.look_at_held()?;
        Ok(passed)
    }

    fn look_at_held(&mut self) -> io::Result<()> {
        let mut at = 0;
        while let Some(rest) = self.held.get_mut(at..).filter(|rest| !rest.is_empty()) {
            match self.frames.step(rest)? {
                FrameStep::Pass(count) => {
                    self.looked_at
                        .extend_from_slice(rest.get(..count).unwrap_or_default());
                    at += count;
                }
                FrameStep::Replace(count, replaced) => {
                    self.looked_at.extend_from_slice(&replaced);
                    at += count;
                }
                FrameStep::More => break,
            }
        }
        self.held.drain(..at);
        Ok(())
    }
}

impl AsyncRead for BrokerWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        loop {
            if !this.looked_at.is_empty() || buf.is_empty() {
                return Poll::Ready(Ok(this.read_looked_at(buf)));
            }
            let mut reading = ReadBuf::new(buf);
            ready!(this.socket().poll_read(cx, &mut reading))?;
            let new = reading.filled_mut();
            if new.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let passed = this.look(new)?;
            if passed > 0 {
                return Poll::Ready(Ok(passed));
            }
        }
    }
}

impl AsyncWrite for BrokerWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;

//! A TCP connection that can be told to write one byte at a time, or to end in a reset, and that
//! tells when its client reset it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// What a request handler and its connection tell each other.
#[derive(Debug, Default)]
pub(crate) struct Tune {
    reset: AtomicBool,
    was_reset: AtomicBool,
    dribble_ms: AtomicU64,
}

impl Tune {
    /// When the connection is dropped, it ends with RST instead of FIN.
    pub(crate) fn reset_at_end(&self) {
        self.reset.store(true, Ordering::Release);
    }

    /// Whether the client has reset the connection.
    pub(crate) fn was_reset(&self) -> bool {
        self.was_reset.load(Ordering::Acquire)
    }

    /// Writes one byte each `every_ms` milliseconds from now on; 0 writes freely again.
    pub(crate) fn dribble(&self, every_ms: u64) {
        self.dribble_ms.store(every_ms, Ordering::Release);
    }
}

pub(crate) struct Wire {
    stream: TcpStream,
    tune: Arc<Tune>,
    tick: Option<Interval>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Self, Arc<Tune>) {
        let tune = Arc::new(Tune::default());
        // Nagle's algorithm would hold small answers back; without it they only cost more packets.
        let _ = stream.set_nodelay(true);
        let wire = Self {
            stream,
            tune: tune.clone(),
            tick: None,
        };
        (wire, tune)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.tune.reset.load(Ordering::Acquire) {
            // A socket that is already gone cannot be reset any more, and need not be.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let was_reset = match &read {
            Poll::Ready(Err(error)) => error.kind() == io::ErrorKind::ConnectionReset,
            // An end in good order hides that what was written after it came back refused.
            Poll::Ready(Ok(())) if buffer.filled().len() == before => {
                self.stream.take_error().is_ok_and(|error| error.is_some())
            }
            _ => false,
        };
        if was_reset {
            self.tune.was_reset.store(true, Ordering::Release);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let every_ms = self.tune.dribble_ms.load(Ordering::Acquire);
        if every_ms == 0 {
            self.tick = None;
            return Pin::new(&mut self.stream).poll_write(context, buffer);
        }
        let tick = self.tick.get_or_insert_with(|| {
            let mut tick = interval(Duration::from_millis(every_ms));
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            tick
        });
        ready!(tick.poll_tick(context));
        let one = buffer.get(..1).unwrap_or(buffer);
        Pin::new(&mut self.stream).poll_write(context, one)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.tune.reset.load(Ordering::Acquire) {
            // Shutting down would send FIN first.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! The door that a broker's bytes come through, for the fuzzer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{AsyncReadExt, FutureExt};
use tokio::io::{AsyncRead, ReadBuf, join, sink};

use super::wire::BrokerWire;

/// Bytes that arrive by pieces.
struct Pieces {
    bytes: Vec<u8>,
    read: usize,
    most: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let count = rest.len().min(self.most).min(buf.remaining());
        buf.put_slice(rest.get(..count).unwrap_or_default());
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

/// What the client library reads of these bytes of a broker, that arrive at most `most` at once.
///
/// # Errors
/// They are no frames.
pub fn seen(bytes: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let pieces = Pieces {
        bytes: bytes.to_vec(),
        read: 0,
        most: most.max(1),
    };
    let mut wire = BrokerWire::new(join(pieces, sink()), None);
    let mut seen = vec![];
    let read = wire.read_to_end(&mut seen).now_or_never();
    read.unwrap_or(Ok(0)).map(|_| seen)
}

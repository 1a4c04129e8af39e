//! The runtime as the client library wants it: tokio's, but with sockets of our own.

use std::future::{Future, ready};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use async_rs::Tokio;
use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use futures_util::Stream;
use futures_util::io::{AsyncRead, AsyncWrite};

use super::wire::BrokerWire;

/// What a connection of the client library lives on.
pub(super) type Runtime = async_rs::Runtime<RuntimeParts<Tokio, Wires>>;

/// Bound to the runtime that asks.
pub(super) fn current() -> Runtime {
    let wires = Wires(Tokio::current());
    Runtime::new(RuntimeParts::new(Tokio::current(), wires))
}

/// tokio's reactor for connections that were opened before.
#[derive(Debug, Clone)]
pub(super) struct Wires(Tokio);

impl Reactor for Wires {
    type TcpStream = BrokerWire;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    /// Never asked: the connection is there when the client library begins.
    fn tcp_connect_addr(
        &self,
        _: SocketAddr,
    ) -> impl Future<Output = io::Result<BrokerWire>> + Send + 'static {
        ready(Err(io::Error::from(io::ErrorKind::Unsupported)))
    }
}

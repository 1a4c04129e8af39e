//! A connection to PostgreSQL, secured as its URL says, below all that is spoken through it.
//!
//! The client library secures what it connects to itself, and would do so above our stream, which then
//! could read nothing. So the server is asked for TLS here (PostgreSQL's manual, "SSL Session
//! Encryption"), and the library is handed what channel binding needs of it.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::super::StoreError;
use super::end_point;
use super::endpoint::{ServerAddress, unavailable};
use super::stream::RawSocket;
use crate::config::{PostgresUrl, TlsMode};
use crate::tls::{Checks, Files};

/// A length of eight bytes that counts itself, and the code of the request.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

/// A connection, and what ties a login to it.
pub(super) struct Secured {
    pub(super) socket: Box<dyn RawSocket>,
    pub(super) binding: Binding,
}

/// The hash of the server's certificate (`tls-server-end-point`, RFC 5929), where there is one: a login
/// by SCRAM is bound to it, so that nobody in between can pass it on.
#[derive(Clone, Default)]
pub(super) struct Binding(Option<Vec<u8>>);

/// Connects to a server, and secures the connection as the URL and the files say.
///
/// # Errors
/// It is not reached, or is not who it should be, or speaks no TLS.
pub(super) async fn connect(
    endpoint: &ServerAddress,
    url: &PostgresUrl,
    files: &Files,
) -> Result<Secured, StoreError> {
    let connected = endpoint.connect(&url.config).await;
    let mut socket = connected.map_err(|error| unavailable(&endpoint.to_string(), &error))?;
    // The socket of this machine is never secured, as in libpq: who may use it is said by its folder.
    let (Some(checks), ServerAddress::Tcp(_, host)) = (checks(url.tls, files), endpoint) else {
        let binding = Binding::default();
        return Ok(Secured { socket, binding });
    };
    ask(&mut socket, endpoint).await?;
    let secured = files.secure(socket, host, checks).await;
    let secured = secured.map_err(|error| StoreError::Refused(format!("{endpoint}: {error}")))?;
    let (_, connection) = secured.get_ref();
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    let binding = Binding(shown.and_then(|certificate| end_point::hash(certificate)));
    Ok(Secured {
        socket: Box::new(secured),
        binding,
    })
}

const fn checks(mode: TlsMode, files: &Files) -> Option<Checks> {
    match mode {
        TlsMode::Disable => None,
        TlsMode::Require if files.ca.is_none() => Some(Checks::Nothing),
        TlsMode::Require | TlsMode::VerifyCa => Some(Checks::Chain),
        TlsMode::VerifyFull => Some(Checks::ChainAndName),
    }
}

/// Asks for TLS. Only the one byte of the answer is read: what follows it is part of the handshake.
async fn ask(socket: &mut Box<dyn RawSocket>, endpoint: &ServerAddress) -> Result<(), StoreError> {
    let mut answer = [0];
    let asked = async {
        socket.write_all(&SSL_REQUEST).await?;
        socket.flush().await?;
        socket.read_exact(&mut answer).await
    };
    let asked = asked.await;
    asked.map_err(|error| unavailable(&endpoint.to_string(), &error))?;
    match answer {
        [b'S'] => Ok(()),
        [b'N'] => Err(StoreError::Refused(format!(
            "{endpoint}: the server speaks no TLS (its setting `ssl` is off), and the URL asks for it \
             (sslmode)"
        ))),
        _ => Err(StoreError::Refused(format!(
            "{endpoint}: what answers there is no PostgreSQL that knows TLS"
        ))),
    }
}

impl Binding {
    /// The configuration for a connection that is secured already: the library then asks for no TLS, but
    /// for what we know of it.
    pub(super) fn configure(&self, config: &Config) -> Config {
        let mut config = config.clone();
        if self.0.is_some() {
            config.ssl_mode(SslMode::Require);
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<S> for Binding {
    type Stream = Bound<S>;
    type Error = io::Error;
    type Future = Ready<io::Result<Bound<S>>>;

    fn connect(self, stream: S) -> Self::Future {
        let binding = self;
        ready(Ok(Bound { stream, binding }))
    }
}

/// A stream that knows what it is bound to.
pub(super) struct Bound<S> {
    stream: S,
    binding: Binding,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Bound<S> {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.binding.0 {
            Some(hash) => ChannelBinding::tls_server_end_point(hash.clone()),
            None => ChannelBinding::none(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

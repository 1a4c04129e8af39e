//! A connection to a mail server: lines out, replies in, each within the deadline.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::{ReplyReader, SmtpReply};
use super::dial::dial;
use super::silence::Silence;
use super::tls::{self, Tls};

/// Longest for TCP alone: a dead server is told early, while one that makes strangers wait for
/// its greeting (Postfix: postscreen, six seconds) has the account's timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

trait SmtpStream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> SmtpStream for S {}

/// A connection.
pub(super) struct SmtpWire {
    stream: BufReader<Box<dyn SmtpStream>>,
    /// Every reply came to its end, and every line went out.
    is_usable: bool,
}

impl SmtpWire {
    /// Opens TCP.
    pub(super) async fn connect(host: &str, port: u16) -> Result<Self, Silence> {
        let stream = timeout(CONNECT_TIMEOUT, dial(host, port));
        let stream = stream.await.map_err(|_elapsed| Silence::Timeout)??;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    fn over(stream: impl SmtpStream + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
            is_usable: true,
        }
    }

    /// The same connection, secured. What the server said before that nobody asked for is forgotten
    /// with the buffer (CVE-2011-0411).
    pub(super) async fn secure(self, tls: &Tls) -> Result<Self, Silence> {
        let plain = self.stream.into_inner();
        let stream = tls.connector.connect(tls.name.clone(), plain).await;
        Ok(Self::over(stream.map_err(tls::silence)?))
    }

    /// No command goes out any more: the server waits for a text that does not come.
    pub(super) const fn give_up(&mut self) {
        self.is_usable = false;
    }

    /// Whether another command may go out.
    pub(super) fn is_usable(&self) -> bool {
        self.is_usable && self.is_in_step().is_ok()
    }

    /// Whether all that came has been taken for the reply that it is.
    pub(super) fn is_in_step(&self) -> Result<(), Silence> {
        match self.stream.buffer() {
            [] => Ok(()),
            _ => Err(Silence::OutOfStep),
        }
    }

    /// Whether nothing has come since the last reply, not even the end: a connection that was kept
    /// may have been closed, and the farewell is no reply to what is said next.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.stream.fill_buf().now_or_never().is_none()
    }

    /// Writes a text, line ends included.
    pub(super) async fn write(&mut self, text: &str, deadline: Instant) -> Result<(), Silence> {
        if let Err(silence) = self.is_in_step() {
            self.is_usable = false;
            return Err(silence);
        }
        let writing = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        let written = match timeout_at(deadline, writing).await {
            Ok(written) => written.map_err(Silence::from),
            Err(_elapsed) => Err(Silence::Timeout),
        };
        self.is_usable &= written.is_ok();
        written
    }

    /// The next reply, as far as it comes in time.
    pub(super) async fn reply(&mut self, deadline: Instant) -> Result<SmtpReply, Silence> {
        let mut reader = ReplyReader::default();
        let silence = loop {
            let more = match timeout_at(deadline, self.stream.fill_buf()).await {
                Ok(Ok([])) => break Silence::Closed,
                Ok(Ok(more)) => more,
                Ok(Err(error)) => break error.into(),
                Err(_elapsed) => break Silence::Timeout,
            };
            let (read, said) = reader.read(more);
            self.stream.consume(read);
            if let Some(said) = said {
                self.is_usable &= said.as_ref().is_ok_and(|said| said.is_whole);
                return Ok(said?);
            }
        };
        self.is_usable = false;
        // A code is an answer, even if its words break off.
        reader.give_up().map_err(|_nothing| silence)
    }
}

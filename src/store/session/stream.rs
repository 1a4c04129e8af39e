//! The stream below every session: where each statement has its end on this side.
//!
//! The client library waits for an answer for as long as its socket does: two hours, when a server
//! vanishes without a word. Here every request is counted, and a stream that owes an answer for too
//! long fails, and its session with it. As it is the stream, no caller can forget it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::frames::{self, Answers, Requests};

/// How often a stream that owes an answer looks at how long it has done so.
const TICK: Duration = Duration::from_millis(500);
/// Time that a stream has to say anything, once another one to the same server was found dead.
const GRACE: Duration = Duration::from_secs(2);

/// A connection of the operating system.
pub(super) trait RawSocket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> RawSocket for T {}

/// Which sessions are believed in: those that were opened in the present generation. One that is
/// found dead, or that may not write, ends it: what happened to that session has most likely
/// happened to the others.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Generation(Arc<AtomicU64>);

impl Generation {
    /// The present one.
    pub(in super::super) fn current(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends the present one: its sessions are not lent again, and what they are asked at present must
    /// be answered soon.
    pub(in super::super) fn end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Why a stream gave its session up. Found in the error of the client library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum GivenUp {
    #[error("no answer within {} s", .0.as_secs_f64())]
    Silent(Duration),
    #[error("no answer, and another session was found dead")]
    Suspect,
    #[error("the session cannot be used any more")]
    Spent,
}

/// Bytes to and from a server.
pub(super) struct ServerStream {
    socket: Box<dyn RawSocket>,
    requests: Requests,
    answers: Answers,
    /// What was rewritten and not yet read.
    rewritten: Vec<u8>,
    read: usize,
    clock: Clock,
    is_spent: bool,
    /// What it fails with, once it has been told.
    broken: Option<io::Error>,
}

/// How long an answer is owed.
struct Clock {
    /// Answers that are owed.
    owed: u32,
    /// Whether a request is being written, and the socket does not take all of it.
    is_writing: bool,
    /// Longest that one may be owed.
    patience: Duration,
    waited: Duration,
    /// Time left to say anything at all.
    grace: Option<Duration>,
    tick: Option<Pin<Box<Sleep>>>,
    generation: Generation,
    seen: u64,
}

impl ServerStream {
    /// The stream of a new connection, on which nothing was said yet. No answer may be owed for
    /// longer than `patience`.
    pub(super) fn new(
        socket: Box<dyn RawSocket>,
        patience: Duration,
        generation: Generation,
    ) -> Self {
        let clock = Clock {
            // The server owes the answer to who we are.
            owed: 1,
            is_writing: false,
            patience,
            waited: Duration::ZERO,
            grace: None,
            tick: None,
            seen: generation.current(),
            generation,
        };
        Self {
            socket,
            requests: Requests::new(),
            answers: Answers::default(),
            rewritten: vec![],
            read: 0,
            clock,
            is_spent: false,
            broken: None,
        }
    }

    /// The stream is broken. Whoever waits for an answer is told why first, as by the server: the client
    /// library tells them no more than that the connection is closed.
    fn breaks(&mut self, error: io::Error) -> Option<io::Error> {
        if self.clock.owed == 0 || !self.answers.is_between_messages() {
            return Some(error);
        }
        self.rewritten = frames::lost(&error.to_string());
        self.broken = Some(error);
        None
    }

    /// Hands out what was rewritten.
    fn read_rewritten(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = self.rewritten.get(self.read..).unwrap_or_default();
        let (now, _) = rest.split_at(rest.len().min(buf.remaining()));
        buf.put_slice(now);
        self.read += now.len();
        if self.read >= self.rewritten.len() {
            self.rewritten.clear();
            self.read = 0;
        }
    }

    /// Looks at what was read into `buf` after `before`: leaves what may pass, and takes the rest.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let new = buf.filled().get(before..).unwrap_or_default();
        let passed = self.answers.pass(new);
        if let Some(rest) = new.get(passed..).filter(|rest| !rest.is_empty()) {
            self.answers.rewrite(rest, &mut self.rewritten);
            buf.set_filled(before + passed);
        }
        if let Some(state) = self.answers.take_failed()
            && state.costs_the_session()
        {
            self.is_spent = true;
            self.clock.generation.end();
        }
        self.clock.heard(self.answers.take_ready());
    }
}

impl Clock {
    /// Something is to be written: from now on it takes time.
    fn asks(&mut self) {
        if !self.runs() {
            self.waited = Duration::ZERO;
        }
        self.is_writing = true;
    }

    /// It was taken, `whole` or a part of it, with so many requests in it. The time runs without
    /// being looked at: whoever writes does not read.
    fn asked(&mut self, requests: u32, whole: bool, cx: &mut Context<'_>) {
        self.owed = self.owed.saturating_add(requests);
        self.is_writing = !whole;
        if self.runs() && self.tick.is_none() {
            let mut tick = Box::pin(tokio::time::sleep(TICK));
            // It has only begun: this makes it wake the task.
            let _ = tick.as_mut().poll(cx);
            self.tick = Some(tick);
        }
    }

    const fn runs(&self) -> bool {
        self.owed > 0 || self.is_writing
    }

    fn heard(&mut self, answers: u32) {
        self.grace = None;
        if answers > 0 {
            self.owed = self.owed.saturating_sub(answers);
            self.waited = Duration::ZERO;
            self.tick = None;
        }
    }

    /// Ready once the answer has been owed for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<GivenUp> {
        while self.runs() {
            let tick = self
                .tick
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(TICK)));
            ready!(tick.as_mut().poll(cx));
            self.tick = None;
            if let Some(why) = self.ticked() {
                return Poll::Ready(why);
            }
        }
        Poll::Pending
    }

    fn ticked(&mut self) -> Option<GivenUp> {
        self.waited += TICK;
        if self.waited >= self.patience {
            self.generation.end();
            return Some(GivenUp::Silent(self.patience));
        }
        let current = self.generation.current();
        if std::mem::replace(&mut self.seen, current) != current {
            self.grace = Some(GRACE);
        }
        let left = self.grace?.saturating_sub(TICK);
        self.grace = Some(left);
        left.is_zero().then_some(GivenUp::Suspect)
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.rewritten.is_empty() {
                self.read_rewritten(buf);
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = self.broken.take() {
                self.clock.owed = 0;
                return Poll::Ready(Err(error));
            }
            // Whoever asked has the answer by now.
            if self.is_spent && self.clock.owed == 0 {
                return Poll::Ready(Err(io::Error::other(GivenUp::Spent)));
            }
            let before = buf.filled().len();
            match Pin::new(&mut self.socket).poll_read(cx, buf) {
                Poll::Pending => {
                    let why = ready!(self.clock.poll(cx));
                    let error = io::Error::new(io::ErrorKind::TimedOut, why);
                    if let Some(error) = self.breaks(error) {
                        return Poll::Ready(Err(error));
                    }
                }
                Poll::Ready(Ok(())) if buf.filled().len() > before => {
                    self.inspect(buf, before);
                    if buf.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Err(error)) => {
                    if let Some(error) = self.breaks(error) {
                        return Poll::Ready(Err(error));
                    }
                }
                ended => return ended,
            }
        }
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.clock.asks();
        let written = Pin::new(&mut self.socket).poll_write(cx, buf)?;
        let taken = match written {
            Poll::Ready(count) => count,
            Poll::Pending => 0,
        };
        let requests = self.requests.count(buf.get(..taken).unwrap_or_default());
        self.clock.asked(requests, taken == buf.len(), cx);
        written.map(Ok)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;

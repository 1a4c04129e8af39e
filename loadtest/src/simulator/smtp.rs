//! A mail server (RFC 5321): EHLO with SIZE, 8BITMIME, PIPELINING, AUTH PLAIN and LOGIN; no TLS.
//!
//! Recipients that begin with `bounce@` do not exist (550 5.1.1), `full@` have no room (452 4.2.2).
//! The notification is known by the header `X-Herald-Notification-Id`, else by a Message-ID of the
//! form `<uuid@...>`.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::state::State;
use super::wire::Wire;

mod auth;
mod command;
mod line;
mod message;
mod reply;
mod session;

use line::Lines;
use session::Session;

/// The largest message, in bytes, as EHLO announces it.
pub(crate) const LARGEST_MESSAGE: usize = 30_000_000;

/// What to do with the connection after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Go,
    Close,
}

/// Serves one connection until it ends. `credentials` (`user:password`) make AUTH necessary.
pub(crate) async fn serve(stream: TcpStream, state: Arc<State>, credentials: Option<Arc<str>>) {
    let (wire, tune) = Wire::new(stream);
    let mut session = Session::new(Lines::new(wire), tune.clone(), state, credentials);
    // A client that goes away is no error of ours.
    let _ = session.run().await;
    if tune.was_reset() {
        session.lose_last_answer();
    }
}

#[cfg(test)]
mod tests;

//! A receiver of webhooks, over real sockets: verifies what comes with the independent library of Standard
//! Webhooks, writes it into a ledger of its own, and is slow, failing or gone on demand.
//!
//! ```
//! use loadtest::receiver::Receiver;
//!
//! let receiver = Receiver::start(0)?;
//! assert!(receiver.url().starts_with("http://127.0.0.1:"));
//! assert_eq!(receiver.stats().received, 0);
//! # Ok::<(), std::io::Error>(())
//! ```

mod book;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};
use tokio::runtime;
use tokio::sync::oneshot;

use book::Book;
pub use book::{ReceiverStats, Told};

/// How the receiver answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiverBehaviour {
    /// The status of an answer to what is signed as it should be.
    pub status: u16,
    /// Time until the answer, in milliseconds.
    pub delay_ms: u64,
    /// Header lines of the answer, `name: value`.
    pub headers: Vec<String>,
    /// The answer's body.
    pub body: String,
    /// Only so many answers are like that: further ones are 204 at once.
    pub first: Option<u64>,
}

impl Default for ReceiverBehaviour {
    fn default() -> Self {
        Self {
            status: 204,
            delay_ms: 0,
            headers: vec![],
            body: String::new(),
            first: None,
        }
    }
}

/// A running receiver; dropped, it closes its sockets and ends.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<ReceiverState>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What its connections share.
#[derive(Debug, Default)]
struct ReceiverState(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    secrets: Vec<String>,
    behaviour: ReceiverBehaviour,
    book: Book,
}

impl ReceiverState {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiver {
    /// Starts one on this port of 127.0.0.1 (0 takes a free one), on a thread and a runtime of its own. It
    /// knows no secret yet, so that it refuses whatever comes.
    ///
    /// # Errors
    /// When the port is taken, or the thread or its runtime cannot be made.
    pub fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = Arc::new(ReceiverState::default());
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new().name("webhook-receiver".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    _ = stopped => {}
                    () = serve::accept_all(listener, shared) => {}
                }
            });
        })?;
        Ok(Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it takes webhooks.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// One more secret (`whsec_...`) that it verifies by.
    pub fn trust(&self, secret: &str) {
        self.state.lock().secrets.push(secret.to_owned());
    }

    /// The only secret from now on.
    pub fn trust_only(&self, secret: &str) {
        self.state.lock().secrets = vec![secret.to_owned()];
    }

    /// Answers so from now on.
    pub fn behave(&self, behaviour: ReceiverBehaviour) {
        self.state.lock().behaviour = behaviour;
    }

    /// What has come so far, in numbers.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.state.lock().book.stats()
    }

    /// How many different `webhook-id`s were answered with success so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.state.lock().book.taken()
    }

    /// What was told, by `webhook-id`, in the order of the ids.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.state.lock().book.told()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;

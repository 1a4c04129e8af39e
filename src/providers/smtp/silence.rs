//! Why a mail server does not reply.

use std::io;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    /// The network's fault.
    #[error(transparent)]
    Network(#[from] io::Error),
    /// Nothing came in time.
    #[error("no reply within the timeout")]
    Timeout,
    /// The server has gone.
    #[error("the connection was closed")]
    Closed,
    /// Something came that is no reply.
    #[error(transparent)]
    Garbage(#[from] super::answer::Garbage),
    /// Something came before it was asked for: which reply belongs to which command is not known.
    #[error("the server said more than it was asked")]
    OutOfStep,
    /// The server's certificate is not to be believed.
    #[error("{0}")]
    Untrusted(String),
}

//! Waiting for the wish to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// A future that is ready at SIGTERM or SIGINT; signals count from this call on.
pub(super) fn ended() -> io::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

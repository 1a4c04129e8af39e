//! What a command says: its answer on standard output, everything else on standard error.

use std::io::{ErrorKind, Write as _};

use herald::telemetry::logging;

use super::CommandFailure;

/// Says the answer of a command. A reader that wants no more of it (`herald dlq list | head`) is none of
/// its business; an answer that cannot be stored is.
///
/// # Errors
/// Standard output takes no answer: a full disk.
pub(super) fn answer(text: &str) -> Result<(), CommandFailure> {
    let mut out = std::io::stdout().lock();
    let said = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    match said {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandFailure(format!(
            "what was asked for is done, but the answer cannot be written to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Says how it goes, or what is odd, to whoever watches.
pub(super) fn tell(text: &str) {
    logging::say(text);
}

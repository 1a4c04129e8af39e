//! A message from a file or from standard input.

use std::io::Read as _;
use std::path::Path;

use super::CommandFailure;

/// Reads a message; "-" is standard input.
///
/// # Errors
/// The file cannot be read.
pub(super) fn message(path: &Path) -> Result<Vec<u8>, CommandFailure> {
    let unreadable = |error| CommandFailure(format!("{} cannot be read: {error}", path.display()));
    if path == Path::new("-") {
        let mut body = vec![];
        std::io::stdin()
            .read_to_end(&mut body)
            .map_err(unreadable)?;
        return Ok(body);
    }
    std::fs::read(path).map_err(unreadable)
}

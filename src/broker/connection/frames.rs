//! What the client library may see of the broker's frames.
//!
//! It gives up the whole connection over a frame that it cannot read, and recurses as deep as a
//! message's headers do. Whatever a publisher can put into a frame is therefore looked at before:
//! properties that it could not read are replaced by ones that say so, names that are no UTF-8 are
//! made readable. Everything else passes as it is.

use std::io;

use super::properties;

/// What stands before a frame's payload: type, channel, length.
const BEFORE: usize = 7;
/// The octet at the end of a frame.
const AFTER: usize = 1;
const END: u8 = 0xce;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
/// What a broker begins with that speaks another version of AMQP: no frame, and the last word.
const OTHER_VERSION: u8 = b'A';
/// What a TLS server begins its alert with.
const TLS_ALERT: [u8; 2] = [0x15, 3];
/// Class and method of the methods that are looked at.
const TUNE: [u8; 4] = [0, 10, 0, 30];
const DELIVER: [u8; 4] = [0, 60, 0, 60];
const RETURN: [u8; 4] = [0, 60, 0, 50];
/// Larger frames the broker never sends.
const LARGEST: usize = 64 * 1024 * 1024;
/// Smallest largest frame that AMQP allows.
const FRAME_MIN: usize = 4_096;
/// Most of a message's original properties that is kept.
const MOST_KEPT: usize = 64 * 1024;

/// Watches what comes from the broker.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of a frame under way that pass unseen.
    passing: usize,
    /// Largest frame that the client library takes.
    frame_max: usize,
}

/// What becomes of the next bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FrameStep {
    /// So many pass.
    Pass(usize),
    /// So many are replaced by these.
    Replace(usize, Vec<u8>),
    /// More must be there to tell.
    More,
}

impl Frames {
    /// Frames of a new connection, on which we take at most `frame_max` bytes where that is given.
    pub(super) fn new(frame_max: Option<u32>) -> Self {
        Self {
            passing: 0,
            frame_max: limit(frame_max.unwrap_or(0)),
        }
    }

    /// Looks at bytes that begin where the last step ended; may mend them in place.
    ///
    /// # Errors
    /// They are no frames.
    pub(super) fn step(&mut self, bytes: &mut [u8]) -> io::Result<FrameStep> {
        if self.passing > 0 {
            let passed = self.passing.min(bytes.len());
            self.passing -= passed;
            return Ok(more_unless(passed > 0, FrameStep::Pass(passed)));
        }
        let Some(&[kind, second, _, a, b, c, d]) = bytes.first_chunk::<BEFORE>() else {
            return Ok(FrameStep::More);
        };
        if [kind, second] == TLS_ALERT {
            let words = "it speaks TLS on this port: its URL begins with amqps://";
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        if kind == OTHER_VERSION {
            self.passing = usize::MAX;
            return self.step(bytes);
        }
        let payload = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if payload > LARGEST {
            let words = format!("the broker sent something that is no frame ({payload} bytes)");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        let length = BEFORE + payload + AFTER;
        match (kind, bytes.get_mut(..length)) {
            (METHOD | HEADER, None) => Ok(FrameStep::More),
            (METHOD, Some(frame)) => {
                self.method(frame);
                Ok(FrameStep::Pass(length))
            }
            (HEADER, Some(frame)) => Ok(self.header(frame)),
            _ => {
                self.passing = length;
                self.step(bytes)
            }
        }
    }

    fn method(&mut self, frame: &mut [u8]) {
        let payload = frame.get_mut(BEFORE..).unwrap_or_default();
        let Some((method, arguments)) = payload.split_first_chunk_mut::<4>() else {
            return;
        };
        match *method {
            TUNE => {
                if let Some(&[_, _, a, b, c, d]) = arguments.first_chunk::<6>() {
                    let theirs = limit(u32::from_be_bytes([a, b, c, d]));
                    self.frame_max = self.frame_max.min(theirs);
                }
            }
            // Delivery tag and redelivered stand between the consumer's tag and the two names.
            DELIVER => {
                let names = short_string(arguments).and_then(|rest| rest.get_mut(9..));
                two_names(names);
            }
            // So do two octets before the text of a return.
            RETURN => two_names(arguments.get_mut(2..).and_then(short_string)),
            _ => {}
        }
    }

    fn header(&self, frame: &[u8]) -> FrameStep {
        let length = frame.len();
        let payload = frame.get(BEFORE..length - AFTER).unwrap_or_default();
        let checked = properties::check(payload);
        let why = match checked {
            Ok(()) if length <= self.frame_max => return FrameStep::Pass(length),
            Ok(()) => format!("the properties are longer than a frame ({length} bytes)"),
            Err(why) => why,
        };
        let most = MOST_KEPT.min(self.frame_max / 2);
        let payload = properties::replaced(payload, &why, most);
        let mut replaced = Vec::with_capacity(BEFORE + payload.len() + AFTER);
        replaced.extend_from_slice(frame.get(..3).unwrap_or_default());
        let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        replaced.extend_from_slice(&size.to_be_bytes());
        replaced.extend_from_slice(&payload);
        replaced.push(END);
        FrameStep::Replace(length, replaced)
    }
}

fn more_unless(there: bool, step: FrameStep) -> FrameStep {
    if there { step } else { FrameStep::More }
}

/// The largest frame as AMQP says it: 0 stands for none.
fn limit(frame_max: u32) -> usize {
    match usize::try_from(frame_max) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit.max(FRAME_MIN),
    }
}

/// What follows a short string; makes the string readable.
fn short_string(bytes: &mut [u8]) -> Option<&mut [u8]> {
    let (length, rest) = bytes.split_first_mut()?;
    let (text, rest) = rest.split_at_mut_checked(usize::from(*length))?;
    if std::str::from_utf8(text).is_err() {
        for byte in text.iter_mut().filter(|byte| !byte.is_ascii()) {
            *byte = b'?';
        }
    }
    Some(rest)
}

/// Exchange and routing key, of which nothing here depends.
fn two_names(bytes: Option<&mut [u8]>) {
    let _ = bytes.and_then(short_string).and_then(short_string);
}

#[cfg(test)]
mod tests;

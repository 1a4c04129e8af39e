//! A mail server's words, for the fuzzer.

use super::answer::{Garbage, ReplyReader, SmtpReply};
use super::reply;
use super::trouble::{Phase, SmtpCause, SmtpTransportError};
use crate::domain::Reply;
use crate::providers::http::ReplyContext;

const PHASES: [Phase; 6] = [
    Phase::Connect,
    Phase::Auth,
    Phase::Sender,
    Phase::Recipient,
    Phase::Data,
    Phase::Text,
];

/// What each phase makes of what a server says. However its bytes are split, they read the same.
pub(in crate::providers) fn replies(
    said: &[u8],
    split: usize,
    seen: ReplyContext<'_>,
) -> Vec<Reply> {
    let (whole, first) = (read(&[said]), said.split_at_checked(split));
    if let Some((first, second)) = first {
        assert_eq!(whole, read(&[first, second]), "split at {split}");
    }
    let cause = match whole {
        Ok(said) if said.code >= 400 => SmtpCause::Said {
            code: said.code,
            words: said.words(),
        },
        Ok(said) => SmtpCause::Lacks(said.words()),
        Err(garbage) => SmtpCause::Broken(garbage.to_string()),
    };
    let trouble = |phase| SmtpTransportError {
        phase,
        cause: cause.clone(),
    };
    PHASES
        .map(|phase| reply::read(&trouble(phase), seen))
        .into()
}

/// One reply, from as many reads of the socket.
fn read(parts: &[&[u8]]) -> Result<SmtpReply, Garbage> {
    let mut reader = ReplyReader::default();
    for part in parts {
        let (used, reply) = reader.read(part);
        assert!(used <= part.len(), "no more than there was");
        if let Some(reply) = reply {
            return reply;
        }
    }
    reader.give_up()
}

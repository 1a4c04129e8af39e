//! Why a message cannot be accepted: everything that is wrong with it, not the first thing alone.

use crate::domain::Rejection;

/// Longest explanation, in bytes.
pub(super) const DETAIL_BYTES: usize = 1_000;
/// Most mistakes that are told of one message: who made more learns of the others next time.
pub(super) const MOST: usize = 32;

/// Why a message cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable word; of several mistakes that of the first.
    pub reason: Rejection,
    /// What is wrong, for the one who reads `herald.rejected`. May name what the message names: not for logs.
    pub detail: String,
    /// Each thing that is wrong with the envelope, in the order in which it was looked at. Empty when it could
    /// not be read as one, and when something else than its own words refuses it.
    pub mistakes: Vec<EnvelopeMistake>,
}

/// One thing that is wrong with an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeMistake {
    /// The word that `herald.rejected` would say.
    pub reason: Rejection,
    /// Where it is: a JSON pointer (RFC 6901) into the envelope.
    pub pointer: String,
    /// What kind of mistake: `required`, `unknown_field`, `wrong_type`, `invalid` or a word of [`Rejection`].
    pub code: &'static str,
    /// What is wrong, and what would be right. Repeats no value.
    pub detail: String,
}

impl Refusal {
    /// A refusal with its explanation.
    #[must_use]
    pub fn new(reason: Rejection, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        // It becomes a header: AMQP headers must fit one frame.
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES));
        Self {
            reason,
            detail,
            mistakes: vec![],
        }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Rejection::InvalidEnvelope, detail)
    }
}

/// The mistakes that were found so far, each place once.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<EnvelopeMistake>);

impl Mistakes {
    /// Notes a mistake, unless one is known of the same place.
    pub(super) fn add(
        &mut self,
        reason: Rejection,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        let pointer = pointer.into();
        if self.0.len() < MOST && !self.0.iter().any(|known| known.pointer == pointer) {
            self.0.push(EnvelopeMistake {
                reason,
                pointer,
                code,
                detail: detail.into(),
            });
        }
    }

    /// Notes a value that is not allowed.
    pub(super) fn invalid(&mut self, pointer: &str, detail: impl Into<String>) {
        self.add(Rejection::InvalidEnvelope, pointer, "invalid", detail);
    }

    /// Notes a field that must be there.
    pub(super) fn required(&mut self, pointer: &str) {
        let name = pointer.trim_start_matches('/').replace('/', ".");
        let words = format!("`{name}` is missing");
        self.add(Rejection::InvalidEnvelope, pointer, "required", words);
    }

    /// Whether something is wrong at a place, or below it.
    pub(super) fn has(&self, pointer: &str) -> bool {
        let below = |known: &EnvelopeMistake| {
            let rest = known.pointer.strip_prefix(pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.iter().any(below)
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// The message, unless something is wrong with it.
    ///
    /// # Errors
    /// All mistakes.
    pub(super) fn finish<T>(self, message: Option<T>) -> Result<T, Refusal> {
        match (message, self.0.first()) {
            (Some(message), None) => Ok(message),
            (None, None) => Err(Refusal::invalid("it is no envelope")),
            (_, Some(first)) => {
                let details = self.0.iter().map(|mistake| mistake.detail.as_str());
                let detail = details.collect::<Vec<_>>().join("; ");
                Err(Refusal {
                    mistakes: self.0.clone(),
                    ..Refusal::new(first.reason, detail)
                })
            }
        }
    }
}

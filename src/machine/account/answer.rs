//! What an answer teaches of its account.

use std::time::Duration;

use uuid::Uuid;

use super::{AccountState, CallPermit, CircuitCause, number_of};
use crate::domain::{AccountFault, Class, Reason, Reply, Subject};
use crate::resilience::LimitChange;
use crate::resilience::circuit_breaker::{CallOutcome, CircuitChange};

/// Longest that an account is left alone that several were refused by, in words that do not say whose
/// fault it is: the next one may be told something else.
const SUSPECTED: Duration = Duration::from_secs(15);

/// So much of a refusal is told.
const MOST_LETTERS: usize = 500;

/// So long after the last refusal of a platform's key it is taken for mended: what waits for it is tried
/// every ten minutes or so.
const PLATFORM_QUIET: Duration = Duration::from_secs(3_600);

/// What an answer is, with all that its account has been told, and what others are to be told of it.
#[derive(Debug)]
pub struct Taught {
    /// The answer.
    pub reply: Reply,
    /// The account wants to be left alone for this long, by other nodes as well.
    pub pause: Option<Duration>,
    /// Its word on dead addresses is no longer believed, or is again.
    pub dead_addresses: Option<LimitChange>,
    /// One platform refuses its key, or none does any more.
    pub platform_refuses: Option<bool>,
    /// What became of its circuit.
    pub circuit: Option<CircuitNews>,
}

/// What became of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CircuitNews {
    /// It is open.
    Opened {
        /// Until then.
        until: Duration,
        /// Why.
        cause: CircuitCause,
        /// A probe has failed: it was open before.
        again: bool,
        /// What was said, where it is of the account and not of a message.
        words: Option<String>,
    },
    /// It is closed again.
    Recovered,
    /// It works, which this node did not know. What an earlier run said of it, or one before a change of
    /// the account, is over.
    Works,
}

impl AccountState {
    /// The request that `permit` allowed was answered, after this long. `to` is the message and its
    /// address, if it was for one.
    pub fn answered(
        &mut self,
        permit: CallPermit,
        reply: Reply,
        to: Option<(Uuid, &str)>,
        elapsed: Duration,
        now: Duration,
    ) -> Taught {
        let words = words_of_account(&reply);
        // Who opts out is alive.
        let is_dead = reply.dead_address && reply.reason != Some(Reason::OptedOut);
        let is_presumed = reply.is_presumed();
        let dead_addresses = self.dead.count(is_dead || is_presumed, now);
        let reply = match is_presumed && !self.dead.is_believed() {
            true => reply.doubted(),
            false => reply,
        };
        let reply = self.seen_together(reply, to);
        let subject = self.throttled_subject(&reply, to.map(|(_, address)| address), now);
        let answer = self.answer(&reply, subject, elapsed);
        let mut pause = None;
        match (reply.class, subject) {
            (Class::Throttled, Subject::Account) => {
                self.pace.throttled(now, reply.retry_after);
                pause = reply.retry_after;
            }
            (Class::Accepted, _) => self.pace.succeeded(now),
            _ => {}
        }
        let platform_refuses = self.watch_platforms(&reply, now);
        if matches!(answer, CallOutcome::Good | CallOutcome::Slow) {
            self.suspicion.is_refuted();
        }
        let change = self.breaker.report(permit.ticket, answer, now);
        let is_first = answer == CallOutcome::Good && !std::mem::replace(&mut self.proven, true);
        let circuit = match change {
            Some(CircuitChange::Opened { until }) => {
                Some(self.opened(until, answer, reply.fault, words))
            }
            Some(CircuitChange::Recovered) => {
                self.cause = None;
                Some(CircuitNews::Recovered)
            }
            None if is_first && self.cause.is_none() => Some(CircuitNews::Works),
            None => None,
        };
        Taught {
            reply,
            pause,
            dead_addresses,
            platform_refuses,
            circuit,
        }
    }

    /// Operators are told that one platform refuses the account's key for it, and that it has not for a
    /// while. The account itself works for all others.
    fn watch_platforms(&mut self, reply: &Reply, now: Duration) -> Option<bool> {
        let is_refused = reply.fault.is_some() && reply.class == Class::Throttled;
        let since = self.platform_refused.map(|at| now.saturating_sub(at));
        let is_over = since.is_some_and(|since| since > PLATFORM_QUIET);
        let refuses = match (is_refused, reply.class) {
            (true, _) if since.is_none_or(|since| since > PLATFORM_QUIET / 6) => true,
            (false, Class::Accepted) if is_over => false,
            _ => return None,
        };
        self.platform_refused = refuses.then_some(now);
        Some(refuses)
    }

    /// What several are told one after the other, though each may be to blame, is about the account.
    fn seen_together(&mut self, reply: Reply, to: Option<(Uuid, &str)>) -> Reply {
        if reply.is_presumed() {
            return reply;
        }
        let (Some(fault), Some((message, address))) = (reply.suspicion, to) else {
            return reply;
        };
        let refusal = number_of((&reply.code, fault));
        match self
            .suspicion
            .refused(refusal, number_of(message), number_of(address))
        {
            true => {
                let pause = self.settings.refused_pause.min(SUSPECTED);
                reply.of_account(fault).with_retry_after(Some(pause))
            }
            false => reply,
        }
    }

    /// About whom an answer is, as far as this account knows: what several addresses are told at once is
    /// about the account.
    fn throttled_subject(
        &mut self,
        reply: &Reply,
        address: Option<&str>,
        now: Duration,
    ) -> Subject {
        let Some(address) = address.filter(|_| reply.class == Class::Throttled) else {
            return reply.subject;
        };
        if reply.subject != Subject::Address {
            return reply.subject;
        }
        match self
            .throttled
            .throttled(number_of(address), now, reply.retry_after)
        {
            true => Subject::Account,
            false => Subject::Address,
        }
    }

    /// What an answer says of the account: one about an address or a message says that it works, unless
    /// it may be about the account.
    fn answer(&self, reply: &Reply, subject: Subject, elapsed: Duration) -> CallOutcome {
        let (pause, least) = (self.settings.refused_pause, Duration::from_secs(1));
        match (reply.class, subject) {
            (Class::AccountRefused, _) => {
                CallOutcome::Refusing(reply.retry_after.map_or(pause, |wait| wait.max(least)))
            }
            (Class::Unknown, _) | (Class::Transient, Subject::Account) => CallOutcome::Bad,
            (Class::Throttled, Subject::Account) | (_, Subject::Node) => CallOutcome::Neutral,
            _ if reply.suspicion.is_some() => CallOutcome::Neutral,
            _ if elapsed >= self.settings.slow_after => CallOutcome::Slow,
            _ => CallOutcome::Good,
        }
    }

    fn opened(
        &mut self,
        until: Duration,
        answer: CallOutcome,
        fault: Option<AccountFault>,
        words: Option<String>,
    ) -> CircuitNews {
        let before = self.cause;
        self.cause = match answer {
            CallOutcome::Refusing(_) => Some(CircuitCause::Refused(
                fault.unwrap_or(AccountFault::Settings),
            )),
            CallOutcome::Slow => Some(CircuitCause::Slow),
            CallOutcome::Bad => Some(CircuitCause::Failing),
            CallOutcome::Good | CallOutcome::Neutral => before,
        };
        CircuitNews::Opened {
            until,
            cause: self.cause.unwrap_or(CircuitCause::Failing),
            again: before.is_some(),
            words,
        }
    }
}

/// What a reply says of the account: of a refusal all, and else what this engine itself says, of the
/// connection. A provider's words on a message may hold what is said to a person.
fn words_of_account(reply: &Reply) -> Option<String> {
    let is_refusal = reply.class == Class::AccountRefused;
    let words = reply.detail.as_ref();
    let words = words.filter(|_| is_refusal || reply.code.is_none());
    words.map(|words| words.chars().take(MOST_LETTERS).collect())
}

#[cfg(test)]
mod tests {
    use super::super::AccountSettings;
    use super::*;

    const SETTINGS: AccountSettings = AccountSettings {
        dead_addresses_a_minute: 100,
        ..super::super::throttle::tests::SETTINGS
    };

    /// What the account is taken to have said to the nth message, a second after the one before.
    fn told(account: &mut AccountState, n: u64, reply: Reply) -> Option<Class> {
        let now = Duration::from_secs(n);
        let permit = account.admit(1, now)?;
        let (message, address) = (Uuid::from_u128(u128::from(n)), format!("{n}@example.com"));
        let quick = Duration::from_millis(10);
        let taught = account.answered(permit, reply, Some((message, &address)), quick, now);
        Some(taught.reply.class)
    }

    fn presumed() -> Reply {
        Reply {
            suspicion: Some(AccountFault::Settings),
            ..Reply::permanent(Reason::InvalidRecipient, "550", "no")
        }
    }

    #[test]
    fn addresses_refused_by_their_code_alone_take_nobody_out() {
        let mut account = AccountState::new(SETTINGS, None);
        let mut said = (0..200).map(|n| match n % 5 {
            0 => told(&mut account, n, Reply::accepted("250", None)) == Some(Class::Accepted),
            // At most four of twenty.
            1 => told(&mut account, n, presumed()) == Some(Class::Permanent),
            _ => told(&mut account, n, Reply::accepted("250", None)) == Some(Class::Accepted),
        });
        assert!(said.all(|is_as_said| is_as_said));
    }

    #[test]
    fn a_wave_of_them_is_the_accounts_own_trouble_and_ends_no_message() {
        let mut account = AccountState::new(SETTINGS, None);
        let said: Vec<_> = (0..13).map(|n| told(&mut account, n, presumed())).collect();
        assert_eq!(said[..9], [Some(Class::Permanent); 9]);
        assert_eq!(said[9..11], [Some(Class::Transient); 2]);
        assert_eq!(said[11..], [Some(Class::AccountRefused), None]);
        // It works again: acceptances restore what its codes are worth.
        let later = (100..120).map(|n| told(&mut account, n, Reply::accepted("250", None)));
        assert!(
            later
                .last()
                .is_some_and(|class| class == Some(Class::Accepted))
        );
        assert_eq!(told(&mut account, 120, presumed()), Some(Class::Permanent));
    }
}

//! The job: one notification on its walk, and the ways in which the walk ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    AttemptRecord, Channel, Class, Content, DeadAddress, InboxContent, Notification, Origin,
    ReadMark, Reason, Recipient, Reply, Settlement, Status, Step, Target, TenantRules, WaitsFor,
};
use crate::policy::refund::{self, PassEnd};

/// How long what is known of a recipient is believed in: a preference holds within a second.
pub const BELIEVED: SignedDuration = SignedDuration::from_secs(1);

/// What a job holds, as far as it matters to what becomes of it: in the engine claim, permit and
/// receipts.
pub trait Guard {
    /// Where the notification came from, and the take under which it is held.
    fn origin(&self) -> Origin;

    /// Whether it is worked alone: a suspect, or a probe.
    fn is_alone(&self) -> bool {
        false
    }

    /// Whether somebody has called it off: no provider is asked for it any more.
    fn is_called_off(&self) -> bool {
        false
    }

    /// Whether it has a place at the account for which it waited.
    fn has_place(&self) -> bool {
        false
    }

    /// It is decided on, and needs no place at an account any more.
    fn leave_place(&mut self) {}
}

/// One notification on its walk, with the right to settle it.
#[derive(Debug)]
pub struct Job<G> {
    /// What is to be sent.
    pub notification: Notification,
    /// To whom.
    pub recipient: Arc<Recipient>,
    /// Those of the addresses that nothing may be sent to, as the suppression list spells them.
    pub suppressed: Vec<String>,
    /// Whether it may be counted in daily caps: then it is taken out unless it is sent.
    pub reserved: bool,
    /// What the tenant says for all its recipients.
    pub rules: Arc<TenantRules>,
    /// When recipient and rules were known to be as they are here: what was committed later is not in
    /// it. From the beginning of time, when nobody says: then they are looked up before anything is
    /// sent.
    pub known_at: Timestamp,
    /// The notices of changes that had been heard by then. One that names the recipient later ends the decision.
    pub heard: ReadMark,
    /// When the database had answered what they rest on; from the beginning of time, when nobody says.
    pub answered_at: Timestamp,
    /// Until when the decision to deliver holds.
    pub valid_until: Timestamp,
    /// The rendered message; empty until the dispatcher has rendered it.
    pub content: Content,
    /// Where its reader unsubscribes with one click, if mail clients are told.
    pub unsubscribe_url: Option<String>,
    /// The version of the template that was rendered.
    pub template_version: Option<i32>,
    /// The addresses that are still to be asked.
    pub targets: Vec<Target>,
    /// The names of the accounts that may still be asked in this pass, first choice first.
    pub route: VecDeque<Arc<str>>,
    /// Whether an account that may carry it is not asked in this pass.
    pub left_out: bool,
    /// Every answer of this pass, oldest first.
    pub replies: Vec<(Target, Reply)>,
    /// Addresses that a provider says are dead.
    pub dead_addresses: Vec<DeadAddress>,
    /// The longest minimum wait of the accounts asked in this pass.
    pub minimum_delay: Duration,
    /// Most notifications that may share a request with it, itself included.
    pub most_at_once: usize,
    /// The account that was asked last, and when.
    pub last_asked: Option<(String, Timestamp)>,
    /// When the publisher says it was published.
    pub published_at: Option<Timestamp>,
    /// What it holds.
    pub claim: G,
}

/// What became of a job, on its way into the database.
#[derive(Debug)]
pub struct Outcome<G> {
    /// What is to be stored.
    pub settlement: Settlement,
    /// What the job held.
    pub claim: G,
}

/// How a walk ends, for now or for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Accepted.
    Sent,
    /// Without acceptance: the reason says where it stands.
    Ended(Reason),
    /// The recipient was deleted while it waited.
    RecipientGone,
    /// It is due again then.
    Deferred {
        /// Why.
        reason: Reason,
        /// Until when.
        until: Timestamp,
    },
    /// It waits until this account has room for it: whoever has calls it back.
    WaitsFor {
        /// The account's name.
        account: Arc<str>,
        /// Not longer than until then.
        latest: Timestamp,
    },
}

impl<G: Guard> Job<G> {
    /// A job at the start of its walk.
    #[must_use]
    pub fn new(
        notification: Notification,
        recipient: Arc<Recipient>,
        claim: G,
        published_at: Option<Timestamp>,
    ) -> Self {
        Self {
            notification,
            recipient,
            suppressed: vec![],
            reserved: false,
            rules: Arc::default(),
            known_at: Timestamp::MIN,
            heard: ReadMark::UNKNOWN,
            answered_at: Timestamp::MIN,
            valid_until: Timestamp::MIN,
            content: Content::default(),
            unsubscribe_url: None,
            template_version: None,
            targets: vec![],
            route: VecDeque::new(),
            left_out: false,
            replies: vec![],
            dead_addresses: vec![],
            minimum_delay: Duration::ZERO,
            most_at_once: usize::MAX,
            last_asked: None,
            published_at,
            claim,
        }
    }

    /// Whether the decision to deliver holds.
    #[must_use]
    pub fn is_decided(&self, now: Timestamp) -> bool {
        holds(self.valid_until, now)
    }

    /// Ends the walk like this.
    #[must_use]
    pub fn settle(self, disposition: Disposition, now: Timestamp) -> Outcome<G> {
        match disposition {
            Disposition::Sent => self.sent(now),
            Disposition::Ended(reason) => self.end(reason, now),
            Disposition::RecipientGone => self.end_without_recipient(now),
            Disposition::Deferred { reason, until } => self.defer(reason, until, now),
            Disposition::WaitsFor { account, latest } => self.wait_for(&account, latest, now),
        }
    }

    /// Ends the walk without acceptance: the reason says where it stands.
    #[must_use]
    pub fn end(self, reason: Reason, now: Timestamp) -> Outcome<G> {
        self.outcome(reason.status(), Some(reason), None, now)
    }

    /// Ends the walk without acceptance, with words for the one who asks why.
    #[must_use]
    pub fn end_because(self, reason: Reason, why: String, now: Timestamp) -> Outcome<G> {
        let mut outcome = self.end(reason, now);
        outcome.settlement.error_message = Some(why);
        outcome
    }

    /// Ends the walk: the recipient was deleted while it waited.
    #[must_use]
    pub fn end_without_recipient(self, now: Timestamp) -> Outcome<G> {
        let why = "the user was deleted while this waited".to_owned();
        self.end_because(Reason::NoAddress, why, now)
    }

    /// Ends the walk: accepted.
    #[must_use]
    pub fn sent(self, now: Timestamp) -> Outcome<G> {
        self.outcome(Status::Sent, None, None, now)
    }

    /// Puts the notification off; the timeline says until when.
    #[must_use]
    pub fn defer(mut self, reason: Reason, until: Timestamp, now: Timestamp) -> Outcome<G> {
        if !self.notification.waits_on(reason, until) {
            let step = Step::Deferred { reason, until };
            self.record(AttemptRecord { at: now, step });
        }
        let pinned = self.notification.payload.provider.clone();
        let mut outcome = self.outcome(Status::Pending, Some(reason), Some(until), now);
        if reason == Reason::WaitingForProvider {
            outcome.settlement.waits_for = Some(pinned.map_or(WaitsFor::Any, WaitsFor::Pinned));
        }
        outcome
    }

    /// Puts the notification off until this account has room for it: whoever has calls it back. The
    /// moment is the latest.
    fn wait_for(self, account: &str, latest: Timestamp, now: Timestamp) -> Outcome<G> {
        let expires_at = self.notification.expires_at;
        let latest = expires_at.map_or(latest, |at| at.min(latest));
        let mut outcome = self.defer(Reason::WaitingForProvider, latest, now);
        let waits_for = &mut outcome.settlement.waits_for;
        if *waits_for == Some(WaitsFor::Any) {
            *waits_for = Some(WaitsFor::Account(account.to_owned()));
        }
        outcome
    }

    /// Adds a line to the timeline. A very long one loses its middle where it is stored.
    pub fn record(&mut self, record: AttemptRecord) {
        self.notification.attempts.push(record);
    }

    /// Counts attempts that this pass used up.
    pub(super) fn use_attempts(&mut self, used: u16) {
        let count = &mut self.notification.attempt_count;
        *count = count.saturating_add(used);
    }

    fn outcome(
        mut self,
        status: Status,
        reason: Option<Reason>,
        due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Outcome<G> {
        let refund = refund::is_due(&PassEnd {
            status,
            reserved: self.reserved,
            attempts: &self.notification.attempts,
        });
        self.claim.leave_place();
        let telling = self.telling_reply(status).cloned();
        let before = self.accepted_before(status);
        let used = self.used_address();
        let item = self.item(status);
        let (provider, last_attempted) = self.last_asked.unzip();
        let mut settlement = Settlement {
            origin: self.claim.origin(),
            status,
            reason,
            due_at,
            decided_at: now,
            last_attempted,
            provider,
            recipient: used,
            template_version: self.template_version,
            provider_response: telling.as_ref().and_then(|reply| reply.code.clone()),
            provider_message_id: telling.as_ref().and_then(|reply| reply.message_id.clone()),
            error_message: telling
                .filter(|reply| reply.class != Class::Accepted)
                .and_then(|reply| reply.detail),
            refund,
            waits_for: None,
            dead_addresses: self.dead_addresses,
            item,
            notification: self.notification,
        };
        if let Some(before) = before {
            before.stand_in(&mut settlement);
        }
        Outcome {
            settlement,
            claim: self.claim,
        }
    }

    /// What the inbox shows of it, once it is delivered there.
    fn item(&mut self, status: Status) -> Option<InboxContent> {
        let is_item = status == Status::Sent && self.notification.lane.channel == Channel::InApp;
        let content = std::mem::take(&mut self.content);
        is_item.then(|| InboxContent::of(&self.notification, content))
    }

    /// The answer that explains the status best: the acceptance, else the last one.
    fn telling_reply(&self, status: Status) -> Option<&Reply> {
        let mut replies = self.replies.iter().rev().map(|(_, reply)| reply);
        let accepted = replies.clone().find(|reply| reply.class == Class::Accepted);
        if status == Status::Sent {
            accepted.or_else(|| replies.next())
        } else {
            replies.next()
        }
    }

    /// The acceptance of an earlier pass, of what is sent without one in this: every address that was left
    /// has been refused, or is gone.
    fn accepted_before(&self, status: Status) -> Option<Acceptance> {
        let mut replies = self.replies.iter();
        if status != Status::Sent || replies.any(|(_, reply)| reply.class == Class::Accepted) {
            return None;
        }
        let mut attempts = self.notification.attempts.iter().rev();
        attempts.find_map(Acceptance::of)
    }

    /// The address, when there was one; several devices are in the timeline.
    fn used_address(&self) -> Option<String> {
        let targets = self
            .replies
            .iter()
            .map(|(target, _)| target)
            .chain(&self.targets);
        targets
            .map(|target| &target.address)
            .find(|address| !address.is_empty())
            .cloned()
    }
}

/// What a provider said when it accepted.
struct Acceptance {
    at: Timestamp,
    provider: String,
    code: Option<String>,
    message_id: Option<String>,
}

impl Acceptance {
    fn of(record: &AttemptRecord) -> Option<Self> {
        let Step::Attempt {
            provider,
            class: Class::Accepted,
            code,
            message_id,
            ..
        } = &record.step
        else {
            return None;
        };
        Some(Self {
            at: record.at,
            provider: provider.clone(),
            code: code.clone(),
            message_id: message_id.clone(),
        })
    }

    fn stand_in(self, settlement: &mut Settlement) {
        settlement.last_attempted.get_or_insert(self.at);
        settlement.provider = Some(self.provider);
        settlement.provider_response = self.code;
        settlement.provider_message_id = self.message_id;
    }
}

/// Whether a decision holds. One that would hold for longer than any does was made before the clock was set back.
fn holds(valid_until: Timestamp, now: Timestamp) -> bool {
    now < valid_until && valid_until.duration_since(now) <= BELIEVED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_holds_until_its_end_and_not_once_the_clock_was_set_back() {
        let ms = |ms| Timestamp::from_millisecond(ms).unwrap();
        let until = ms(10_000);
        for (now, wanted) in [
            (10_000, false),
            (9_999, true),
            (9_000, true),
            (8_999, false),
        ] {
            assert_eq!(holds(until, ms(now)), wanted, "{now}");
        }
    }
}

//! Replaying dead letters: who may be sent on their way again, and how fast.
//!
//! The way is the normal one and honours everything by itself. What would only be cancelled there
//! is left alone here and told at once, by the same rules of `policy`.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::delivery::eligibility::Addressed;
use crate::domain::{Notification, Reason, Recipient, TenantRules, TimePlace};
use crate::policy::{expiry, preference};
use crate::runtime::clock;
use crate::store::dead_letters::{self, DeadLetter, LetterFilter, LetterReplay, Stored};
use crate::store::suppressions::{self, SuppressionKey};
use crate::store::{Database, Sifted, StoreError, recipients, rules};

/// Dead letters in one transaction.
const PAGE: usize = 200;

/// How to replay.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Notifications that become due in a second.
    pub rate: u32,
    /// Most letters to look at.
    pub most: usize,
    /// Only says what would be done.
    pub dry_run: bool,
    /// Who replays, if they are a user.
    pub by: Option<Uuid>,
}

/// What became of one dead letter, or would.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayedLetter {
    /// The letter as it was found.
    pub letter: DeadLetter,
    /// What became of it.
    pub fate: ReplayFate,
}

/// What becomes of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayFate {
    /// It is sent on its way, due at this time.
    Due(Timestamp),
    /// It is left alone.
    Skipped(Skip),
}

impl ReplayFate {
    /// One word for it: `replayed`, or why not.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Due(_) => "replayed",
            Self::Skipped(skip) => skip.as_str(),
        }
    }
}

/// Why a dead letter is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// It would be cancelled: too late, or against the recipient's preference.
    Unwanted(Reason),
    /// The recipient is gone.
    UserGone,
    /// The notification has not failed, or not any more: retention removed it, or somebody else
    /// replayed it.
    NotFailed,
    /// Its address and content were taken out: there is nothing to send.
    Redacted,
    /// What is stored is not what this version writes.
    Unreadable(String),
}

impl Skip {
    /// One word for it, from a closed list.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unwanted(reason) => reason.as_str(),
            Self::UserGone => "user_gone",
            Self::NotFailed => "not_failed",
            Self::Redacted => "redacted",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwanted(Reason::Expired) => f.write_str("it has expired"),
            Self::Unwanted(Reason::ChannelDisabled) => {
                f.write_str("the person has switched the channel off since")
            }
            Self::Unwanted(Reason::CategoryDisabled) => {
                f.write_str("the person has switched the category off since")
            }
            Self::Unwanted(Reason::Suppressed) => {
                f.write_str("the address is on the suppression list")
            }
            Self::Unwanted(reason) => reason.fmt(f),
            Self::UserGone => f.write_str("the user was deleted since"),
            Self::NotFailed => f.write_str("it is no longer a failed notification"),
            Self::Redacted => f.write_str(
                "its address and content were redacted, as retention.payload_days says: publish it anew",
            ),
            Self::Unreadable(why) => write!(f, "what is stored cannot be read: {why}"),
        }
    }
}

/// Replays the dead letters that a filter means, newest first, a page at a time; `told` hears of
/// each page. Safe to repeat, and for several at once: each letter is replayed once.
///
/// # Errors
/// When the database fails; pages that were told of are done.
pub async fn replay(
    database: &Database,
    filter: &LetterFilter,
    order: &Order,
    mut told: impl FnMut(&[ReplayedLetter]),
) -> Result<Vec<ReplayedLetter>, StoreError> {
    let begin = clock::now();
    let mut done: Vec<ReplayedLetter> = vec![];
    let (mut after, mut due) = (None::<TimePlace>, 0_u32);
    while done.len() < order.most {
        let most = PAGE.min(order.most - done.len());
        let letters = dead_letters::list(database, filter, after, most).await?;
        let Some(last) = letters.last() else { break };
        after = Some(last.place());
        let page = page(database, letters, order, |sent| {
            due_at(begin, due.saturating_add(sent), order.rate)
        });
        let page = page.await?;
        due += count(&page);
        told(&page);
        done.extend(page);
    }
    Ok(done)
}

fn count(page: &[ReplayedLetter]) -> u32 {
    let due = page.iter().filter(|r| matches!(r.fate, ReplayFate::Due(_)));
    u32::try_from(due.count()).unwrap_or(u32::MAX)
}

/// When the notification that follows so many others becomes due.
pub(super) fn due_at(begin: Timestamp, before: u32, rate: u32) -> Timestamp {
    let wait = Duration::from_secs(before.into()) / rate.max(1);
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
    begin.saturating_add(wait).unwrap_or(begin)
}

/// What would become of dead letters that become due then, the first, the second, and so on.
pub(super) async fn judge(
    database: &Database,
    letters: Vec<DeadLetter>,
    due_at: impl Fn(u32) -> Timestamp,
) -> Result<Vec<ReplayedLetter>, StoreError> {
    let facts = PageFacts::of(database, &letters).await?;
    let mut sent = 0;
    let judged = letters.into_iter().map(|letter| {
        let due = due_at(sent);
        let fate = match facts.objection(&letter, due) {
            None => {
                sent += 1;
                ReplayFate::Due(due)
            }
            Some(skip) => ReplayFate::Skipped(skip),
        };
        ReplayedLetter { letter, fate }
    });
    Ok(judged.collect())
}

/// What is to be done for a letter that is not left alone.
pub(super) fn wanted(judged: &ReplayedLetter) -> Option<LetterReplay<'_>> {
    match (&judged.fate, &judged.letter.reason) {
        (ReplayFate::Due(due_at), Ok(failed)) => Some(LetterReplay {
            letter: &judged.letter,
            failed: *failed,
            due_at: *due_at,
        }),
        _ => None,
    }
}

async fn page(
    database: &Database,
    letters: Vec<DeadLetter>,
    order: &Order,
    due_at: impl Fn(u32) -> Timestamp,
) -> Result<Vec<ReplayedLetter>, StoreError> {
    let mut judged = judge(database, letters, due_at).await?;
    if order.dry_run {
        return Ok(judged);
    }
    let replays: Vec<LetterReplay<'_>> = judged.iter().filter_map(wanted).collect();
    let replayed = dead_letters::replay(database, &replays, order.by, clock::now()).await?;
    leave_alone_but(&replayed, &mut judged);
    Ok(judged)
}

/// Of those that were to be sent, the others had not failed any more when it came to that.
pub(super) fn leave_alone_but(sent: &HashSet<Uuid>, judged: &mut [ReplayedLetter]) {
    for judged in judged {
        if matches!(judged.fate, ReplayFate::Due(_)) && !sent.contains(&judged.letter.id) {
            judged.fate = ReplayFate::Skipped(Skip::NotFailed);
        }
    }
}

/// What is known of a page of letters.
struct PageFacts {
    notifications: HashMap<Uuid, Stored>,
    recipients: Sifted<(Uuid, Uuid), Recipient>,
    rules: Sifted<Uuid, TenantRules>,
    suppressed: Sifted<SuppressionKey, ()>,
}

impl PageFacts {
    async fn of(database: &Database, letters: &[DeadLetter]) -> Result<Self, StoreError> {
        let ids = letters.iter().map(|letter| letter.notification_id);
        let notifications = dead_letters::stored(database, ids.collect()).await?;
        let good = || {
            notifications
                .values()
                .filter_map(|stored| stored.as_ref().ok())
        };
        let recipient_key: Vec<(Uuid, Uuid)> = good().map(|n| (n.tenant_id, n.user_id)).collect();
        let connection = database.get().await?;
        let recipients = recipients::load(&connection, &recipient_key).await?;
        let tenants: Vec<Uuid> = good().map(|n| n.tenant_id).collect();
        let rules = rules::of(&connection, &tenants).await?;
        let mut asked: Vec<SuppressionKey> = vec![];
        for notification in good() {
            let recipient_key = (notification.tenant_id, notification.user_id);
            if let Some(recipient) = recipients.known.get(&recipient_key) {
                asked.extend(addresses(notification, recipient));
            }
        }
        let suppressed = suppressions::among(&connection, &asked).await?;
        drop(connection);
        Ok(Self {
            notifications,
            recipients,
            rules,
            suppressed,
        })
    }

    /// Why a letter is left alone, if it is, when it would be due then.
    fn objection(&self, letter: &DeadLetter, due: Timestamp) -> Option<Skip> {
        let stored = self.notifications.get(&letter.notification_id);
        let is_for_everybody = stored
            .and_then(|it| it.as_ref().ok())
            .is_some_and(Notification::is_for_everybody);
        let failed = letter.notification.as_ref();
        if failed.is_some_and(|it| it.is_redacted) {
            return Some(Skip::Redacted);
        }
        if failed.is_some_and(|it| it.user_id.is_none()) && !is_for_everybody {
            return Some(Skip::UserGone);
        }
        if let Err(unknown) = &letter.reason {
            return Some(Skip::Unreadable(unknown.to_string()));
        }
        let notification = match stored {
            None => return Some(Skip::NotFailed),
            Some(Err(why)) => return Some(Skip::Unreadable(why.clone())),
            Some(Ok(notification)) => notification,
        };
        let recipient_key = (notification.tenant_id, notification.user_id);
        let unread = self.recipients.unreadable.get(&recipient_key);
        if let Some(why) = unread.or_else(|| self.rules.unreadable.get(&recipient_key.0)) {
            return Some(Skip::Unreadable(why.to_string()));
        }
        let Some(recipient) = self.recipients.known.get(&recipient_key) else {
            return Some(Skip::UserGone);
        };
        let none = TenantRules::default();
        let rules = self.rules.known.get(&recipient_key.0).unwrap_or(&none);
        let switched_off = || preference::switched_off(notification, recipient, rules);
        expiry::expired(notification, due)
            .or_else(|| switched_off().map(|(reason, _)| reason))
            .or_else(|| {
                self.is_suppressed(notification, recipient)
                    .then_some(Reason::Suppressed)
            })
            .map(Skip::Unwanted)
    }

    /// Whether there are addresses and all of them are on the list.
    fn is_suppressed(&self, notification: &Notification, recipient: &Recipient) -> bool {
        let mut addresses = addresses(notification, recipient).peekable();
        let is_listed = |address| self.suppressed.known.contains_key(&address);
        addresses.peek().is_some() && addresses.all(is_listed)
    }
}

/// The addresses of a notification, as the suppression list spells them.
fn addresses(
    notification: &Notification,
    recipient: &Recipient,
) -> impl Iterator<Item = SuppressionKey> {
    let entries = Addressed::to(notification, recipient).entries();
    entries.map(|(_, address)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_spreads_what_becomes_due() {
        let begin: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let due = |before, rate| due_at(begin, before, rate).to_string();
        assert_eq!(due(0, 10), "2026-03-01T12:00:00Z");
        assert_eq!(due(25, 10), "2026-03-01T12:00:02.5Z");
        assert_eq!(due(3, 0), "2026-03-01T12:00:03Z");
    }
}

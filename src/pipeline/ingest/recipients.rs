//! Who the messages are for: known, made known by a message that is new, or refused.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::Admission;
use super::message::{ClaimableMessage, DecodedMessage};
use crate::broker::Refusal;
use crate::broker::envelope::{Envelope, RecipientDescription};
use crate::cache::recipients::{CacheKey, RecipientKey, Stale};
use crate::delivery::eligibility::Listed;
use crate::domain::{Recipient, Rejection};
use crate::runtime::clock;
use crate::store::Sifted;
use crate::store::recipients::{self, Absence, Gone, RecipientConflict, Said};
use crate::work::retry::retry_until_ok;

pub(super) type FoundRecipients = Sifted<RecipientKey, Arc<Recipient>>;

/// Messages whose claim is ours, by what is known of their recipients.
#[derive(Default)]
pub(super) struct Sorted {
    /// There is somebody to send to.
    pub(super) accepted: Vec<(ClaimableMessage, Arc<Recipient>, Uuid)>,
    /// There is nobody, or they cannot be what the message says of them.
    pub(super) refused: Vec<(ClaimableMessage, Uuid, Refusal)>,
    /// Their recipient was deleted.
    pub(super) deleted: Vec<(ClaimableMessage, Uuid, Refusal, Gone)>,
    /// Somebody has locked the row of their recipient, and what they say of them is not written yet.
    pub(super) held: Vec<(ClaimableMessage, Uuid)>,
    /// What their recipient wants cannot be read.
    pub(super) unreadable: Vec<(ClaimableMessage, Uuid)>,
}

/// What became of what the messages say of their recipients.
#[derive(Default)]
struct Told {
    changed: HashSet<CacheKey>,
    /// By notification, in words.
    conflicts: HashMap<Uuid, String>,
    /// Users of whom nothing could be written yet.
    held: HashSet<Uuid>,
}

impl Admission {
    /// The recipients of some messages, as far as they are known; `None` when there is no more time.
    pub(super) async fn load(
        &self,
        decoded_messages: &[DecodedMessage],
    ) -> Option<FoundRecipients> {
        let recipient_key = |one: &DecodedMessage| (one.envelope.tenant_id, one.envelope.user_id);
        let load = || {
            self.node
                .eligibility
                .recipients
                .load(decoded_messages.iter().map(recipient_key))
        };
        retry_until_ok("loading recipients", &self.node.phases.giving_up, load).await
    }

    /// Takes in what new messages say of their recipients, and sorts the messages by it. Whoever is
    /// outdated is looked up again. Those that were held before (`is_again`) wait for nobody's locks. `None`
    /// when there is no more time.
    pub(super) async fn sort(
        &self,
        mut ours: Vec<(ClaimableMessage, Uuid)>,
        stale: &Stale,
        suppressed: &mut Listed,
        is_again: bool,
    ) -> Option<Sorted> {
        self.refresh(&mut ours, stale, suppressed).await?;
        let told = self.tell(&ours, is_again).await?;
        let (changed, held, mut conflicts) = (told.changed, told.held, told.conflicts);
        self.refresh_recipients(&mut ours, &Stale::Only(changed), suppressed)
            .await?;
        let absent = self.absent(&ours).await?;
        let mut sorted = Sorted::default();
        for (claimable, id) in ours {
            if let Some(words) = conflicts.remove(&id) {
                let refusal = Refusal::new(Rejection::RecipientConflict, words);
                sorted.refused.push((claimable, id, refusal));
                continue;
            }
            if held.contains(&claimable.envelope.user_id) && claimable.news().is_some() {
                sorted.held.push((claimable, id));
                continue;
            }
            if claimable.is_unreadable || claimable.rules.is_none() || suppressed.of(id).is_none() {
                sorted.unreadable.push((claimable, id));
                continue;
            }
            if let Some(recipient) = claimable.recipient.clone() {
                sorted.accepted.push((claimable, recipient, id));
                continue;
            }
            let absence = absent.get(&claimable.recipient_key()).copied();
            let refusal = nobody(absence, claimable.envelope.recipient.is_some());
            match absence {
                Some(Absence::Deleted(gone)) => {
                    sorted.deleted.push((claimable, id, refusal, gone));
                }
                _ => sorted.refused.push((claimable, id, refusal)),
            }
        }
        Some(sorted)
    }

    /// Writes what is said and not known yet, each recipient once a statement.
    async fn tell(&self, ours: &[(ClaimableMessage, Uuid)], is_again: bool) -> Option<Told> {
        let mut told = Told::default();
        let said = ours.iter();
        let mut news: Vec<(Uuid, Said)> = said
            .filter_map(|(one, id)| Some((*id, one.news()?)))
            .collect();
        while !news.is_empty() {
            let (mut named, mut round, mut later) = (HashMap::new(), vec![], vec![]);
            for (id, said) in news {
                match named.entry((said.tenant_id, said.user_id)) {
                    Entry::Vacant(recipient_key) => {
                        recipient_key.insert(id);
                        round.push(said);
                    }
                    Entry::Occupied(_) => later.push((id, said)),
                }
            }
            let write = || recipients::write_said(&self.node.database, &round, is_again);
            let heard =
                retry_until_ok("storing recipients", &self.node.phases.giving_up, write).await?;
            // What is said later of somebody who is held waits with what was said first.
            later.retain(|(_, said)| !heard.held.contains(&said.user_id));
            told.held.extend(heard.held);
            for (recipient_key, words) in heard.conflicts {
                told.conflicts
                    .extend(named.get(&recipient_key).map(|id| (*id, words)));
            }
            for recipient_key in named.into_keys() {
                // The notice comes, too, but this node may be quicker.
                self.node.eligibility.recipients.forget(recipient_key);
                told.changed.insert(CacheKey::Recipient(recipient_key));
            }
            news = later;
        }
        Some(told)
    }

    /// Why those who are not known are not.
    async fn absent(
        &self,
        ours: &[(ClaimableMessage, Uuid)],
    ) -> Option<HashMap<RecipientKey, Absence>> {
        let is_missing = |one: &ClaimableMessage| one.recipient.is_none() && !one.is_unreadable;
        let missing = ours.iter().filter(|(one, _)| is_missing(one));
        let missing: Vec<RecipientKey> = missing.map(|(one, _)| one.recipient_key()).collect();
        if missing.is_empty() {
            return Some(HashMap::new());
        }
        let look = || async {
            let mut connection = self.node.database.get().await?;
            recipients::absent(&mut connection, &missing).await
        };
        retry_until_ok("looking for the absent", &self.node.phases.giving_up, look).await
    }
}

/// Why there is nobody to send to.
pub(crate) fn nobody(absence: Option<Absence>, is_described: bool) -> Refusal {
    match absence {
        Some(Absence::Deleted(_)) => Refusal::new(
            Rejection::UnknownUser,
            "the user of this user_id was deleted",
        ),
        Some(Absence::OtherTenants) if is_described => {
            let words = RecipientConflict::OtherTenant.to_string();
            Refusal::new(Rejection::RecipientConflict, words)
        }
        _ => {
            let words = "user_id is not known and the message has no `recipient`";
            Refusal::new(Rejection::UnknownUser, words)
        }
    }
}

impl ClaimableMessage {
    /// Takes what is known of its recipient from what was read.
    pub(super) fn is_for(&mut self, read: &FoundRecipients) {
        let recipient_key = self.recipient_key();
        self.recipient = read.known.get(&recipient_key).cloned();
        self.is_unreadable = read.unreadable.contains_key(&recipient_key);
    }

    /// What the message says of its recipient that is not known yet. That what is known still holds is news,
    /// too: a message from before, which says something else, may come later.
    fn news(&self) -> Option<Said> {
        let fields = fields(self.envelope.recipient.as_ref()?);
        let known = self.recipient.as_deref();
        let published = self.message.published_by.unwrap_or_else(clock::now);
        let is_new = known.is_none_or(|known| {
            let confirms = known.as_of.is_none_or(|as_of| published > as_of);
            confirms || fields.differ_from(known)
        });
        is_new.then_some(Said {
            tenant_id: self.envelope.tenant_id,
            user_id: self.envelope.user_id,
            fields,
            published_by: self.message.published_by,
        })
    }
}

/// What a message that is published now says of its recipient.
pub(crate) fn said_now(envelope: &Envelope) -> Option<Said> {
    Some(Said {
        tenant_id: envelope.tenant_id,
        user_id: envelope.user_id,
        fields: fields(envelope.recipient.as_ref()?),
        published_by: None,
    })
}

fn fields(said: &RecipientDescription) -> recipients::RecipientFields {
    recipients::RecipientFields {
        email: said.email.clone(),
        username: said.username.clone(),
        phone: said.phone.clone(),
        timezone: said.timezone.clone(),
        locale: said.locale.clone(),
        ..recipients::RecipientFields::default()
    }
}

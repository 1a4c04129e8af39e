//! A person's inbox, as they may see and change it.

use jiff::Timestamp;
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::cache::recipients::{RecipientCache, RecipientKey};
use crate::domain::inbox::{
    InboxCounts, InboxDeed, InboxFilter, InboxRefusal, InboxState, InboxView,
};
use crate::domain::webhook::LaterEvent;
use crate::domain::{TimePlace, WebhookEvent};
use crate::policy::inbox;
use crate::policy::switches::Wants;
use crate::runtime::clock;
use crate::store::inbox::listing::{InboxPage, InboxPart};
use crate::store::inbox::{InboxEntry, InboxHint, bulk, listing, reader, state};
use crate::store::{Database, PgConnection, webhooks};

/// What is not there, or is somebody else's.
const NOTHING: DeskError = DeskError::NotFound("notification in this inbox");

/// Reads and changes people's inboxes. Clones share it.
#[derive(Debug, Clone)]
pub struct InboxDesk {
    /// Does the work.
    pub desk: Desk,
    /// What people want: what is for everybody asks them when they read.
    pub recipients: RecipientCache,
}

/// A list of a person's.
#[derive(Debug, Clone, Default)]
pub struct InboxList {
    /// Which of theirs; `None` is what is not archived.
    pub filter: Option<InboxFilter>,
    /// With one of these, unless there are none.
    pub tags: Vec<String>,
}

impl InboxDesk {
    /// At most so many of a person's, the newest first, behind a place.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn page(
        &self,
        whose: RecipientKey,
        list: InboxList,
        after: Option<TimePlace>,
        most: usize,
    ) -> Result<InboxPage, DeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let part = desk.part(whose, list).await?;
            reader::stand(&database, whose.0, whose.1).await?;
            Ok(listing::page(&database, &part, after, most).await?)
        };
        self.desk.with("list an inbox", work).await
    }

    /// How many of a person's are not seen, and not read.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub async fn counts(&self, whose: RecipientKey) -> Result<InboxCounts, DeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let view = desk.view(whose).await?;
            reader::stand(&database, whose.0, whose.1).await?;
            Ok(listing::counts(&database, whose.1, &view).await?)
        };
        self.desk.with("count an inbox", work).await
    }

    /// One of a person's.
    ///
    /// # Errors
    /// There is none, or it is deleted; or as [`Self::page`].
    pub async fn get(&self, whose: RecipientKey, id: Uuid) -> Result<InboxEntry, DeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let view = desk.view(whose).await?;
            reader::stand(&database, whose.0, whose.1).await?;
            let mut connection = database.get().await?;
            let found = listing::one(&mut connection, whose.1, id, &view).await?;
            let found = found.filter(|it| it.states.deleted_at.is_none());
            found.ok_or(NOTHING)
        };
        self.desk.with("get from an inbox", work).await
    }

    /// Does something with one of a person's. Done once more it changes nothing. Answers it as it is then.
    ///
    /// # Errors
    /// There is none, or it has no such button; or it is put off; or as [`Self::page`].
    pub async fn act(
        &self,
        whose: RecipientKey,
        id: Uuid,
        deed: InboxDeed,
    ) -> Result<InboxEntry, DeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let view = desk.view(whose).await?;
            let acting = async |connection: &mut PgConnection| {
                act(&database, connection, (whose, id, &view), &deed).await
            };
            let acted = database.attempt(acting).await?;
            if acted.is_changed {
                database.inboxes().tell([InboxHint::Person(whose.1)]);
            }
            if !acted.webhooks.is_empty() {
                database.webhooks().tell(acted.webhooks);
            }
            Ok(acted.entry)
        };
        self.desk.with("change an inbox", work).await
    }

    /// Says this of everything that was delivered up to a time, of what is there now without one; with one of the
    /// tags, unless there are none. Answers how many it changes.
    ///
    /// # Errors
    /// As [`Self::page`]; what was changed by then stays so.
    pub async fn all(
        &self,
        whose: RecipientKey,
        state: InboxState,
        until: Option<Timestamp>,
        tags: Vec<String>,
    ) -> Result<u64, DeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let list = InboxList { filter: None, tags };
            let part = desk.part(whose, list).await?;
            reader::stand(&database, whose.0, whose.1).await?;
            let until = match until {
                Some(until) => until,
                None => match listing::newest(&database, whose.1).await? {
                    Some(newest) => newest,
                    None => return Ok(0),
                },
            };
            let mut changed = 0;
            loop {
                let some = all_of_part(&database, &part, state, until).await?;
                changed += some;
                if some < bulk::AT_ONCE.unsigned_abs() {
                    return Ok(changed);
                }
            }
        };
        self.desk.with("change all of an inbox", work).await
    }

    async fn part(&self, whose: RecipientKey, list: InboxList) -> Result<InboxPart, DeskError> {
        Ok(InboxPart {
            tenant: whose.0,
            user: whose.1,
            filter: list.filter,
            tags: list.tags,
            view: self.view(whose).await?,
        })
    }

    /// What is hidden from a person of what is for everybody.
    ///
    /// # Errors
    /// There is no such person, or what they want cannot be read; or the database is out of reach.
    pub async fn view(&self, whose: RecipientKey) -> Result<InboxView, DeskError> {
        let mut people = self.recipients.load([whose]).await?;
        let person = people.take(&whose)?.ok_or(DeskError::NotFound("user"))?;
        let mut rules = self.recipients.load_rules([whose.0]).await?;
        let rules = rules.take(&whose.0)?.unwrap_or_default();
        Ok(inbox::view(&Wants {
            own: &person.preferences,
            rules: &rules,
        }))
    }
}

/// What came of a deed.
struct ActedInboxDeed {
    entry: InboxEntry,
    is_changed: bool,
    webhooks: Vec<Uuid>,
}

async fn act(
    database: &Database,
    connection: &mut PgConnection,
    ((tenant, user), id, view): (RecipientKey, Uuid, &InboxView),
    deed: &InboxDeed,
) -> Result<ActedInboxDeed, DeskError> {
    state::hold(connection, tenant, user).await?;
    let found = listing::one(connection, user, id, view).await?;
    let mut entry = found.ok_or(NOTHING)?;
    let action = match deed {
        InboxDeed::Press(action) | InboxDeed::Release(action) => Some(action.as_str()),
        _ => None,
    };
    if action.is_some_and(|action| !entry.actions.iter().any(|it| it.id == action)) {
        return Err(DeskError::NotFound("action of this notification"));
    }
    let now = clock::now();
    let change = deed.follow(&entry.states, now).map_err(refused)?;
    let Some(change) = change else {
        return Ok(ActedInboxDeed {
            entry,
            is_changed: false,
            webhooks: vec![],
        });
    };
    entry.sequence = state::write(connection, user, id, &change.states).await?;
    let mut told = vec![];
    if change.is_first_read {
        told.push((WebhookEvent::Read, None));
    }
    if change.is_first_press {
        told.push((WebhookEvent::Clicked, action));
    }
    let (catalog, mut told_to) = (database.webhooks().catalog(), vec![]);
    for (event, action) in told {
        // Of what is for everybody nothing is told of each who reads it.
        let ids = [id];
        let whose = (tenant, user, &ids[..]);
        let event = LaterEvent {
            event,
            at: now,
            action,
        };
        told_to.extend(webhooks::later::tell(connection, &catalog, whose, event).await?);
    }
    entry.states = change.states;
    Ok(ActedInboxDeed {
        entry,
        is_changed: true,
        webhooks: told_to,
    })
}

/// One transaction's share; how many.
async fn all_of_part(
    database: &Database,
    part: &InboxPart,
    state: InboxState,
    until: Timestamp,
) -> Result<u64, DeskError> {
    let catalog = database.webhooks().catalog();
    let work = async |connection: &mut PgConnection| {
        state::hold(connection, part.tenant, part.user).await?;
        let now = clock::now();
        let changed = bulk::write(connection, part, state, (until, now)).await?;
        let read = changed.iter().filter(|(_, is_first_read)| *is_first_read);
        let read: Vec<Uuid> = read.map(|(id, _)| *id).collect();
        let event = LaterEvent {
            event: WebhookEvent::Read,
            at: now,
            action: None,
        };
        let whose = (part.tenant, part.user, &read[..]);
        let webhooks = webhooks::later::tell(connection, &catalog, whose, event).await?;
        Ok((changed.len(), webhooks))
    };
    let (changed, webhooks) = database.transaction(work).await?;
    if changed > 0 {
        database.inboxes().tell([InboxHint::Person(part.user)]);
    }
    if !webhooks.is_empty() {
        database.webhooks().tell(webhooks);
    }
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

fn refused(refusal: InboxRefusal) -> DeskError {
    match refusal {
        InboxRefusal::Deleted => NOTHING,
        InboxRefusal::Snoozed => DeskError::Conflict("snoozed", refusal.to_string()),
    }
}

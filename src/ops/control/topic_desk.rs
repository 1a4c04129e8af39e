//! Topics, as the HTTP API may see and change them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::domain::Topic;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::topics::subscribers::{self, StoredSubscriber, Subscriber};
use crate::store::topics::{self, StoredTopic};
use crate::store::{Database, PgConnection, StoreError, WriteChange};

/// Reads and changes a tenant's topics. Clones share it.
#[derive(Debug, Clone)]
pub struct TopicDesk {
    /// Does the work.
    pub desk: Desk,
}

/// What subscribing people to a topic has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriberChanges {
    /// How many are new.
    pub joined: u64,
    /// Of how many the attributes are other ones now.
    pub changed: u64,
    /// How many were as asked already.
    pub unchanged: u64,
    /// Who was not subscribed, since the tenant has no such person.
    pub unknown: Vec<Uuid>,
}

impl TopicDesk {
    /// At most so many of a tenant's topics, by name, that come behind another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Uuid,
        after: Option<String>,
        most: usize,
    ) -> Result<Vec<StoredTopic>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(topics::page(&mut connection, tenant_id, after.as_deref(), most).await?)
        };
        self.desk.with("list topics", work).await
    }

    /// A tenant's topic, and how many subscribe to it, as far as they are counted.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(
        &self,
        tenant_id: Uuid,
        name: String,
    ) -> Result<(StoredTopic, u64), DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let topic = found(&mut connection, tenant_id, &name).await?;
            let number = subscribers::count(&mut connection, topic.id).await?;
            Ok((topic, number))
        };
        self.desk.with("get a topic", work).await
    }

    /// Makes a topic; says anew what one is about that is there, if it may. Says whether it is new.
    ///
    /// # Errors
    /// It is there already, or there is no such tenant; or the database is out of reach.
    pub async fn put(
        &self,
        topic: Topic,
        may_replace: bool,
        by: DoneBy,
    ) -> Result<(StoredTopic, bool), DeskError> {
        let work = async move |database: Database| {
            let put = async |connection: &mut PgConnection| {
                let (tenant_id, name) = (topic.tenant_id, topic.name.as_str());
                let before = topics::find(connection, tenant_id, name).await?;
                let taken = || {
                    let words = "the tenant has a topic of this name: replace it by PUT";
                    DeskError::Conflict("name_taken", words.to_owned())
                };
                if before.is_some() && !may_replace {
                    return Err(taken());
                }
                let written = topics::upsert(connection, &topic).await?;
                if !may_replace && written != WriteChange::Created {
                    // Somebody else made it meanwhile.
                    return Err(taken());
                }
                let after = found(connection, tenant_id, name).await?;
                let (action, changes) = match &before {
                    None => ("create", AuditChanges::made(said(&topic))),
                    Some(old) => {
                        let changes = AuditChanges::between(said(&old.topic), said(&topic));
                        ("update", changes)
                    }
                };
                if written != WriteChange::Unchanged {
                    note(connection, &topic, &by, action, changes).await?;
                }
                Ok((after, written == WriteChange::Created))
            };
            database.attempt(put).await
        };
        self.desk.with("put a topic", work).await
    }

    /// Deletes a topic: what is being sent to it goes to nobody else.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn delete(&self, tenant_id: Uuid, name: String, by: DoneBy) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let deleted = async |connection: &mut PgConnection| {
                let stored = found(connection, tenant_id, &name).await?;
                if !topics::delete(connection, stored.id).await? {
                    return Err(DeskError::NotFound("topic"));
                }
                let changes = AuditChanges::gone(said(&stored.topic));
                Ok(note(connection, &stored.topic, &by, "delete", changes).await?)
            };
            database.attempt(deleted).await
        };
        self.desk.with("delete a topic", work).await
    }

    /// Subscribes people to a topic, which is made if there is none, and says who is no person of the tenant.
    ///
    /// # Errors
    /// There is no such tenant; or the database is out of reach.
    pub async fn subscribe(
        &self,
        tenant_id: Uuid,
        name: String,
        people: Vec<Subscriber>,
        by: DoneBy,
    ) -> Result<SubscriberChanges, DeskError> {
        let work = async move |database: Database| {
            let subscribed = async |connection: &mut PgConnection| {
                let is_new = topics::ensure(connection, tenant_id, &name).await?;
                let stored = found(connection, tenant_id, &name).await?;
                if is_new {
                    let changes = AuditChanges::made(said(&stored.topic));
                    note(connection, &stored.topic, &by, "create", changes).await?;
                }
                let changes = write(connection, &stored, people).await?;
                if changes.joined + changes.changed > 0 {
                    let figures = json!({ "joined": changes.joined, "changed": changes.changed });
                    let figures = AuditChanges::made(figures);
                    note(connection, &stored.topic, &by, "subscribe", figures).await?;
                }
                Ok(changes)
            };
            database.attempt(subscribed).await
        };
        self.desk.with("subscribe people", work).await
    }

    /// Ends people's subscriptions to a topic; says how many there were.
    ///
    /// # Errors
    /// There is no such topic; or the database is out of reach.
    pub async fn unsubscribe(
        &self,
        tenant_id: Uuid,
        name: String,
        ids: Vec<Uuid>,
        by: DoneBy,
    ) -> Result<u64, DeskError> {
        let work = async move |database: Database| {
            let left = async |connection: &mut PgConnection| {
                let stored = found(connection, tenant_id, &name).await?;
                let left = subscribers::unsubscribe(connection, stored.id, &ids).await?;
                if left > 0 {
                    let figures = AuditChanges::made(json!({ "left": left }));
                    note(connection, &stored.topic, &by, "unsubscribe", figures).await?;
                }
                Ok::<_, DeskError>(left)
            };
            database.attempt(left).await
        };
        self.desk.with("unsubscribe people", work).await
    }

    /// At most so many subscribers of a topic, by id, that come behind another one.
    ///
    /// # Errors
    /// There is no such topic; or the database is out of reach.
    pub async fn subscribers(
        &self,
        tenant_id: Uuid,
        name: String,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredSubscriber>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let topic = found(&mut connection, tenant_id, &name).await?;
            Ok(subscribers::page(&mut connection, topic.id, after, most).await?)
        };
        self.desk.with("list subscribers", work).await
    }
}

/// Subscribes those whom the tenant has.
async fn write(
    connection: &mut PgConnection,
    topic: &StoredTopic,
    people: Vec<Subscriber>,
) -> Result<SubscriberChanges, StoreError> {
    let ids: Vec<Uuid> = people.iter().map(|one| one.user_id).collect();
    let known = subscribers::hold_known(connection, topic.topic.tenant_id, &ids).await?;
    let (people, unknown): (Vec<_>, Vec<_>) = people
        .into_iter()
        .partition(|one| known.contains(&one.user_id));
    let subscribed = match people.is_empty() {
        true => subscribers::Subscribed::default(),
        false => subscribers::subscribe(connection, topic.id, &people).await?,
    };
    let all = u64::try_from(people.len()).unwrap_or(u64::MAX);
    Ok(SubscriberChanges {
        joined: subscribed.joined,
        changed: subscribed.changed,
        unchanged: all.saturating_sub(subscribed.joined + subscribed.changed),
        unknown: unknown.into_iter().map(|one| one.user_id).collect(),
    })
}

async fn found(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<StoredTopic, DeskError> {
    let found = topics::find(connection, tenant_id, name).await?;
    found.ok_or(DeskError::NotFound("topic"))
}

/// What the audit trail keeps of a topic.
fn said(topic: &Topic) -> Value {
    json!({ "description": topic.description })
}

async fn note(
    connection: &mut PgConnection,
    topic: &Topic,
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id: Some(topic.tenant_id),
        action,
        resource: "topic",
        resource_id: topic.name.clone(),
        changes,
    };
    audit::record(connection, by, entry).await
}

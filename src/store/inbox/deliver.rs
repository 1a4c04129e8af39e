//! Delivering: what was sent in-app is put into inboxes by the transaction that stores that it was sent.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::InboxHint;
use crate::domain::{InboxContent, Notification, Settlement};
use crate::store::statement::statement;
use crate::store::{StoreError, form, time};

/// What both statements read, and how they read it.
macro_rules! incoming {
    () => {
        "incoming AS (
             SELECT *, CASE WHEN tag_list = '[]' THEN '{}'::text[]
                            ELSE ARRAY(SELECT jsonb_array_elements_text(tag_list::jsonb)) END AS tags
             FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY
             AS incoming (id, user_id, tenant_id, expires_at, category, tag_list, title, body, url, data, actions,
                          source_type, source_id, place)
         )"
    };
}

// Readers are locked in the order of their ids, so that no two batches wait in a circle. What is there already was
// delivered by an earlier outcome of its notification.
statement!(
    /// Puts what is for one person each into their inboxes.
    Personal(
        ids: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        expires_at: Vec<Option<DateTime<Utc>>> => Array<Nullable<Timestamptz>>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        tags: Vec<String> => Array<Text>,
        titles: Vec<Option<String>> => Array<Nullable<Text>>,
        bodies: Vec<Option<String>> => Array<Nullable<Text>>,
        urls: Vec<Option<String>> => Array<Nullable<Text>>,
        data: Vec<Option<String>> => Array<Nullable<Text>>,
        actions: Vec<Option<String>> => Array<Nullable<Text>>,
        source_types: Vec<Option<String>> => Array<Nullable<Text>>,
        source_ids: Vec<Option<String>> => Array<Nullable<Text>>,
    ) -> Bool = concat!(
    "WITH ", incoming!(), ", fresh AS (
         SELECT * FROM incoming n
         WHERE NOT EXISTS (SELECT FROM inbox_items i WHERE i.id = n.id AND i.user_id = n.user_id)
     ), counted AS (
         INSERT INTO inbox_readers AS r (user_id, tenant_id, last_sequence)
         SELECT user_id, tenant_id, count(*) FROM fresh GROUP BY user_id, tenant_id ORDER BY user_id
         ON CONFLICT (user_id) DO UPDATE SET last_sequence = r.last_sequence + excluded.last_sequence
         RETURNING user_id, last_sequence
     ), placed AS (
         SELECT fresh.*, counted.last_sequence - count(*) OVER of_person
                         + row_number() OVER (of_person ORDER BY place) AS sequence
         FROM fresh JOIN counted USING (user_id) WINDOW of_person AS (PARTITION BY user_id)
     )
     INSERT INTO inbox_items (
         id, user_id, tenant_id, arrival, sequence, delivered_at, expires_at, category, tags, title, body, url, data,
         actions, source_type, source_id)
     SELECT id, user_id, tenant_id, sequence, sequence, clock_timestamp(), expires_at, category, tags, title, body,
         url, data::jsonb, actions::jsonb, source_type, source_id
     FROM placed ORDER BY id
     RETURNING true")
);

statement!(
    /// Stores what is for all people of a tenant.
    Broadcast(
        ids: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        expires_at: Vec<Option<DateTime<Utc>>> => Array<Nullable<Timestamptz>>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        tags: Vec<String> => Array<Text>,
        titles: Vec<Option<String>> => Array<Nullable<Text>>,
        bodies: Vec<Option<String>> => Array<Nullable<Text>>,
        urls: Vec<Option<String>> => Array<Nullable<Text>>,
        data: Vec<Option<String>> => Array<Nullable<Text>>,
        actions: Vec<Option<String>> => Array<Nullable<Text>>,
        source_types: Vec<Option<String>> => Array<Nullable<Text>>,
        source_ids: Vec<Option<String>> => Array<Nullable<Text>>,
    ) -> Bool = concat!(
    "WITH ", incoming!(), ", fresh AS (
         SELECT * FROM incoming n WHERE NOT EXISTS (SELECT FROM inbox_broadcasts b WHERE b.id = n.id)
     ), counted AS (
         INSERT INTO inbox_tenants AS t (tenant_id, last_sequence)
         SELECT tenant_id, count(*) FROM fresh GROUP BY tenant_id ORDER BY tenant_id
         ON CONFLICT (tenant_id) DO UPDATE SET last_sequence = t.last_sequence + excluded.last_sequence
         RETURNING tenant_id, last_sequence
     ), placed AS (
         SELECT fresh.*, counted.last_sequence - count(*) OVER of_tenant
                         + row_number() OVER (of_tenant ORDER BY place) AS sequence
         FROM fresh JOIN counted USING (tenant_id) WINDOW of_tenant AS (PARTITION BY tenant_id)
     )
     INSERT INTO inbox_broadcasts (
         id, tenant_id, sequence, delivered_at, expires_at, category, tags, title, body, url, data, actions,
         source_type, source_id)
     SELECT id, tenant_id, sequence, clock_timestamp(), expires_at, category, tags, title, body, url, data::jsonb,
         actions::jsonb, source_type, source_id
     FROM placed
     RETURNING true")
);

/// Whether anything of a batch goes into an inbox.
pub(in crate::store) fn follows(batch: &[&Settlement]) -> bool {
    batch.iter().any(|one| one.item.is_some())
}

/// Puts what is stored as sent into the inboxes of its people; says whom that is worth a look. In the transaction of the outcomes; the rows of readers are
/// locked after all others, since everybody waits for them.
///
/// # Errors
/// The database is out of reach, or refuses something of it.
pub(in crate::store) async fn write(
    connection: &mut AsyncPgConnection,
    batch: &[&Settlement],
    stored: &[Uuid],
) -> Result<Vec<InboxHint>, StoreError> {
    let stored: HashSet<Uuid> = stored.iter().copied().collect();
    let items = batch.iter().filter_map(|one| {
        let item = one.item.as_ref()?;
        let is_stored = stored.contains(&one.notification.id);
        is_stored.then_some((&one.notification, item))
    });
    let (broadcasts, personal): (Vec<_>, Vec<_>) =
        items.partition(|(notification, _)| notification.is_for_everybody());
    let mut hints = vec![];
    if !personal.is_empty() {
        let _: Vec<bool> = Personal::of(&personal).load(connection).await?;
        let people = personal.iter().map(|(it, _)| InboxHint::Person(it.user_id));
        hints.extend(people);
    }
    if !broadcasts.is_empty() {
        let Personal {
            ids,
            users,
            tenants,
            expires_at,
            categories,
            tags,
            titles,
            bodies,
            urls,
            data,
            actions,
            source_types,
            source_ids,
        } = Personal::of(&broadcasts);
        let broadcast = Broadcast {
            ids,
            users,
            tenants,
            expires_at,
            categories,
            tags,
            titles,
            bodies,
            urls,
            data,
            actions,
            source_types,
            source_ids,
        };
        let _: Vec<bool> = broadcast.load(connection).await?;
        let tenants = broadcasts
            .iter()
            .map(|(it, _)| InboxHint::Tenant(it.tenant_id));
        hints.extend(tenants);
    }
    Ok(hints)
}

impl Personal {
    fn of(items: &[(&Notification, &InboxContent)]) -> Self {
        let all = || items.iter().map(|(notification, _)| *notification);
        let shown = || items.iter().map(|(_, item)| *item);
        let sources = || all().map(|it| it.source.as_ref());
        Self {
            ids: all().map(|it| it.id).collect(),
            users: all().map(|it| it.user_id).collect(),
            tenants: all().map(|it| it.tenant_id).collect(),
            expires_at: all()
                .map(|it| it.expires_at.map(time::to_database))
                .collect(),
            categories: all().map(|it| it.category.clone()).collect(),
            tags: shown().map(|it| form::json(&it.options.tags)).collect(),
            titles: shown().map(|it| it.title.clone()).collect(),
            bodies: shown().map(|it| it.body.clone()).collect(),
            urls: shown().map(|it| it.options.url.clone()).collect(),
            data: shown().map(|it| it.data.as_ref().map(form::data)).collect(),
            actions: shown()
                .map(|it| Some(&it.options.actions).filter(|it| !it.is_empty()))
                .map(|actions| actions.map(form::json))
                .collect(),
            source_types: sources().map(|it| it.map(|it| it.kind.clone())).collect(),
            source_ids: sources().map(|it| it.map(|it| it.id.clone())).collect(),
        }
    }
}

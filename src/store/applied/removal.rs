//! Removing what an apply has made, or retiring it where something must be left of it.

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::LeftEntry;
use crate::domain::{AppliedKind, Channel};
use crate::store::audit::DoneBy;
use crate::store::change::{Use, uses_in_words, word};
use crate::store::schema::notification_schema::notification_templates;
use crate::store::templates::desk as templates;
use crate::store::workflows::references;
use crate::store::{StoreError, categories, tenants, token_keys, webhooks};

/// Removes these. Triggers note it in the audit trail (`audit::note_writes`).
///
/// # Errors
/// [`StoreError::ForeignKey`] when rows of others name one of them; or the database is out of reach.
pub async fn remove(
    connection: &mut AsyncPgConnection,
    kind: AppliedKind,
    ids: &[Uuid],
    by: &DoneBy,
) -> Result<(), StoreError> {
    if let Some(statement) = statement(kind) {
        diesel::sql_query(statement)
            .bind::<Array<SqlUuid>, _>(ids)
            .execute(connection)
            .await?;
    }
    for id in ids {
        match kind {
            AppliedKind::TokenKeys => {
                token_keys::revoke(connection, *id, None, by).await?;
            }
            AppliedKind::Webhooks => webhooks::standing::resolve(connection, *id).await?,
            _ => {}
        }
    }
    Ok(())
}

/// How things of a kind are removed; `None` where it takes more than a statement.
const fn statement(kind: AppliedKind) -> Option<&'static str> {
    Some(match kind {
        AppliedKind::Tenants => "DELETE FROM tenants WHERE id = ANY($1)",
        AppliedKind::Categories => {
            "DELETE FROM categories WHERE md5(tenant_id || name)::uuid = ANY($1)"
        }
        // What was sent to them stays: only `herald users erase` forgets a person.
        AppliedKind::Users => {
            "UPDATE users SET deleted_at = now() WHERE id = ANY($1) AND deleted_at IS NULL"
        }
        AppliedKind::Preferences => "DELETE FROM notification_preferences WHERE id = ANY($1)",
        AppliedKind::Templates => {
            "UPDATE notification_templates t SET is_active = false, deleted_at = now()
             FROM notification_templates v
             WHERE v.id = ANY($1) AND t.tenant_id = v.tenant_id AND t.name = v.name
                 AND t.message_type = v.message_type AND t.locale = v.locale
                 AND t.is_active AND t.deleted_at IS NULL"
        }
        AppliedKind::Providers => {
            "UPDATE provider_configs SET deleted_at = now(), is_active = false, api_key = NULL, api_secret = NULL,
                 config_json = NULL
             WHERE id = ANY($1) AND deleted_at IS NULL"
        }
        AppliedKind::Webhooks => {
            "UPDATE notification_webhooks SET deleted_at = now(), is_active = false
             WHERE id = ANY($1) AND deleted_at IS NULL"
        }
        AppliedKind::Workflows => {
            "UPDATE workflows SET state = 'retired'
             WHERE md5(tenant_id || name)::uuid = ANY($1) AND state = 'published'"
        }
        AppliedKind::TokenKeys => return None,
        AppliedKind::Suppressions => "DELETE FROM suppressions WHERE id = ANY($1)",
        AppliedKind::Topics => {
            "UPDATE topics SET deleted_at = now() WHERE id = ANY($1) AND deleted_at IS NULL"
        }
    })
}

/// What still needs a thing, in words.
///
/// # Errors
/// The database is out of reach.
pub async fn in_use(
    connection: &mut AsyncPgConnection,
    kind: AppliedKind,
    entry: &LeftEntry,
) -> Result<Option<String>, StoreError> {
    let Some(tenant_id) = entry.tenant_id else {
        return Ok(None);
    };
    match kind {
        AppliedKind::Tenants => {
            let mut uses = tenants::uses(connection, tenant_id).await?;
            uses.extend(categories_of(connection, tenant_id).await?);
            Ok(named(&uses))
        }
        AppliedKind::Categories => {
            let uses = categories::uses(connection, tenant_id, &entry.name).await?;
            Ok(named(&uses))
        }
        AppliedKind::Templates => template_use(connection, entry.id).await,
        _ => Ok(None),
    }
}

fn named(uses: &[Use]) -> Option<String> {
    (!uses.is_empty()).then(|| format!("in use: {}", uses_in_words(uses)))
}

/// Categories that would go with their tenant.
async fn categories_of(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
) -> Result<Option<Use>, StoreError> {
    #[derive(QueryableByName)]
    struct CategoryCount {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let query = "SELECT count(*) AS number FROM categories WHERE tenant_id = $1";
    let counted: CategoryCount = diesel::sql_query(query)
        .bind::<SqlUuid, _>(tenant_id)
        .get_result(connection)
        .await?;
    let number = counted.number.unsigned_abs();
    Ok((number > 0).then(|| ("categories".to_owned(), number)))
}

/// Who includes a template, or sends it and would have none to send.
async fn template_use(
    connection: &mut AsyncPgConnection,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    use notification_templates as t;
    let (tenant_id, name, channel, locale): (Uuid, String, String, String) = t::table
        .find(id)
        .select((t::tenant_id, t::name, t::message_type, t::locale))
        .first(connection)
        .await?;
    templates::take_turn(connection, tenant_id).await?;
    let names = std::slice::from_ref(&name);
    let of: Channel = word(&channel)?;
    let including = templates::that_include(connection, tenant_id, of, names).await?;
    if let [including, ..] = including.as_slice() {
        return Ok(Some(format!(
            "the template `{}` includes it",
            including.fields.name
        )));
    }
    let drafts = templates::drafts_that_include(connection, tenant_id, &name).await?;
    if let Some((draft, ..)) = drafts.iter().find(|(_, draft_of, _)| *draft_of == channel) {
        return Ok(Some(format!("the draft of `{draft}` includes it")));
    }
    let parts = (Some(channel.as_str()), Some(locale.as_str()));
    let whose = (tenant_id, name.as_str());
    let sender = references::only_sender(connection, whose, parts).await?;
    Ok(sender.map(|sender| format!("the workflow `{sender}` sends it")))
}

//! What messages point at: their template, and the account that they are pinned to. What is not known may have
//! come a moment ago, and is looked for before a message is refused.

use std::collections::HashSet;

use crate::broker::Refusal;
use crate::broker::envelope::Envelope;
use crate::delivery::NodeContext;
use crate::domain::{Body, Channel, Rejection};
use crate::store::{StoreError, accounts, templates};

/// Why each message cannot be accepted, in their order; `None` when its template and account are known.
///
/// # Errors
/// When the database fails.
pub(super) async fn missing(
    node: &NodeContext,
    envelopes: &[&Envelope],
) -> Result<Vec<Option<Refusal>>, StoreError> {
    if may_have_come(node, envelopes).await? {
        node.templates.reload(&node.database).await?;
    }
    let accounts = accounts_beside(node, envelopes).await?;
    let missing = envelopes.iter().map(|envelope| {
        if lacks_template(node, envelope) {
            Some(unknown_template(envelope))
        } else if lacks_account(node, envelope, &accounts) {
            Some(unknown_provider(envelope))
        } else {
            None
        }
    });
    Ok(missing.collect())
}

/// Whether the database has a template of a name that is not known here. By those names alone: to look at all
/// templates because of a misspelt one would hold up everybody.
async fn may_have_come(node: &NodeContext, envelopes: &[&Envelope]) -> Result<bool, StoreError> {
    let lacking = envelopes.iter().filter(|it| lacks_template(node, it));
    let names: HashSet<&str> = lacking.filter_map(|it| template(it)).collect();
    if names.is_empty() {
        return Ok(false);
    }
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let mut connection = node.database.get().await?;
    templates::has_any(&mut connection, &names).await
}

/// The accounts among those that messages name and that are not in use here: switched off, or new. What is
/// pinned to one of them waits.
async fn accounts_beside(
    node: &NodeContext,
    envelopes: &[&Envelope],
) -> Result<HashSet<(String, Channel)>, StoreError> {
    let others = envelopes.iter().filter(|it| !uses_account(node, it));
    let named: HashSet<&str> = others
        .filter_map(|it| it.payload.provider.as_deref())
        .collect();
    if named.is_empty() {
        return Ok(HashSet::new());
    }
    let named: Vec<String> = named.into_iter().map(str::to_owned).collect();
    let mut connection = node.database.get().await?;
    accounts::channels(&mut connection, &named).await
}

fn lacks_template(node: &NodeContext, envelope: &Envelope) -> bool {
    let (tenant, channel) = (envelope.tenant_id, envelope.lane.channel);
    template(envelope).is_some_and(|name| !node.templates.library().has(tenant, channel, name))
}

fn lacks_account(
    node: &NodeContext,
    envelope: &Envelope,
    others: &HashSet<(String, Channel)>,
) -> bool {
    let channel = envelope.lane.channel;
    let named = &envelope.payload.provider;
    named.as_ref().is_some_and(|name| {
        !uses_account(node, envelope) && !others.contains(&(name.clone(), channel))
    })
}

fn uses_account(node: &NodeContext, envelope: &Envelope) -> bool {
    let named = envelope.payload.provider.as_deref();
    let accounts = node.registry.of(envelope.lane.channel);
    accounts
        .iter()
        .any(|entry| Some(entry.account.name.as_str()) == named)
}

/// The template that a message names.
fn template(envelope: &Envelope) -> Option<&str> {
    match &envelope.payload.body {
        Body::Template(call) => Some(&call.name),
        Body::Content(_) => None,
    }
}

/// What becomes of a message whose template is not there.
pub(crate) fn unknown_template(envelope: &Envelope) -> Refusal {
    let channel = envelope.lane.channel;
    let name = template(envelope).unwrap_or_default();
    let words = format!("no active template `{name}` for channel {channel}");
    Refusal::new(Rejection::UnknownTemplate, words)
}

/// What becomes of a message that is pinned to an account that is not there.
pub(crate) fn unknown_provider(envelope: &Envelope) -> Refusal {
    let channel = envelope.lane.channel;
    let named = envelope.payload.provider.as_deref().unwrap_or_default();
    let words = format!("no account `{named}` for channel {channel}");
    Refusal::new(Rejection::UnknownProvider, words)
}

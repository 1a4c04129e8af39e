//! What a message points at: its template, and the account that it is pinned to. What is not known
//! may have come a moment ago, and is looked for before the message is refused.

use std::collections::HashSet;

use super::Admission;
use super::message::{DecodedMessage, RefusedMessage};
use crate::domain::{Body, Channel, Rejection};
use crate::store::{accounts, templates};
use crate::work::retry::retry_until_ok;

impl Admission {
    /// Keeps those whose template and account are known; `None` when there is no more time.
    pub(super) async fn with_pointers(
        &self,
        decoded_messages: Vec<DecodedMessage>,
        refused: &mut Vec<RefusedMessage>,
    ) -> Option<Vec<DecodedMessage>> {
        if self.may_have_come(&decoded_messages).await? {
            let reload = || self.node.templates.reload(&self.node.database);
            retry_until_ok("reading templates", &self.node.phases.giving_up, reload).await?;
        }
        let accounts = self.accounts(&decoded_messages).await?;
        let mut kept = Vec::with_capacity(decoded_messages.len());
        for decoded in decoded_messages {
            if self.lacks_template(&decoded) {
                refused.push(decoded.unknown_template());
            } else if self.lacks_account(&decoded, &accounts) {
                refused.push(decoded.unknown_provider());
            } else {
                kept.push(decoded);
            }
        }
        Some(kept)
    }

    /// Whether the database has a template of a name that is not known here. By those names alone: to
    /// look at all templates because of a misspelt one would hold up everybody.
    async fn may_have_come(&self, decoded_messages: &[DecodedMessage]) -> Option<bool> {
        let lacking = decoded_messages
            .iter()
            .filter(|one| self.lacks_template(one));
        let names: HashSet<&str> = lacking.filter_map(DecodedMessage::template).collect();
        if names.is_empty() {
            return Some(false);
        }
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let look = || async {
            let mut connection = self.node.database.get().await?;
            templates::has_any(&mut connection, &names).await
        };
        retry_until_ok("looking for templates", &self.node.phases.giving_up, look).await
    }

    fn lacks_template(&self, decoded: &DecodedMessage) -> bool {
        let envelope = &decoded.envelope;
        let Body::Template(call) = &envelope.payload.body else {
            return false;
        };
        let (tenant, channel) = (envelope.tenant_id, envelope.lane.channel);
        !self
            .node
            .templates
            .library()
            .has(tenant, channel, &call.name)
    }

    /// The accounts among those that messages name and that are not in use here: switched off, or
    /// new. What is pinned to one of them waits.
    async fn accounts(
        &self,
        decoded_messages: &[DecodedMessage],
    ) -> Option<HashSet<(String, Channel)>> {
        let named: HashSet<&str> = decoded_messages
            .iter()
            .filter(|one| !self.uses_account(one))
            .filter_map(|one| one.envelope.payload.provider.as_deref())
            .collect();
        if named.is_empty() {
            return Some(HashSet::new());
        }
        let named: Vec<String> = named.into_iter().map(str::to_owned).collect();
        let look = || async {
            let mut connection = self.node.database.get().await?;
            accounts::channels(&mut connection, &named).await
        };
        retry_until_ok("looking for accounts", &self.node.phases.giving_up, look).await
    }

    fn lacks_account(&self, decoded: &DecodedMessage, others: &HashSet<(String, Channel)>) -> bool {
        let channel = decoded.envelope.lane.channel;
        let named = &decoded.envelope.payload.provider;
        named.as_ref().is_some_and(|name| {
            !self.uses_account(decoded) && !others.contains(&(name.clone(), channel))
        })
    }

    fn uses_account(&self, decoded: &DecodedMessage) -> bool {
        let named = decoded.envelope.payload.provider.as_deref();
        let accounts = self.node.registry.of(decoded.envelope.lane.channel);
        accounts
            .iter()
            .any(|entry| Some(entry.account.name.as_str()) == named)
    }
}

impl DecodedMessage {
    /// The template that it names.
    fn template(&self) -> Option<&str> {
        match &self.envelope.payload.body {
            Body::Template(call) => Some(&call.name),
            Body::Content(_) => None,
        }
    }

    fn unknown_template(self) -> RefusedMessage {
        let channel = self.envelope.lane.channel;
        let name = self.template().unwrap_or_default();
        let words = format!("no active template `{name}` for channel {channel}");
        self.refused(Rejection::UnknownTemplate, words)
    }

    fn unknown_provider(self) -> RefusedMessage {
        let channel = self.envelope.lane.channel;
        let named = self.envelope.payload.provider.as_deref();
        let words = format!(
            "no account `{}` for channel {channel}",
            named.unwrap_or_default()
        );
        self.refused(Rejection::UnknownProvider, words)
    }
}

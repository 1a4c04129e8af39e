//! What is looked up before anything is stored: what messages point at, and whom they are for.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::keys::KeyGroup;
use super::{Acceptor, NotAccepted};
use crate::broker::envelope::Envelope;
use crate::cache::recipients::RecipientKey;
use crate::pipeline::ingest::nobody;
use crate::pipeline::pointers;
use crate::store::recipients::{self, Absence};
use crate::store::{StoreError, tenants};

impl Acceptor {
    /// Why the first of each group cannot be accepted, in their order; `None` when nothing stands against it.
    pub(super) async fn look(
        &self,
        groups: &[KeyGroup],
    ) -> Result<Vec<Option<NotAccepted>>, StoreError> {
        let envelopes: Vec<&Envelope> = groups.iter().map(|it| &it.first.order.envelope).collect();
        let missing = pointers::missing(&self.context.node, &envelopes).await?;
        let absent = self.absent(&envelopes).await?;
        let tenants = self.tenants(absent.keys()).await?;
        let refused = envelopes
            .into_iter()
            .zip(missing)
            .map(|(envelope, missing)| {
                let whose = (envelope.tenant_id, envelope.user_id);
                let absence = absent.get(&whose);
                if absence.is_some() && !tenants.contains(&whose.0) {
                    return Some(NotAccepted::NoTenant);
                }
                let is_described = envelope.recipient.is_some();
                let absence = absence.filter(|it| it.is_some() || !is_described);
                let refusal = missing.or_else(|| absence.map(|it| nobody(*it, is_described)));
                refusal.map(NotAccepted::Refused)
            });
        Ok(refused.collect())
    }

    /// The tenants that exist among those of people who are not known.
    async fn tenants(
        &self,
        absent: impl Iterator<Item = &RecipientKey>,
    ) -> Result<HashSet<Uuid>, StoreError> {
        let ids: HashSet<Uuid> = absent.map(|(tenant_id, _)| *tenant_id).collect();
        if ids.is_empty() {
            return Ok(ids);
        }
        let ids: Vec<Uuid> = ids.into_iter().collect();
        tenants::known(&mut *self.context.node.database.get().await?, &ids).await
    }

    /// Those who are not known, and why if there is a reason.
    async fn absent(
        &self,
        envelopes: &[&Envelope],
    ) -> Result<HashMap<RecipientKey, Option<Absence>>, StoreError> {
        let node = &self.context.node;
        let whose = envelopes.iter().map(|it| (it.tenant_id, it.user_id));
        let found = node.eligibility.recipients.load(whose.clone()).await?;
        let is_known = |key: &RecipientKey| {
            found.known.contains_key(key) || found.unreadable.contains_key(key)
        };
        let missing: Vec<RecipientKey> = whose.filter(|key| !is_known(key)).collect();
        if missing.is_empty() {
            return Ok(HashMap::new());
        }
        let why = recipients::absent(&mut *node.database.get().await?, &missing).await?;
        let absent = missing.into_iter();
        Ok(absent.map(|key| (key, why.get(&key).copied())).collect())
    }
}

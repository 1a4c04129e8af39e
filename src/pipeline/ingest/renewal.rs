//! Renewal: whoever has changed since they were looked up is looked up again.

use std::collections::HashSet;

use uuid::Uuid;

use super::Admission;
use super::message::ClaimableMessage;
use crate::cache::recipients::Stale;
use crate::delivery::eligibility::{Addressed, Listed};
use crate::runtime::clock;
use crate::work::retry::retry_until_ok;

impl Admission {
    /// Looks for the tenants' rules, again for the recipients who are outdated, and for their suppressed
    /// addresses. `None` when there is no more time.
    pub(super) async fn refresh(
        &self,
        claimables: &mut [(ClaimableMessage, Uuid)],
        stale: &Stale,
        suppressed: &mut Listed,
    ) -> Option<()> {
        self.refresh_recipients(claimables, stale, suppressed)
            .await?;
        let tenants = || claimables.iter().map(|(one, _)| one.envelope.tenant_id);
        let look = async || match stale {
            Stale::Only(_) => self.node.eligibility.recipients.load_rules(tenants()).await,
            Stale::All => {
                self.node
                    .eligibility
                    .recipients
                    .read_rules(tenants().collect())
                    .await
            }
        };
        let rules =
            retry_until_ok("loading tenants' rules", &self.node.phases.giving_up, look).await?;
        for (claimable, _) in claimables {
            let tenant_id = claimable.envelope.tenant_id;
            claimable.rules = rules.known.get(&tenant_id).cloned();
        }
        Some(())
    }

    /// Looks again for the recipients who are outdated, and for their suppressed addresses. `None` when
    /// there is no more time.
    pub(super) async fn refresh_recipients(
        &self,
        claimables: &mut [(ClaimableMessage, Uuid)],
        stale: &Stale,
        suppressed: &mut Listed,
    ) -> Option<()> {
        let affected = || {
            let all = claimables
                .iter()
                .map(|(claimable, _)| claimable.recipient_key());
            all.filter(|recipient_key| stale.includes(recipient_key))
        };
        let recipient_key: HashSet<_> = affected().collect();
        if recipient_key.is_empty() {
            return Some(());
        }
        let read = async || {
            let known_at = (clock::now(), self.node.eligibility.recipients.begin());
            Ok((
                self.node
                    .eligibility
                    .recipients
                    .read(recipient_key.clone())
                    .await?,
                known_at,
            ))
        };
        let read = retry_until_ok("loading recipients", &self.node.phases.giving_up, read).await;
        let (recipients, known_at) = read?;
        let mut renewed = vec![];
        for (claimable, id) in claimables {
            let recipient_key = claimable.recipient_key();
            if stale.includes(&recipient_key) {
                claimable.is_for(&recipients);
                (claimable.known_at, claimable.heard) = known_at;
                suppressed.forget(*id);
                renewed.push((&*claimable, *id));
            }
        }
        let addressed = || {
            let each = renewed.iter();
            each.filter_map(|(claimable, id)| -> Option<Addressed<'_>> { claimable.addressed(*id) })
        };
        let look = || self.node.eligibility.suppressed(addressed());
        let listed = retry_until_ok(
            "looking for suppressions",
            &self.node.phases.giving_up,
            look,
        )
        .await?;
        suppressed.extend(listed);
        Some(())
    }
}

//! Renewal: whoever has changed since they were looked up is looked up again.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::super::judge::Addressed;
use super::super::patience::until_done;
use super::super::people::Outdated;
use super::Admission;
use super::admission::Applicant;
use crate::runtime::clock;

/// The suppressed addresses of each notification.
pub(super) type Suppressed = HashMap<Uuid, Vec<String>>;

impl Admission {
    /// Looks for the tenants' rules, again for the people who are outdated, and for their suppressed
    /// addresses. `None` when there is no more time.
    pub(super) async fn renew(
        &self,
        applicants: &mut [(Applicant, Uuid)],
        outdated: &Outdated,
        suppressed: &mut Suppressed,
    ) -> Option<()> {
        self.renew_people(applicants, outdated, suppressed).await?;
        let tenants = || applicants.iter().map(|(one, _)| one.envelope.tenant_id);
        let look = async || match outdated {
            Outdated::Only(_) => self.judge.people.load_rules(tenants()).await,
            Outdated::Anybody => self.judge.people.read_rules(tenants().collect()).await,
        };
        let rules = until_done("loading tenants' rules", &self.giving_up, look).await?;
        for (applicant, _) in applicants {
            let of_tenant = rules.get(&applicant.envelope.tenant_id);
            applicant.rules = of_tenant.cloned().unwrap_or_default();
        }
        Some(())
    }

    /// Looks again for the people who are outdated, and for their suppressed addresses. `None` when
    /// there is no more time.
    pub(super) async fn renew_people(
        &self,
        applicants: &mut [(Applicant, Uuid)],
        outdated: &Outdated,
        suppressed: &mut Suppressed,
    ) -> Option<()> {
        let affected = || {
            let all = applicants.iter().map(|(applicant, _)| applicant.whose());
            all.filter(|whose| outdated.includes(whose))
        };
        let whose: HashSet<_> = affected().collect();
        if whose.is_empty() {
            return Some(());
        }
        let read = async || {
            let known_at = clock::now();
            Ok((self.judge.people.read(whose.clone()).await?, known_at))
        };
        let read = until_done("loading recipients", &self.giving_up, read).await;
        let (people, known_at) = read?;
        let mut renewed = vec![];
        for (applicant, id) in applicants {
            let whose = applicant.whose();
            if outdated.includes(&whose) {
                applicant.recipient = people.get(&whose).cloned();
                applicant.known_at = known_at;
                suppressed.remove(id);
                renewed.push((&*applicant, *id));
            }
        }
        let addressed = || {
            let each = renewed.iter();
            each.filter_map(|(applicant, id)| -> Option<Addressed<'_>> { applicant.addressed(*id) })
        };
        let look = || self.judge.suppressed(addressed());
        let listed = until_done("looking for suppressions", &self.giving_up, look).await?;
        suppressed.extend(listed);
        Some(())
    }
}

//! Who the messages are for: known, made known by a message that is new, or refused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::super::patience::until_done;
use super::super::people::{Outdated, Subject, Whose};
use super::Admission;
use super::admission::{Applicant, Candidate};
use super::renewal::Suppressed;
use crate::broker::{Refusal, envelope};
use crate::domain::{Recipient, Rejection};
use crate::store::StoreError;
use crate::store::recipients::{self, Absence, Gone, RecipientConflict, Said, UpsertError};

pub(super) type Found = HashMap<Whose, Arc<Recipient>>;

/// Messages whose claim is ours, by what is known of their people.
#[derive(Default)]
pub(super) struct Sorted {
    /// There is somebody to send to.
    pub(super) accepted: Vec<(Applicant, Arc<Recipient>, Uuid)>,
    /// There is nobody, or they cannot be what the message says of them.
    pub(super) refused: Vec<(Applicant, Uuid, Refusal)>,
    /// Their person was deleted.
    pub(super) deleted: Vec<(Applicant, Uuid, Refusal, Gone)>,
}

/// What became of what the messages say of their people.
#[derive(Default)]
struct Told {
    changed: HashSet<Subject>,
    /// By notification, in words.
    conflicts: HashMap<Uuid, String>,
}

impl Admission {
    /// The people of some messages, as far as they are known; `None` when there is no more time.
    pub(super) async fn load(&self, candidates: &[Candidate]) -> Option<Found> {
        let whose = |one: &Candidate| (one.envelope.tenant_id, one.envelope.user_id);
        let load = || self.judge.people.load(candidates.iter().map(whose));
        until_done("loading recipients", &self.giving_up, load).await
    }

    /// Takes in what new messages say of their people, and sorts the messages by it. Whoever is
    /// outdated is looked up again. `None` when there is no more time.
    pub(super) async fn sort(
        &self,
        mut ours: Vec<(Applicant, Uuid)>,
        outdated: &Outdated,
        suppressed: &mut Suppressed,
    ) -> Option<Sorted> {
        self.renew(&mut ours, outdated, suppressed).await?;
        let Told {
            changed,
            mut conflicts,
        } = self.tell(&ours).await?;
        self.renew_people(&mut ours, &Outdated::Only(changed), suppressed)
            .await?;
        let absent = self.absent(&ours).await?;
        let mut sorted = Sorted::default();
        for (applicant, id) in ours {
            if let Some(words) = conflicts.remove(&id) {
                let refusal = Refusal::new(Rejection::RecipientConflict, words);
                sorted.refused.push((applicant, id, refusal));
                continue;
            }
            if let Some(recipient) = applicant.recipient.clone() {
                sorted.accepted.push((applicant, recipient, id));
                continue;
            }
            let absence = absent.get(&applicant.whose()).copied();
            let refusal = nobody(absence, applicant.envelope.recipient.is_some());
            match absence {
                Some(Absence::Deleted(gone)) => {
                    sorted.deleted.push((applicant, id, refusal, gone));
                }
                _ => sorted.refused.push((applicant, id, refusal)),
            }
        }
        Some(sorted)
    }

    /// Writes what is said and not known yet, each person once a statement.
    async fn tell(&self, ours: &[(Applicant, Uuid)]) -> Option<Told> {
        let mut told = Told::default();
        let said = ours.iter();
        let mut news: Vec<(Uuid, Said)> = said
            .filter_map(|(one, id)| Some((*id, one.news()?)))
            .collect();
        while !news.is_empty() {
            let mut named = HashSet::new();
            let (round, later): (Vec<_>, Vec<_>) = news
                .into_iter()
                .partition(|(_, said)| named.insert((said.tenant_id, said.user_id)));
            told.conflicts.extend(self.tell_together(round).await?);
            for whose in named {
                // The notice comes, too, but this node may be quicker.
                self.judge.people.forget(whose);
                told.changed.insert(Subject::Person(whose));
            }
            news = later;
        }
        Some(told)
    }

    /// Writes what is said of distinct people: together, or each alone when one of them conflicts.
    /// Returns the conflicts.
    async fn tell_together(&self, round: Vec<(Uuid, Said)>) -> Option<Vec<(Uuid, String)>> {
        let together: Vec<Said> = round.iter().map(|(_, said)| said.clone()).collect();
        if self.write(&together).await?.is_ok() {
            return Some(vec![]);
        }
        let mut conflicts = vec![];
        for (id, said) in round {
            if let Err(words) = self.write(&[said]).await? {
                conflicts.push((id, words));
            }
        }
        Some(conflicts)
    }

    /// The inner error is a conflict, in words.
    async fn write(&self, said: &[Said]) -> Option<Result<(), String>> {
        let write = || async {
            let mut connection = self.database.get().await?;
            match recipients::write_said(&mut connection, said).await {
                Ok(()) => Ok(Ok(())),
                Err(UpsertError::Conflict(conflict)) => Ok(Err(conflict.to_string())),
                Err(UpsertError::Store(error)) if error.is_about_data() => {
                    Ok(Err(unstorable(&error)))
                }
                Err(UpsertError::Store(error)) => Err(error),
            }
        };
        until_done("storing recipients", &self.giving_up, write).await
    }

    /// Why those who are not known are not.
    async fn absent(&self, ours: &[(Applicant, Uuid)]) -> Option<HashMap<Whose, Absence>> {
        let missing = ours.iter().filter(|(one, _)| one.recipient.is_none());
        let missing: Vec<Whose> = missing.map(|(one, _)| one.whose()).collect();
        if missing.is_empty() {
            return Some(HashMap::new());
        }
        let look = || async {
            let mut connection = self.database.get().await?;
            recipients::absent(&mut connection, &missing).await
        };
        until_done("looking for the absent", &self.giving_up, look).await
    }
}

fn unstorable(error: &StoreError) -> String {
    format!("the recipient cannot be stored: {error}")
}

/// Why there is nobody to send to.
pub(in crate::pipeline) fn nobody(absence: Option<Absence>, is_described: bool) -> Refusal {
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

impl Applicant {
    /// What the message says of its person that is not known yet.
    fn news(&self) -> Option<Said> {
        let fields = fields(self.envelope.recipient.as_ref()?);
        let known = self.recipient.as_deref();
        let is_new = known.is_none_or(|known| fields.differ_from(known));
        is_new.then_some(Said {
            tenant_id: self.envelope.tenant_id,
            user_id: self.envelope.user_id,
            fields,
            published_by: self.message.published_by,
        })
    }
}

fn fields(said: &envelope::RecipientFields) -> recipients::RecipientFields {
    recipients::RecipientFields {
        email: said.email.clone(),
        username: said.username.clone(),
        phone: said.phone.clone(),
        timezone: said.timezone.clone(),
        locale: said.locale.clone(),
        ..recipients::RecipientFields::default()
    }
}

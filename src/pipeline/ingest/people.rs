//! Who the messages are for: known, made known by the message, or refused.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::super::patience::until_done;
use super::Admission;
use super::admission::Candidate;
use super::refusal::Refused;
use crate::broker::envelope;
use crate::domain::{Recipient, Rejection};
use crate::store::StoreError;
use crate::store::recipients::{self, UpsertError};

type Found = HashMap<(Uuid, Uuid), Arc<Recipient>>;

impl Admission {
    /// Finds the person of each message; `None` when there is no more time.
    pub(super) async fn people(
        &self,
        candidates: Vec<Candidate>,
        refused: &mut Vec<Refused>,
    ) -> Option<Vec<(Candidate, Arc<Recipient>)>> {
        if candidates.is_empty() {
            return Some(vec![]);
        }
        let mut people = self.load(&candidates).await?;
        let mut found = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let whose = candidate.whose();
            if let Some(fields) = candidate.news(people.get(&whose).map(AsRef::as_ref)) {
                match self.make_known(whose, &fields).await? {
                    Ok(recipient) => drop(people.insert(whose, Arc::new(recipient))),
                    Err(conflict) => {
                        refused.push(candidate.refused(Rejection::RecipientConflict, conflict));
                        continue;
                    }
                }
            }
            match people.get(&whose).cloned() {
                Some(recipient) => found.push((candidate, recipient)),
                None => {
                    let words = "user_id is not known and the message has no `recipient`";
                    refused.push(candidate.refused(Rejection::UnknownUser, words));
                }
            }
        }
        Some(found)
    }

    async fn load(&self, candidates: &[Candidate]) -> Option<Found> {
        let load = || {
            self.judge
                .people
                .load(candidates.iter().map(Candidate::whose))
        };
        until_done("loading recipients", &self.giving_up, load).await
    }

    /// Creates or updates a person; the inner error is a conflict, in words.
    async fn make_known(
        &self,
        (tenant_id, user_id): (Uuid, Uuid),
        fields: &recipients::RecipientFields,
    ) -> Option<Result<Recipient, String>> {
        let upsert = || async {
            let mut connection = self.database.get().await?;
            match recipients::upsert(&mut connection, tenant_id, user_id, fields).await {
                Ok((recipient, _)) => Ok(Ok(recipient)),
                Err(UpsertError::Conflict(conflict)) => Ok(Err(conflict.to_string())),
                Err(UpsertError::Store(error)) if error.is_about_data() => {
                    Ok(Err(unstorable(&error)))
                }
                Err(UpsertError::Store(error)) => Err(error),
            }
        };
        let known = until_done("storing a recipient", &self.giving_up, upsert).await;
        // The notice comes, too, but this node may be quicker.
        self.judge.people.forget((tenant_id, user_id));
        known
    }
}

fn unstorable(error: &StoreError) -> String {
    format!("the recipient cannot be stored: {error}")
}

impl Candidate {
    fn whose(&self) -> (Uuid, Uuid) {
        (self.envelope.tenant_id, self.envelope.user_id)
    }

    /// What the message says of its person that is not known yet.
    fn news(&self, known: Option<&Recipient>) -> Option<recipients::RecipientFields> {
        let fields = fields(self.envelope.recipient.as_ref()?);
        known
            .is_none_or(|known| fields.differ_from(known))
            .then_some(fields)
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

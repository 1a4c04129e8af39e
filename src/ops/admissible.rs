//! What ingest would look up of a message before it takes it on, asked by a command: nothing is written.

use uuid::Uuid;

use crate::broker::envelope::{Envelope, RecipientDescription, Refusal};
use crate::cache::recipients::RecipientKey;
use crate::cache::templates::TemplateCache;
use crate::domain::{Body, Recipient, Rejection};
use crate::pipeline::ingest::{key_reused, nobody};
use crate::pipeline::pointers::{unknown_provider, unknown_template};
use crate::store::{Database, StoreError, accounts, claims, recipients};

/// Whether a message would be taken on.
#[derive(Debug)]
pub enum Admissible {
    /// It would go to `herald.rejected`.
    Rejected(Refusal),
    /// It would be acknowledged and counted, and nothing else: its key is known.
    Duplicate {
        /// The notification that came first.
        of: Uuid,
        /// Whether that is stored, and not still being worked on.
        is_stored: bool,
    },
    /// It would, for this recipient, as they would be afterwards.
    New(Box<Recipient>),
}

/// Looks up the template, the account, the key and the recipient that a message names.
///
/// # Errors
/// When the database fails.
pub async fn admissible(
    database: &Database,
    templates: &TemplateCache,
    envelope: &Envelope,
) -> Result<Admissible, StoreError> {
    if let Some(refusal) = points_nowhere(database, templates, envelope).await? {
        return Ok(Admissible::Rejected(refusal));
    }
    let first = claims::find(database, &[envelope.key]).await?;
    if let Some(claim_owner) = first.get(&envelope.key) {
        let of = claim_owner.notification_id;
        let is_stored = claim_owner.is_stored();
        return Ok(match claim_owner.said(envelope.content) {
            true => Admissible::Duplicate { of, is_stored },
            false => Admissible::Rejected(key_reused()),
        });
    }
    let recipient = recipient(database, envelope).await?;
    Ok(recipient.map_or_else(Admissible::Rejected, |it| Admissible::New(Box::new(it))))
}

/// Why a message cannot be accepted whoever it is for: its template or its account is not there.
///
/// # Errors
/// When the database fails.
pub async fn points_nowhere(
    database: &Database,
    templates: &TemplateCache,
    envelope: &Envelope,
) -> Result<Option<Refusal>, StoreError> {
    let (tenant_id, channel) = (envelope.tenant_id, envelope.lane.channel);
    if let Body::Template(call) = &envelope.payload.body {
        templates.reload(database).await?;
        if !templates.library().has(tenant_id, channel, &call.name) {
            return Ok(Some(unknown_template(envelope)));
        }
    }
    if let Some(name) = &envelope.payload.provider {
        let mut connection = database.get().await?;
        let named = accounts::channels(&mut connection, std::slice::from_ref(name)).await?;
        if !named.contains(&(name.clone(), channel)) {
            return Ok(Some(unknown_provider(envelope)));
        }
    }
    Ok(None)
}

/// The recipient as they would be after the message was accepted.
async fn recipient(
    database: &Database,
    envelope: &Envelope,
) -> Result<Result<Recipient, Refusal>, StoreError> {
    let recipient_key: RecipientKey = (envelope.tenant_id, envelope.user_id);
    let mut connection = database.get().await?;
    let known = recipients::load(&connection, &[recipient_key])
        .await?
        .take(&recipient_key)
        .map_err(|error| error.of_whom(&format!("the person {}", envelope.user_id)))?;
    let said = envelope.recipient.as_ref();
    if let Some(said) = said {
        let unique = (said.email.as_deref(), said.username.as_deref());
        let conflict = recipients::conflict(&mut connection, recipient_key, unique).await?;
        if let Some(conflict) = conflict {
            let refusal = Refusal::new(Rejection::RecipientConflict, conflict.to_string());
            return Ok(Err(refusal));
        }
    }
    if let Some(known) = known {
        return Ok(Ok(match said {
            Some(said) => with(known, said),
            None => known,
        }));
    }
    let absent = recipients::absent(&mut connection, &[recipient_key]).await?;
    Ok(match (absent.get(&recipient_key).copied(), said) {
        (None, Some(said)) => Ok(with(Recipient::nobody(recipient_key), said)),
        (absence, said) => Err(nobody(absence, said.is_some())),
    })
}

fn with(mut recipient: Recipient, said: &RecipientDescription) -> Recipient {
    let fields = [
        (&mut recipient.email, &said.email),
        (&mut recipient.username, &said.username),
        (&mut recipient.phone, &said.phone),
        (&mut recipient.timezone, &said.timezone),
        (&mut recipient.locale, &said.locale),
    ];
    for (known, said) in fields {
        if said.is_some() {
            known.clone_from(said);
        }
    }
    recipient
}

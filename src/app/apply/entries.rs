//! Writing entries, one kind after the other in the order in which they need each other.

use std::collections::HashSet;

use super::entry_error::{EntryError, explain};
use super::token_key::token_key;
use super::{ApplyResult, workflows};
use crate::config::Mistake;
use crate::config::manifest::{
    DeclaredEntry, DeclaredPreference, DeclaredProvider, DeclaredTemplate, DeclaredTokenKey,
    DeclaredWebhook, Manifest, ManifestFinding, User,
};
use crate::ops::publishing;
use crate::store::accounts::{self, AccountError, AccountFields};
use crate::store::devices::{self, DeviceSighting};
use crate::store::preferences::{self, PreferenceFields};
use crate::store::recipients::{self, RecipientFields, UpsertError};
use crate::store::seal::Sealer;
use crate::store::templates::TemplateFields;
use crate::store::webhooks::desk::{self, WebhookFields, WebhookWriteError};
use crate::store::{
    PgConnection, StoreError, WriteChange, categories, suppressions, tenants, topics,
};
use crate::templates::TemplateKey;

/// A transaction that entries are written in.
pub(super) struct Writing<'a> {
    connection: &'a mut PgConnection,
    sealer: &'a Sealer,
    /// Whether each entry gets a savepoint, so that the next can be looked at after a conflict.
    careful: bool,
    pub(super) applied: Vec<ApplyResult>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'a> Writing<'a> {
    pub(super) const fn new(
        connection: &'a mut PgConnection,
        sealer: &'a Sealer,
        careful: bool,
    ) -> Self {
        Self {
            connection,
            sealer,
            careful,
            applied: vec![],
            mistakes: vec![],
        }
    }

    /// Writes everything; without savepoints it ends at the first mistake.
    pub(super) async fn all(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        for entry in &manifest.tenants {
            let tenant = &entry.value;
            let locale = tenant.locale.as_deref();
            let written = tenants::upsert(self.connection, tenant.id, &tenant.name, locale).await;
            self.note(entry, written.map_err(explain))?;
        }
        for entry in &manifest.categories {
            let written = categories::upsert(self.connection, &entry.value).await;
            self.note(entry, written.map_err(explain))?;
        }
        for entry in &manifest.users {
            self.guarded(entry, async |connection, user| {
                recipient(connection, user).await
            })
            .await?;
        }
        for entry in &manifest.preferences {
            self.guarded(entry, async |connection, declared| {
                preference(connection, declared).await
            })
            .await?;
        }
        let keys = manifest.templates.iter().map(|entry| key_of(&entry.value));
        let mut later: HashSet<TemplateKey> = keys.collect();
        for entry in &manifest.templates {
            later.remove(&key_of(&entry.value));
            let write = async |connection: &mut PgConnection, value: &DeclaredTemplate| {
                template(connection, value, &later).await
            };
            self.guarded(entry, write).await?;
        }
        let sealer = self.sealer;
        for entry in &manifest.providers {
            let write = async |connection: &mut PgConnection, value: &DeclaredProvider| {
                provider(connection, sealer, value).await
            };
            self.guarded(entry, write).await?;
        }
        for entry in &manifest.webhooks {
            let write = async |connection: &mut PgConnection, value: &DeclaredWebhook| {
                webhook(connection, sealer, value).await
            };
            self.guarded(entry, write).await?;
        }
        for entry in &manifest.workflows {
            if !self.mistakes.is_empty() && !self.careful {
                return Ok(());
            }
            match workflows::write(self.connection, &entry.value).await {
                Ok(Ok(change)) => self.note(entry, Ok(change))?,
                Ok(Err(findings)) => {
                    let wrong = findings.into_iter().map(|it| entry.mistake(it));
                    self.mistakes.extend(wrong);
                }
                Err(error) => self.note(entry, Err(explain(error)))?,
            }
        }
        for entry in &manifest.token_keys {
            let write = async |connection: &mut PgConnection, value: &DeclaredTokenKey| {
                token_key(connection, sealer, value).await
            };
            self.guarded(entry, write).await?;
        }
        for entry in &manifest.suppressions {
            let written = suppressions::upsert(self.connection, &entry.value).await;
            self.note(entry, written.map_err(explain))?;
        }
        for entry in &manifest.topics {
            let written = topics::upsert(self.connection, &entry.value).await;
            self.note(entry, written.map_err(explain))?;
        }
        Ok(())
    }

    async fn guarded<T>(
        &mut self,
        entry: &DeclaredEntry<T>,
        write: impl AsyncFnOnce(&mut PgConnection, &T) -> Result<WriteChange, EntryError>,
    ) -> Result<(), StoreError> {
        if !self.mistakes.is_empty() && !self.careful {
            return Ok(());
        }
        let written = if self.careful {
            crate::store::savepoint(self.connection, async |connection| {
                write(connection, &entry.value).await
            })
            .await
        } else {
            write(self.connection, &entry.value).await
        };
        self.note(entry, written)
    }

    fn note<T>(
        &mut self,
        entry: &DeclaredEntry<T>,
        written: Result<WriteChange, EntryError>,
    ) -> Result<(), StoreError> {
        match written {
            Ok(change) => self.applied.push(ApplyResult {
                entry: entry.label.clone(),
                change,
            }),
            Err(EntryError::Entry(problem)) => {
                self.mistakes.push(entry.mistake(ManifestFinding {
                    key: String::new(),
                    problem,
                }));
            }
            Err(EntryError::Store(error)) => return Err(error),
        }
        Ok(())
    }
}

async fn recipient(connection: &mut PgConnection, user: &User) -> Result<WriteChange, EntryError> {
    let fields = RecipientFields {
        email: user.email.clone(),
        username: user.username.clone(),
        phone: user.phone.clone(),
        timezone: user.timezone.clone(),
        locale: user.locale.clone(),
        name: user.name.clone(),
        external_id: user.external_id.clone(),
    };
    let written = recipients::upsert(connection, user.tenant_id, user.id, &fields).await;
    let (_, mut change) = written.map_err(|error| match error {
        UpsertError::Conflict(conflict) => EntryError::Entry(conflict.to_string()),
        UpsertError::Store(error) => explain(error),
    })?;
    for device in &user.devices {
        let (token, platform) = (&device.token, device.platform);
        let (tenant_id, id, declared) = (user.tenant_id, user.id, DeviceSighting::Declared);
        let device = devices::upsert(connection, tenant_id, id, token, platform, declared).await?;
        if change == WriteChange::Unchanged && device != WriteChange::Unchanged {
            change = WriteChange::Updated;
        }
    }
    Ok(change)
}

async fn preference(
    connection: &mut PgConnection,
    declared: &DeclaredPreference,
) -> Result<WriteChange, EntryError> {
    let fields = PreferenceFields {
        scope: declared.scope.clone(),
        enabled: declared.enabled,
        frequency_cap: declared.frequency_cap,
        quiet_hours: declared.quiet_hours,
        quiet_hours_days: declared.quiet_hours_days.clone(),
        timezone: declared.timezone.clone(),
    };
    Ok(preferences::upsert(connection, declared.tenant_id, declared.user_id, &fields).await?)
}

fn key_of(template: &DeclaredTemplate) -> TemplateKey {
    TemplateKey {
        tenant_id: template.tenant_id,
        channel: template.channel,
        name: template.name.clone(),
        locale: template.locale.clone(),
    }
}

/// `later`: those that are written after it; what they include is looked at then.
async fn template(
    connection: &mut PgConnection,
    template: &DeclaredTemplate,
    later: &HashSet<TemplateKey>,
) -> Result<WriteChange, EntryError> {
    let fields = TemplateFields {
        tenant_id: template.tenant_id,
        name: template.name.clone(),
        channel: template.channel,
        locale: template.locale.clone(),
        subject: template.subject.clone(),
        title: template.title.clone(),
        body: template.body.clone(),
        html: template.html.clone(),
        variables: template.variables.clone(),
    };
    match publishing::publish(connection, &fields, None, later).await? {
        Ok(published) => {
            let first = published.first().map(|first| first.change);
            Ok(first.unwrap_or(WriteChange::Unchanged))
        }
        Err(mistakes) => {
            let words = mistakes.into_iter().map(|mistake| mistake.words);
            Err(EntryError::Entry(words.collect::<Vec<_>>().join("; ")))
        }
    }
}

async fn provider(
    connection: &mut PgConnection,
    sealer: &Sealer,
    provider: &DeclaredProvider,
) -> Result<WriteChange, EntryError> {
    let fields = AccountFields {
        name: provider.name.clone(),
        kind: provider.kind,
        channel: provider.channel,
        is_active: provider.is_active,
        priority: provider.priority,
        weight: provider.weight,
        rate_limit: provider.rate_limit,
        timeout: provider.timeout,
        api_key: provider.api_key.clone(),
        api_secret: provider.api_secret.clone(),
        config: provider.config.clone(),
    };
    accounts::upsert(connection, sealer, &fields)
        .await
        .map_err(|error| match error {
            AccountError::Seal(error) => EntryError::Entry(error.to_string()),
            AccountError::Store(error) => explain(error),
        })
}

async fn webhook(
    connection: &mut PgConnection,
    sealer: &Sealer,
    webhook: &DeclaredWebhook,
) -> Result<WriteChange, EntryError> {
    let fields = WebhookFields {
        name: Some(webhook.name.clone()),
        url: webhook.url.clone(),
        filter: webhook.filter.clone(),
        is_active: webhook.is_active,
        retry_count: webhook.retry_count,
        timeout: webhook.timeout,
    };
    let (tenant_id, secret) = (webhook.tenant_id, &webhook.secret);
    let written = desk::upsert(connection, sealer, tenant_id, &fields, secret).await;
    written.map_err(|error| match error {
        WebhookWriteError::Seal(error) => EntryError::Entry(error.to_string()),
        WebhookWriteError::Store(error) => explain(error),
    })
}

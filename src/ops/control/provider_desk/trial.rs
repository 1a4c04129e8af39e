//! A test message through an account, to an address that the operator has named: what the provider says.
//!
//! It is put by the account's own client, and belongs to no notification: so it can be asked of an account that is
//! not in use yet, and a refusal changes nothing of how the account stands. It takes its place under the limit.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ProviderDesk, ProviderDeskError, account, found, note, readable};
use crate::domain::timeline::answered;
use crate::domain::{Channel, Class, Content, Priority, address};
use crate::ops::control::DeskError;
use crate::providers::{self, Delivery, Leave, Provider};
use crate::resilience::TokenRate;
use crate::runtime::clock;
use crate::store::Database;
use crate::store::accounts::desk::StoredProvider;
use crate::store::audit::{AuditChanges, DoneBy};
use crate::store::rates::{self, TokenRequest};

/// How an address may be tested.
const MEND: &str = "name it in the setting http.test_addresses (HERALD__HTTP__TEST_ADDRESSES)";

/// What a provider said of a test message.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProviderTest)]
pub struct ShownProviderTest {
    /// What the message was called, where the provider has a field for that.
    pub id: Uuid,
    /// The account.
    pub provider: String,
    /// Whether the provider took the message.
    pub accepted: bool,
    /// What kind of answer: `accepted`, `account_refused` (credentials, address of the service, sender),
    /// `permanent`, `not_by_account`, `transient`, `throttled`, `unknown`.
    #[schema(value_type = String, example = "account_refused")]
    pub class: Class,
    /// One sentence.
    pub says: String,
    /// The provider's code.
    #[schema(example = "401")]
    pub code: Option<String>,
    /// The provider's words, cut, without the address.
    pub detail: Option<String>,
    /// The provider's id for the message.
    pub message_id: Option<String>,
    /// Milliseconds from request to answer.
    pub elapsed_ms: u64,
}

impl ProviderDesk {
    /// Puts a test message to an account's provider, and says what that answers. `to` is one of the addresses that
    /// may be tested; none for an account that posts into a place of its own.
    ///
    /// # Errors
    /// There is no such account, it is stopped, its settings are wrong, or its limit is used up; the address may not
    /// be tested; or the database is out of reach.
    pub async fn test(
        &self,
        name: String,
        to: Option<String>,
        by: DoneBy,
    ) -> Result<ShownProviderTest, ProviderDeskError> {
        let (sealer, client) = (self.sealer.clone(), self.client.clone());
        let allowed = self.test_addresses.clone();
        let work = async move |database: Database| {
            let prepared = database.transaction(async |connection| {
                let stored = match found(connection, &sealer, &name).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                let provider = match client_of(&client, &stored) {
                    Ok(provider) => provider,
                    Err(error) => return Ok(Err(error)),
                };
                let to = destination(&stored, &*provider, to.as_deref(), &allowed);
                let to = match to {
                    Ok(to) => to,
                    Err(error) => return Ok(Err(error.into())),
                };
                let changes = AuditChanges::made(json!({ "to": to }));
                note(connection, &name, &by, "test", changes).await?;
                Ok(Ok((stored, provider, to)))
            });
            let (stored, provider, to) = prepared.await??;
            take_place(&database, &stored).await?;
            Ok(put(&stored, &*provider, &to).await)
        };
        self.desk.with("test a provider", work).await
    }
}

fn client_of(
    client: &providers::HttpClient,
    stored: &StoredProvider,
) -> Result<std::sync::Arc<dyn Provider>, ProviderDeskError> {
    if let Some(pause) = &stored.pause {
        let words = format!(
            "the provider is stopped until {}, and not asked: resume it first",
            pause.until
        );
        return Err(DeskError::Conflict("paused", words).into());
    }
    let fields = readable(stored)?;
    let mut account = account(fields);
    account.id = stored.id;
    Ok(providers::connect(client, &account)?)
}

/// Where a test message goes.
fn destination(
    stored: &StoredProvider,
    provider: &dyn Provider,
    to: Option<&str>,
    allowed: &[String],
) -> Result<String, DeskError> {
    let refused = |words: String| Err(DeskError::Conflict("test_address_not_allowed", words));
    let Some(to) = to else {
        return match provider.needs_address() {
            true => refused("say by `to` where the test message goes".to_owned()),
            false => Ok(String::new()),
        };
    };
    if !provider.needs_address() {
        let words = "the account posts into a place of its own: leave `to` out";
        return refused(words.to_owned());
    }
    if allowed.is_empty() {
        let words = format!("no address may be tested: {MEND}, and start the node anew");
        return refused(words);
    }
    let channel = stored.channel.parse::<Channel>();
    let spelt = |text: &str| match channel {
        Ok(channel) => address::canonical(channel, text).ok(),
        Err(_) => None,
    };
    match spelt(to).filter(|to| allowed.iter().any(|one| spelt(one).as_ref() == Some(to))) {
        Some(to) => Ok(to),
        None => refused(format!("this address may not be tested: {MEND}")),
    }
}

/// A test is a request as any other: all of them together keep the account's limit.
async fn take_place(database: &Database, stored: &StoredProvider) -> Result<(), ProviderDeskError> {
    let Some(limit) = stored
        .rate_limit
        .and_then(|limit| u32::try_from(limit).ok())
    else {
        return Ok(());
    };
    let rate = TokenRate::of(limit);
    let ask = TokenRequest {
        provider_id: stored.id,
        interval: rate.interval,
        burst: rate.burst,
        tokens: 1,
    };
    let lease = rates::lease(database, ask).await?;
    if lease.granted > 0 {
        return Ok(());
    }
    let wait = lease.paused_for.max(lease.retry_in).unwrap_or_default();
    let words = format!(
        "the account's rate limit of {limit} requests a minute is used up: try again in {} s",
        wait.as_secs().saturating_add(1)
    );
    Err(DeskError::Conflict("limit_used_up", words).into())
}

async fn put(stored: &StoredProvider, provider: &dyn Provider, to: &str) -> ShownProviderTest {
    let (id, now, began) = (clock::new_id(), clock::now(), clock::instant());
    let content = content(&stored.name);
    let delivery = Delivery {
        notification_id: id,
        address: to,
        content: &content,
        priority: Priority::Normal,
        expires_at: None,
        now,
        traceparent: None,
        // It is nobody's notification: no other run has it.
        leave: Leave::for_good(),
        unsubscribe_url: None,
    };
    let reply = provider.send(delivery).await;
    let elapsed = clock::instant().saturating_duration_since(began);
    let (provider, class) = (&stored.name, reply.class);
    tracing::info!(
        provider,
        class = class.as_str(),
        "an operator tested an account"
    );
    ShownProviderTest {
        id,
        provider: provider.clone(),
        accepted: class == Class::Accepted,
        class,
        says: format!("{provider} was asked and {}.", answered(class)),
        code: reply.code,
        detail: reply.detail,
        message_id: reply.message_id,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    }
}

/// What every channel can carry.
fn content(name: &str) -> Content {
    let title = "Test of an account";
    Content {
        subject: Some(title.to_owned()),
        title: Some(title.to_owned()),
        body: Some(format!(
            "An operator of Herald tested the account {name}. It works."
        )),
        ..Content::default()
    }
}

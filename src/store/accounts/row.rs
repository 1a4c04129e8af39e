//! The row of an account, and what is sealed in it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::Account;
use crate::store::StoreError;
use crate::store::change::word;
use crate::store::schema::notification_schema::provider_configs;
use crate::store::seal::{SealError, SealedPlace, Sealer};
use crate::store::time::from_database;

#[derive(Queryable, Selectable)]
#[diesel(table_name = provider_configs)]
pub(super) struct AccountRow {
    pub(super) id: Uuid,
    pub(super) provider_name: String,
    pub(super) kind: String,
    pub(super) channel: String,
    pub(super) api_key: Option<Vec<u8>>,
    pub(super) api_secret: Option<Vec<u8>>,
    pub(super) config_json: Option<Vec<u8>>,
    pub(super) is_active: bool,
    pub(super) rate_limit: Option<i32>,
    pub(super) timeout_seconds: i32,
    pub(super) priority: i32,
    pub(super) weight: i32,
    pub(super) updated_at: DateTime<Utc>,
}

impl AccountRow {
    pub(super) fn open(&self, sealer: &Sealer) -> Result<Account, StoreError> {
        let secret = |column, sealed: Option<&Vec<u8>>| {
            let opened = sealed.map(|sealed| sealer.open(place(self.id, column), sealed));
            opened.transpose().map_err(unreadable)
        };
        let config = secret("config_json", self.config_json.as_ref())?;
        Ok(Account {
            id: self.id,
            name: self.provider_name.clone(),
            kind: word(&self.kind)?,
            channel: word(&self.channel)?,
            priority: self.priority,
            weight: u32::try_from(self.weight).unwrap_or(1),
            rate_limit: self.rate_limit.and_then(|limit| u32::try_from(limit).ok()),
            timeout: Duration::from_secs(u64::try_from(self.timeout_seconds).unwrap_or(30)),
            api_key: secret("api_key", self.api_key.as_ref())?
                .map(text)
                .transpose()?,
            api_secret: secret("api_secret", self.api_secret.as_ref())?
                .map(text)
                .transpose()?,
            config: config.map(object).transpose()?.unwrap_or_default(),
            updated_at: from_database(self.updated_at),
        })
    }

    /// Whether all that is sealed here is sealed with the key that seals now.
    pub(super) fn is_current(&self, sealer: &Sealer) -> bool {
        [&self.api_key, &self.api_secret, &self.config_json]
            .into_iter()
            .flatten()
            .all(|sealed| sealer.is_current(sealed))
    }
}

/// Where an account's secret stands.
pub(super) const fn place(row: Uuid, column: &str) -> SealedPlace<'_> {
    SealedPlace {
        table: "provider_configs",
        row,
        column,
    }
}

fn unreadable(error: SealError) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

fn text(opened: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(opened)
        .map_err(|_| StoreError::Corrupt("a secret that is not text".to_owned()))
}

fn object(opened: Vec<u8>) -> Result<Map<String, Value>, StoreError> {
    serde_json::from_slice(&opened)
        .map_err(|_| StoreError::Corrupt("a configuration that is not an object".to_owned()))
}

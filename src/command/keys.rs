//! `herald keys`: API keys made, listed, rotated, revoked.

use clap::{Args, Subcommand};
use herald::config::Required;
use herald::domain::api_key::{PREFIX_BYTES, SECRET_BYTES};
use herald::domain::{ApiKey, ApiScopes, Network};
use herald::ops::control::ShownKey;
use herald::runtime::clock;
use herald::store::api_keys::{self, NewApiKey, StoredApiKey};
use herald::store::audit::DoneBy;
use herald::store::{Database, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::columns::columns;
use super::moment::length;
use super::{Cli, CommandFailure, say};

/// Longest name.
const NAME_CHARS: usize = 100;

/// Makes API keys, lists them, gives them new secrets, takes them back.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Makes a key and shows it, this once: only its hash is stored.
    Create(CreateKey),
    /// Shows all keys, the newest first, without their secrets.
    List,
    /// Takes a key back: within a second it opens nothing on any node.
    Revoke(RevokeKey),
    /// Gives a key a new secret, shown this once; the old one opens for a while longer.
    Rotate(RotateKey),
}

#[derive(Debug, Args)]
pub(super) struct CreateKey {
    /// What people call it.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// What it opens, separated by commas: <resource>:read, <resource>:write, admin, or the presets viewer,
    /// publisher, operator.
    #[arg(long, value_name = "SCOPES")]
    scopes: ApiScopes,
    /// The only tenant that it opens. Without it the key is an operator's: it stands for the default tenant
    /// unless a request names another.
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
    /// When it ends by itself: RFC 3339, or a time from now such as "90d".
    #[arg(long, value_name = "WHEN", value_parser = end)]
    expires: Option<Timestamp>,
    /// From where it may be used, in CIDR notation; may be repeated. From anywhere, without it.
    #[arg(long, value_name = "NETWORK")]
    network: Vec<Network>,
    /// Requests a second; what `http.key_rate` says, without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate_limit: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct RevokeKey {
    /// The key, by its id.
    #[arg(value_name = "UUID")]
    id: Uuid,
}

#[derive(Debug, Args)]
pub(super) struct RotateKey {
    /// The key, by its id.
    #[arg(value_name = "UUID")]
    id: Uuid,
    /// How long the old secret opens beside the new one, at most 30 days.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = overlap)]
    overlap: SignedDuration,
}

pub(super) fn keys(cli: &Cli, keys: &Keys) -> Result<(), CommandFailure> {
    let settings = cli.settings(&[Required::Database])?;
    let answer = super::on_runtime(async {
        let database = super::database(&settings).await?;
        match keys {
            Keys::Create(create) => made(&database, create, cli.json).await,
            Keys::List => {
                let keys = api_keys::all(&mut *database.get().await?).await?;
                Ok(listed(&keys, cli.json))
            }
            Keys::Revoke(revoke) => revoked(&database, revoke.id, cli.json).await,
            Keys::Rotate(rotate) => rotated(&database, rotate, cli.json).await,
        }
    })?;
    say::answer(&answer)
}

async fn made(
    database: &Database,
    create: &CreateKey,
    json: bool,
) -> Result<String, CommandFailure> {
    let key = ApiKey::new(random::<PREFIX_BYTES>(), random::<SECRET_BYTES>());
    let new = NewApiKey {
        key: &key,
        tenant_id: create.tenant,
        name: &create.name,
        scopes: &create.scopes,
        networks: &create.network,
        rate_limit: create.rate_limit,
        expires_at: create.expires,
    };
    let by = DoneBy::command_line();
    let made = database
        .transaction(async |connection| api_keys::create(connection, &new, &by).await)
        .await;
    match made {
        Ok(id) => Ok(shown_once(id, &key, json)),
        Err(StoreError::ForeignKey { .. }) => Err(CommandFailure(format!(
            "there is no tenant {}: make it with `herald apply`",
            create.tenant.unwrap_or_default()
        ))),
        Err(error) => Err(error.into()),
    }
}

async fn revoked(database: &Database, id: Uuid, json: bool) -> Result<String, CommandFailure> {
    let by = DoneBy::command_line();
    let revoked =
        database.transaction(async |connection| api_keys::revoke(connection, id, None, &by).await);
    if !revoked.await? {
        return Err(no_such_key(id));
    }
    Ok(if json {
        json!({ "revoked": id }).to_string()
    } else {
        format!("revoked {id}")
    })
}

async fn rotated(
    database: &Database,
    rotate: &RotateKey,
    json: bool,
) -> Result<String, CommandFailure> {
    let prefix = api_keys::prefix_of(&mut *database.get().await?, rotate.id).await?;
    let prefix = prefix.ok_or_else(|| no_such_key(rotate.id))?;
    let key = ApiKey::rotated(&prefix, random::<SECRET_BYTES>());
    let overlap = rotate.overlap.as_secs_f64();
    let by = DoneBy::command_line();
    let rotated = database.transaction(async |connection| {
        api_keys::rotate(connection, rotate.id, &key, overlap, &by).await
    });
    if !rotated.await? {
        return Err(no_such_key(rotate.id));
    }
    Ok(shown_once(rotate.id, &key, json))
}

fn shown_once(id: Uuid, key: &ApiKey, json: bool) -> String {
    if json {
        return json!({ "id": id, "key": key.expose() }).to_string();
    }
    format!(
        "{}\nKeep it now: it is not shown again. Its id is {id}.",
        key.expose()
    )
}

fn no_such_key(id: Uuid) -> CommandFailure {
    CommandFailure(format!(
        "there is no API key {id}, or it was revoked already: `herald keys list` shows them"
    ))
}

fn listed(keys: &[StoredApiKey], json: bool) -> String {
    if json {
        return json!({ "data": keys.iter().map(in_json).collect::<Vec<_>>() }).to_string();
    }
    let header = [
        "ID",
        "PREFIX",
        "NAME",
        "TENANT",
        "STATE",
        "LAST USED",
        "SCOPES",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(keys.iter().map(|key| {
        let tenant = key.tenant_id.map(|id| id.to_string());
        let used = key.last_used_at.map(|moment| moment.to_string());
        vec![
            key.id.to_string(),
            format!("hk_{}", key.prefix),
            key.name.clone(),
            tenant.unwrap_or_else(|| "all".to_owned()),
            state(key, clock::now()),
            used.unwrap_or_else(|| "never".to_owned()),
            key.scopes.words().join(","),
        ]
    }));
    columns(&rows)
}

fn state(key: &StoredApiKey, now: Timestamp) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) if end <= now => "expired".to_owned(),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => "open".to_owned(),
    }
}

fn in_json(key: &StoredApiKey) -> Value {
    let mut shown = json!(ShownKey::from(key));
    let previous = key.previous.as_ref().map(|(_, until)| until.to_string());
    if let Value::Object(fields) = &mut shown {
        fields.insert("previous_until".to_owned(), json!(previous));
    }
    shown
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes);
    bytes
}

fn name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length == 0 || length > NAME_CHARS || text.chars().any(char::is_control) {
        return Err(format!(
            "a name has 1 to {NAME_CHARS} characters, and no control character"
        ));
    }
    Ok(text.to_owned())
}

/// A time ahead, or how long from now.
fn end(text: &str) -> Result<Timestamp, String> {
    let now = clock::now();
    let exact = text.parse().ok();
    let end = exact.or_else(|| now.checked_add(length(text)?).ok());
    end.filter(|end| *end > now).ok_or_else(|| {
        "write 2027-03-01T12:00:00Z, or a time from now such as 12h or 90d".to_owned()
    })
}

fn overlap(text: &str) -> Result<SignedDuration, String> {
    let most = SignedDuration::from_hours(30 * 24);
    length(text)
        .filter(|overlap| !overlap.is_negative() && *overlap <= most)
        .ok_or_else(|| "write a time such as 0s, 12h or 7d; at most 30d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_lies_ahead_and_an_overlap_is_bounded() {
        assert!(end("90d").unwrap() > end("89d").unwrap());
        for odd in ["2020-01-01T00:00:00Z", "-1d", "0s", "soon"] {
            assert!(end(odd).is_err(), "{odd}");
        }
        assert_eq!(overlap("0s"), Ok(SignedDuration::ZERO));
        for odd in ["31d", "-1s", ""] {
            assert!(overlap(odd).is_err(), "{odd}");
        }
        assert!(name("").is_err() && name("a\nb").is_err() && name(&"x".repeat(101)).is_err());
    }
}

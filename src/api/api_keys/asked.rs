//! What is asked of keys: the fields of a new one, and those that are changed.

use std::time::Duration;

use jiff::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::authority::Authority;
use crate::api::fields::SentFields;
use crate::api::problem::Problem;
use crate::domain::{ApiScope, ApiScopes, Network};
use crate::ops::control::{DoneBy, KeyOrder, StoredApiKey};
use crate::runtime::clock;

/// Longest name.
const NAME_CHARS: usize = 100;
/// Most networks of a key.
const NETWORKS: usize = 100;
/// Most requests a second.
const MOST_RATE: i64 = 1_000_000;
/// Seconds for which both secrets open, where nobody says how long: a day.
pub(in crate::api) const OVERLAP: i64 = 86_400;
/// Longest: 30 days.
const LONGEST_OVERLAP: i64 = 30 * 86_400;

/// A key to be made.
#[derive(ToSchema)]
#[schema(as = NewApiKey)]
#[expect(dead_code, reason = "it describes what `order` reads")]
pub(super) struct AskedKey {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100, example = "shop")]
    name: String,
    /// What it opens: at most what the key that makes it opens.
    #[schema(min_items = 1, example = json!(["notifications:read"]))]
    scopes: Vec<String>,
    /// From where it may be used, in CIDR notation; from anywhere without it.
    #[schema(max_items = 100, example = json!(["10.0.0.0/8", "127.0.0.1"]))]
    networks: Option<Vec<String>>,
    /// Requests a second; what the settings say without it.
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    rate_limit: Option<u32>,
    /// When it ends by itself: a time ahead.
    #[schema(example = "2099-01-01T00:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// What is changed of a key; what is absent stays.
#[derive(ToSchema)]
#[schema(as = ApiKeyChange)]
#[expect(dead_code, reason = "it describes what `change` reads")]
pub(super) struct AskedKeyChange {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100, example = "shop, the new one")]
    name: Option<String>,
    /// What it opens: at most what the key that changes it opens.
    #[schema(min_items = 1, example = json!(["notifications:read"]))]
    scopes: Option<Vec<String>>,
    /// From where it may be used, in CIDR notation; from anywhere, if it is empty.
    #[schema(max_items = 100, example = json!([]))]
    networks: Option<Vec<String>>,
    /// Requests a second; null: what the settings say.
    #[schema(minimum = 1, maximum = 1_000_000, example = 50)]
    rate_limit: Option<u32>,
    /// When it ends by itself: a time ahead; null: never.
    #[schema(example = "2099-01-01T00:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// How a key is rotated.
#[derive(ToSchema)]
#[schema(as = ApiKeyRotation)]
#[expect(dead_code, reason = "it describes what `overlap` reads")]
pub(super) struct AskedKeyRotation {
    /// Seconds for which the old secret opens beside the new one; a day without it.
    #[schema(minimum = 0, maximum = 2_592_000, example = 3_600)]
    overlap_seconds: Option<i64>,
}

/// What is said of a key, whether it is made or changed.
struct SaidOfKey {
    name: Option<String>,
    scopes: Option<ApiScopes>,
    networks: Option<Vec<Network>>,
    rate_limit: Option<u32>,
    expires_at: Option<Timestamp>,
}

impl SaidOfKey {
    fn read(fields: &mut SentFields, own: &ApiScopes) -> Self {
        let name = fields.text("name", |text| {
            let length = text.chars().count();
            let good = (1..=NAME_CHARS).contains(&length) && !text.chars().any(char::is_control);
            let why = format!("1 to {NAME_CHARS} characters, and no control character");
            good.then(|| text.to_owned()).ok_or(why)
        });
        let scopes = fields.texts("scopes", |word| scope(word, own));
        if scopes.as_ref().is_some_and(Vec::is_empty) {
            fields.wrong(&["scopes"], "required", "at least one scope");
        }
        let networks = fields.texts("networks", |text| {
            text.parse::<Network>().map_err(|error| error.to_string())
        });
        if networks.as_ref().is_some_and(|it| it.len() > NETWORKS) {
            fields.wrong(&["networks"], "too_many", format!("at most {NETWORKS}"));
        }
        let now = clock::now();
        let expires_at = fields.text("expires_at", |text| {
            let moment = text.parse::<Timestamp>().ok();
            let ahead = moment.filter(|moment| *moment > now);
            ahead.ok_or_else(|| "a time ahead, as 2027-03-01T12:00:00Z is".to_owned())
        });
        let rate_limit = fields.integer("rate_limit", 1..=MOST_RATE);
        Self {
            name,
            scopes: scopes.map(|scopes| scopes.into_iter().collect()),
            networks,
            rate_limit: rate_limit.and_then(|it| u32::try_from(it).ok()),
            expires_at,
        }
    }
}

/// A key that is to be made.
pub(super) fn order(mut fields: SentFields, who: &Authority) -> Result<KeyOrder, Problem> {
    let order = key_order(
        &mut fields,
        &who.caller.scopes,
        (who.own_tenant(), who.by()),
    );
    fields.finish(order)
}

/// A key that somebody who has these scopes makes for a tenant.
pub(in crate::api) fn key_order(
    fields: &mut SentFields,
    own: &ApiScopes,
    (tenant_id, by): (Uuid, DoneBy),
) -> Option<KeyOrder> {
    let said = SaidOfKey::read(fields, own);
    let name = fields.required("name", said.name);
    let scopes = fields.required("scopes", said.scopes);
    let (name, scopes) = name.zip(scopes)?;
    Some(KeyOrder {
        name,
        scopes,
        networks: said.networks.unwrap_or_default(),
        rate_limit: said.rate_limit,
        expires_at: said.expires_at,
        tenant_id,
        by,
    })
}

/// What becomes of a key.
pub(super) fn change(mut fields: SentFields, who: &Authority) -> Result<KeyChange, Problem> {
    let change = KeyChange::read(&mut fields, &who.caller.scopes);
    fields.finish(Some(change))
}

/// What is changed of a key.
pub(in crate::api) struct KeyChange {
    said: SaidOfKey,
    /// It ends no more by itself.
    forever: bool,
    /// Its limit is what the settings say.
    usual: bool,
}

impl KeyChange {
    fn read(fields: &mut SentFields, own: &ApiScopes) -> Self {
        let (forever, usual) = (fields.is_null("expires_at"), fields.is_null("rate_limit"));
        Self {
            said: SaidOfKey::read(fields, own),
            forever,
            usual,
        }
    }

    /// All that is said of a key, of which what is absent is nothing.
    pub(in crate::api) fn whole(fields: &mut SentFields, own: &ApiScopes) -> Option<Self> {
        let said = SaidOfKey::read(fields, own);
        let name = fields.required("name", said.name);
        let scopes = fields.required("scopes", said.scopes);
        Some(Self {
            forever: said.expires_at.is_none(),
            usual: said.rate_limit.is_none(),
            said: SaidOfKey {
                name: Some(name?),
                scopes: Some(scopes?),
                networks: Some(said.networks.unwrap_or_default()),
                ..said
            },
        })
    }

    /// The key as it is then.
    pub(in crate::api) fn of(self, were: StoredApiKey) -> StoredApiKey {
        let Self {
            said,
            forever,
            usual,
        } = self;
        let networks = said.networks.map(|it| (!it.is_empty()).then_some(it));
        StoredApiKey {
            name: said.name.unwrap_or(were.name),
            scopes: said.scopes.unwrap_or(were.scopes),
            networks: networks.unwrap_or(were.networks),
            rate_limit: said.rate_limit.or(were.rate_limit.filter(|_| !usual)),
            expires_at: said.expires_at.or(were.expires_at.filter(|_| !forever)),
            ..were
        }
    }
}

/// How long the old secret opens beside the new one.
pub(super) fn overlap(mut fields: SentFields) -> Result<Duration, Problem> {
    let overlap = key_overlap(&mut fields);
    fields.finish(overlap)
}

/// The same, beside other fields.
pub(in crate::api) fn key_overlap(fields: &mut SentFields) -> Option<Duration> {
    let seconds = fields.integer("overlap_seconds", 0..=LONGEST_OVERLAP);
    Some(Duration::from_secs(
        seconds.unwrap_or(OVERLAP).unsigned_abs(),
    ))
}

/// A scope that whoever makes the key has as well.
fn scope(word: &str, own: &ApiScopes) -> Result<ApiScope, String> {
    let scope: ApiScope = word.parse().map_err(|error| format!("{error}"))?;
    if own.include(scope) {
        return Ok(scope);
    }
    Err("the API key that makes this one has no such scope itself".to_owned())
}

//! What is asked of a new token key.

use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::fields::SentFields;
use crate::api::problem::Problem;
use crate::domain::TokenAlgorithm;
use crate::domain::user_token::{PublicTokenKey, TokenKey};
use crate::ops::control::{OrderedMaterial, TokenKeyOrder};

/// Longest name, and longest `kid`.
const MOST_CHARS: usize = 100;

/// A key to be registered: `public_key` for RS256 and ES256, `secret` for HS256.
#[derive(ToSchema)]
#[schema(as = NewTokenKey)]
#[expect(dead_code, reason = "it describes what `order` reads")]
pub(super) struct AskedTokenKey {
    /// By what the header of a token names it; the JWK's own, else an id, without it.
    #[schema(min_length = 1, max_length = 100, example = "shop-2026")]
    kid: Option<String>,
    /// What people call it; the `kid` without it.
    #[schema(min_length = 1, max_length = 100, example = "shop")]
    name: Option<String>,
    /// How it signs: `RS256`, `ES256`, `HS256`. Tokens that say another are refused.
    #[schema(example = "HS256")]
    algorithm: String,
    /// The public half: PEM (`-----BEGIN PUBLIC KEY-----`) as a text, or a JWK as an object. RSA of 2048 bits at
    /// least, or the curve P-256.
    #[schema(required = false, value_type = Option<Value>)]
    public_key: Option<Value>,
    /// The secret: its bytes in UTF-8 are the key, 32 to 1,024 of them. Never shown.
    #[schema(
        min_length = 32,
        max_length = 1_024,
        example = "an example of 32 bytes, and no secret"
    )]
    secret: Option<String>,
}

/// A key that is to be registered.
pub(super) fn order(mut fields: SentFields, tenant_id: Uuid) -> Result<TokenKeyOrder, Problem> {
    let kid = fields.text("kid", line);
    let name = fields.text("name", line);
    let algorithm = fields.text("algorithm", |word| {
        word.parse::<TokenAlgorithm>()
            .map_err(|error| error.to_string())
    });
    let algorithm = fields.required("algorithm", algorithm);
    let material = algorithm.and_then(|algorithm| material(&mut fields, algorithm));
    if algorithm.is_none() {
        // Nobody can say what is wrong with them.
        let _ = (
            fields.value("public_key", |_| Ok(())),
            fields.text("secret", |_| Ok(())),
        );
    }
    let order = material.map(|(material, own_kid)| {
        let kid = kid.or(own_kid);
        TokenKeyOrder {
            tenant_id,
            name: name.or_else(|| kid.clone()).unwrap_or_default(),
            kid,
            material,
        }
    });
    fields.finish(order)
}

fn line(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    let good = (1..=MOST_CHARS).contains(&length) && !text.chars().any(char::is_control);
    let why = format!("1 to {MOST_CHARS} characters, and no control character");
    good.then(|| text.to_owned()).ok_or(why)
}

/// What verifies its signatures, and the `kid` that a JWK says of itself.
fn material(
    fields: &mut SentFields,
    algorithm: TokenAlgorithm,
) -> Option<(OrderedMaterial, Option<String>)> {
    let (wanted, other) = match algorithm {
        TokenAlgorithm::Hs256 => ("secret", "public_key"),
        TokenAlgorithm::Rs256 | TokenAlgorithm::Es256 => ("public_key", "secret"),
    };
    if fields.has(other) {
        let _ = fields.value(other, |_| Ok(()));
        let words = format!("{algorithm} has no {other}: send {wanted}");
        fields.wrong(&[other], "invalid", words);
    }
    let material = match algorithm {
        TokenAlgorithm::Hs256 => {
            let secret = fields.text("secret", secret);
            secret.map(|secret| (OrderedMaterial::Secret(secret), None))
        }
        TokenAlgorithm::Rs256 | TokenAlgorithm::Es256 => {
            fields.value("public_key", |value| public_key(algorithm, value))
        }
    };
    fields.required(wanted, material)
}

fn secret(text: &str) -> Result<Vec<u8>, String> {
    let range = TokenKey::LEAST_SECRET..=TokenKey::LONGEST_SECRET;
    let why = format!("{} to {} bytes in UTF-8", range.start(), range.end());
    let good = range.contains(&text.len());
    good.then(|| text.as_bytes().to_vec()).ok_or(why)
}

fn public_key(
    algorithm: TokenAlgorithm,
    value: &Value,
) -> Result<(OrderedMaterial, Option<String>), String> {
    let key = match value {
        Value::String(pem) => PublicTokenKey::of_pem(algorithm, pem),
        Value::Object(jwk) => PublicTokenKey::of_jwk(algorithm, jwk),
        _ => return Err("PEM as a text, or a JWK as an object".to_owned()),
    };
    let key = key.map_err(|error| error.to_string())?;
    let own_kid = value.get("kid").and_then(Value::as_str).map(line);
    Ok((OrderedMaterial::Public(key), own_kid.transpose()?))
}

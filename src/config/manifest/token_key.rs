//! `[[token_keys]]`

use uuid::Uuid;

use super::fields::EntryFields;
use crate::domain::TokenAlgorithm;
use crate::domain::user_token::{PublicTokenKey, TokenKey};

/// Longest name, and longest `kid`.
const NAME_CHARS: usize = 100;

/// A key that signs user tokens, known by its `kid`.
#[derive(Debug, Clone)]
pub struct DeclaredTokenKey {
    /// Whose people it speaks for.
    pub tenant_id: Uuid,
    /// By what tokens name it.
    pub kid: String,
    /// What people call it.
    pub name: String,
    /// What verifies its signatures.
    pub material: DeclaredKeyMaterial,
}

/// What verifies the signatures of a declared key. Its `Debug` shows no secret.
#[derive(Clone)]
pub enum DeclaredKeyMaterial {
    /// Its public half.
    Public(PublicTokenKey),
    /// Its secret.
    Secret(Vec<u8>),
}

impl std::fmt::Debug for DeclaredKeyMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public(_) => "Public",
            Self::Secret(_) => "Secret",
        })
    }
}

pub(super) fn read(fields: &mut EntryFields) -> Option<DeclaredTokenKey> {
    fields.required("kid", "a text by which tokens name it");
    fields.required("algorithm", "RS256, ES256, HS256");
    let tenant_id = fields.tenant();
    let kid = fields.line("kid", NAME_CHARS);
    let name = fields.line("name", NAME_CHARS);
    let algorithm = fields.word::<TokenAlgorithm>("algorithm", "RS256, ES256, HS256");
    let (public_key, secret) = (fields.text("public_key"), fields.text("secret"));
    let material = match algorithm? {
        TokenAlgorithm::Hs256 => {
            if public_key.is_some() {
                fields.report("public_key", "HS256 has none: give a secret");
            }
            fields.required("secret", "{ env = \"NAME\" } or { file = \"PATH\" }");
            let range = TokenKey::LEAST_SECRET..=TokenKey::LONGEST_SECRET;
            let secret = secret?;
            if !range.contains(&secret.len()) {
                let why = format!("has not {} to {} bytes", range.start(), range.end());
                return fields.refuse("secret", why);
            }
            DeclaredKeyMaterial::Secret(secret.into_bytes())
        }
        algorithm => {
            if secret.is_some() {
                fields.report("secret", format!("{algorithm} has none: give a public_key"));
            }
            fields.required(
                "public_key",
                "the PEM of a public key, or { file = \"PATH\" }",
            );
            match PublicTokenKey::of_pem(algorithm, &public_key?) {
                Ok(key) => DeclaredKeyMaterial::Public(key),
                Err(error) => return fields.refuse("public_key", format!("is {error}")),
            }
        }
    };
    let kid = kid?;
    Some(DeclaredTokenKey {
        tenant_id,
        name: name.unwrap_or_else(|| kid.clone()),
        kid,
        material,
    })
}

//! The keys that seal stored credentials.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::reader::Reader;

/// Keys for credentials in the database.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The first seals, every one opens.
    pub keys: Vec<SealingKey>,
}

/// 32 random bytes that are never shown.
#[derive(Clone)]
pub struct SealingKey(Arc<SecretBox<[u8; 32]>>);

impl SealingKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(bytes))))
    }

    /// The bytes, for the cipher only.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([REDACTED])")
    }
}

impl Secrets {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let texts = reader.secrets("secrets.key");
        let keys: Option<Vec<_>> = texts.iter().map(decode).collect();
        let keys = keys.unwrap_or_else(|| {
            let problem = "holds a key that is not 32 bytes in base64";
            let allowed = "the output of `openssl rand -base64 32`, several with commas between";
            reader.refuse("secrets.key", problem, allowed)
        });
        Self { keys }
    }
}

fn decode(text: &SecretString) -> Option<SealingKey> {
    let bytes = STANDARD.decode(text.expose_secret()).ok()?;
    bytes.try_into().ok().map(SealingKey::new)
}

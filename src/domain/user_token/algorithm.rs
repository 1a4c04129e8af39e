//! How keys sign.

use jsonwebtoken::Algorithm;

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// How a key signs.
    TokenAlgorithm {
        /// RSA with PKCS#1 v1.5 and SHA-256.
        Rs256 = "RS256",
        /// ECDSA on the curve P-256 with SHA-256.
        Es256 = "ES256",
        /// HMAC with SHA-256: whoever verifies can sign.
        Hs256 = "HS256",
    }
}

impl TokenAlgorithm {
    /// The word of the library.
    pub(super) const fn of_library(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::Hs256 => Algorithm::HS256,
        }
    }
}

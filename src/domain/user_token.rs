//! User tokens: JSON Web Tokens (RFC 7519) by which a person's browser or app asks for what is the person's own.
//! A tenant's key signs them, or one that Herald keeps for the tenant.

mod algorithm;
mod claims;
mod grants;
mod key;
mod public_key;
mod sent;

pub use algorithm::TokenAlgorithm;
pub use claims::TokenClaims;
pub use grants::{OwnResource, PersonGrant, PersonGrants, UnknownGrant};
pub use key::TokenKey;
pub use public_key::{BadPublicKey, PublicTokenKey};
pub use sent::SentToken;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Longest time that a token opens anything.
pub const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How far the clock of whoever signs may be ahead of ours. A token ends by our clock, to the second.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(30);

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserToken {
    /// Whose person.
    pub tenant_id: Uuid,
    /// Who comes with it.
    pub user_id: Uuid,
    /// When it opens nothing any more.
    pub expires_at: Timestamp,
    /// What it opens.
    pub grants: PersonGrants,
}

/// Why a token opens nothing. Repeats nothing of it but the name of a claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is no JSON Web Token.
    #[error("it is no JSON Web Token: three parts in base64url, separated by dots")]
    Form,
    /// Its header names no key.
    #[error("its header has no `kid`: name the key that signed it")]
    NoKid,
    /// Its header demands what Herald does not know.
    #[error("its header has `crit`, and Herald knows no extension")]
    Critical,
    /// No key of the tenant has this name.
    #[error("the tenant has no token key of this `kid`")]
    UnknownKey,
    /// The key was taken back.
    #[error("its key was revoked")]
    RevokedKey,
    /// It says that it was signed in another way than its key signs.
    #[error("its `alg` is not the algorithm of its key, {0}")]
    Algorithm(TokenAlgorithm),
    /// The key did not sign this.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is missing, or is not of its form.
    #[error("its claim `{0}` is missing, or is not {1}")]
    Claim(&'static str, &'static str),
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it was issued in the future, or is not valid yet: see the clock of whoever signs it")]
    NotYet,
    /// It would live too long.
    #[error(
        "it lives longer than an hour: `exp` is at most 3600 seconds after `iat`, and after now"
    )]
    TooLong,
    /// There is no such person in the tenant.
    #[error("the tenant has no such person")]
    NoPerson,
}

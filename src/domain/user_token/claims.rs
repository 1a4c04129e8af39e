//! What a token says of whom, and until when.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};
use uuid::Uuid;

use super::{CLOCKS_DIFFER, LONGEST_LIFE, PersonGrants, TokenFault, UserToken};

const UUID: &str = "a UUID";
const SECONDS: &str = "a number of seconds since 1970";

/// The claims of a token, as far as Herald reads them. Others are left alone; one of these twice is a fault.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct TokenClaims {
    /// The user's id.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    pub sub: Option<Value>,
    /// The tenant's id.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant: Option<Value>,
    /// When it was issued.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    pub iat: Option<Value>,
    /// When its time begins.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    pub nbf: Option<Value>,
    /// When its time ends.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    pub exp: Option<Value>,
    /// What it opens; without it all that is the person's own.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    pub grants: Option<Value>,
}

impl TokenClaims {
    /// The tenant that it names.
    ///
    /// # Errors
    /// It names none.
    pub fn tenant_id(&self) -> Result<Uuid, TokenFault> {
        uuid(self.tenant.as_ref()).ok_or(TokenFault::Claim("tenant", UUID))
    }

    /// What it says at this moment, if its key has signed it.
    ///
    /// # Errors
    /// A claim is missing or of another form; its time is over or has not come; or it would live too long.
    pub fn read(&self, now: Timestamp) -> Result<UserToken, TokenFault> {
        let tenant_id = self.tenant_id()?;
        let user_id = uuid(self.sub.as_ref()).ok_or(TokenFault::Claim("sub", UUID))?;
        let expires_at = moment("exp", self.exp.as_ref())?;
        let expires_at = expires_at.ok_or(TokenFault::Claim("exp", SECONDS))?;
        let issued_at = moment("iat", self.iat.as_ref())?;
        let begins_at = moment("nbf", self.nbf.as_ref())?;
        if now >= expires_at {
            return Err(TokenFault::Expired);
        }
        let soon = now.saturating_add(CLOCKS_DIFFER).unwrap_or(Timestamp::MAX);
        if issued_at.into_iter().chain(begins_at).any(|it| it > soon) {
            return Err(TokenFault::NotYet);
        }
        let life = |from: Timestamp| expires_at.duration_since(from);
        if issued_at.is_some_and(|from| life(from) > LONGEST_LIFE) || life(soon) > LONGEST_LIFE {
            return Err(TokenFault::TooLong);
        }
        Ok(UserToken {
            tenant_id,
            user_id,
            expires_at,
            grants: self.grants()?,
        })
    }

    fn grants(&self) -> Result<PersonGrants, TokenFault> {
        match &self.grants {
            None => Ok(PersonGrants::All),
            Some(Value::Array(words)) => {
                Ok(PersonGrants::known(words.iter().filter_map(Value::as_str)))
            }
            Some(_) => Err(TokenFault::Claim("grants", "a list of texts")),
        }
    }
}

/// What is said, also if it is `null`: that is not absent.
fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

fn uuid(value: Option<&Value>) -> Option<Uuid> {
    Uuid::parse_str(value?.as_str()?).ok()
}

/// A NumericDate; fractions of a second are dropped.
fn moment(name: &'static str, value: Option<&Value>) -> Result<Option<Timestamp>, TokenFault> {
    let Some(value) = value else {
        return Ok(None);
    };
    let read = value.as_number().and_then(seconds);
    let read = read.and_then(|seconds| Timestamp::from_second(seconds).ok());
    read.map(Some).ok_or(TokenFault::Claim(name, SECONDS))
}

fn seconds(number: &Number) -> Option<i64> {
    let fraction = || SignedDuration::try_from_secs_f64(number.as_f64()?).ok();
    number
        .as_i64()
        .or_else(|| fraction().map(|it| it.as_secs()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::user_token::PersonGrant;
    use crate::domain::{ApiAction, OwnResource};

    const NOW: i64 = 1_800_000_000;
    const ID: &str = "0190c1a0-0000-7000-8000-000000000001";

    fn read(claims: &Value) -> Result<UserToken, TokenFault> {
        let claims: TokenClaims = serde_json::from_value(claims.clone()).unwrap();
        claims.read(Timestamp::from_second(NOW).unwrap())
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = json!({ "sub": ID, "tenant": ID, "exp": NOW + 60 });
        claims[name] = value;
        claims
    }

    #[test]
    fn a_token_lives_for_an_hour_at_most_and_ends_to_the_second() {
        let until = |exp| read(&with("exp", json!(exp)));
        assert_eq!(until(NOW), Err(TokenFault::Expired));
        assert_eq!(until(0), Err(TokenFault::Expired));
        assert!(until(NOW + 1).is_ok());
        // The clock of whoever signs may be ahead.
        assert!(until(NOW + 3_630).is_ok());
        assert_eq!(until(NOW + 3_631), Err(TokenFault::TooLong));
        let issued = |iat, exp| {
            let mut claims = with("iat", json!(iat));
            claims["exp"] = json!(exp);
            read(&claims)
        };
        assert!(issued(NOW - 3_000, NOW + 600).is_ok());
        assert_eq!(issued(NOW - 3_000, NOW + 601), Err(TokenFault::TooLong));
        assert!(issued(NOW + 30, NOW + 3_630).is_ok());
        assert_eq!(issued(NOW + 31, NOW + 60), Err(TokenFault::NotYet));
        assert_eq!(read(&with("nbf", json!(NOW + 31))), Err(TokenFault::NotYet));
        // A number may have a fraction, and need not be one of 64 bits.
        let exp: Value = serde_json::from_str("1800000059.9").unwrap();
        let token = read(&with("exp", exp)).unwrap();
        assert_eq!(token.expires_at.as_second(), NOW + 59);
    }

    #[test]
    fn what_is_missing_or_of_another_form_is_named() {
        for (name, value) in [
            ("exp", json!(null)),
            ("exp", json!("1800000060")),
            ("exp", serde_json::from_str("1e400").unwrap()),
            ("exp", json!(i64::MAX)),
            ("iat", json!(true)),
            ("nbf", json!([])),
            ("sub", json!("ana")),
            ("sub", json!(7)),
            ("tenant", json!(null)),
            ("grants", json!("inbox:read")),
            ("grants", json!(null)),
        ] {
            match read(&with(name, value.clone())) {
                Err(TokenFault::Claim(said, _)) => assert_eq!(said, name),
                other => panic!("{name} {value}: {other:?}"),
            }
        }
        let mut without = with("exp", json!(NOW + 1));
        without.as_object_mut().unwrap().remove("exp");
        assert_eq!(read(&without), Err(TokenFault::Claim("exp", SECONDS)));
    }

    #[test]
    fn grants_say_what_is_open() {
        let read_inbox = PersonGrant(OwnResource::Inbox, ApiAction::Read);
        let grants = |value| read(&with("grants", value)).unwrap().grants;
        assert!(grants(json!(["inbox:read", 7, "tickets:read"])).allow(read_inbox));
        assert!(!grants(json!([])).allow(read_inbox));
    }
}

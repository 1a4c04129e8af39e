//! The signed return path: an envelope sender of its own for each mail (VERP), so that what comes back names the
//! mail, and nobody else can make one.

use aws_lc_rs::hmac;
use uuid::Uuid;

use crate::domain::hex;

/// What such a local part begins with. It is lower case as a whole, for some servers fold it.
const PREFIX: &str = "b-";
/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 32;
/// Hexadecimal digits of the signature: 80 bits. A local part has at most 64 bytes.
const MAC_DIGITS: usize = 20;
/// Shortest secret that signs, in bytes.
pub(crate) const LEAST_SECRET: usize = 16;

/// Where mails of an account come back to.
pub(crate) struct ReturnPath {
    domain: String,
    key: hmac::Key,
    /// What was signed with another one is still ours.
    before: Option<hmac::Key>,
}

impl ReturnPath {
    /// That below a domain in ASCII, signed with a secret.
    pub(crate) fn new(domain: &str, secret: &str) -> Self {
        Self {
            domain: domain.to_ascii_lowercase(),
            key: key(secret),
            before: None,
        }
    }

    /// The same, which also knows what was signed with the secret before.
    pub(crate) fn after(self, before: Option<&str>) -> Self {
        Self {
            before: before.map(key),
            ..self
        }
    }

    /// The envelope sender of a notification's mail.
    pub(crate) fn of(&self, notification_id: Uuid) -> String {
        let id = notification_id.simple();
        let mac = mac(&self.key, notification_id);
        format!("{PREFIX}{id}-{mac}@{}", self.domain)
    }

    /// The notification whose return path stands somewhere in the bytes: signed as it is, it may stand anywhere.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<Uuid> {
        let bytes = bytes.to_ascii_lowercase();
        let prefix = PREFIX.as_bytes();
        let length = ID_DIGITS + 1 + MAC_DIGITS;
        let mut places = bytes.windows(prefix.len()).enumerate();
        places.find_map(|(at, window)| {
            let begin = at + prefix.len();
            let after = bytes.get(begin..).filter(|_| window == prefix)?;
            let (token, rest) = after.split_at_checked(length)?;
            rest.strip_prefix(b"@")?
                .strip_prefix(self.domain.as_bytes())?;
            let (id, mac) = std::str::from_utf8(token).ok()?.split_once('-')?;
            let id = Uuid::try_parse(id).ok().filter(|_| id.len() == ID_DIGITS)?;
            self.is_signed(id, mac).then_some(id)
        })
    }

    fn is_signed(&self, id: Uuid, said: &str) -> bool {
        let keys = [Some(&self.key), self.before.as_ref()];
        keys.into_iter().flatten().any(|key| {
            let same = subtle::ConstantTimeEq::ct_eq(mac(key, id).as_bytes(), said.as_bytes());
            bool::from(same)
        })
    }
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn mac(key: &hmac::Key, id: Uuid) -> String {
    let tag = hmac::sign(key, id.as_bytes());
    let mut text = hex(tag.as_ref());
    text.truncate(MAC_DIGITS);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::testing::ID;

    #[test]
    fn a_return_path_names_its_mail_and_cannot_be_made() {
        let path = ReturnPath::new("Bounces.example.com", "a secret of many bytes");
        let address = path.of(ID);
        let (local, domain) = address.split_once('@').unwrap();
        assert!(local.len() <= 64, "{local}");
        assert_eq!(domain, "bounces.example.com");
        let shouted = address.to_ascii_uppercase();
        for text in [
            address.as_str(),
            &shouted,
            &format!("b-b- To: <{address}>\r\n"),
        ] {
            assert_eq!(path.find(text.as_bytes()), Some(ID), "{text}");
        }
        let other = ReturnPath::new("bounces.example.com", "another secret of many bytes");
        let last = address.replace("@", "0@");
        let swapped = address.replace("00a-", "00b-");
        let elsewhere = address.replace("bounces", "bonces");
        for forged in ["", "b-", &last, &swapped, &elsewhere, &other.of(ID)] {
            assert_eq!(path.find(forged.as_bytes()), None, "{forged}");
        }
        let rotated = ReturnPath::new("bounces.example.com", "another secret of many bytes");
        let rotated = rotated.after(Some("a secret of many bytes"));
        assert_eq!(rotated.of(ID), other.of(ID), "the new one signs");
        for known in [&address, &other.of(ID)] {
            assert_eq!(rotated.find(known.as_bytes()), Some(ID), "{known}");
        }
        assert_eq!(rotated.find(last.as_bytes()), None);
    }
}

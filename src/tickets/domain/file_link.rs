//! Short links by which a file is read: whoever has one may read this file until it ends.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use uuid::Uuid;

use super::DeskSigner;
use super::signing::{KEY_ID_BYTES, SIGNATURE_BYTES};

const FORMAT: u8 = 1;
/// Format, key, end, tenant, file, signature.
const BYTES: usize = 1 + KEY_ID_BYTES + 8 + 16 + 16 + SIGNATURE_BYTES;

/// What a link is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLink {
    /// Whose desk.
    pub tenant_id: Uuid,
    /// Which file.
    pub attachment_id: Uuid,
    /// Not from then on, in seconds since 1970.
    pub until: i64,
}

impl FileLink {
    /// The token; `None` without keys.
    #[must_use]
    pub fn token(&self, signer: &DeskSigner) -> Option<String> {
        let said = self.said();
        let (key, signature) = signer.sign(&said)?;
        let bytes = [&[FORMAT][..], &key, &said, &signature].concat();
        Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token is about, if it is ours and has not ended.
    #[must_use]
    pub fn read(token: &str, signer: &DeskSigner, now: Timestamp) -> Option<Self> {
        // Nothing longer is one; and of nothing longer is a byte copied.
        if token.len() > BYTES * 2 {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let bytes: [u8; BYTES] = bytes.try_into().ok()?;
        let rest = bytes.strip_prefix(&[FORMAT])?;
        let (key, rest) = rest.split_first_chunk::<KEY_ID_BYTES>()?;
        let (said, signature) = rest.split_last_chunk::<SIGNATURE_BYTES>()?;
        if !signer.knows(*key, said, signature) {
            return None;
        }
        let (until, rest) = said.split_first_chunk::<8>()?;
        let (tenant, rest) = rest.split_first_chunk::<16>()?;
        let link = Self {
            tenant_id: Uuid::from_bytes(*tenant),
            attachment_id: Uuid::from_slice(rest).ok()?,
            until: i64::from_be_bytes(*until),
        };
        (now.as_second() < link.until).then_some(link)
    }

    fn said(&self) -> Vec<u8> {
        let until = self.until.to_be_bytes();
        [
            &until[..],
            self.tenant_id.as_bytes(),
            self.attachment_id.as_bytes(),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_its_file_until_it_ends_and_no_bent_one_opens_anything() {
        let signer = DeskSigner::derived([&[7_u8; 32][..]], "file links");
        let at = |second| Timestamp::from_second(second).unwrap();
        let link = FileLink {
            tenant_id: Uuid::from_u128(1),
            attachment_id: Uuid::from_u128(2),
            until: 1_000,
        };
        let token = link.token(&signer).unwrap();
        assert_eq!(FileLink::read(&token, &signer, at(999)), Some(link));
        assert_eq!(FileLink::read(&token, &signer, at(1_000)), None, "it ended");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for place in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[place] ^= 1;
            let bent = BASE64_URL_SAFE_NO_PAD.encode(bent);
            assert_eq!(FileLink::read(&bent, &signer, at(1)), None, "{place}");
        }
        for bad in [
            "",
            "a",
            &token[1..],
            &format!("{token}AA"),
            &"A".repeat(10_000),
        ] {
            assert_eq!(FileLink::read(bad, &signer, at(1)), None, "{bad}");
        }
        let other = DeskSigner::derived([&[7_u8; 32][..]], "reply addresses");
        assert_eq!(FileLink::read(&token, &other, at(1)), None);
    }
}

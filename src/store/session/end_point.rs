//! The hash that stands for a server's certificate: `tls-server-end-point` of RFC 5929, section 4.1.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The last byte of the identifiers of RSA signatures (1.2.840.113549.1.1.x) by their hash.
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
/// The same of ECDSA with SHA-2 (1.2.840.10045.4.3.x).
const ECDSA: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03];

const SEQUENCE: u8 = 0x30;
const IDENTIFIER: u8 = 0x06;

/// The certificate's hash by the algorithm of its signature; `None` where the RFC names none, as for
/// Ed25519.
pub(super) fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
    let (SEQUENCE, inside, _) = element(certificate)? else {
        return None;
    };
    let (_, _, after) = element(inside)?;
    let (SEQUENCE, algorithm, _) = element(after)? else {
        return None;
    };
    let (IDENTIFIER, identifier, _) = element(algorithm)? else {
        return None;
    };
    let (last, family) = identifier.split_last()?;
    match (family, last) {
        // MD5 and SHA-1 are replaced by SHA-256.
        (RSA, 4 | 5 | 11) | (ECDSA, 2) => Some(Sha256::digest(certificate).to_vec()),
        (RSA, 12) | (ECDSA, 3) => Some(Sha384::digest(certificate).to_vec()),
        (RSA, 13) | (ECDSA, 4) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// The first element of DER: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ ..0x80 => (usize::from(*short), rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            let add = |length: usize, byte: &u8| {
                length
                    .checked_mul(256)
                    .map(|length| length | usize::from(*byte))
            };
            (bytes.iter().try_fold(0, add)?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with nothing in it but the algorithm of its signature.
    fn signed_with(family: &[u8], last: u8) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, length], content].concat()
        };
        let identifier = wrap(IDENTIFIER, &[family, &[last]].concat());
        let parts = [wrap(SEQUENCE, b"to be signed"), wrap(SEQUENCE, &identifier)].concat();
        wrap(SEQUENCE, &parts)
    }

    #[test]
    fn the_hash_is_the_signatures_and_sha_256_in_place_of_broken_ones() {
        for (family, last, length) in [
            (RSA, 5, Some(32)),
            (RSA, 11, Some(32)),
            (RSA, 12, Some(48)),
            (RSA, 13, Some(64)),
            (ECDSA, 2, Some(32)),
            (ECDSA, 3, Some(48)),
            (ECDSA, 4, Some(64)),
            // RSASSA-PSS says its hash elsewhere.
            (RSA, 10, None),
        ] {
            let certificate = signed_with(family, last);
            assert_eq!(hash(&certificate).map(|hash| hash.len()), length, "{last}");
        }
        assert_eq!(hash(b"\x30\x82\xFF\xFF"), None);
        assert_eq!(hash(b""), None);
    }
}

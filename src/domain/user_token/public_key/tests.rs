use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use serde_json::json;

use super::*;
use TokenAlgorithm::{Es256, Hs256, Rs256};

/// RSA of 1024 bits.
const SMALL: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9ZkuseQtisb+7bMpgNE5x4so3AhNhUhgYu1Wm1GwdxTHWHNntCRXDLT3HaPeazDR7q4AUrvzrCXLDOPt729aJP2tr5DwTeOXQwJZARC4hoXy5+xsYT0EwU5fUR4Tz0gYvDVKII53Tr/yD46GMX2+fditDtVLiOSs7H3aekvHMwQIDAQAB";
/// On the curve P-384.
const P384: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEYkOYtyAvNF41uXqAbZ29A2AzlCDSOPCDiRSjSfCdaf37niIlEXh6Fj3DQXYoQ76BtFOijp5CizMchuhk73ubm9cAKtiD/4yUd8l/9XsIJ0JiPaSwE/rYM8Y4ztkV9INH";

fn labelled(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn jwk(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

#[test]
fn the_same_key_is_read_from_every_form() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let spki = rsa.public_key().as_der().unwrap();
    let key = PublicTokenKey::of_pem(
        Rs256,
        &labelled("PUBLIC KEY", &BASE64_STANDARD.encode(&*spki)),
    );
    let key = key.unwrap();
    let pkcs1 = labelled("RSA PUBLIC KEY", &BASE64_STANDARD.encode(rsa.public_key()));
    assert_eq!(PublicTokenKey::of_pem(Rs256, &pkcs1), Ok(key.clone()));
    assert_eq!(PublicTokenKey::of_pem(Rs256, &key.pem()), Ok(key));

    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let spki = ec.public_key().as_der().unwrap();
    let key = PublicTokenKey::of_pem(
        Es256,
        &labelled("PUBLIC KEY", &BASE64_STANDARD.encode(&*spki)),
    );
    let point = ec.public_key().as_ref();
    let (x, y) = point[1..].split_at(32);
    let said = json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "a",
        "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y),
    });
    assert_eq!(PublicTokenKey::of_jwk(Es256, jwk(&said)), key);
    let mut off_the_curve = said.clone();
    off_the_curve["y"] = said["x"].clone();
    assert_eq!(
        PublicTokenKey::of_jwk(Es256, jwk(&off_the_curve)),
        Err(BadPublicKey::NotP256)
    );
    for (name, value, fault) in [
        ("d", json!("AAAA"), BadPublicKey::Private),
        ("alg", json!("ES384"), BadPublicKey::Purpose),
        ("use", json!("enc"), BadPublicKey::Purpose),
        ("key_ops", json!(["sign"]), BadPublicKey::Purpose),
        ("crv", json!("P-384"), BadPublicKey::NotP256),
        ("kty", json!("oct"), BadPublicKey::NotP256),
        ("x", json!(7), BadPublicKey::NotP256),
        ("x", json!("AAAA"), BadPublicKey::NotP256),
    ] {
        let mut odd = said.clone();
        odd[name] = value;
        assert_eq!(
            PublicTokenKey::of_jwk(Es256, jwk(&odd)),
            Err(fault),
            "{name}"
        );
    }
    assert_eq!(
        PublicTokenKey::of_jwk(Rs256, jwk(&said)),
        Err(BadPublicKey::Purpose)
    );
}

#[test]
fn what_is_small_private_or_of_another_kind_is_refused() {
    let read = |algorithm, label: &str, body: &str| {
        PublicTokenKey::of_pem(algorithm, &labelled(label, body)).unwrap_err()
    };
    assert_eq!(read(Rs256, "PUBLIC KEY", SMALL), BadPublicKey::Size);
    assert_eq!(read(Rs256, "PUBLIC KEY", P384), BadPublicKey::NotRsa);
    assert_eq!(read(Es256, "PUBLIC KEY", P384), BadPublicKey::NotP256);
    assert_eq!(read(Es256, "PUBLIC KEY", SMALL), BadPublicKey::NotP256);
    assert_eq!(read(Hs256, "PUBLIC KEY", SMALL), BadPublicKey::Form);
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ] {
        assert_eq!(read(Rs256, label, SMALL), BadPublicKey::Private);
    }
    assert_eq!(read(Rs256, "CERTIFICATE", SMALL), BadPublicKey::Form);
    assert_eq!(read(Rs256, "PUBLIC KEY", "AAAA"), BadPublicKey::NotRsa);
    let good = labelled("PUBLIC KEY", SMALL);
    for odd in [
        "",
        "ssh-rsa AAAA",
        &good[1..],
        &format!("{good}{good}"),
        &format!("x{good}"),
    ] {
        assert_eq!(
            PublicTokenKey::of_pem(Rs256, odd),
            Err(BadPublicKey::Form),
            "{odd}"
        );
    }
    // An RSA key that is no key: the exponent is 1.
    let modulus = BASE64_URL_SAFE_NO_PAD.encode([255; 256]);
    let odd = json!({ "kty": "RSA", "n": modulus, "e": "AQ" });
    assert!(PublicTokenKey::of_jwk(Rs256, jwk(&odd)).is_err());
}

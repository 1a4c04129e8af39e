use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand as chance;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::*;
use crate::domain::TokenAlgorithm;
use crate::domain::user_token::PublicTokenKey;

const NOW: i64 = 1_800_000_000;
const ID: &str = "0190c1a0-0000-7000-8000-000000000001";
const SECRET: &[u8] = b"an example of thirty-two bytes, no secret";

fn encoded(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn claims() -> String {
    json!({ "sub": ID, "tenant": ID, "exp": NOW + 60 }).to_string()
}

/// A token of this header and these claims, signed by `sign`.
fn token(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn hmac(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    move |message| aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
}

fn open(token: &str, key: &TokenKey) -> Result<UserToken, TokenFault> {
    SentToken::parse(token)?.open(key, Timestamp::from_second(NOW).unwrap())
}

fn pem(der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn each_algorithm_opens_with_its_own_key_and_no_other() {
    let random = chance::SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let by_rsa = |message: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .unwrap();
        signature
    };
    let by_ec = |message: &[u8]| ec.sign(&random, message).unwrap().as_ref().to_vec();
    let rsa_pem = pem(rsa.public_key().as_der().unwrap().as_ref());
    let ec_pem = pem(ec.public_key().as_der().unwrap().as_ref());
    let public = |algorithm, pem: &str| {
        let key = PublicTokenKey::of_pem(algorithm, pem).unwrap();
        assert_eq!(
            PublicTokenKey::of_pem(algorithm, &key.pem()),
            Ok(key.clone())
        );
        TokenKey::public(&key)
    };
    let keys = [
        public(TokenAlgorithm::Rs256, &rsa_pem),
        public(TokenAlgorithm::Es256, &ec_pem),
        TokenKey::secret(SECRET),
    ];
    let header = |algorithm: &str| format!(r#"{{"alg":"{algorithm}","kid":"a"}}"#);
    let tokens = [
        token(&header("RS256"), &claims(), by_rsa),
        token(&header("ES256"), &claims(), by_ec),
        token(&header("HS256"), &claims(), hmac(SECRET)),
    ];
    for (at, key) in keys.iter().enumerate() {
        for (of, token) in tokens.iter().enumerate() {
            let opened = open(token, key);
            if at == of {
                assert!(opened.is_ok(), "{at}");
            } else {
                assert_eq!(opened, Err(TokenFault::Algorithm(key.algorithm())));
            }
        }
    }
    // A public key is known to all: as a secret it would open to all.
    for (public, text) in keys.iter().zip([&rsa_pem, &ec_pem]) {
        for secret in [
            text.as_bytes(),
            text.trim().as_bytes(),
            &BASE64_STANDARD
                .decode(text.lines().nth(1).unwrap())
                .unwrap(),
        ] {
            let confused = token(&header("HS256"), &claims(), hmac(secret));
            assert_eq!(
                open(&confused, public),
                Err(TokenFault::Algorithm(public.algorithm()))
            );
            let renamed = token(
                &header(public.algorithm().as_str()),
                &claims(),
                hmac(secret),
            );
            assert_eq!(open(&renamed, public), Err(TokenFault::Signature));
        }
    }
    // What was signed is not to be changed.
    for (key, good) in keys.iter().zip(&tokens) {
        let (message, signature) = good.rsplit_once('.').unwrap();
        let (header, _) = message.split_once('.').unwrap();
        let other = json!({ "sub": ID, "tenant": ID, "exp": NOW + 61 }).to_string();
        let changed = format!("{header}.{}.{signature}", encoded(&other));
        assert_eq!(open(&changed, key), Err(TokenFault::Signature));
        for signature in ["", "AAAA", "!"] {
            assert_eq!(
                open(&format!("{message}.{signature}"), key),
                Err(TokenFault::Signature)
            );
        }
    }
}

#[test]
fn unsigned_and_odd_tokens_open_nothing() {
    let key = TokenKey::secret(SECRET);
    let opened = |header: &str, claims: &str| open(&token(header, claims, hmac(SECRET)), &key);
    let good = r#"{"alg":"HS256","kid":"a","typ":"JWT"}"#;
    assert!(opened(good, &claims()).is_ok());
    for algorithm in ["none", "None", "", "HS512", "hs256"] {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"a"}}"#);
        let fault = Err(TokenFault::Algorithm(TokenAlgorithm::Hs256));
        assert_eq!(opened(&header, &claims()), fault, "{algorithm}");
        let unsigned = format!("{}.{}.", encoded(&header), encoded(&claims()));
        assert_eq!(open(&unsigned, &key), fault, "{algorithm}");
    }
    assert_eq!(
        opened(r#"{"alg":"HS256"}"#, &claims()),
        Err(TokenFault::NoKid)
    );
    let critical = r#"{"alg":"HS256","kid":"a","crit":["b64"],"b64":false}"#;
    assert_eq!(opened(critical, &claims()), Err(TokenFault::Critical));
    let twice = format!(
        r#"{{"sub":"{ID}","sub":"{ID}","tenant":"{ID}","exp":{}}}"#,
        NOW + 60
    );
    for (header, claims) in [
        (good, "{}}"),
        (good, "[]"),
        (good, "\"\\ud800\""),
        (good, twice.as_str()),
        (r#"{"alg":"HS256","alg":"none","kid":"a"}"#, &claims()),
        (r#"{"alg":7,"kid":"a"}"#, &claims()),
        (r#"["HS256","a",null]"#, &claims()),
        (r#"{"alg":"HS256","kid":["a"]}"#, &claims()),
        ("", ""),
    ] {
        assert_eq!(
            opened(header, claims),
            Err(TokenFault::Form),
            "{header} {claims}"
        );
    }
    assert_eq!(
        opened(good, "{}"),
        Err(TokenFault::Claim("tenant", "a UUID"))
    );
    let long = format!("{}.{}.x", encoded(good), "A".repeat(9_000));
    for odd in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "eyJ.eyJ.x",
        "\u{0}.\u{0}.\u{0}",
        &long,
    ] {
        assert_eq!(open(odd, &key), Err(TokenFault::Form), "{odd}");
    }
    let padded = format!("{}=.{}.x", encoded(good), encoded(&claims()));
    assert_eq!(open(&padded, &key), Err(TokenFault::Form));
}

#[test]
fn what_herald_signs_is_read_back_and_not_printed() {
    let claims: TokenClaims = serde_json::from_str(&claims()).unwrap();
    let text = claims.signed("own", SECRET).unwrap();
    assert!(SentToken::looks_like_one(&text));
    let sent = SentToken::parse(&text).unwrap();
    assert_eq!(
        (sent.kid.as_str(), sent.tenant_id.to_string()),
        ("own", ID.to_owned())
    );
    let signature = text.rsplit('.').next().unwrap();
    assert!(!format!("{sent:?}").contains(signature));
    let token = open(&text, &TokenKey::secret(SECRET)).unwrap();
    assert_eq!(token.expires_at.as_second(), NOW + 60);
    assert_eq!(
        open(
            &text,
            &TokenKey::secret(b"another secret of thirty-two bytes")
        ),
        Err(TokenFault::Signature)
    );
}

use proptest::prelude::*;

use super::*;

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

fn place(column: &str) -> SealedPlace<'_> {
    SealedPlace {
        table: "provider_configs",
        row: Uuid::nil(),
        column,
    }
}

fn sealer(keys: &[[u8; 32]]) -> Sealer {
    Sealer::new(keys).unwrap()
}

proptest! {
    #[test]
    fn sealed_value_opens_only_in_its_place(plain: Vec<u8>, key: [u8; 32]) {
        let sealer = sealer(&[key]);
        let sealed = sealer.seal(place("api_key"), &plain).unwrap();
        prop_assert_eq!(sealer.open(place("api_key"), &sealed), Ok(plain));
    }

    #[test]
    fn a_changed_byte_never_opens(plain: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
        let sealer = sealer(&[NEW]);
        let mut sealed = sealer.seal(place("api_key"), &plain).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(sealer.open(place("api_key"), &sealed).is_err());
    }

    #[test]
    fn anything_else_is_refused_without_a_panic(bytes: Vec<u8>) {
        prop_assert!(sealer(&[NEW]).open(place("api_key"), &bytes).is_err());
    }
}

#[test]
fn a_value_moved_to_another_place_is_refused() {
    let sealer = sealer(&[NEW]);
    let sealed = sealer.seal(place("api_key"), b"secret").unwrap();
    let elsewhere = [
        place("api_secret"),
        SealedPlace {
            row: Uuid::max(),
            ..place("api_key")
        },
        SealedPlace {
            table: "notification_webhooks",
            ..place("api_key")
        },
    ];
    for elsewhere in elsewhere {
        assert_eq!(sealer.open(elsewhere, &sealed), Err(SealError::Forged));
    }
}

#[test]
fn keys_rotate() {
    let sealed = sealer(&[OLD]).seal(place("api_key"), b"secret").unwrap();
    let rotating = sealer(&[NEW, OLD]);
    assert_eq!(
        rotating.open(place("api_key"), &sealed),
        Ok(b"secret".to_vec())
    );
    assert!(!rotating.is_current(&sealed));

    let anew = rotating.seal(place("api_key"), b"secret").unwrap();
    assert!(rotating.is_current(&anew));
    assert_eq!(
        sealer(&[NEW]).open(place("api_key"), &anew),
        Ok(b"secret".to_vec())
    );
}

#[test]
fn an_unknown_key_says_which() {
    let sealed = sealer(&[OLD]).seal(place("api_key"), b"secret").unwrap();
    let error = sealer(&[NEW]).open(place("api_key"), &sealed).unwrap_err();
    let id = crate::domain::hex(&key_id(&OLD));
    assert_eq!(error, SealError::UnknownKey(id.clone()));
    assert!(error.to_string().contains(&id));
}

#[test]
fn the_same_value_never_looks_the_same() {
    let sealer = sealer(&[NEW]);
    let seal = || sealer.seal(place("api_key"), b"secret").unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn there_must_be_a_key() {
    assert_eq!(Sealer::new(&[]).unwrap_err(), SealError::NoKey);
}

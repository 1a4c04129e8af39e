//! No key twice: of two values for one key a parser takes the last, another one the first, and the
//! publisher meant one of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Parses JSON, and keeps nothing of it.
///
/// # Errors
/// It is no JSON, or an object in it, however deep, has a key twice.
pub fn check(text: &str) -> serde_json::Result<()> {
    serde_json::from_str::<Unique>(text).map(drop)
}

/// A value in which no object has a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

/// A key, borrowed where it can be. serde_json hands a number out as an object with one key, which takes
/// no other way of asking than for a text.
struct MapKey<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for MapKey<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = MapKey<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<MapKey<'de>, E> {
        Ok(MapKey(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<MapKey<'de>, E> {
        Ok(MapKey(Cow::Owned(key.to_owned())))
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        while items.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Unique, A::Error> {
        let mut keys = vec![];
        while let Some(MapKey(key)) = fields.next_key()? {
            fields.next_value::<Unique>()?;
            keys.push(key);
        }
        keys.sort_unstable();
        let mut neighbours = keys.iter().zip(keys.iter().skip(1));
        match neighbours.find(|(one, next)| one == next) {
            None => Ok(Unique),
            Some((key, _)) => {
                let words = format_args!("the key `{key}` stands twice in one object");
                Err(A::Error::custom(words))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_stand_once_in_an_object_and_again_in_another() {
        for good in [
            r#"{"a":1,"b":{"a":[{"a":null},{"a":true}]},"c":1e40}"#,
            "[1.5, -7, \"x\", {}, []]",
        ] {
            check(good).unwrap();
        }
        for (twice, key) in [
            (r#"{"a":1,"b":2,"a":1}"#, "`a`"),
            (r#"[{"b":{"c":1,"d":2,"\u0063":3}}]"#, "`c`"),
        ] {
            let told = check(twice).unwrap_err();
            assert!(told.is_data() && told.to_string().contains(key), "{told}");
        }
    }
}

//! Parameters that several lists have: how each is described, and how it is read.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use uuid::Uuid;

/// Longest text that a list is filtered by, in characters.
pub(super) const LONGEST: usize = 255;

/// The schema of a word of a closed list.
pub(super) fn one_of<T: Display>(words: &[T]) -> RefOr<Schema> {
    let words = words.iter().map(ToString::to_string);
    let word = ObjectBuilder::new().schema_type(Type::String);
    RefOr::T(word.enum_values(Some(words)).build().into())
}

/// The schema of a text that is not empty, of at most so many characters.
pub(super) fn words(most: usize) -> RefOr<Schema> {
    let words = ObjectBuilder::new().schema_type(Type::String);
    let words = words.min_length(Some(1)).max_length(Some(most));
    RefOr::T(words.build().into())
}

/// A parameter that is true or false.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "write true or false".to_owned())
}

/// The schema of an id.
pub(super) fn id() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
    let id = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(format));
    RefOr::T(id.build().into())
}

/// The schema of a number that counts from 1.
pub(super) fn number() -> RefOr<Schema> {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    let number = number.minimum(Some(1)).maximum(Some(i32::MAX));
    RefOr::T(number.build().into())
}

/// The schema of a time.
pub(super) fn time() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let time = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(format));
    RefOr::T(time.build().into())
}

/// A word of a closed list.
pub(super) fn word<T>(text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: ToString,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A text that may stand in a row.
pub(super) fn plain(text: &str) -> Result<String, String> {
    plain_within(text, LONGEST)
}

/// The same of at most so many characters.
pub(super) fn plain_within(text: &str, most: usize) -> Result<String, String> {
    if text.is_empty() || text.chars().count() > most || text.contains(char::is_control) {
        return Err(format!(
            "write 1 to {most} characters, none of which is a control character"
        ));
    }
    Ok(text.to_owned())
}

/// An id.
pub(super) fn uuid(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|_| "a UUID is expected".to_owned())
}

/// A time.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let why = "a time is expected, as 2027-03-01T12:00:00Z is; in a URL, + is %2B";
    text.parse().map_err(|_| why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_would_refuse_is_refused_here() {
        assert!(plain("a\0b").is_err() && plain("").is_err());
        assert!(plain(&"x".repeat(256)).is_err());
        assert_eq!(plain("smtp main").as_deref(), Ok("smtp main"));
        assert!(moment("2026-13-01").is_err() && moment("2026-03-01T12:00:00Z").is_ok());
    }
}

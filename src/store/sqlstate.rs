//! SQLSTATE: what an error of PostgreSQL is, in any language.
//!
//! The codes are in appendix A of PostgreSQL's manual; the first two characters are the class.

use std::fmt;

/// The five characters of an error's code, such as `23505`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// A code: five digits or capital letters.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let code: [u8; 5] = code.as_bytes().try_into().ok()?;
        let is_fine = |c: &u8| c.is_ascii_digit() || c.is_ascii_uppercase();
        code.iter().all(is_fine).then_some(Self(code))
    }

    /// A code that is written in our own source.
    pub(super) fn of(code: &'static str) -> Self {
        Self::parse(code).unwrap_or(Self(*b"XX000"))
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }

    /// The class: the first two characters.
    #[must_use]
    pub fn class(&self) -> &str {
        self.as_str().get(..2).unwrap_or("XX")
    }

    /// Whether the session is what is wrong, so that another one may succeed at once: it is being
    /// ended, it may not write (a standby after a switch-over), its transaction or its prepared
    /// statements are not what we believe.
    #[must_use]
    pub fn costs_the_session(&self) -> bool {
        match self.class() {
            "08" | "25" | "26" => true,
            // 57014 is a statement that was cancelled: the session is sound.
            "57" => self.as_str().starts_with("57P"),
            _ => matches!(self.as_str(), "0A000" | "42P05"),
        }
    }

    /// What it means, for people.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        match (self.class(), self.as_str()) {
            (_, "25006") => "the server or the session only reads",
            (_, "42501") => "a right is missing",
            (_, "42P01" | "42703" | "42883" | "3F000" | "42704") => {
                "the schema is not that of this version"
            }
            (_, "53100") => "the server's disk is full",
            (_, "53200") => "the server is out of memory",
            (_, "53300") => "the server has too many connections",
            (_, "57014") => "a statement took too long",
            (_, "55P03") => "a lock was not to be had in time",
            (_, "P0001") => "a trigger or function of the database refuses it",
            (_, "3D000") => "there is no such database",
            ("08", _) => "the connection failed",
            ("22", _) => "a value is refused",
            ("23", _) => "a constraint is broken",
            ("25", _) => "the transaction is in a wrong state",
            ("28", _) => "the credentials are refused",
            ("40", _) => "a concurrent transaction was first",
            ("42", _) => "the statement is refused",
            ("53", _) => "the server lacks resources",
            ("54", _) => "a limit of the server is passed",
            ("55", _) => "an object is not in the state that is needed",
            ("57", _) => "an operator or the server intervened",
            ("58", _) => "the server's storage failed",
            ("F0" | "XX", _) => "the server is damaged or has a bug",
            _ => "the server refuses it",
        }
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_five_digits_or_capitals() {
        for code in ["00000", "42P01", "XX000", "P0001"] {
            assert_eq!(SqlState::parse(code).unwrap().as_str(), code);
        }
        for odd in ["", "4250", "425011", "42p01", "4250 ", "ä2501"] {
            assert_eq!(SqlState::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_session_that_cannot_write_or_is_ended_is_given_up_and_a_busy_one_is_not() {
        for (code, costs) in [
            ("25006", true),
            ("08006", true),
            ("57P01", true),
            ("57P03", true),
            ("25P02", true),
            ("0A000", true),
            ("57014", false),
            ("42501", false),
            ("53100", false),
            ("23505", false),
            ("40P01", false),
        ] {
            let state = SqlState::parse(code).unwrap();
            assert_eq!(state.costs_the_session(), costs, "{code}");
        }
    }
}

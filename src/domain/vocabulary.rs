//! One macro for the closed vocabularies, so that the word in Rust, in JSON, in the database and
//! in a metric label is written once.

/// Declares an enum whose variants have exactly one spelling, used by serde, `Display`, `FromStr`
/// and the `CHECK` constraints of the schema (a test compares them).
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The one spelling of this word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Position in [`Self::ALL`]; useful as an index into a table of the same length.
            #[must_use]
            pub const fn index(self) -> usize { self as usize }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::vocabulary::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word).ok_or_else(|| {
                    crate::domain::vocabulary::UnknownWord {
                        vocabulary: stringify!($name),
                        word: word.chars().take(64).collect(),
                        allowed: Self::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", "),
                    }
                })
            }
        }
    };
}
pub(crate) use vocabulary;

/// A word that the vocabulary does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a {vocabulary}; allowed: {allowed}")]
pub struct UnknownWord {
    /// Name of the enum.
    pub vocabulary: &'static str,
    /// What was given, cut to 64 characters.
    pub word: String,
    /// Every allowed word.
    pub allowed: String,
}

#[cfg(test)]
mod tests {
    use crate::domain::{Channel, Priority, Reason, Rejection, Status};

    #[test]
    fn every_word_parses_back_to_itself() {
        for channel in Channel::ALL {
            assert_eq!(channel.as_str().parse(), Ok(*channel));
            let json = serde_json::to_string(channel).unwrap();
            assert_eq!(json, format!("\"{channel}\""));
        }
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        for priority in Priority::ALL {
            assert_eq!(priority.as_str().parse(), Ok(*priority));
        }
        for rejection in Rejection::ALL {
            assert_eq!(rejection.as_str().parse(), Ok(*rejection));
        }
    }

    #[test]
    fn an_unknown_word_says_what_is_allowed() {
        let error = "carrier-pigeon".parse::<Channel>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`carrier-pigeon` is not a Channel; allowed: email, sms, push, in_app, chat"
        );
    }
}

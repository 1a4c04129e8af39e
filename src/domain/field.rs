//! What a field of a person, or of what belongs to one, may hold: the same at every door.

use super::nearest::nearest;
use super::{Channel, Language, address, language, name, zone};

/// Most characters of a username.
pub const USERNAME_CHARS: usize = 100;
/// Most characters of what a person is called.
pub const NAME_CHARS: usize = 120;
/// Most characters of an id in another system.
pub const EXTERNAL_ID_CHARS: usize = 255;
/// Most characters of an address, before it is spelt.
pub const ADDRESS_CHARS: usize = 2_048;
/// Most characters of a category's or a tenant's name.
pub const LABEL_CHARS: usize = 100;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What is wrong, without its subject: `is too long`.
    pub problem: String,
    /// What is allowed instead.
    pub allowed: Option<String>,
}

impl Misfit {
    fn plain(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            allowed: None,
        }
    }

    fn instead(problem: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            allowed: Some(allowed.into()),
        }
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)?;
        match &self.allowed {
            Some(allowed) => write!(f, "; allowed: {allowed}"),
            None => Ok(()),
        }
    }
}

/// A text on one line, of at most so many characters.
///
/// # Errors
/// It is empty, too long, or has a control character.
pub fn line(text: &str, most: usize) -> Result<String, Misfit> {
    let allowed = || format!("1 to {most} characters on one line");
    if text.is_empty() {
        return Err(Misfit::plain("is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Misfit::instead(
            "has a line break or a control character",
            allowed(),
        ));
    }
    if text.chars().count() > most {
        return Err(Misfit::instead("is too long", allowed()));
    }
    Ok(text.to_owned())
}

/// A name that others are compared with, in its one spelling.
///
/// # Errors
/// It is no such line, or a blank or a character in it is not seen.
pub fn comparable(text: &str, most: usize) -> Result<String, Misfit> {
    let line = line(text, most)?;
    match name::canonical(&line) {
        Ok(name) if name.chars().count() > most => Err(Misfit::plain("is too long")),
        Ok(name) => Ok(name),
        Err(problem) => Err(Misfit::plain(problem.to_string())),
    }
}

/// The name of a category that something is said about. It may not be the word for all of them: counters
/// are named by it.
///
/// # Errors
/// It is no such name.
pub fn category(text: &str) -> Result<String, Misfit> {
    match comparable(text, LABEL_CHARS)? {
        name if name == "*" => Err(Misfit::plain(
            "is not a category; without one, a preference is about all of them",
        )),
        name => Ok(name),
    }
}

/// An address in the one spelling of its channel.
///
/// # Errors
/// It is no address of that channel.
pub fn address(channel: Channel, text: &str) -> Result<String, Misfit> {
    let line = line(text, ADDRESS_CHARS)?;
    address::canonical(channel, &line).map_err(|problem| Misfit::plain(problem.to_string()))
}

/// The IANA name of a time zone, in its one spelling.
///
/// # Errors
/// It is none, or one in another spelling.
pub fn timezone(text: &str) -> Result<String, Misfit> {
    let name = line(text, 50)?;
    let allowed = "an IANA name, for example Europe/Berlin";
    let Ok(zone) = zone::find(&name) else {
        let known: Vec<String> = zone::names().collect();
        let problem = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("\"{name}\" is not a time zone, but \"{near}\" is"),
            None => format!("\"{name}\" is not a time zone"),
        };
        return Err(Misfit::instead(problem, allowed));
    };
    match zone.iana_name() {
        Some(right) if right != name => {
            let problem = format!("\"{name}\" is spelled \"{right}\"");
            Err(Misfit::instead(problem, allowed))
        }
        _ => Ok(name),
    }
}

/// A language, in its one spelling.
///
/// # Errors
/// It is none.
pub fn locale(text: &str) -> Result<String, Misfit> {
    let locale = line(text, 35)?;
    let known = Some(&locale).filter(|locale| language::is_tag(locale));
    let language = known.and_then(|locale| Language::parse(locale));
    let language = language
        .ok_or_else(|| Misfit::instead("is not a language", "for example de, pt-BR, zh-Hant"))?;
    Ok(language.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_one_spelling() {
        assert_eq!(
            address(Channel::Email, " Ana@EXAMPLE.org "),
            Ok("ana@example.org".to_owned())
        );
        assert_eq!(
            address(Channel::Sms, "+49 151 1234-5678"),
            Ok("+4915112345678".to_owned())
        );
        assert_eq!(timezone("Europe/Berlin"), Ok("Europe/Berlin".to_owned()));
        assert_eq!(locale("de_at"), locale("de-AT"));
        assert_eq!(category("News"), Ok("News".to_owned()));
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_does() {
        assert_eq!(line("", 3), Err(Misfit::plain("is empty")));
        for (unfit, words) in [
            (
                line("abcd", 3),
                "is too long; allowed: 1 to 3 characters on one line",
            ),
            (
                line("a\nb", 3),
                "has a line break or a control character; allowed: 1 to 3 characters on one line",
            ),
            (
                timezone("Europe/Belrin"),
                "\"Europe/Belrin\" is not a time zone, but \"Europe/Berlin\" is; allowed: an IANA name, for example Europe/Berlin",
            ),
            (
                locale("Klingon!"),
                "is not a language; allowed: for example de, pt-BR, zh-Hant",
            ),
            (
                category("*"),
                "is not a category; without one, a preference is about all of them",
            ),
        ] {
            assert_eq!(unfit.unwrap_err().to_string(), words);
        }
    }
}

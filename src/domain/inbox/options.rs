//! What a publisher says for the inbox: tags, buttons, where a click leads.

use serde::{Deserialize, Serialize};
use url::Url;

/// Most tags.
const TAGS: usize = 10;
/// Longest tag, and longest id of a button, in characters.
const WORD_CHARS: usize = 64;
/// Most buttons.
const ACTIONS: usize = 5;
/// Longest text on a button, in characters.
const LABEL_CHARS: usize = 100;
/// Longest address that a click leads to, in bytes.
const URL_BYTES: usize = 2_048;

/// What is said for the inbox beside the content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboxOptions {
    /// Words that a list may be narrowed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<InboxAction>,
    /// Where a click on it leads: `https://`, `http://`, or a path of the page that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboxAction {
    /// Its id, unique within its notification: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What stands on it.
    pub label: String,
    /// Where it leads, if it leads anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether it is the one to be pressed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
}

/// Something that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxOptionsMistake {
    /// Where, below the options: `/tags/2`.
    pub pointer: String,
    /// What, and what would be right.
    pub words: String,
}

impl InboxOptions {
    /// All that is wrong.
    #[must_use]
    pub fn mistakes(&self) -> Vec<InboxOptionsMistake> {
        let mut mistakes = vec![];
        let mut note = |pointer: String, checked: Result<(), String>| {
            if let Err(words) = checked {
                mistakes.push(InboxOptionsMistake { pointer, words });
            }
        };
        note("/tags".to_owned(), at_most(self.tags.len(), TAGS, "tags"));
        for (at, tag) in self.tags.iter().take(TAGS).enumerate() {
            let repeated = self.tags.iter().take(at).any(|it| it == tag);
            let checked = unique(repeated, "tag").and(line(tag, WORD_CHARS));
            note(format!("/tags/{at}"), checked);
        }
        let many = at_most(self.actions.len(), ACTIONS, "actions");
        note("/actions".to_owned(), many);
        for (at, action) in self.actions.iter().take(ACTIONS).enumerate() {
            let place = format!("/actions/{at}");
            let repeated = self.actions.iter().take(at).any(|it| it.id == action.id);
            note(
                format!("{place}/id"),
                unique(repeated, "id").and(word(&action.id)),
            );
            note(format!("{place}/label"), line(&action.label, LABEL_CHARS));
            let url = action.url.as_deref();
            note(format!("{place}/url"), url.map_or(Ok(()), link));
        }
        let url = self.url.as_deref();
        note("/url".to_owned(), url.map_or(Ok(()), link));
        mistakes
    }

    /// Whether there is a button of this id.
    #[must_use]
    pub fn has_action(&self, id: &str) -> bool {
        self.actions.iter().any(|action| action.id == id)
    }
}

fn at_most(count: usize, most: usize, what: &str) -> Result<(), String> {
    match count <= most {
        true => Ok(()),
        false => Err(format!("has {count} {what}; at most {most} are shown")),
    }
}

fn unique(repeated: bool, what: &str) -> Result<(), String> {
    match repeated {
        false => Ok(()),
        true => Err(format!("is there twice: a {what} stands once")),
    }
}

fn line(text: &str, most: usize) -> Result<(), String> {
    let count = text.chars().count();
    if text.trim().is_empty() || count > most || text.chars().any(char::is_control) {
        return Err(format!("is not 1 to {most} characters on one line"));
    }
    Ok(())
}

fn word(id: &str) -> Result<(), String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    // A path knows these as something else.
    let is_dots = id.chars().all(|c| c == '.');
    if is_dots || id.len() > WORD_CHARS || !id.chars().all(is_allowed) {
        return Err(format!(
            "is not 1 to {WORD_CHARS} letters, digits, `-`, `_` and `.`"
        ));
    }
    Ok(())
}

/// Where a click may lead: nothing that a browser would run, and no other host by a path that looks like one.
fn link(text: &str) -> Result<(), String> {
    let unseen = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    let is_plain = text.len() <= URL_BYTES && !text.contains(unseen);
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let is_web = || {
        let begins = ["https://", "http://"].iter().any(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(scheme))
        });
        begins && Url::parse(text).is_ok_and(|url| url.has_host())
    };
    if is_plain && (is_path || is_web()) {
        return Ok(());
    }
    Err(format!(
        "is neither an address that begins with https:// or http:// nor a path that begins with one /, without \
         blanks, of at most {URL_BYTES} bytes"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(id: &str, url: Option<&str>) -> InboxAction {
        InboxAction {
            id: id.to_owned(),
            label: "Approve".to_owned(),
            url: url.map(str::to_owned),
            primary: false,
        }
    }

    #[test]
    fn a_click_leads_to_the_web_or_along_a_path_and_nowhere_else() {
        for good in [
            "https://example.com/a?b#c",
            "HTTP://example.com",
            "/orders/17",
            "/",
        ] {
            assert_eq!(link(good), Ok(()), "{good}");
        }
        let long = format!("/{}", "x".repeat(URL_BYTES));
        for bad in [
            "",
            "javascript:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://",
            "https:/x",
            "ftp://x",
            "orders",
            "/a b",
            "vbscript:x",
            "https://x\u{0}y",
            long.as_str(),
        ] {
            assert!(link(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_mistakes_are_told_each_with_its_place() {
        let options = InboxOptions {
            tags: vec!["a".to_owned(), "a".to_owned(), String::new()],
            actions: vec![
                action("yes", Some("/x")),
                action("yes", None),
                action("a/b", Some("javascript:1")),
                action("..", None),
            ],
            url: Some("data:1".to_owned()),
        };
        let places: Vec<String> = options
            .mistakes()
            .into_iter()
            .map(|it| it.pointer)
            .collect();
        assert_eq!(
            places,
            [
                "/tags/1",
                "/tags/2",
                "/actions/1/id",
                "/actions/2/id",
                "/actions/2/url",
                "/actions/3/id",
                "/url"
            ]
        );
        let many = InboxOptions {
            tags: (0..11).map(|n| n.to_string()).collect(),
            actions: (0..6).map(|n| action(&n.to_string(), None)).collect(),
            url: None,
        };
        let places: Vec<String> = many.mistakes().into_iter().map(|it| it.pointer).collect();
        assert_eq!(places, ["/tags", "/actions"]);
    }
}

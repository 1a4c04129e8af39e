//! Rules for what is said of a template, the same by file and by HTTP.

use super::Channel;

/// What is wrong with the name of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariable {
    /// In words.
    pub problem: String,
    /// What would be right, if that is to be said.
    pub allowed: Option<&'static str>,
}

/// The texts that a channel does not carry among those that are there: nobody would ever read them.
#[must_use]
pub fn lost_parts(channel: Channel, there: &[&'static str]) -> Vec<&'static str> {
    let kept: &[&str] = match channel {
        Channel::Email => &["subject", "html"],
        // A subject is shown where there is no title.
        Channel::Push if !there.contains(&"title") => &["subject"],
        Channel::Push | Channel::Chat => &["title"],
        Channel::Sms => &[],
        Channel::InApp => &["subject", "title", "html"],
    };
    let lost = there.iter().filter(|part| !kept.contains(part));
    lost.copied().collect()
}

/// What is wrong with each of the names of a template's variables, by its place; one with a question mark
/// behind it may be left out.
#[must_use]
pub fn bad_variables(names: &[String]) -> Vec<(usize, BadVariable)> {
    let bare = |name: &String| name.trim_end_matches('?').to_owned();
    let mut bad = vec![];
    for (index, name) in names.iter().enumerate() {
        let name = name.strip_suffix('?').unwrap_or(name);
        if names
            .iter()
            .take(index)
            .map(bare)
            .any(|before| before == name)
        {
            let problem = format!("\"{name}\" stands twice");
            let allowed = None;
            bad.push((index, BadVariable { problem, allowed }));
        }
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !starts || !name.chars().all(plain) {
            let shown: String = name.chars().take(64).collect();
            let problem = format!("\"{shown}\" is not the name of a variable");
            let allowed = Some(
                "letters, digits and _, not starting with a digit; a ? behind it: may be left out",
            );
            bad.push((index, BadVariable { problem, allowed }));
        }
    }
    bad
}

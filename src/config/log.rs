//! Settings of the log.

use super::reader::Reader;
use crate::domain::nearest::nearest;

/// The levels, from none to all.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// A level, or levels by module.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// For machines.
    Json,
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let format = |text: &str| match text {
            "pretty" => Some(LogFormat::Pretty),
            "json" => Some(LogFormat::Json),
            _ => None,
        };
        Self {
            format: reader.parsed("log.format", "pretty, json", format),
            filter: filter(reader),
        }
    }
}

fn filter(reader: &mut Reader<'_>) -> String {
    let text = reader.text("log.filter");
    if let Err(problem) = check(&text) {
        let allowed = format!(
            "a level ({}), or levels by module: \"info,herald::broker=debug\"",
            LEVELS.join(", ")
        );
        let () = reader.refuse("log.filter", problem, allowed);
    }
    text
}

/// Takes less than the library that reads it in the end: a word that is no level would be a module of
/// which everything is logged, and nothing else; an empty text would log nothing but errors.
fn check(filter: &str) -> Result<(), String> {
    let mut modules: Vec<Option<&str>> = vec![];
    for part in filter.split(',').map(str::trim) {
        let (module, level) = match part.split_once('=') {
            Some((module, level)) => (Some(module.trim()), level.trim()),
            None => (None, part),
        };
        if level.is_empty() {
            return Err("lacks a level".to_owned());
        }
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            let hint = nearest(level, LEVELS)
                .map_or_else(String::new, |near| format!(", but \"{near}\" is"));
            return Err(format!("\"{level}\" is no level{hint}"));
        }
        if let Some(module) = module {
            check_module(module)?;
        }
        if modules.contains(&module) {
            return Err("gives two levels for the same".to_owned());
        }
        modules.push(module);
    }
    Ok(())
}

fn check_module(module: &str) -> Result<(), String> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !module.split("::").all(is_word) {
        return Err(format!("\"{module}\" is no module"));
    }
    match module.split("::").next() {
        Some(first) if first != "herald" && nearest(first, ["herald"]).is_some() => {
            Err(format!("\"{first}\" is no module, but \"herald\" is"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_and_modules() {
        for right in [
            "info",
            "OFF",
            "warn,herald=info",
            "info, herald::broker=debug,lapin=trace",
        ] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
        for (wrong, why) in [
            ("inof", "\"inof\" is no level, but \"info\" is"),
            ("", "lacks a level"),
            ("info,", "lacks a level"),
            ("info,herald=", "lacks a level"),
            ("herald", "\"herald\" is no level"),
            ("info,herald=loud", "\"loud\" is no level"),
            (
                "info,herlad=debug",
                "\"herlad\" is no module, but \"herald\" is",
            ),
            ("info,herald:broker=debug", "\"herald:broker\" is no module"),
            ("info,=debug", "\"\" is no module"),
            ("info,debug", "gives two levels for the same"),
            ("info,[span]=debug", "\"[span]\" is no module"),
        ] {
            assert_eq!(check(wrong), Err(why.to_owned()), "{wrong}");
        }
    }
}

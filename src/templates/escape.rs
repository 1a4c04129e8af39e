//! How what variables hold is printed: as text, whatever the channel takes for markup.

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Error, Output, State, escape_formatter};

use super::values;

/// Slack's `mrkdwn`.
const MRKDWN: &str = "mrkdwn";

/// The escape of a part, by the suffix of its name.
pub(super) fn of(name: &str) -> AutoEscape {
    match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, MRKDWN)) => AutoEscape::Custom(MRKDWN.into()),
        _ => AutoEscape::None,
    }
}

/// Prints a value. A null prints nothing, a number what was written, and what `|safe` marked itself.
pub(super) fn print(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    if let Some(written) = as_written(state, value) {
        return out.write_str(&written).map_err(Error::from);
    }
    match state.auto_escape() {
        AutoEscape::Custom(_) if !value.is_safe() => {
            let escaped = mrkdwn(&value.to_string());
            out.write_str(&escaped).map_err(Error::from)
        }
        AutoEscape::Custom(_) => out
            .write_str(value.as_str().unwrap_or_default())
            .map_err(Error::from),
        _ => escape_formatter(out, state, value),
    }
}

/// How a printed number was written in the message, where that is known.
fn as_written(state: &State, value: &Value) -> Option<String> {
    if value.kind() != ValueKind::Number || value.is_integer() {
        return None;
    }
    let rendering = values::shared(state)?;
    rendering.spellings.of_value(value).map(str::to_owned)
}

/// Slack: formatting text for app surfaces: these three are all that has to be escaped, so that no
/// `<!channel>` calls everybody.
fn mrkdwn(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

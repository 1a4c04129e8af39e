//! What somebody wrote, without what their mail program repeats below it.

/// Lines over which a program may spread who wrote what it repeats, and when.
const SPREAD: usize = 4;
/// Lines of a repeated head that are looked at.
const HEAD_LINES: usize = 8;

/// How programs say who wrote what follows: how the line begins and what it holds at its end, in lower case.
const INTRODUCTIONS: &[(&str, &[&str])] = &[
    ("on ", &["wrote:", "writes:"]),
    ("am ", &["schrieb", "schrieb:"]),
    ("le ", &["a écrit :", "a écrit:", "écrit :"]),
    ("el ", &["escribió:", "escribió :"]),
    ("il ", &["ha scritto:"]),
    ("op ", &["schreef", "geschreven:"]),
    ("em ", &["escreveu:"]),
    ("w dniu ", &["napisał:", "napisała:", "napisał(a):"]),
    ("den ", &["skrev", "skrev:"]),
];

/// Lines above what is repeated, in lower case, less what they are drawn with.
const RULES: &[&str] = &[
    "original message",
    "ursprüngliche nachricht",
    "originalnachricht",
    "weitergeleitete nachricht",
    "message d'origine",
    "message original",
    "message transféré",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "mensagem original",
    "forwarded message",
];

/// Names of a repeated head's first line, and of those that follow it.
const FIRST: &[&str] = &["from", "von", "de", "da", "van"];
const OTHERS: &[&str] = &[
    "sent",
    "date",
    "to",
    "cc",
    "subject",
    "gesendet",
    "datum",
    "an",
    "betreff",
    "envoyé",
    "à",
    "objet",
    "enviado",
    "enviado el",
    "fecha",
    "para",
    "asunto",
    "inviato",
    "data",
    "a",
    "oggetto",
    "verzonden",
    "aan",
    "onderwerp",
    "assunto",
    "reply-to",
    "antwort an",
];

/// What is new in a text. Where somebody answers between the lines that are repeated, all of it is.
#[must_use]
pub fn without_quotes(text: &str) -> String {
    let text = text
        .replace("\r\n", "\n")
        .replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let lines: Vec<&str> = text.lines().collect();
    let end = (0..lines.len()).find(|at| quote_begins(lines.get(*at..).unwrap_or_default()));
    let end = end.unwrap_or(lines.len());
    let kept = lines.get(..end).unwrap_or_default();
    let kept = without_tail(kept);
    let kept = kept.join("\n");
    let kept = kept.trim();
    match kept.is_empty() {
        // Nothing else is there: better too much than nothing.
        true => text.trim().to_owned(),
        false => kept.to_owned(),
    }
}

/// Whether all from here on is repeated.
fn quote_begins(lines: &[&str]) -> bool {
    let Some(first) = lines.first() else {
        return false;
    };
    if is_rule(first) || is_head(lines) {
        return true;
    }
    match introduction(lines) {
        Some(length) => only_quoted(lines.get(length..).unwrap_or_default()),
        None => false,
    }
}

/// Over how many lines somebody is said to have written what follows.
fn introduction(lines: &[&str]) -> Option<usize> {
    let first = plain(lines.first()?);
    if first.is_empty() || first.starts_with('>') {
        return None;
    }
    let mut whole = String::new();
    for (at, line) in lines.iter().take(SPREAD).enumerate() {
        let line = plain(line);
        if line.is_empty() || line.starts_with('>') {
            return None;
        }
        if at > 0 {
            whole.push(' ');
        }
        whole.push_str(&line);
        let is_one = whole.ends_with(':')
            && whole
                .chars()
                .any(|c| c.is_ascii_digit() || c == '@' || c == '<')
            && INTRODUCTIONS.iter().any(|(begin, ends)| {
                whole.starts_with(begin) && ends.iter().any(|end| says(&whole, end))
            });
        if is_one {
            return Some(at + 1);
        }
    }
    None
}

/// A verb at the end; or one that stands before whom it is about, as in German.
fn says(whole: &str, verb: &str) -> bool {
    match verb.ends_with(':') {
        true => whole.ends_with(verb),
        false => whole.split(' ').any(|word| word == verb),
    }
}

/// Whether nothing of one's own follows: all that is not empty is marked, or nothing is marked.
fn only_quoted(lines: &[&str]) -> bool {
    let mut written = lines
        .iter()
        .map(|line| line.trim())
        .filter(|it| !it.is_empty());
    let marked = written.clone().filter(|it| it.starts_with('>')).count();
    // What a program adds below, such as from which machine it was sent, is short.
    marked == 0 || written.by_ref().filter(|it| !it.starts_with('>')).count() == 0
}

/// A line that is drawn above what is repeated.
fn is_rule(line: &str) -> bool {
    let line = plain(line);
    let drawn = |c: char| matches!(c, '-' | '_' | '*' | '=' | ' ' | '–' | '—');
    let inner = line.trim_matches(drawn);
    line.len() > inner.len() + 3 && RULES.contains(&inner)
}

/// A head as Outlook repeats it: who, when, to whom, about what.
fn is_head(lines: &[&str]) -> bool {
    let named = |line: &str| -> Option<String> {
        let line = plain(line);
        let (name, value) = line.split_once(':')?;
        (!value.trim().is_empty()).then(|| name.trim().to_owned())
    };
    let begins = lines.first().and_then(|line| named(line));
    if !begins.is_some_and(|name| FIRST.contains(&name.as_str())) {
        return false;
    }
    let rest = lines.iter().skip(1).take(HEAD_LINES);
    let others = rest
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| named(line));
    others
        .filter(|name| OTHERS.contains(&name.as_str()))
        .count()
        >= 2
}

/// Without the marked lines at the end, and the line drawn above a head.
fn without_tail<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let is_tail = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with('>')
            || (line.len() > 9 && line.chars().all(|c| c == '_'))
    };
    let end = lines.iter().rposition(|line| !is_tail(line));
    let end = end.map_or(0, |at| at + 1);
    lines.get(..end).unwrap_or_default()
}

/// A line in lower case, without marks of bold print and odd blanks.
fn plain(line: &str) -> String {
    let line = line.replace(['*', '\u{200e}', '\u{200f}', '\u{feff}'], "");
    let line = line.replace(['\u{a0}', '\u{202f}', '\t'], " ");
    line.trim().to_lowercase()
}

#[cfg(test)]
#[path = "quoting/tests.rs"]
mod tests;

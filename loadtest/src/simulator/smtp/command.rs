//! The commands of a mail session, parsed.

/// One command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Ehlo,
    Helo,
    Auth {
        mechanism: String,
        initial: Option<&'a str>,
    },
    Mail {
        size: Option<usize>,
    },
    Rcpt {
        to: &'a str,
    },
    Data,
    Rset,
    Noop,
    Vrfy,
    Quit,
}

/// Why a line is no command: the reply for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Syntax(pub(super) &'static str);

const UNKNOWN: Syntax = Syntax("500 5.5.2 Error: command not recognized");
const BAD_MAIL: Syntax = Syntax("501 5.5.4 Syntax: MAIL FROM:<address>");
const BAD_RCPT: Syntax = Syntax("501 5.1.3 Syntax: RCPT TO:<address>");
const BAD_PARAMETER: Syntax = Syntax("555 5.5.4 Unsupported parameter");

pub(super) fn parse(line: &str) -> Result<Command<'_>, Syntax> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" if !rest.is_empty() => Ok(Command::Ehlo),
        "HELO" if !rest.is_empty() => Ok(Command::Helo),
        "EHLO" | "HELO" => Err(Syntax("501 5.5.4 Syntax: EHLO hostname")),
        "AUTH" => auth(rest),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" if rest.is_empty() => Ok(Command::Data),
        "DATA" => Err(Syntax("501 5.5.4 Syntax: DATA")),
        "RSET" => Ok(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => Ok(Command::Vrfy),
        "QUIT" => Ok(Command::Quit),
        _ => Err(UNKNOWN),
    }
}

fn auth(rest: &str) -> Result<Command<'_>, Syntax> {
    let mut words = rest.split_ascii_whitespace();
    let mechanism = words
        .next()
        .ok_or(Syntax("501 5.5.4 Syntax: AUTH mechanism"))?
        .to_ascii_uppercase();
    Ok(Command::Auth {
        mechanism,
        initial: words.next(),
    })
}

fn mail(rest: &str) -> Result<Command<'_>, Syntax> {
    let (address, parameters) = path(rest, "FROM:").ok_or(BAD_MAIL)?;
    // The empty path is a bounce's own sender.
    if !address.is_empty() && !address.contains('@') {
        return Err(BAD_MAIL);
    }
    let mut size = None;
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            "SIZE" => size = Some(value.parse().map_err(|_| BAD_PARAMETER)?),
            "BODY" if matches!(value, "7BIT" | "8BITMIME") => {}
            "SMTPUTF8" | "AUTH" => {}
            _ => return Err(BAD_PARAMETER),
        }
    }
    Ok(Command::Mail { size })
}

fn rcpt(rest: &str) -> Result<Command<'_>, Syntax> {
    let (to, parameters) = path(rest, "TO:").ok_or(BAD_RCPT)?;
    if !parameters.is_empty() {
        return Err(BAD_PARAMETER);
    }
    let parts = to.rsplit_once('@');
    if !parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty()) {
        return Err(BAD_RCPT);
    }
    Ok(Command::Rcpt { to })
}

/// `FROM:<address> parameters`
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (given, rest) = rest.split_at_checked(keyword.len())?;
    if !given.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    if address.contains([' ', '<']) {
        return None;
    }
    Some((address, parameters.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_any_case() {
        assert_eq!(parse("ehlo me"), Ok(Command::Ehlo));
        assert_eq!(
            parse("mail from:<a@x> SIZE=10 BODY=8BITMIME"),
            Ok(Command::Mail { size: Some(10) })
        );
        assert_eq!(parse("MAIL FROM:<>"), Ok(Command::Mail { size: None }));
        assert_eq!(parse("RCPT TO:<b@x>"), Ok(Command::Rcpt { to: "b@x" }));
    }

    #[test]
    fn bad_lines_get_the_reply_for_them() {
        for (line, code) in [
            ("", "500"),
            ("HELLO", "500"),
            ("EHLO", "501"),
            ("MAIL FROM:a@x", "501"),
            ("MAIL FROM:<a>", "501"),
            ("MAIL FROM:<a@x> FAST=1", "555"),
            ("MAIL FROM:<a@x> SIZE=big", "555"),
            ("RCPT TO:<nobody>", "501"),
            ("RCPT TO:<@x>", "501"),
            ("DATA now", "501"),
        ] {
            let Syntax(reply) = parse(line).unwrap_err();
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
    }
}

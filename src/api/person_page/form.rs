//! A form that is posted to a person's page: by a mail client (RFC 8058), or by the page itself.

use actix_web::{HttpMessage, HttpRequest};
use jiff::civil::Weekday;

use crate::domain::preference::Scope;
use crate::domain::quiet_text;
use crate::ops::control::PageDeed;

pub(super) const URLENCODED: &str = "application/x-www-form-urlencoded";
pub(super) const MULTIPART: &str = "multipart/form-data";
/// What one of RFC 8058 is sent as by clients that do not say that it is a form.
const PLAIN: &str = "text/plain";
/// Most fields; the page has thirteen.
const MOST_FIELDS: usize = 50;
/// Longest name of a category, in characters.
const LONGEST_NAME: usize = 100;

/// The fields of a form, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostedForm(Vec<(String, String)>);

impl PostedForm {
    /// Whether a request brings a form. Some mail clients do not say that they do.
    pub(super) fn is_one(request: &HttpRequest) -> bool {
        let kind = request.content_type();
        let kinds = [URLENCODED, MULTIPART, PLAIN];
        kind.is_empty() || kinds.iter().any(|known| is(kind, known))
    }

    /// The form in a body; `None` is none.
    pub(super) fn read(kind: &str, boundary: Option<&str>, body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let fields = match is(kind, MULTIPART) {
            true => multipart(text, boundary?)?,
            false => {
                let fields = url::form_urlencoded::parse(body);
                let owned = fields.map(|(name, value)| (name.into_owned(), value.into_owned()));
                owned.take(MOST_FIELDS + 1).collect()
            }
        };
        (fields.len() <= MOST_FIELDS).then_some(Self(fields))
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What is to be done; `None` says nothing that can be.
    pub(super) fn deed(&self) -> Option<PageDeed> {
        if self.value("List-Unsubscribe").map(str::trim) == Some("One-Click") {
            return Some(PageDeed::OneClick);
        }
        for (name, on) in [("off", false), ("on", true)] {
            if let Some(what) = self.value(name) {
                let what = scope(what)?;
                return Some(PageDeed::Switch { what, on });
            }
        }
        self.quiet()
    }

    fn quiet(&self) -> Option<PageDeed> {
        let what = scope(self.value("quiet")?)?;
        let days = self.0.iter().filter(|(name, _)| name == "day");
        let days: Option<Vec<Weekday>> = days.map(|(_, day)| quiet_text::day(day)).collect();
        let mut days = days?;
        days.sort_by_key(|day| day.to_monday_zero_offset());
        days.dedup();
        if self.value("hours")? == "none" {
            let hours = None;
            return Some(PageDeed::Quiet { what, hours, days });
        }
        let time = |name: &str| self.value(name).map(str::trim);
        let start = time("start").and_then(quiet_text::start);
        let end = time("end").and_then(quiet_text::end);
        let (Some(start), Some(end)) = (start, end) else {
            return Some(PageDeed::BadHours);
        };
        let hours = Some((start, end));
        // Never is said by the other button.
        match days.is_empty() || quiet_text::never_ends(hours, &days) {
            true => Some(PageDeed::BadHours),
            false => Some(PageDeed::Quiet { what, hours, days }),
        }
    }
}

fn is(kind: &str, wanted: &str) -> bool {
    kind.trim().eq_ignore_ascii_case(wanted)
}

/// What is written `channel/category`, with `*` for what is not limited.
fn scope(text: &str) -> Option<Scope> {
    let (channel, category) = text.split_once('/')?;
    let channel = match channel {
        "*" => None,
        word => Some(word.parse().ok()?),
    };
    let is_name = |name: &str| {
        let is_short = name.chars().count() <= LONGEST_NAME;
        is_short && crate::domain::name::canonical(name).is_ok_and(|it| it == name)
    };
    let category = match category {
        "*" => None,
        name if !name.is_empty() && is_name(name) && !name.contains('\0') => Some(name.to_owned()),
        _ => return None,
    };
    Some(Scope::of(channel, category))
}

/// The fields of a multipart form (RFC 7578), of which each is a short text.
fn multipart(text: &str, boundary: &str) -> Option<Vec<(String, String)>> {
    let delimiter = format!("--{boundary}");
    let mut fields = vec![];
    let mut parts = text.split(delimiter.as_str()).skip(1);
    loop {
        let part = parts.next()?;
        if part.starts_with("--") {
            return Some(fields);
        }
        if fields.len() > MOST_FIELDS {
            return None;
        }
        let part = part
            .strip_prefix("\r\n")
            .or_else(|| part.strip_prefix('\n'))?;
        let (head, value) = part
            .split_once("\r\n\r\n")
            .or_else(|| part.split_once("\n\n"))?;
        let value = value
            .strip_suffix("\r\n")
            .or_else(|| value.strip_suffix('\n'))?;
        fields.push((field_name(head)?, value.to_owned()));
    }
}

/// The name in `Content-Disposition: form-data; name="..."`.
fn field_name(head: &str) -> Option<String> {
    let mut lines = head.lines();
    let line = lines.find(|line| {
        let name = line.split(':').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("content-disposition")
    })?;
    let mut parameters = line.split(';').map(str::trim);
    let name = parameters.find_map(|it| it.strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;
    use crate::domain::Channel;

    fn posted(body: &str) -> Option<PageDeed> {
        PostedForm::read(URLENCODED, None, body.as_bytes())?.deed()
    }

    #[test]
    fn one_click_is_read_from_both_kinds_of_form() {
        let one = "List-Unsubscribe=One-Click";
        assert_eq!(posted(one), Some(PageDeed::OneClick));
        assert_eq!(
            posted("List-Unsubscribe=One-Click\r\n"),
            Some(PageDeed::OneClick)
        );
        let silent = PostedForm::read("", None, one.as_bytes()).unwrap();
        assert_eq!(silent.deed(), Some(PageDeed::OneClick));
        for body in [
            "--b1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b1--\r\n",
            "preamble\r\n--b1\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; \
             name=List-Unsubscribe\r\n\r\nOne-Click\r\n--b1--",
            "--b1\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\n\nOne-Click\n--b1--\n",
        ] {
            let form = PostedForm::read(MULTIPART, Some("b1"), body.as_bytes()).unwrap();
            assert_eq!(form.deed(), Some(PageDeed::OneClick), "{body}");
        }
        for bad in [
            "",
            "--b1",
            "--b1\r\n\r\n--b1--",
            "--b2--",
            "--b1\r\nx\r\n\r\n1\r\n--b1--",
        ] {
            let form = PostedForm::read(MULTIPART, Some("b1"), bad.as_bytes());
            assert_eq!(form.and_then(|form| form.deed()), None, "{bad}");
        }
        assert_eq!(PostedForm::read(MULTIPART, None, b"--b1--"), None);
    }

    #[test]
    fn switches_and_quiet_hours_are_read_as_the_page_posts_them() {
        let news = Scope::ChannelCategory(Channel::Email, "a b/c".to_owned());
        let off = PageDeed::Switch {
            what: news,
            on: false,
        };
        assert_eq!(posted("off=email%2Fa+b%2Fc"), Some(off));
        let all = PageDeed::Switch {
            what: Scope::All,
            on: true,
        };
        assert_eq!(posted("on=*%2F*"), Some(all));
        let quiet = PageDeed::Quiet {
            what: Scope::Channel(Channel::Sms),
            hours: Some((time(22, 0, 0, 0), time(7, 0, 0, 0))),
            days: vec![Weekday::Monday, Weekday::Sunday],
        };
        let form = "quiet=sms%2F*&start=22%3A00&end=07%3A00&day=sun&day=mon&day=mon&hours=set";
        assert_eq!(posted(form), Some(quiet));
        let none = PageDeed::Quiet {
            what: Scope::All,
            hours: None,
            days: vec![],
        };
        assert_eq!(posted("quiet=*/*&start=&end=&hours=none"), Some(none));
        let every = "day=mon&day=tue&day=wed&day=thu&day=fri&day=sat&day=sun";
        for bad in [
            "quiet=*/*&start=22:00&end=&day=mon&hours=set".to_owned(),
            "quiet=*/*&start=25:00&end=07:00&day=mon&hours=set".to_owned(),
            "quiet=*/*&start=22:00&end=07:00&hours=set".to_owned(),
            format!("quiet=*/*&start=07:00&end=07:00&{every}&hours=set"),
        ] {
            assert_eq!(posted(&bad), Some(PageDeed::BadHours), "{bad}");
        }
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        let long = format!("off=email/{}", "x".repeat(101));
        let many = "a=b&".repeat(MOST_FIELDS + 1) + "List-Unsubscribe=One-Click";
        for odd in [
            "",
            "List-Unsubscribe=one-click",
            "off=email",
            "off=fax/news",
            "off=email/",
            "off=email/%00",
            "off=email/+news",
            "quiet=*/*",
            "quiet=*/*&hours=set&start=22:00&end=07:00&day=someday",
            long.as_str(),
            many.as_str(),
        ] {
            assert_eq!(posted(odd), None, "{odd}");
        }
        assert_eq!(PostedForm::read(URLENCODED, None, b"off=\xff"), None);
    }
}

//! A person's page: what they get, where, and when it is quiet. HTML that needs no script, in their language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::{AutoEscape, Environment, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::locale::nearest_locale;
use super::values::{self, Rendering};
use crate::domain::{Channel, Language, quiet_text};

const PAGE: &str = include_str!("person_page/page.html");
const NOTICE: &str = include_str!("person_page/notice.html");
const STYLE: &str = include_str!("person_page/style.css");
/// All texts, by language.
const TEXTS: &str = include_str!("person_page/texts.json");
/// Most that a page walks past: it is ours, and somebody may have very many categories.
const STEPS: u64 = 10_000_000;

/// The texts of one language.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageTexts {
    channels: BTreeMap<Channel, String>,
    days: BTreeMap<String, String>,
    words: BTreeMap<String, String>,
}

static LANGUAGES: LazyLock<BTreeMap<String, PageTexts>> = LazyLock::new(|| {
    // A test reads them: what cannot be read is not built.
    serde_json::from_str(TEXTS).unwrap_or_default()
});

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, source) in [("page.html", PAGE), ("notice.html", NOTICE)] {
        // A test renders both.
        let _ = environment.add_template(name, source);
    }
    environment
});

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// What a person chooses from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonPage {
    /// Whose messages they are, if that has a name for people.
    pub sender: Option<String>,
    /// What was done just now.
    pub done: Option<PageDone>,
    /// What the link that led here is about.
    pub asked: PageSwitch,
    /// Whether anything comes at all.
    pub everything: bool,
    /// What comes, and where.
    pub channels: Vec<PageChannel>,
    /// When it is quiet.
    pub quiet: Vec<PageQuiet>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageDone {
    /// What was chosen is kept.
    Saved,
    /// The quiet hours lack a start or an end, or would never end.
    BadHours,
    /// It cannot be switched off.
    Needed,
}

impl PageDone {
    const fn word(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::BadHours => "bad_hours",
            Self::Needed => "needed",
        }
    }
}

/// Something that is on or off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSwitch {
    /// How a form names it.
    pub switch: String,
    /// Where.
    pub channel: Channel,
    /// Which messages; all without it.
    pub category: Option<String>,
    /// Whether they come.
    pub is_on: bool,
    /// Whether they cannot be switched off.
    pub is_required: bool,
}

/// A channel with what comes by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageChannel {
    /// All of it.
    pub all: PageSwitch,
    /// Whether nothing comes, for a reason that is not the person's to change here.
    pub is_stopped: bool,
    /// By category.
    pub categories: Vec<PageSwitch>,
}

/// Quiet hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuiet {
    /// How a form names what they are for.
    pub scope: String,
    /// For which channel; for all without it.
    pub channel: Option<Channel>,
    /// For which messages; for all without it.
    pub category: Option<String>,
    /// The first quiet minute, `HH:MM`.
    pub start: Option<String>,
    /// The first minute after.
    pub end: Option<String>,
    /// Words of the days on which they begin.
    pub days: Vec<&'static str>,
    /// By which clock.
    pub zone: String,
}

/// What a person is told where there is nothing to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageNotice {
    /// The link leads nowhere, or to nobody any more.
    Gone,
    /// It cannot be answered at the moment.
    Busy,
    /// What was sent cannot be read.
    Unreadable,
}

impl PageNotice {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Gone => ("gone_title", "gone"),
            Self::Busy => ("busy_title", "busy"),
            Self::Unreadable => ("bad_title", "bad"),
        }
    }
}

/// The policy of the content: no script, no style but the page's own, no other origin.
#[must_use]
pub fn content_policy() -> &'static str {
    &POLICY
}

/// The language that a page is shown in: the first of those that somebody reads in which it is written; else
/// English.
#[must_use]
pub fn language<'a>(read: impl IntoIterator<Item = &'a str>) -> &'static str {
    let known: Vec<&'static str> = LANGUAGES.keys().map(String::as_str).collect();
    let mut read = read.into_iter();
    let found = read.find_map(|tag| {
        let kin = Language::parse(tag)?;
        let nearest = nearest_locale(&known, tag, None)?;
        let is_theirs = Language::parse(nearest).is_some_and(|it| it.is_kin(&kin));
        is_theirs.then_some(nearest)
    });
    found.unwrap_or("en")
}

/// The page in a language that [`language`] chose.
///
/// # Errors
/// The page's own template is no good, which a test sees.
pub fn page(language: &str, page: &PersonPage) -> Result<String, String> {
    rendered("page.html", language, |texts| page.shown(texts))
}

/// What is shown where there is nothing to choose, in a language that [`language`] chose.
///
/// # Errors
/// As [`page`].
pub fn notice(language: &str, notice: PageNotice) -> Result<String, String> {
    let (title, words) = notice.words();
    rendered(
        "notice.html",
        language,
        |texts| json!({ "title": texts.word(title), "words": texts.word(words) }),
    )
}

fn rendered(
    name: &str,
    language: &str,
    page: impl FnOnce(&PageTexts) -> Json,
) -> Result<String, String> {
    let texts = LANGUAGES.get(language).or_else(|| LANGUAGES.get("en"));
    let texts = texts.ok_or("the texts of the page cannot be read")?;
    let all = Map::from_iter([
        ("language".to_owned(), json!(language)),
        ("style".to_owned(), json!(STYLE)),
        ("t".to_owned(), json!({ "words": texts.words })),
        ("page".to_owned(), page(texts)),
    ]);
    let rendering = Rendering::new(&all, STEPS);
    let context = values::context(&all, (&[], None), &Value::UNDEFINED, &rendering);
    let page = PAGES.get_template(name).and_then(|it| it.render(context));
    page.map_err(|error| error.to_string())
}

impl PageTexts {
    fn word(&self, name: &str) -> &str {
        self.words.get(name).map_or("", String::as_str)
    }

    /// What messages are called: those of a category, of a channel, of a category by a channel, or all.
    fn label(&self, channel: Option<Channel>, category: Option<&str>) -> String {
        let channel = channel.and_then(|it| self.channels.get(&it));
        match (channel, category) {
            (Some(channel), Some(category)) => {
                let words = self.word("of_channel").replace("{channel}", channel);
                words.replace("{what}", category)
            }
            (Some(one), None) => one.clone(),
            (None, Some(category)) => category.to_owned(),
            (None, None) => self.word("everything").to_owned(),
        }
    }
}

impl PersonPage {
    fn shown(&self, texts: &PageTexts) -> Json {
        let channels = self.channels.iter().map(|it| {
            let categories = it.categories.iter().map(|it| it.shown(texts));
            json!({
                "all": it.all.shown(texts),
                "is_stopped": it.is_stopped,
                "categories": categories.collect::<Vec<_>>(),
            })
        });
        json!({
            "sender": self.sender,
            "done": self.done.map(|done| texts.word(done.word())),
            "asked": self.asked.shown(texts),
            "everything": self.everything,
            "channels": channels.collect::<Vec<_>>(),
            "quiet": self.quiet.iter().map(|it| it.shown(texts)).collect::<Vec<_>>(),
        })
    }
}

impl PageSwitch {
    fn shown(&self, texts: &PageTexts) -> Json {
        json!({
            "switch": self.switch,
            "label": texts.label(Some(self.channel), self.category.as_deref()),
            "category": self.category,
            "is_on": self.is_on,
            "is_required": self.is_required,
        })
    }
}

impl PageQuiet {
    fn shown(&self, texts: &PageTexts) -> Json {
        let days = quiet_text::DAYS.map(|(word, _)| {
            let is_quiet = self.days.contains(&word);
            json!({ "word": word, "name": texts.days.get(word), "is_quiet": is_quiet })
        });
        json!({
            "scope": self.scope,
            "label": texts.label(self.channel, self.category.as_deref()),
            "start": self.start,
            "end": self.end,
            "days": days,
            "zone": self.zone,
        })
    }
}

#[cfg(test)]
mod tests;

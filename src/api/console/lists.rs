//! Pages that are a list: what they have in common.

use actix_web::HttpRequest;
use askama::Template;

use super::answer::ConsoleError;
use super::frame::PageFrame;
use super::sent_form::SentForm;
use super::typed::TypedFields;

/// Entries of a page.
pub(super) const MOST: usize = 50;

#[derive(Template)]
#[template(path = "console/list.html")]
pub(super) struct ListPage {
    pub(super) page: PageFrame,
    pub(super) list: ShownList,
}

/// A list with its rows.
pub(super) struct ShownList {
    pub(super) says: &'static str,
    pub(super) heads: &'static [&'static str],
    pub(super) rows: Vec<ListRow>,
    /// The address of the next page.
    pub(super) older: Option<String>,
}

/// A row of a list.
#[derive(Default)]
pub(super) struct ListRow {
    /// Where its first cell leads.
    pub(super) link: Option<String>,
    pub(super) cells: Vec<String>,
    pub(super) acts: Vec<ListAct>,
}

/// What may be done with a row.
pub(super) struct ListAct {
    pub(super) path: String,
    pub(super) label: &'static str,
    /// Whether somebody must say why.
    pub(super) asks_why: bool,
}

/// The fields of the query, of which `after` is the place where the page begins.
pub(super) fn query(request: &HttpRequest) -> Result<TypedFields, ConsoleError> {
    Ok(TypedFields::of(SentForm::of_query(request)?))
}

/// The place where a page begins.
pub(super) fn after<K: std::str::FromStr>(
    fields: &mut TypedFields,
) -> Result<Option<K>, ConsoleError> {
    let place = fields.read("after", |text| text.parse::<K>().map_err(|_| String::new()));
    match fields.mistake("after").is_some() {
        true => Err(ConsoleError::Bad("That is no place in the list.")),
        false => Ok(place),
    }
}

/// A path's part as it stands in an address.
pub(super) fn escaped(part: &str) -> String {
    let part: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
    // In a path a space is no plus.
    part.replace('+', "%20")
}

impl ShownList {
    /// The list of what was found, of which one entry more than fits was looked for.
    pub(super) fn of<T>(
        (says, heads): (&'static str, &'static [&'static str]),
        mut found: Vec<T>,
        place: impl Fn(&T) -> String,
        row: impl Fn(&T) -> ListRow,
    ) -> Self {
        let goes_on = found.len() > MOST;
        found.truncate(MOST);
        let last = found.last().filter(|_| goes_on);
        Self {
            older: last.map(|last| format!("?after={}", escaped(&place(last)))),
            rows: found.iter().map(row).collect(),
            says,
            heads,
        }
    }

    /// The same among what some fields of a form ask for: the next page is of these as well.
    pub(super) fn among(mut self, typed: &TypedFields, fields: &[&str]) -> Self {
        let asked = fields.iter().filter(|name| typed.has_any(&[**name]));
        let asked = asked.map(|name| format!("&{name}={}", escaped(typed.value(name))));
        let asked: String = asked.collect();
        self.older = self.older.map(|older| older + &asked);
        self
    }

    /// Whether anything may be done with any row.
    pub(super) fn acts(&self) -> bool {
        self.rows.iter().any(|row| !row.acts.is_empty())
    }
}

//! Pages of a list: how many, and after which.

use actix_web::HttpRequest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::problem::{FieldError, Problem};

/// Most entries of a page.
const MOST: usize = 200;
/// Entries of a page that does not say how many.
const USUAL: usize = 50;

/// Which page is asked for.
#[derive(Debug)]
pub(super) struct Page {
    /// Entries on it, at most.
    pub(super) limit: usize,
    /// The last entry of the page before.
    pub(super) after: Option<Uuid>,
}

impl Page {
    /// The page that a query asks for, of the list that `list` names with all its filters: a cursor of
    /// another list is refused.
    pub(super) fn asked(request: &HttpRequest, list: &str) -> Result<Self, Problem> {
        let (mut page, mut errors) = (
            Self {
                limit: USUAL,
                after: None,
            },
            vec![],
        );
        let mut wrong = |name: &str, code, detail: String| {
            let name: String = name.chars().take(64).collect();
            errors.push(FieldError {
                pointer: format!("#/query/{name}"),
                code,
                detail,
            });
        };
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            match &*name {
                "limit" => match value.parse() {
                    Ok(limit) if (1..=MOST).contains(&limit) => page.limit = limit,
                    _ => wrong("limit", "invalid", format!("write 1 to {MOST}")),
                },
                "after" => match read(&value, list) {
                    Some(id) => page.after = Some(id),
                    None => {
                        let detail = "no cursor of this list: take `next` of the page before";
                        wrong("after", "invalid_cursor", detail.to_owned());
                    }
                },
                other => wrong(
                    other,
                    "unknown_parameter",
                    "there is no such parameter".to_owned(),
                ),
            }
        }
        if errors.is_empty() {
            return Ok(page);
        }
        Err(Problem::invalid("invalid_query", errors))
    }

    /// The answer: the entries, of which one more than asked for was looked for, and where it goes on.
    pub(super) fn answer(&self, list: &str, mut entries: Vec<(Uuid, Value)>) -> Value {
        let goes_on = entries.len() > self.limit;
        entries.truncate(self.limit);
        let last = entries.last().filter(|_| goes_on);
        let next = last.map(|(id, _)| BASE64_URL_SAFE_NO_PAD.encode(format!("1 {id} {list}")));
        let data: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
        json!({ "data": data, "next": next })
    }
}

fn read(cursor: &str, list: &str) -> Option<Uuid> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (id, of) = text.strip_prefix("1 ")?.split_once(' ')?;
    (of == list).then_some(())?;
    Uuid::parse_str(id).ok()
}

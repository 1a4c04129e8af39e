//! What the query of a list asks for: filters, how many, and after which.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use actix_web::HttpRequest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::problem::{FieldError, Problem};

/// Most entries of a page.
pub(super) const MOST: usize = 200;
/// Entries of a page that does not say how many.
pub(super) const USUAL: usize = 50;

/// The parameters of a query that are left, and what was wrong with those that were taken.
#[derive(Debug)]
pub(super) struct Query {
    left: BTreeMap<String, String>,
    /// Those that may be there several times.
    lists: BTreeMap<String, Vec<String>>,
    /// What was taken, as it was written: a cursor holds for this alone.
    taken: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

/// Which page is asked for; `K` is what orders its list.
#[derive(Debug)]
pub(super) struct Page<K = Uuid> {
    /// Entries on it, at most.
    pub(super) limit: usize,
    /// The last entry of the page before.
    pub(super) after: Option<K>,
    /// What its cursors hold for.
    binding: String,
}

/// A page as it is answered.
#[derive(Debug, Serialize)]
pub(super) struct ShownPage<T> {
    data: Vec<T>,
    next: Option<String>,
}

impl Query {
    pub(super) fn of(request: &HttpRequest) -> Self {
        Self::with_lists(request, &[])
    }

    /// The same, with parameters that may be there several times.
    pub(super) fn with_lists(request: &HttpRequest, lists: &[&str]) -> Self {
        let mut query = Self {
            left: BTreeMap::new(),
            lists: BTreeMap::new(),
            taken: vec![],
            errors: vec![],
        };
        for (name, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
            if lists.contains(&&*name) {
                let list = query.lists.entry(name.into_owned()).or_default();
                list.push(value.into_owned());
            } else if query
                .left
                .insert(name.clone().into_owned(), value.into_owned())
                .is_some()
            {
                query.wrong(&name, "repeated", "this parameter is there twice");
            }
        }
        query
    }

    /// A parameter that is read as something else, if it is there.
    pub(super) fn text<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.left.remove(name)?;
        let value = read(&text);
        self.taken.push((name.to_owned(), text));
        value.map_err(|why| self.wrong(name, "invalid", why)).ok()
    }

    /// All values of a parameter that may be there several times, each read as something else.
    pub(super) fn texts<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let texts = self.lists.remove(name).unwrap_or_default();
        if texts.len() > most {
            self.wrong(name, "invalid", format!("at most {most} of them"));
        }
        let mut values = vec![];
        for text in texts.into_iter().take(most) {
            match read(&text) {
                Ok(value) => values.push(value),
                Err(why) => self.wrong(name, "invalid", why),
            }
            self.taken.push((name.to_owned(), text));
        }
        values
    }

    /// The page of a list of a tenant: call it after all filters, which its cursors are bound to.
    pub(super) fn page<K: FromStr>(&mut self, list: &str, tenant_id: Option<Uuid>) -> Page<K> {
        let mut digest = Sha256::new();
        digest.update(format!("{list} {tenant_id:?} {:?}", self.taken));
        let digest = digest.finalize();
        let binding = BASE64_URL_SAFE_NO_PAD.encode(digest.first_chunk::<12>().unwrap_or(&[0; 12]));
        let mut page = Page {
            limit: USUAL,
            after: None,
            binding,
        };
        if let Some(limit) = self.left.remove("limit") {
            match limit.parse() {
                Ok(limit) if (1..=MOST).contains(&limit) => page.limit = limit,
                _ => self.wrong("limit", "invalid", format!("write 1 to {MOST}")),
            }
        }
        if let Some(after) = self.left.remove("after") {
            page.after = read(&after, &page.binding);
            if page.after.is_none() {
                let detail = "no cursor of this list: take `next` of the page before";
                self.wrong("after", "invalid_cursor", detail);
            }
        }
        page
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.errors.push(mistake(name, code, detail.into()));
    }

    /// A parameter that was read, and turned out to be wrong when it was followed.
    pub(super) fn refused(name: &str, detail: String) -> Problem {
        Problem::invalid("invalid_query", vec![mistake(name, "invalid", detail)])
    }

    /// What was asked for, if nothing was wrong and nothing is left over.
    pub(super) fn finish<T>(mut self, value: T) -> Result<T, Problem> {
        for name in std::mem::take(&mut self.left).into_keys() {
            self.wrong(&name, "unknown_parameter", "there is no such parameter");
        }
        if self.errors.is_empty() {
            return Ok(value);
        }
        Err(Problem::invalid("invalid_query", self.errors))
    }
}

fn mistake(name: &str, code: &'static str, detail: String) -> FieldError {
    let name: String = name.chars().take(64).collect();
    FieldError {
        pointer: format!("#/query/{name}"),
        code,
        detail,
    }
}

impl Page<Uuid> {
    /// The page of a list without filters.
    pub(super) fn asked(
        request: &HttpRequest,
        list: &str,
        tenant_id: Option<Uuid>,
    ) -> Result<Self, Problem> {
        let mut query = Query::of(request);
        let page = query.page(list, tenant_id);
        query.finish(page)
    }
}

impl<K: Display> Page<K> {
    /// The answer: the entries, of which one more than asked for was looked for, and where it goes on.
    pub(super) fn answer<T>(&self, mut entries: Vec<(K, T)>) -> ShownPage<T> {
        let goes_on = entries.len() > self.limit;
        entries.truncate(self.limit);
        let last = entries.last().filter(|_| goes_on);
        let next = last.map(|(key, _)| self.cursor(key));
        let data = entries.into_iter().map(|(_, entry)| entry).collect();
        ShownPage { data, next }
    }

    /// The answer of a list that is looked at a part at a time: what was found, and where it goes on.
    pub(super) fn answer_to<T>(&self, data: Vec<T>, next: Option<&K>) -> ShownPage<T> {
        let next = next.map(|key| self.cursor(key));
        ShownPage { data, next }
    }

    /// Where the list goes on behind a key.
    fn cursor(&self, key: &K) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("2 {} {key}", self.binding))
    }
}

fn read<K: FromStr>(cursor: &str, binding: &str) -> Option<K> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (of, key) = text.strip_prefix("2 ")?.split_once(' ')?;
    (of == binding).then_some(())?;
    key.parse().ok()
}

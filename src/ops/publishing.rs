//! Publishing templates: texts are made whole and checked, and what includes them is published anew.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::Channel;
use crate::runtime::stack;
use crate::store::templates::desk::{self, TemplateVersion, WrittenTexts};
use crate::store::templates::{self, Publication, TemplateFields};
use crate::store::{PgConnection, StoreError, WriteChange};
use crate::templates::{
    Library, Part, TemplateKey, TemplateSource, included, nearest_locale, whole,
};

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMistake {
    /// The field: a part, or `variables`.
    pub field: &'static str,
    /// In words.
    pub words: String,
}

/// A template that is right, and whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeTemplate {
    /// What is rendered: every include is replaced.
    pub fields: TemplateFields,
    /// As it was written, where that differs.
    pub written: Option<WrittenTexts>,
    /// The templates that it includes.
    pub includes: Vec<String>,
}

/// A template that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedTemplate {
    /// Its name.
    pub name: String,
    /// Its channel.
    pub channel: Channel,
    /// Its language.
    pub locale: String,
    /// The version that is used now.
    pub version: i32,
    /// What that changed.
    pub change: WriteChange,
}

/// Makes a template whole, with the texts that are published, and checks it: every mistake.
///
/// # Errors
/// The database is out of reach.
pub async fn made_whole(
    connection: &mut PgConnection,
    fields: &TemplateFields,
) -> Result<Result<WholeTemplate, Vec<TemplateMistake>>, StoreError> {
    let includes = direct(fields);
    let others = match includes.is_empty() {
        true => HashMap::new(),
        false => others(connection, fields, &includes).await?,
    };
    let fields = fields.clone();
    let checked = tokio::task::spawn_blocking(move || {
        stack::on_large(move || checked(fields, includes, &others))
    });
    let panicked = |error| StoreError::Other(format!("a template could not be checked: {error}"));
    checked.await.map_err(panicked)
}

/// Publishes a template as it is written, and anew what includes it, but for those that are published `later` in
/// the same transaction. That is to be taken back if there are mistakes. Answers the template first.
///
/// # Errors
/// The database is out of reach, or the tenant does not exist.
pub async fn publish(
    connection: &mut PgConnection,
    fields: &TemplateFields,
    by: Option<&str>,
    later: &HashSet<TemplateKey>,
) -> Result<Result<Vec<PublishedTemplate>, Vec<TemplateMistake>>, StoreError> {
    desk::take_turn(connection, fields.tenant_id).await?;
    let first = match publish_one(connection, fields, by).await? {
        Ok(first) => first,
        Err(mistakes) => return Ok(Err(mistakes)),
    };
    let mut published = vec![first];
    if published
        .iter()
        .all(|it| it.change == WriteChange::Unchanged)
    {
        return Ok(Ok(published));
    }
    match publish_users(connection, fields, by, later).await? {
        Ok(users) => published.extend(users),
        Err(mistakes) => return Ok(Err(mistakes)),
    }
    Ok(Ok(published))
}

/// Publishes anew what includes a template that was published.
async fn publish_users(
    connection: &mut PgConnection,
    fields: &TemplateFields,
    by: Option<&str>,
    later: &HashSet<TemplateKey>,
) -> Result<Result<Vec<PublishedTemplate>, Vec<TemplateMistake>>, StoreError> {
    let mut published = vec![];
    for version in users(connection, fields).await? {
        let written = version.as_written();
        if later.contains(&source(&written, version.version).key()) {
            continue;
        }
        match publish_one(connection, &written, by).await? {
            Ok(one) => published.push(one),
            Err(mistakes) => return Ok(Err(of_user(&written, &mistakes))),
        }
    }
    Ok(Ok(published))
}

async fn publish_one(
    connection: &mut PgConnection,
    fields: &TemplateFields,
    by: Option<&str>,
) -> Result<Result<PublishedTemplate, Vec<TemplateMistake>>, StoreError> {
    let made = match made_whole(connection, fields).await? {
        Ok(made) => made,
        Err(mistakes) => return Ok(Err(mistakes)),
    };
    let publication = Publication {
        fields: &made.fields,
        written: made.written.as_ref(),
        includes: &made.includes,
        by,
    };
    let (version, change) = templates::publish(connection, &publication).await?;
    Ok(Ok(PublishedTemplate {
        name: fields.name.clone(),
        channel: fields.channel,
        locale: fields.locale.clone(),
        version,
        change,
    }))
}

/// The templates that include a template, and those that include these.
async fn users(
    connection: &mut PgConnection,
    fields: &TemplateFields,
) -> Result<Vec<TemplateVersion>, StoreError> {
    let (mut users, mut asked) = (vec![], vec![]);
    let mut names = vec![fields.name.clone()];
    while !names.is_empty() {
        let found =
            desk::that_include(connection, fields.tenant_id, fields.channel, &names).await?;
        asked.append(&mut names);
        let new: BTreeSet<&String> = found.iter().map(|it| &it.fields.name).collect();
        names = new
            .into_iter()
            .filter(|name| !asked.contains(name))
            .cloned()
            .collect();
        users.extend(found);
    }
    let mut seen = BTreeSet::new();
    users.retain(|it: &TemplateVersion| seen.insert(it.id));
    Ok(users)
}

fn of_user(user: &TemplateFields, mistakes: &[TemplateMistake]) -> Vec<TemplateMistake> {
    let of = |mistake: &TemplateMistake| TemplateMistake {
        field: "body",
        words: format!(
            "the template `{}` in `{}`, which includes this one, would not be right, {}: {}",
            user.name, user.locale, mistake.field, mistake.words
        ),
    };
    mistakes.iter().map(of).collect()
}

/// The names that a template includes.
fn direct(fields: &TemplateFields) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for (_, text) in parts(fields) {
        for name in text.map(included).unwrap_or_default() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// As they were written, the texts of all that a template includes, in the languages that are nearest to it.
async fn others(
    connection: &mut PgConnection,
    fields: &TemplateFields,
    includes: &[String],
) -> Result<HashMap<String, TemplateFields>, StoreError> {
    let tenant = desk::tenant_locale(connection, fields.tenant_id).await?;
    let mut others: HashMap<String, TemplateFields> = HashMap::new();
    let mut asked: BTreeSet<String> = BTreeSet::from([fields.name.clone()]);
    let mut names: Vec<String> = includes.to_vec();
    loop {
        names.retain(|name| asked.insert(name.clone()));
        if names.is_empty() {
            return Ok(others);
        }
        let found = desk::named(connection, fields.tenant_id, fields.channel, &names).await?;
        let mut next = vec![];
        for name in &names {
            let of_name = found.iter().filter(|it| it.fields.name == *name);
            let locales: Vec<&str> = of_name
                .clone()
                .map(|it| it.fields.locale.as_str())
                .collect();
            let nearest = nearest_locale(&locales, &fields.locale, tenant.as_deref());
            let chosen = of_name
                .clone()
                .find(|it| Some(it.fields.locale.as_str()) == nearest);
            if let Some(chosen) = chosen {
                next.extend(chosen.includes.iter().cloned());
                others.insert(name.clone(), chosen.as_written());
            }
        }
        names = next;
    }
}

fn checked(
    fields: TemplateFields,
    includes: Vec<String>,
    others: &HashMap<String, TemplateFields>,
) -> Result<WholeTemplate, Vec<TemplateMistake>> {
    let (mut made, mut mistakes) = (fields.clone(), vec![]);
    for (part, text) in parts(&fields) {
        let Some(text) = text else { continue };
        let find = |name: &str| {
            parts(others.get(name)?)
                .into_iter()
                .find(|it| it.0 == part)?
                .1
        };
        match whole(&fields.name, text, &find) {
            Ok(text) => put(&mut made, part, text),
            Err(errors) => mistakes.extend(errors.iter().map(|error| TemplateMistake {
                field: part.as_str(),
                words: error.to_string(),
            })),
        }
    }
    if mistakes.is_empty() {
        mistakes = compiled(&made);
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let written = (!includes.is_empty()).then_some(WrittenTexts {
        subject: fields.subject,
        title: fields.title,
        body: fields.body,
        html: fields.html,
    });
    Ok(WholeTemplate {
        fields: made,
        written,
        includes,
    })
}

/// What the templates' own code says of whole texts.
fn compiled(fields: &TemplateFields) -> Vec<TemplateMistake> {
    match Library::check(&source(fields, 1)) {
        Ok(variables) => {
            let undeclared = variables.undeclared.iter();
            let mistake = |name: &String| TemplateMistake {
                field: "variables",
                words: format!("the texts use `{name}`, which is not declared"),
            };
            undeclared.map(mistake).collect()
        }
        Err(errors) => {
            let mistake = |error: &crate::templates::TemplateError| TemplateMistake {
                field: error.part.map_or("body", Part::as_str),
                words: match error.line {
                    Some(line) => format!("line {line}: {}", error.message),
                    None => error.message.clone(),
                },
            };
            errors.iter().map(mistake).collect()
        }
    }
}

/// A template as the templates' room wants it.
#[must_use]
pub fn source(fields: &TemplateFields, version: i32) -> TemplateSource {
    TemplateSource {
        tenant_id: fields.tenant_id,
        name: fields.name.clone(),
        channel: fields.channel,
        locale: fields.locale.clone(),
        version,
        subject: fields.subject.clone(),
        title: fields.title.clone(),
        body: Some(fields.body.clone()),
        html: fields.html.clone(),
        variables: fields.variables.clone(),
        trouble: None,
    }
}

fn parts(fields: &TemplateFields) -> [(Part, Option<&str>); 4] {
    [
        (Part::Subject, fields.subject.as_deref()),
        (Part::Title, fields.title.as_deref()),
        (Part::Body, Some(fields.body.as_str())),
        (Part::Html, fields.html.as_deref()),
    ]
}

fn put(fields: &mut TemplateFields, part: Part, text: String) {
    match part {
        Part::Subject => fields.subject = Some(text),
        Part::Title => fields.title = Some(text),
        Part::Body => fields.body = text,
        Part::Html => fields.html = Some(text),
    }
}

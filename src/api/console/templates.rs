//! Templates: their versions, what a message would be made of, and what differs between two of them.

mod diff;
mod filling;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use self::filling::{FilledTexts, TextPart};
use super::answer::{ConsoleError, html};
use super::figures::ShownMoment;
use super::frame::PageFrame;
use super::lists::{ListPage, ListRow, MOST, ShownList, after, escaped, query};
use super::look;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, Channel};
use crate::ops::control::{
    DeskError, Desks, ListedTemplateLine, LocalTemplate, ShownTemplateVersion, TemplateDeskError,
    TemplateOf,
};

/// Where the desk is.
const PATH: &str = "/console/templates";

#[derive(Template)]
#[template(path = "console/template.html")]
struct TemplatePage {
    page: PageFrame,
    name: String,
    locals: Vec<LocalLine>,
    versions: Vec<VersionLine>,
    /// The address of the next page of versions.
    older: Option<String>,
    typed: TypedFields,
    channels: Vec<Channel>,
    filled: Option<FilledTexts>,
}

/// A template for one channel, in one language.
struct LocalLine {
    channel: Channel,
    locale: String,
    version: String,
    published: Option<ShownMoment>,
    drafted: Option<ShownMoment>,
    variables: String,
    parts: Vec<TextPart>,
}

/// A version.
struct VersionLine {
    channel: Channel,
    locale: String,
    version: i32,
    is_active: bool,
    published: ShownMoment,
    by: String,
}

/// A place in the list of all.
struct ListedPlace(String, String, String);

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let one = web::resource("/templates/{name}")
        .route(look(page))
        .route(web::post().to(filling::fill));
    routes
        .service(web::resource("/templates").route(look(list)))
        .service(one);
}

async fn list(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    visitor.needs(ApiResource::Templates, ApiAction::Read)?;
    let place = after::<ListedPlace>(&mut query(&request)?)?;
    let place = place.map_or_else(Default::default, |it| (it.0, it.1, it.2));
    let tenant_id = visitor.own_tenant();
    let found = desks.templates.page(tenant_id, place, MOST + 1);
    let found = found.await.map_err(refused)?;
    let row = |it: &ListedTemplateLine| ListRow {
        link: Some(address(it)),
        cells: vec![
            it.name.clone(),
            it.channel.clone(),
            it.locale.clone(),
            it.version.map_or_else(String::new, |it| it.to_string()),
            if it.has_draft { "draft" } else { "" }.to_owned(),
        ],
        ..ListRow::default()
    };
    let what = (
        "What messages are made of. With all tenants they are those of the default one.",
        &["Name", "Channel", "Language", "Version in use", "Draft"][..],
    );
    let place = |it: &ListedTemplateLine| [&*it.name, &it.channel, &it.locale].join("\u{1f}");
    let page = ListPage {
        page: PageFrame::new(&visitor, "Templates", PATH),
        list: ShownList::of(what, found, place, row),
    };
    Ok(html(StatusCode::OK, &page))
}

fn address(it: &ListedTemplateLine) -> String {
    let (name, channel, locale) = (escaped(&it.name), escaped(&it.channel), escaped(&it.locale));
    format!("{PATH}/{name}?channel={channel}&locale={locale}")
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let typed = query(&request)?;
    let page = template(&visitor, &desks, name.into_inner(), typed).await?;
    Ok(html(page.status(), &page))
}

/// The page of the templates of a name, as far as a channel and a language choose among them.
async fn template(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    name: String,
    mut typed: TypedFields,
) -> Result<TemplatePage, ConsoleError> {
    visitor.needs(ApiResource::Templates, ApiAction::Read)?;
    if name.contains('\0') {
        return Err(ConsoleError::NotFound("template"));
    }
    let before = after::<Uuid>(&mut typed)?;
    let of = TemplateOf {
        tenant_id: visitor.own_tenant(),
        name,
        channel: typed.word("channel"),
        locale: None,
    };
    let all = TemplateOf {
        channel: None,
        ..of.clone()
    };
    let shown = desks.templates.get(all.clone()).await;
    let locals = match shown {
        Ok(shown) => shown.templates,
        // One that was removed has its versions still.
        Err(TemplateDeskError::Desk(DeskError::NotFound(_))) => vec![],
        Err(error) => return Err(refused(error)),
    };
    let versions = desks.templates.versions(all, before, MOST + 1).await;
    let mut versions = versions.map_err(refused)?;
    let goes_on = versions.len() > MOST;
    versions.truncate(MOST);
    let last = versions.last().filter(|_| goes_on);
    let mut channels: Vec<Channel> = locals.iter().map(|it| it.channel).collect();
    channels.dedup();
    Ok(TemplatePage {
        page: PageFrame::new(visitor, format!("Template {}", of.name), PATH),
        older: last.map(|(id, _)| format!("{PATH}/{}?after={id}", escaped(&of.name))),
        name: of.name,
        locals: locals.into_iter().map(LocalLine::from).collect(),
        versions: versions
            .iter()
            .map(|(_, it)| VersionLine::from(it))
            .collect(),
        typed,
        channels,
        filled: None,
    })
}

/// Why nothing is shown.
fn refused(error: TemplateDeskError) -> ConsoleError {
    match error {
        TemplateDeskError::Desk(error) => error.into(),
        several @ TemplateDeskError::Several => ConsoleError::Conflict(several.to_string()),
        TemplateDeskError::Mistakes(mistakes) => {
            let words = mistakes.into_iter().map(|it| it.words);
            ConsoleError::Conflict(words.collect::<Vec<_>>().join(" "))
        }
    }
}

impl TemplatePage {
    fn status(&self) -> StatusCode {
        match self.typed.is_wrong() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::OK,
        }
    }
}

impl From<LocalTemplate> for LocalLine {
    fn from(local: LocalTemplate) -> Self {
        let published = local.published.as_ref();
        let texts = local.published.as_ref().map(|it| &it.texts);
        let texts = texts.or(local.draft.as_ref().map(|it| &it.texts));
        Self {
            channel: local.channel,
            version: published.map_or_else(String::new, |it| it.version.to_string()),
            published: published.map(|it| it.published_at.into()),
            drafted: local.draft.as_ref().map(|it| it.saved_at.into()),
            variables: texts.map_or_else(String::new, |it| it.variables.join(", ")),
            parts: texts.map(TextPart::of_texts).unwrap_or_default(),
            locale: local.locale,
        }
    }
}

impl From<&ShownTemplateVersion> for VersionLine {
    fn from(version: &ShownTemplateVersion) -> Self {
        let by = version.published_by.clone();
        Self {
            channel: version.channel,
            locale: version.locale.clone(),
            version: version.version,
            is_active: version.is_active,
            published: version.published_at.into(),
            by: by.unwrap_or_else(|| "command line".to_owned()),
        }
    }
}

impl std::str::FromStr for ListedPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('\u{1f}').map(str::to_owned);
        let place = (parts.next(), parts.next(), parts.next(), parts.next());
        match place {
            (Some(name), Some(channel), Some(locale), None) => Ok(Self(name, channel, locale)),
            _ => Err(()),
        }
    }
}

//! Telling a webhook again what it was told in a span of time: counted first, then watched.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use uuid::Uuid;

use super::{PATH, refused, webhook};
use crate::api::console::answer::{ConsoleError, html, id_of, see_other};
use crate::api::console::figures::{ShownMoment, whole};
use crate::api::console::frame::PageFrame;
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, JobState};
use crate::ops::control::{Desks, ReplayWindow, StoredReplay};
use crate::runtime::clock;

#[derive(Template)]
#[template(path = "console/webhook_replay.html")]
struct ReplayPage {
    page: PageFrame,
    webhook: Uuid,
    replay: ReplayProgress,
}

/// The part of it that is looked at again and again.
#[derive(Template)]
#[template(path = "console/webhook_replay_live.html")]
struct ReplayPart {
    replay: ReplayProgress,
}

/// How far a replay has come.
struct ReplayProgress {
    id: Uuid,
    planned: u64,
    done: u64,
    since: ShownMoment,
    until: ShownMoment,
    everything: bool,
    state: JobState,
    finished: Option<ShownMoment>,
}

/// Counts what a replay would send, or orders it.
pub(super) async fn order(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let of = form.changes_of(ApiResource::Webhooks, (&id, "webhook"))?;
    let ProvenForm { visitor, mut typed } = form;
    let Some(window) = window(&mut typed) else {
        let page = webhook(&visitor, &desks, of.1, typed).await?;
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    let only_counts = typed.value("does") != "replay";
    let ordered = desks
        .webhooks
        .replay(of, window, only_counts, visitor.by())
        .await
        .map_err(refused)?;
    if let Some(replay) = ordered.id {
        return Ok(see_other(&format!("{PATH}/{}/replays/{replay}", of.1)));
    }
    // What is counted is what is replayed, however long somebody thinks about it.
    typed.fill("replay_until", window.until.to_string());
    let mut page = webhook(&visitor, &desks, of.1, typed).await?;
    page.planned = Some(whole(ordered.planned));
    Ok(html(StatusCode::OK, &page))
}

fn window(typed: &mut TypedFields) -> Option<ReplayWindow> {
    let now = clock::now();
    let since = typed.moment("replay_since");
    let since = typed.required("replay_since", since);
    let until = typed.moment("replay_until").unwrap_or(now).min(now);
    if since.is_some_and(|since| since >= until) {
        typed.wrong(
            "replay_since",
            "That is not before the end of the span, or not over.",
        );
    }
    let window = ReplayWindow {
        since: since?,
        until,
        everything: typed.value("everything") == "yes",
    };
    (!typed.is_wrong()).then_some(window)
}

/// How far a replay has come.
pub(super) async fn page(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, ConsoleError> {
    let (webhook, replay) = progress(&visitor, &desks, &ids).await?;
    let page = ReplayPage {
        page: PageFrame::new(&visitor, "Replay of a webhook", PATH),
        webhook,
        replay,
    };
    Ok(html(StatusCode::OK, &page))
}

/// Its progress alone.
pub(super) async fn part(
    visitor: ConsoleVisitor,
    desks: Data<Desks>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, ConsoleError> {
    let (_, replay) = progress(&visitor, &desks, &ids).await?;
    Ok(html(StatusCode::OK, &ReplayPart { replay }))
}

async fn progress(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    (webhook, replay): &(String, String),
) -> Result<(Uuid, ReplayProgress), ConsoleError> {
    visitor.needs(ApiResource::Webhooks, ApiAction::Read)?;
    let (webhook, replay) = (id_of(webhook, "webhook")?, id_of(replay, "replay")?);
    let found = desks
        .webhooks
        .progress((visitor.tenant_id(), webhook), replay);
    let found = found.await.map_err(refused)?;
    Ok((webhook, ReplayProgress::from(&found)))
}

impl From<&StoredReplay> for ReplayProgress {
    fn from(replay: &StoredReplay) -> Self {
        Self {
            id: replay.id,
            planned: replay.planned,
            done: replay.done,
            since: replay.window.since.into(),
            until: replay.window.until.into(),
            everything: replay.window.everything,
            state: replay.state,
            finished: replay.finished_at.map(ShownMoment::from),
        }
    }
}

//! One ticket: what it says, its conversation, and what may be done with it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::shown::ShownDue;
use super::{DeskFrame, DeskRoster, framed, needs, refused};
use crate::api::console::answer::{ConsoleError, html};
use crate::api::console::figures::ShownMoment;
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::{MOST, after, query};
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::api::tickets::who::named;
use crate::domain::ApiResource;
use crate::runtime::clock;
use crate::tickets::desk::{StoredComment, TicketDesk};
use crate::tickets::domain::{
    HIGHEST_LEVEL, SupportTicket, TicketName, TicketStatus, TicketViewer, may_move,
};

#[derive(Template)]
#[template(path = "console/desk/ticket.html")]
pub(super) struct TicketPage {
    page: PageFrame,
    desk: DeskFrame,
    pub(super) typed: TypedFields,
    number: i64,
    description: String,
    status: &'static str,
    priority: &'static str,
    version: i64,
    dues: Vec<(&'static str, ShownDue)>,
    facts: Vec<(&'static str, String)>,
    requester_id: Uuid,
    /// Whether their page may be looked at.
    shows_person: bool,
    merged_into: Option<Uuid>,
    metadata: Option<String>,
    talk: Vec<TalkLine>,
    /// The address of what was written later.
    later: Option<String>,
    moves: Vec<TicketStatus>,
    escalates: bool,
    staff: Vec<(String, String)>,
    /// Why something could not be done.
    pub(super) mistake: Option<String>,
}

/// A comment.
struct TalkLine {
    at: ShownMoment,
    author: String,
    text: String,
    is_internal: bool,
    is_automatic: bool,
    is_requester: bool,
}

pub(super) async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desk: Data<TicketDesk>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let name = name_of(&name)?;
    let typed = query(&request)?;
    let page = TicketPage::of(&visitor, &desk, name, typed).await?;
    Ok(html(StatusCode::OK, &page))
}

/// A ticket as a path names it.
pub(super) fn name_of(text: &str) -> Result<TicketName, ConsoleError> {
    named(text).map_err(|_| ConsoleError::NotFound("ticket"))
}

impl TicketPage {
    /// The page of a ticket as it is now, with what somebody typed into its forms.
    pub(super) async fn of(
        visitor: &ConsoleVisitor,
        desk: &TicketDesk,
        name: TicketName,
        mut typed: TypedFields,
    ) -> Result<Self, ConsoleError> {
        needs(visitor)?;
        let of = (visitor.own_tenant(), TicketViewer::Tenant);
        let ticket = desk.get(of, name).await.map_err(refused)?;
        let first = after::<Uuid>(&mut typed)?;
        let talk = desk.comments(of, name, first, MOST + 1).await;
        let mut talk = talk.map_err(refused)?;
        let goes_on = talk.len() > MOST;
        talk.truncate(MOST);
        let last = talk.last().filter(|_| goes_on);
        let roster = DeskRoster::of(visitor, desk).await?;
        let title = format!("#{} {}", ticket.number, ticket.subject);
        let moves = TicketStatus::ALL.iter().copied();
        let moves = moves.filter(|to| may_move(ticket.status, *to));
        Ok(Self {
            page: framed(visitor, title).after(typed.value("done")),
            desk: DeskFrame::of(visitor, ""),
            later: last.map(|it| format!("?after={}", it.comment.id)),
            talk: talk
                .iter()
                .map(|it| TalkLine::of(it, &ticket, &roster))
                .collect(),
            dues: dues(&ticket),
            facts: facts(&ticket, &roster),
            moves: moves.collect(),
            escalates: !ticket.status.is_over() && ticket.escalation_level < HIGHEST_LEVEL,
            staff: roster.active(),
            shows_person: visitor.reads(ApiResource::Users),
            metadata: metadata(&ticket),
            number: ticket.number,
            status: ticket.status.as_str(),
            priority: ticket.priority.as_str(),
            version: ticket.version,
            requester_id: ticket.requester_id,
            merged_into: ticket.merged_into,
            description: ticket.description,
            typed,
            mistake: None,
        })
    }
}

impl TalkLine {
    fn of(stored: &StoredComment, ticket: &SupportTicket, roster: &DeskRoster) -> Self {
        let comment = &stored.comment;
        Self {
            at: stored.at.into(),
            author: roster.name(comment.author_id),
            text: comment.comment.clone(),
            is_internal: comment.is_internal,
            is_automatic: comment.is_automatic,
            is_requester: comment.author_id == ticket.requester_id,
        }
    }
}

fn dues(ticket: &SupportTicket) -> Vec<(&'static str, ShownDue)> {
    let clocks = &ticket.clocks;
    let (now, soon) = (clock::now(), clocks.is_due_soon);
    let first = clocks.due_at();
    let each = [
        ("First answer", clocks.first_response_due_at),
        ("Next answer", clocks.next_response_due_at),
        ("Resolution", clocks.resolution_due_at),
    ];
    let known = each.into_iter();
    let known = known.filter_map(|(name, due)| Some((name, due?)));
    // What is due soon is the one that is due first.
    known
        .map(|(name, due)| (name, ShownDue::at(due, soon && Some(due) == first, now)))
        .collect()
}

fn facts(ticket: &SupportTicket, roster: &DeskRoster) -> Vec<(&'static str, String)> {
    let moment = |at: Option<_>| at.map(|at| ShownMoment::from(at).text);
    let assignee = ticket.assignee_id.map(|id| roster.name(id));
    let followers: Vec<String> = ticket.followers.iter().map(|id| roster.name(*id)).collect();
    let kept = |kept: Option<bool>| {
        let words = kept.map(|kept| if kept { "in time" } else { "too late" });
        words.map(str::to_owned)
    };
    let facts = [
        (
            "Belongs to",
            Some(assignee.unwrap_or_else(|| "nobody".to_owned())),
        ),
        ("Category", ticket.category.clone()),
        ("Place", ticket.location.clone()),
        ("Level", Some(ticket.escalation_level.to_string())),
        ("Brought up", moment(ticket.last_escalation_at)),
        (
            "Followers",
            Some(followers.join(", ")).filter(|it| !it.is_empty()),
        ),
        ("Made", moment(Some(ticket.created_at))),
        ("Changed", moment(Some(ticket.updated_at))),
        ("First answered", moment(ticket.first_responded_at)),
        ("First answer was", kept(ticket.clocks.first_response_kept)),
        ("Resolved", moment(ticket.resolved_at)),
        ("Resolution was", kept(ticket.clocks.resolution_kept)),
        ("Closed", moment(ticket.closed_at)),
        ("How it was resolved", ticket.resolution_notes.clone()),
    ];
    let known = facts.into_iter();
    known
        .filter_map(|(name, fact)| Some((name, fact?)))
        .collect()
}

fn metadata(ticket: &SupportTicket) -> Option<String> {
    let some = (!ticket.metadata.is_empty()).then_some(&ticket.metadata)?;
    serde_json::to_string_pretty(some).ok()
}

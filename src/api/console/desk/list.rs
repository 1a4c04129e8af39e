//! Tickets: the board by status, or what some filters ask for, the newest first.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::board::{BoardColumn, columns};
use super::shown::TicketLine;
use super::{DeskFrame, DeskRoster, PATH, framed, needs, refused};
use crate::api::console::answer::{ConsoleError, html};
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::{MOST, after, escaped, query};
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::api::tickets::{SEARCH_CHARS, asked};
use crate::runtime::clock;
use crate::tickets::desk::TicketDesk;
use crate::tickets::domain::{TicketFilter, TicketPriority, TicketStatus, TicketViewer};

/// What a list can be of.
const FIELDS: &[&str] = &[
    "text",
    "status",
    "priority",
    "assignee",
    "requester",
    "category",
    "overdue",
];

#[derive(Template)]
#[template(path = "console/desk/tickets.html")]
struct TicketsPage {
    page: PageFrame,
    desk: DeskFrame,
    typed: TypedFields,
    statuses: &'static [TicketStatus],
    priorities: &'static [TicketPriority],
    staff: Vec<(String, String)>,
    shown: ShownTickets,
}

/// What is shown of them.
enum ShownTickets {
    Board(Vec<BoardColumn>),
    List {
        lines: Vec<TicketLine>,
        /// The address of the next page.
        older: Option<String>,
    },
}

pub(super) async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor)?;
    let mut typed = query(&request)?;
    let before = after::<Uuid>(&mut typed)?;
    let roster = DeskRoster::of(&visitor, &desk).await?;
    let filter = filter(&mut typed);
    let shown = match typed.has_any(FIELDS) || before.is_some() {
        _ if typed.is_wrong() => ShownTickets::List {
            lines: vec![],
            older: None,
        },
        true => list(&visitor, &desk, (filter, before), &typed, &roster).await?,
        false => ShownTickets::Board(columns(&visitor, &desk, &roster).await?),
    };
    let page = TicketsPage {
        page: framed(&visitor, "Tickets").after(typed.value("done")),
        desk: DeskFrame::of(&visitor, PATH),
        statuses: TicketStatus::ALL,
        priorities: TicketPriority::ALL,
        staff: roster.active(),
        shown,
        typed,
    };
    Ok(html(page.typed.status(), &page))
}

fn filter(typed: &mut TypedFields) -> TicketFilter {
    let assignee = |text: &str| match text {
        "none" => Ok(None),
        text => Uuid::parse_str(text)
            .map(Some)
            .map_err(|_| "Choose somebody.".to_owned()),
    };
    let overdue = |text: &str| match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("Choose yes or no.".to_owned()),
    };
    TicketFilter {
        status: typed.word("status"),
        priority: typed.word("priority"),
        assignee_id: typed.read("assignee", assignee),
        requester_id: typed.id("requester"),
        category: typed.read("category", asked::category),
        overdue: typed.read("overdue", overdue),
        text: typed.read("text", |text| asked::prose(text, SEARCH_CHARS)),
    }
}

async fn list(
    visitor: &ConsoleVisitor,
    desk: &TicketDesk,
    (filter, before): (TicketFilter, Option<Uuid>),
    typed: &TypedFields,
    roster: &DeskRoster,
) -> Result<ShownTickets, ConsoleError> {
    let of = (visitor.own_tenant(), TicketViewer::Tenant);
    let found = desk.page(of, filter, before, MOST + 1).await;
    let mut found = found.map_err(refused)?;
    let goes_on = found.len() > MOST;
    found.truncate(MOST);
    let older = found.last().filter(|_| goes_on).map(|last| {
        let asked = FIELDS.iter().filter(|name| typed.has_any(&[**name]));
        let asked = asked.map(|name| format!("&{name}={}", escaped(typed.value(name))));
        format!("{PATH}?after={}{}", last.id, asked.collect::<String>())
    });
    let now = clock::now();
    let lines = found.iter().map(|it| TicketLine::of(it, roster, now));
    Ok(ShownTickets::List {
        lines: lines.collect(),
        older,
    })
}

//! Accounts at providers: how each stands on every node; stopping it for a while, and trying it. For operators.

mod acts;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use jiff::Timestamp;

use super::answer::{ConsoleError, html};
use super::figures::{ShownMoment, ago, number};
use super::frame::PageFrame;
use super::look;
use super::sent_form::SentForm;
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, CircuitState, PauseKind};
use crate::ops::control::{
    Desks, ProviderDeskError, ShownProvider, ShownProviderHealth, ShownProviderTest,
};
use crate::runtime::clock;

/// Most accounts of the list.
const MOST: usize = 200;
/// Where the desk is.
const PATH: &str = "/console/accounts";

#[derive(Template)]
#[template(path = "console/accounts.html")]
struct AccountsPage {
    page: PageFrame,
    accounts: Vec<AccountLine>,
}

/// An account in the list.
struct AccountLine {
    name: String,
    kind: String,
    channel: String,
    state: &'static str,
    is_bad: bool,
    priority: i32,
    limit: String,
}

#[derive(Template)]
#[template(path = "console/account.html")]
struct AccountPage {
    page: PageFrame,
    name: String,
    facts: Vec<(&'static str, String)>,
    /// Whether it is stopped, why, and until when.
    paused: Option<(String, ShownMoment)>,
    nodes: Vec<AccountOnNode>,
    troubles: Vec<AccountTrouble>,
    kinds: &'static [PauseKind],
    writes: bool,
    typed: TypedFields,
    /// What the provider said of a test message.
    tested: Option<ShownProviderTest>,
    /// Why something could not be done.
    mistake: Option<String>,
}

/// What one node makes of an account.
struct AccountOnNode {
    node: String,
    circuit: String,
    is_bad: bool,
    more: String,
    pace: String,
    in_flight: String,
    waiting: String,
}

/// What troubled an account.
struct AccountTrouble {
    severity: String,
    kind: String,
    says: String,
    since: ShownMoment,
    until: Option<ShownMoment>,
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(web::resource("/accounts").route(look(list)))
        .service(web::resource("/accounts/{name}").route(look(page)))
        .service(web::resource("/accounts/{name}/pause").route(web::post().to(acts::pause)))
        .service(web::resource("/accounts/{name}/resume").route(web::post().to(acts::resume)))
        .service(web::resource("/accounts/{name}/change").route(web::post().to(acts::change)))
        .service(web::resource("/accounts/{name}/test").route(web::post().to(acts::test)));
}

/// What is to be read or changed is an operator's.
fn needs(visitor: &ConsoleVisitor, action: ApiAction) -> Result<(), ConsoleError> {
    visitor.needs(ApiResource::Providers, action)?;
    visitor.needs_operator()
}

async fn list(visitor: ConsoleVisitor, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor, ApiAction::Read)?;
    let found = desks.providers.page(None, MOST).await.map_err(refused)?;
    let page = AccountsPage {
        page: PageFrame::new(&visitor, "Accounts", PATH),
        accounts: found.iter().map(AccountLine::from).collect(),
    };
    Ok(html(StatusCode::OK, &page))
}

async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let query = SentForm::of_query(&request)?;
    let mut page = account(&visitor, &desks, name.into_inner(), TypedFields::default()).await?;
    page.page = page.page.after(query.text("done"));
    Ok(html(StatusCode::OK, &page))
}

async fn account(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    name: String,
    mut typed: TypedFields,
) -> Result<AccountPage, ConsoleError> {
    needs(visitor, ApiAction::Read)?;
    if name.contains('\0') {
        return Err(ConsoleError::NotFound("provider"));
    }
    let found = desks.providers.get(name.clone()).await.map_err(refused)?;
    let health = desks.providers.health(name).await.map_err(refused)?;
    let now = clock::now();
    let paused = found.paused.as_ref();
    fill(&mut typed, &found);
    Ok(AccountPage {
        page: PageFrame::new(visitor, format!("Account {}", found.name), PATH),
        facts: facts(&found, &health),
        paused: paused.map(|pause| (pause.reason.clone(), pause.until.into())),
        nodes: health
            .nodes
            .iter()
            .map(|node| AccountOnNode {
                node: node.node.clone(),
                circuit: circuit(node.circuit).to_owned(),
                is_bad: node.circuit != CircuitState::Closed,
                more: more(node.cause.as_deref(), node.available_at, now),
                pace: node
                    .pace
                    .map_or_else(|| "–".to_owned(), |it| format!("{it:.0}/s")),
                in_flight: node.in_flight.map_or_else(String::new, |it| it.to_string()),
                waiting: node.waiting.map_or_else(String::new, |it| it.to_string()),
            })
            .collect(),
        troubles: health
            .troubles
            .iter()
            .map(|it| AccountTrouble {
                severity: it.severity.clone(),
                kind: it.event_type.clone(),
                says: it.description.clone(),
                since: it.created_at.into(),
                until: it.resolved_at.map(ShownMoment::from),
            })
            .collect(),
        name: found.name,
        kinds: PauseKind::ALL,
        writes: visitor.writes(ApiResource::Providers),
        typed,
        tested: None,
        mistake: None,
    })
}

/// What is stored stands in the fields that nobody has typed into.
fn fill(typed: &mut TypedFields, found: &ShownProvider) {
    let limit = found.rate_limit;
    typed.fill("is_active", if found.is_active { "yes" } else { "no" });
    typed.fill("priority", found.priority.to_string());
    typed.fill("weight", found.weight.to_string());
    typed.fill(
        "rate_limit",
        limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string()),
    );
    typed.fill("timeout_seconds", found.timeout_seconds.to_string());
}

fn facts(found: &ShownProvider, health: &ShownProviderHealth) -> Vec<(&'static str, String)> {
    let limit = found.rate_limit;
    let mut facts = vec![
        ("Kind", found.kind.clone()),
        ("Channel", found.channel.clone()),
        ("State", state(found).0.to_owned()),
        ("Priority", found.priority.to_string()),
        ("Weight", found.weight.to_string()),
        ("Limit", limit_of(limit)),
        (
            "Pace",
            format!("{:.0} a second over all nodes", health.pace),
        ),
        ("In flight", number(health.in_flight)),
        ("In its queues", number(health.waiting)),
        ("Timeout", format!("{} s", found.timeout_seconds)),
    ];
    if let Some(trouble) = &found.trouble {
        facts.push(("Trouble", trouble.clone()));
    }
    facts
}

fn limit_of(limit: Option<i32>) -> String {
    limit.map_or_else(
        || "none".to_owned(),
        |limit| format!("{} a minute over all nodes", number(limit.into())),
    )
}

/// In a word, and whether that is bad.
fn state(found: &ShownProvider) -> (&'static str, bool) {
    match (found.trouble.is_some(), &found.paused, found.is_active) {
        (true, ..) => ("cannot be read", true),
        (_, Some(pause), _) if pause.kind == PauseKind::Drain => ("drained", true),
        (_, Some(_), _) => ("paused", true),
        (_, None, true) => ("in use", false),
        (_, None, false) => ("off", false),
    }
}

const fn circuit(state: CircuitState) -> &'static str {
    match state {
        CircuitState::Closed => "passing",
        CircuitState::Open => "tripped",
        CircuitState::HalfOpen => "probing",
    }
}

fn more(cause: Option<&str>, available_at: Option<Timestamp>, now: Timestamp) -> String {
    let again = available_at.map(|at| format!("asks again {}", ago(at, now)));
    let words = [cause.map(str::to_owned), again];
    words.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Why nothing is shown or done.
fn refused(error: ProviderDeskError) -> ConsoleError {
    match error {
        ProviderDeskError::Desk(error) => error.into(),
        ProviderDeskError::Settings(error) => ConsoleError::Conflict(error.to_string()),
    }
}

impl From<&ShownProvider> for AccountLine {
    fn from(found: &ShownProvider) -> Self {
        let (state, is_bad) = state(found);
        Self {
            name: found.name.clone(),
            kind: found.kind.clone(),
            channel: found.channel.clone(),
            state,
            is_bad,
            priority: found.priority,
            limit: limit_of(found.rate_limit),
        }
    }
}

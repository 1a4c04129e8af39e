//! How targets were kept, by category and priority, of tickets that were made in a span.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use jiff::{SignedDuration, Timestamp};

use super::{DeskFrame, framed, needs, refused};
use crate::api::console::answer::{ConsoleError, html};
use crate::api::console::figures::{number, span_ms};
use crate::api::console::frame::PageFrame;
use crate::api::console::lists::query;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::runtime::clock;
use crate::tickets::desk::TicketDesk;
use crate::tickets::domain::{ServiceKept, ServiceLine};

/// Days of a report that does not say its span.
const DAYS: i64 = 30;
/// Longest span, in days: each of its tickets is an entry of an index that is read.
const MOST_DAYS: i64 = 92;

#[derive(Template)]
#[template(path = "console/desk/report.html")]
struct TicketReportPage {
    page: PageFrame,
    desk: DeskFrame,
    typed: TypedFields,
    lines: Vec<ReportRow>,
}

/// A kind of tickets.
struct ReportRow {
    category: String,
    priority: &'static str,
    asked: String,
    first: KeptCells,
    resolution: KeptCells,
}

/// How one target was kept.
struct KeptCells {
    in_time: String,
    missed: String,
    /// Whether any was missed.
    is_bad: bool,
    median: String,
    p90: String,
}

pub(super) async fn page(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desk: Data<TicketDesk>,
) -> Result<HttpResponse, ConsoleError> {
    needs(&visitor)?;
    let mut typed = query(&request)?;
    let span = span(&mut typed, clock::now());
    let lines = match typed.is_wrong() {
        true => vec![],
        false => {
            let report = desk.report(visitor.own_tenant(), span).await;
            report.map_err(refused)?
        }
    };
    let page = TicketReportPage {
        page: framed(&visitor, "Targets kept"),
        desk: DeskFrame::of(&visitor, "/console/ticket-report"),
        lines: lines.iter().map(ReportRow::from).collect(),
        typed,
    };
    Ok(html(page.typed.status(), &page))
}

/// From when until when: without a word the last thirty days.
fn span(typed: &mut TypedFields, now: Timestamp) -> (Timestamp, Timestamp) {
    let days = |days| SignedDuration::from_hours(24 * days);
    let until = typed.moment("until").unwrap_or(now);
    let since = typed.moment("since");
    let since = since.unwrap_or_else(|| until.checked_sub(days(DAYS)).unwrap_or(until));
    if since >= until || until.duration_since(since) > days(MOST_DAYS) {
        let says = format!("Write a time before the end, at most {MOST_DAYS} days.");
        typed.wrong("since", says);
    }
    (since, until)
}

impl ReportRow {
    /// Both targets, in their order.
    const fn kept(&self) -> [&KeptCells; 2] {
        [&self.first, &self.resolution]
    }
}

impl From<&ServiceLine> for ReportRow {
    fn from(line: &ServiceLine) -> Self {
        Self {
            category: line.category.clone().unwrap_or_else(|| "none".to_owned()),
            priority: line.priority.as_str(),
            asked: number(line.asked),
            first: (&line.first_response).into(),
            resolution: (&line.resolution).into(),
        }
    }
}

impl From<&ServiceKept> for KeptCells {
    fn from(kept: &ServiceKept) -> Self {
        Self {
            in_time: number(kept.in_time),
            missed: number(kept.missed),
            is_bad: kept.missed > 0,
            median: took(kept.median),
            p90: took(kept.p90),
        }
    }
}

/// A number of seconds, for people.
fn took(seconds: Option<f64>) -> String {
    let span = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    let ms = span.and_then(|span| i64::try_from(span.as_millis()).ok());
    ms.map_or_else(|| "–".to_owned(), span_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::console::sent_form::SentForm;

    #[test]
    fn a_report_is_of_a_month_or_of_what_is_asked_for_up_to_a_quarter() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let asked = |query: &[u8]| {
            let mut typed = TypedFields::of(SentForm::read(query).unwrap());
            let (since, until) = span(&mut typed, now);
            (!typed.is_wrong()).then(|| (since.to_string(), until.to_string()))
        };
        let from_to = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
        assert_eq!(
            asked(b""),
            from_to("2026-10-31T12:00:00Z", "2026-11-30T12:00:00Z")
        );
        assert_eq!(
            asked(b"since=2026-09-01&until=2026-11-01T00:00"),
            from_to("2026-09-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            "a date alone is its midnight"
        );
        assert_eq!(
            asked(b"since=2026-09-01T00:00&until=2026-11-01T00:00"),
            from_to("2026-09-01T00:00:00Z", "2026-11-01T00:00:00Z")
        );
        assert_eq!(asked(b"since=2026-01-01T00:00"), None);
        assert_eq!(asked(b"since=2027-01-01T00:00"), None);
        assert_eq!(
            (took(None), took(Some(90.0))),
            ("–".to_owned(), "1 min 30 s".to_owned())
        );
    }
}

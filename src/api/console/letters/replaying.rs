//! Many dead letters at once: counted first, then a job.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::{ShownPlanned, filter, letters};
use crate::api::console::answer::{ConsoleError, html, see_other};
use crate::api::console::figures::number;
use crate::api::console::sent_form::SentForm;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{Desks, LetterFilter, ReplayPreview};
use crate::runtime::clock;

/// Notifications that become due in a second, unless somebody says otherwise, and at most.
const RATE: (u32, u32) = (50, 10_000);

/// Counts what a replay would do, or orders it.
pub(super) async fn replay(
    visitor: ConsoleVisitor,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, ConsoleError> {
    let form = SentForm::of(&visitor, &request, payload).await?;
    visitor.needs(ApiResource::DeadLetters, ApiAction::Write)?;
    let does = form.text("does") == "replay";
    let mut typed = TypedFields::of(form);
    let meant = filter(&visitor, &mut typed);
    let rate = typed.read("rate", |text| {
        let rate = text.parse::<u32>().ok();
        let good = rate.filter(|rate| (1..=RATE.1).contains(rate));
        good.ok_or_else(|| format!("Write 1 to {}.", RATE.1))
    });
    if typed.is_wrong() {
        let page = letters(&visitor, &desks, typed).await?;
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let (rate, now) = (rate.unwrap_or(RATE.0), clock::now());
    let meant = LetterFilter {
        // What fails from now on is not meant.
        until: Some(meant.until.map_or(now, |until| until.min(now))),
        ..meant
    };
    if does {
        let job = desks.letters.order(meant, rate, visitor.by()).await?;
        return Ok(see_other(&format!("/console/jobs/{}", job.id)));
    }
    let preview = desks.letters.preview(meant).await?;
    let mut page = letters(&visitor, &desks, typed).await?;
    page.plan = Some(ShownPlanned::of(&preview, rate));
    Ok(html(StatusCode::OK, &page))
}

impl ShownPlanned {
    fn of(preview: &ReplayPreview, rate: u32) -> Self {
        let whole = |count: u64| number(i64::try_from(count).unwrap_or(i64::MAX));
        let results = preview.by_result.iter();
        Self {
            planned: whole(preview.planned),
            judged: whole(preview.judged),
            results: results
                .map(|(result, count)| (result.clone(), whole(*count)))
                .collect(),
            rate: rate.to_string(),
        }
    }
}

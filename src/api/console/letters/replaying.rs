//! Many dead letters at once: counted first, then a job.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;

use super::{ShownPlanned, filter, letters};
use crate::api::console::answer::{ConsoleError, html, see_other};
use crate::api::console::figures::whole;
use crate::api::console::posted::ProvenForm;
use crate::domain::ApiResource;
use crate::ops::control::{Desks, LetterFilter, ReplayPreview};
use crate::runtime::clock;

/// Notifications that become due in a second, unless somebody says otherwise, and at most.
const RATE: (u32, u32) = (50, 10_000);

/// Counts what a replay would do, or orders it.
pub(super) async fn replay(
    form: ProvenForm,
    desks: Data<Desks>,
) -> Result<HttpResponse, ConsoleError> {
    form.changes(ApiResource::DeadLetters)?;
    let ProvenForm { visitor, mut typed } = form;
    let does = typed.value("does") == "replay";
    let meant = filter(&visitor, &mut typed);
    let rate = typed.whole("rate", 1..=RATE.1);
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

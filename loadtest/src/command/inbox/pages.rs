//! The pages of the console, with many notifications stored.

use anyhow::{Context, Result, ensure};

use super::timed::{TimedCalls, times, told};
use crate::command::measuring;
use crate::harness::environment::Environment;
use crate::harness::http;
use crate::measure::{Setup, fill};

/// How often each is asked for; before that some times that are not counted.
const TIMES: usize = 60;
const WARM: usize = 5;
/// No page may take longer, 95 times of 100, in microseconds.
const MOST: u64 = 300_000;
/// The pages that an operator opens.
const PAGES: &[&str] = &[
    "/console",
    "/console/live/overview",
    "/console/find?status=failed",
    "/console/find?status=sent&channel=email",
    "/console/find?category=orders&status=cancelled",
    "/console/dead-letters",
    "/console/jobs",
    "/console/quarantine",
    "/console/accounts",
    "/console/templates",
    "/console/webhooks",
    "/console/events",
    "/console/suppressions",
    "/console/keys",
    "/console/audit",
    "/console/rejected",
    "/console/tickets",
    "/console/tickets?status=open",
    "/console/ticket-report",
    "/console/ticket-audit",
    "/console/staff",
    "/console/ticket-categories",
];

/// An operator who looks at all tenants. A page that takes too long is a failure.
pub(super) async fn measure(environment: &Environment, rows: u64) -> Result<bool> {
    environment.engine.migrate().await?;
    let setup = Setup {
        rows,
        ..Setup::BASE
    };
    fill(&environment.database.url(), setup).await?;
    let (engine, key) = measuring::serving(environment).await?;
    let form = format!("key={key}");
    let headers = ["Content-Type: application/x-www-form-urlencoded"];
    let url = engine.url("/console/sign-in");
    let answer = http::request("POST", &url, &headers, form.as_bytes()).await?;
    ensure!(answer.status == 303, "signing in: {}", answer.text());
    let cookie = answer.headers.get("set-cookie").context("a session")?;
    let cookie = cookie
        .to_str()?
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let one = "SELECT count(*) FROM notification_schema.notifications";
    println!("{} notifications", environment.database.count(one).await?);
    let found =
        "SELECT id::text FROM notification_schema.notifications WHERE status = 'failed' LIMIT 1";
    let found = environment.database.ask(found).await?;
    let story = found.first().and_then(|row| row.first());
    let story = story.map(|id| format!("/console/notifications/{id}"));
    let calls = TimedCalls::new(engine.url(""));
    let mut good = true;
    for page in PAGES.iter().copied().chain(story.as_deref()) {
        let mut spans = times()?;
        for at in 0..WARM + TIMES {
            calls.get(page, ("cookie", &cookie), &mut spans).await?;
            if at + 1 == WARM {
                spans = times()?;
            }
        }
        println!("{page:<50} {}", told(&spans));
        good &= spans.value_at_quantile(0.95) <= MOST;
    }
    measuring::stop(&engine).await?;
    Ok(good)
}

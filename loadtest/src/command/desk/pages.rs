//! The pages of lists.

use anyhow::{Context, Result};

use crate::command::inbox::timed::{TimedCalls, times, told};
use crate::harness::engine::Engine;
use crate::harness::environment::Environment;

/// How often each is asked for; before that some times that are not counted.
const TIMES: usize = 200;
const WARM: usize = 10;
/// No page may take longer, 95 times of 100, in microseconds.
const MOST: u64 = 50_000;

/// Times each; says whether all are quick enough.
pub(super) async fn measure(environment: &Environment, engine: &Engine, key: &str) -> Result<bool> {
    let one = "SELECT assignee_id::text, id::text FROM ticket_schema.support_tickets WHERE status = 'open' LIMIT 1";
    let found = environment.database.ask(one).await?;
    let row = found.first().context("no ticket")?;
    let [agent, id] = [0, 1].map(|at| row.get(at).cloned().unwrap_or_default());
    let calls = TimedCalls::new(engine.url(""));
    let bearer = format!("Bearer {key}");
    let mut good = true;
    for path in [
        "/v1/tickets".to_owned(),
        "/v1/tickets?status=open".to_owned(),
        format!("/v1/tickets?status=open&assignee_id={agent}"),
        format!("/v1/tickets?assignee_id={agent}"),
        "/v1/tickets?overdue=true".to_owned(),
        format!("/v1/tickets?overdue=true&assignee_id={agent}"),
        "/v1/tickets?category=c3&status=in_progress".to_owned(),
        "/v1/tickets?text=word17".to_owned(),
        "/v1/tickets?text=word17%20floor13".to_owned(),
        "/v1/tickets?text=needs".to_owned(),
        "/v1/tickets?text=word4242&status=open".to_owned(),
        format!("/v1/tickets/{id}"),
        format!("/v1/tickets/{id}/comments"),
    ] {
        let mut spans = times()?;
        for at in 0..WARM + TIMES {
            calls
                .get(&path, ("authorization", &bearer), &mut spans)
                .await?;
            if at + 1 == WARM {
                spans = times()?;
            }
        }
        let shown = path.replace(&agent, "{agent}").replace(&id, "{id}");
        println!("{shown:<50} {}", told(&spans));
        good &= spans.value_at_quantile(0.95) <= MOST;
    }
    Ok(good)
}

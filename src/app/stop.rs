//! Stopping, top-down: take on nothing more, settle what is in hand until the deadline, return the
//! rest, end the run.

use std::time::Duration;

use tokio::time::timeout;

use super::RunReport;
use super::build::RunningEngine;
use super::build::desk::PUBLISHING_TICKETS;
use super::build::status::PUBLISHING;
use super::context::EngineContext;
use crate::config::Settings;
use crate::pipeline::hourly_metrics::Flush;
use crate::runtime::Ending;

/// Longest wait for each of the steps that follow the deadline.
const STEP: Duration = Duration::from_secs(2);

pub(super) async fn stop(
    settings: &Settings,
    context: &EngineContext,
    engine: RunningEngine,
) -> RunReport {
    let ending = context.phases.stop.ending().unwrap_or(Ending::Asked);
    let in_hand = engine.permits.taken();
    tracing::info!(
        ?ending,
        in_hand,
        "stopping; the node accepts no further work"
    );
    // What came by HTTP until now is stored and answered; nothing of it begins.
    let _ = timeout(STEP, context.tasks.finished("gather what is accepted")).await;
    // The last step is for storing what providers have answered by then.
    let deadline = settings.engine.shutdown_deadline.saturating_sub(STEP);
    let in_time = timeout(deadline, engine.permits.idle()).await.is_ok();
    let late = if in_time {
        Default::default()
    } else {
        context.tasks.unfinished()
    };
    if !in_time {
        tracing::warn!(
            ?late,
            "the shutdown deadline is near; no further provider call is started"
        );
    }
    context.phases.no_calls.raise(Ending::Asked);
    let drained = timeout(STEP, engine.permits.idle()).await.is_ok();
    // What is not answered by then is sent again by whoever takes it next.
    let _ = timeout(STEP, context.tasks.finished("send a webhook")).await;
    let _ = timeout(STEP, context.tasks.finished("store webhook results")).await;
    let returned = engine.permits.taken();
    if !drained {
        tracing::warn!(
            returned,
            "the shutdown deadline has passed; unfinished work is returned"
        );
    }
    context.phases.giving_up.raise(Ending::Asked);
    let _ = timeout(STEP, context.tasks.finished(PUBLISHING)).await;
    let _ = timeout(STEP, context.tasks.finished(PUBLISHING_TICKETS)).await;
    // What is dropped now still gives its claim and delivery back.
    let _ = timeout(STEP, engine.permits.idle()).await;
    flush(&engine).await;
    context.phases.end_of_run.raise(Ending::Asked);
    let _ = timeout(STEP, context.tasks.finished("lease")).await;
    if let Ok(Ok(Some(connection))) = timeout(STEP, engine.consumed).await {
        let _ = timeout(STEP, connection.close(200, "herald stops".into())).await;
    }
    tracing::info!(drained, returned, "stopped");
    RunReport {
        ending,
        drained,
        returned,
        late,
    }
}

/// Stops what the support desk does by itself, where there is no engine.
pub(super) async fn stop_desk(context: &EngineContext) {
    context.phases.giving_up.raise(Ending::Asked);
    let _ = timeout(STEP, context.tasks.finished(PUBLISHING_TICKETS)).await;
    context.phases.end_of_run.raise(Ending::Asked);
}

async fn flush(engine: &RunningEngine) {
    match timeout(STEP, engine.hourly.send(Flush)).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "the last hourly rollups are lost"),
        Ok(Err(_)) | Err(_) => {
            tracing::warn!("the last hourly rollups are lost: no answer in time")
        }
    }
    if !engine.node.settle_queue.is_empty() || !engine.node.claim_guards.release_queue.is_empty() {
        tracing::warn!("some outcomes are not stored; their messages will be redelivered");
    }
}

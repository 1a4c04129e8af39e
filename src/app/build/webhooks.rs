//! Webhooks: known before the first notification is settled, so that nobody misses one.

use std::sync::Arc;

use super::super::StartError;
use super::super::context::EngineContext;
use crate::config::Settings;
use crate::runtime::Supervisor;
use crate::webhooks::{WebhookContext, WebhookSender};
use crate::work::LeaseGate;
use crate::work::retry::retry_until_ok;

/// Starts to send; `None` when the shutdown came first.
pub(super) async fn start_webhooks(
    settings: &Settings,
    context: &EngineContext,
    lease_gate: &LeaseGate,
    supervisor: &Supervisor,
) -> Result<Option<()>, StartError> {
    let webhooks = WebhookContext::new(
        &settings.webhooks,
        context.database.clone(),
        context.sealer.clone(),
        lease_gate.clone(),
        (context.tasks.clone(), context.phases.clone()),
    );
    let webhooks = Arc::new(webhooks?);
    let read = || webhooks.read();
    let known = retry_until_ok("reading webhooks", &context.phases.stop, read).await;
    if known.is_none() {
        return Ok(None);
    }
    let sender = WebhookSender::new(Arc::clone(&webhooks), context.tasks.clone());
    let sender = supervisor.start("webhooks", "webhooks", sender);
    let wake = WebhookSender::wake(webhooks, sender);
    context.tasks.spawn("wake webhooks", wake);
    Ok(Some(()))
}

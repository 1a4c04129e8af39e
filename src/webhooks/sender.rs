//! Sender: looks for what webhooks are to be told, when something was written and every second.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Supervised};

use super::context::WebhookContext;
use crate::runtime::{Tasks, failpoint, mailbox};
use crate::work::job::Wake;

/// Time between looks at all webhooks: for what is due again, and what other nodes have written.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two readings of all webhooks, in case no notice came.
const READ_EVERY: u32 = 30;

/// The actor.
pub struct WebhookSender {
    context: Arc<WebhookContext>,
    tasks: Tasks,
    state: SenderState,
}

#[derive(Default)]
struct SenderState {
    is_looking: bool,
    /// What is to be looked for once the present look has ended.
    next: Option<WebhookLook>,
    looks: u32,
}

/// What is looked for; what is further down includes what is above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum WebhookLook {
    /// What was written for webhooks on this node.
    Told,
    /// What is due for any webhook.
    All,
}

/// A look has ended.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
struct LookEnded;

impl fmt::Debug for WebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSender").finish_non_exhaustive()
    }
}

impl WebhookSender {
    /// A sender that looks at once.
    #[must_use]
    pub fn new(context: Arc<WebhookContext>, tasks: Tasks) -> Self {
        Self {
            context,
            tasks,
            state: SenderState::default(),
        }
    }

    /// Wakes the sender when something was written or changed, until the end of the run.
    pub async fn wake(context: Arc<WebhookContext>, sender: Addr<Self>) {
        let stop = &context.phases.stop;
        while stop
            .or(context.database.webhooks().awaited())
            .await
            .is_some()
        {
            mailbox::post(&sender, Wake);
        }
    }

    fn look(&mut self, what: WebhookLook, ctx: &Context<Self>) {
        if self.state.is_looking {
            self.state.next = self.state.next.max(Some(what));
            return;
        }
        if self.context.phases.stop.is_raised() {
            return;
        }
        self.state.is_looking = true;
        let reads = what == WebhookLook::All && self.state.looks.is_multiple_of(READ_EVERY);
        if what == WebhookLook::All {
            self.state.looks = self.state.looks.wrapping_add(1);
        }
        let (context, address) = (Arc::clone(&self.context), ctx.address());
        self.tasks.spawn("look for webhooks", async move {
            // Told however it ends.
            let _ended = scopeguard::guard((), |()| mailbox::post(&address, LookEnded));
            let looked = async {
                if reads || context.database.webhooks().take_outdated() {
                    context.read().await?;
                }
                if what == WebhookLook::All {
                    context.tidy().await?;
                }
                context.look(what == WebhookLook::All).await
            };
            if let Err(error) = looked.await {
                tracing::warn!(%error, "webhooks could not be looked for; trying again");
            }
        });
    }
}

impl Actor for WebhookSender {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(WebhookLook::All, ctx);
        ctx.run_interval(LOOK, |sender, ctx| sender.look(WebhookLook::All, ctx));
    }
}

impl Supervised for WebhookSender {
    /// A look that is under way ends by itself, and is no longer counted.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.state = SenderState::default();
    }
}

impl Handler<Wake> for WebhookSender {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        failpoint::hit("webhooks");
        self.look(WebhookLook::Told, ctx);
    }
}

impl Handler<LookEnded> for WebhookSender {
    type Result = ();

    fn handle(&mut self, _: LookEnded, ctx: &mut Context<Self>) {
        self.state.is_looking = false;
        if let Some(next) = self.state.next.take() {
            self.look(next, ctx);
        }
    }
}

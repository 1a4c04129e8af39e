//! Dispatcher: one a channel. Decides once, renders, and sends the job on its route.

mod render_queue;
mod told_before;

use std::sync::Arc;

use actix::{Actor, Context, Handler, Supervised};

use self::render_queue::{RenderQueue, RenderStep};
use crate::delivery::NodeContext;
use crate::delivery::eligibility::Capped;
use crate::delivery::registry::AccountEntry;
use crate::domain::{
    Body, Channel, Content, Notification, PersonLink, Reason, Recipient, carriage,
};
use crate::machine::eligibility::{self, DispatchAction};
use crate::policy::Decision;
use crate::policy::switches::has_one_click;
use crate::runtime::{clock, failpoint, mailbox};
use crate::templates::LocaleHints;
use crate::work::job::{Deliver, Dispatch, Job, since_publish};

/// The `provider` of in-app notifications: the row in the inbox is the delivery.
const INBOX: &str = "inbox";

/// The actor of one channel.
#[derive(Debug)]
pub struct Dispatcher {
    line: RenderQueue,
}

/// What dispatching needs.
#[derive(Debug)]
pub struct ChannelContext {
    /// The channel.
    pub channel: Channel,
    /// What the node shares.
    pub node: Arc<NodeContext>,
}

impl Dispatcher {
    /// The dispatcher of a channel, which renders on at most so many threads.
    #[must_use]
    pub fn new(context: ChannelContext, threads: usize) -> Self {
        let line = RenderQueue::new(Arc::new(context), threads);
        Self { line }
    }
}

impl ChannelContext {
    fn follow(&self, mut job: Job, decision: Decision, accounts: &[Arc<AccountEntry>]) -> Next {
        let now = clock::now();
        let name = |at: usize| accounts.get(at).map(|entry| Arc::clone(&entry.name));
        match eligibility::dispatch(&mut job, decision, name, now) {
            DispatchAction::Render => Next::Render(job),
            DispatchAction::Reserve(counters) => Next::Reserve(Capped::waiting(job, counters)),
            DispatchAction::Store(disposition) => {
                self.node.settle_queue.push(job.settle(disposition, now));
                Next::Ended
            }
        }
    }

    /// Renders; a job that needs no provider ends here.
    fn prepare(&self, mut job: Job) -> Next {
        let now = clock::now();
        let is_inbox = self.channel == Channel::InApp;
        // Nobody looks again after this, as an account's worker does.
        if is_inbox && !job.is_decided(now) {
            return Next::Refresh(job);
        }
        if let Err(why) = self.render(&mut job) {
            self.node
                .settle_queue
                .push(job.end_because(Reason::TemplateError, why, now));
            return Next::Ended;
        }
        if is_inbox {
            job.last_asked = Some((INBOX.to_owned(), now));
            self.node
                .metrics
                .end_to_end(job.notification.lane, since_publish(&job, now));
        }
        match eligibility::rendered(&job, is_inbox) {
            Some(disposition) => {
                self.node.settle_queue.push(job.settle(disposition, now));
                Next::Ended
            }
            None => Next::Deliver(job),
        }
    }

    fn render(&self, job: &mut Job) -> Result<(), String> {
        let link = self.link(&job.notification, &job.recipient);
        let notification = &job.notification;
        match &notification.payload.body {
            Body::Content(content) => job.content = content.clone(),
            Body::Template(call) => {
                let library = self.node.templates.library();
                let rendered = library.render(
                    notification.tenant_id,
                    self.channel,
                    &call.name,
                    LocaleHints {
                        recipient: job.recipient.locale.as_deref(),
                        tenant: job.rules.locale.as_deref(),
                    },
                    &call.variables,
                    link.as_deref(),
                );
                let rendered = rendered.map_err(|error| error.to_string())?;
                let content = Content {
                    reply_to: call.reply_to.clone(),
                    ..rendered.content
                };
                carriage::check(self.channel, &content)
                    .map_err(|unfit| format!("template `{}`: {unfit}", call.name))?;
                job.content = content;
                job.template_version = Some(rendered.version);
            }
        }
        let is_told = self.node.links.is_for_headers();
        let is_told = is_told && has_one_click(&job.notification, &job.rules);
        job.unsubscribe_url = link.filter(|_| is_told);
        Ok(())
    }

    /// Where the person unsubscribes, of a notification that may say so: a template does, and a mail's headers.
    fn link(&self, notification: &Notification, recipient: &Recipient) -> Option<String> {
        let is_template = matches!(notification.payload.body, Body::Template(_));
        let has_reader = is_template || self.channel == Channel::Email;
        if !self.node.links.makes_any() || !has_reader || notification.is_for_everybody() {
            return None;
        }
        self.node.links.url(&PersonLink {
            tenant_id: notification.tenant_id,
            user_id: notification.user_id,
            notification_id: notification.id,
            channel: self.channel,
            category: notification.category.clone(),
            to: recipient.others_address(self.channel, notification.payload.to.as_deref()),
        })
    }
}

/// Where a job goes from here.
#[derive(Debug)]
enum Next {
    /// To be rendered.
    Render(Job),
    /// To be decided on again, with fresh facts.
    Refresh(Job),
    /// To be asked about: an account may have it, and may have told so.
    AskAbout(Job),
    /// To the first account of its route.
    Deliver(Job),
    /// To the daily caps.
    Reserve(Capped),
    /// To the recorder.
    Ended,
}

impl Actor for Dispatcher {
    type Context = Context<Self>;
}

impl Supervised for Dispatcher {
    /// What waits is worked on outside of the actor, and goes on.
    fn restarting(&mut self, _: &mut Context<Self>) {}
}

impl Handler<Dispatch> for Dispatcher {
    type Result = ();

    fn handle(&mut self, Dispatch(jobs): Dispatch, _: &mut Context<Self>) {
        failpoint::hit("dispatcher");
        self.line.extend(jobs.into_iter().map(RenderStep::Decide));
    }
}

/// Jobs by the first account of their route.
#[derive(Default)]
struct Loads {
    by_account: Vec<(Arc<AccountEntry>, Vec<Job>)>,
}

impl Loads {
    /// Adds a job to the load of the first account of its route that is still there; returns it when none
    /// is.
    fn add(&mut self, mut job: Job, accounts: &[Arc<AccountEntry>]) -> Option<Job> {
        let there = |name: &Arc<str>| accounts.iter().find(|entry| entry.name == *name);
        let Some(first) = job.route.pop_front().as_ref().and_then(there) else {
            return Some(job);
        };
        let known = self
            .by_account
            .iter_mut()
            .find(|(account, _)| Arc::ptr_eq(account, first));
        match known {
            Some((_, jobs)) => jobs.push(job),
            None => self.by_account.push((Arc::clone(first), vec![job])),
        }
        None
    }

    fn post(self) {
        for (account, jobs) in self.by_account {
            mailbox::post_to(&account.deliver, Deliver(jobs));
        }
    }
}

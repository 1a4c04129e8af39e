//! Posting to an actor.

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, Recipient};

/// Puts a message into an actor's mailbox, without waiting and without a bound.
///
/// Mailboxes only wait: what bounds the work are permits. A message to an actor that is gone is
/// dropped, so that it must be a wake-up, or own a job that returns itself when dropped.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that may: see above"
)]
pub fn post<A, M>(address: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    address.do_send(message);
}

/// As [`post`], to whichever actor takes such messages.
pub fn post_to<M>(recipient: &Recipient<M>, message: M)
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    recipient.do_send(message);
}

use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Handler, Message};

use super::*;

/// Counts numbers; panics on the one that it is told to, in the way that it is told to.
struct CountingActor {
    seen: Arc<AtomicUsize>,
    restarts: Arc<AtomicUsize>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Number;

#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
enum Panic {
    Handled,
    Spawned,
    Waited,
}

#[derive(Message)]
#[rtype(usize)]
struct Seen;

impl Actor for CountingActor {
    type Context = Context<Self>;
}

impl Supervised for CountingActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.restarts.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler<Number> for CountingActor {
    type Result = ();
    fn handle(&mut self, _: Number, _: &mut Context<Self>) {
        self.seen.fetch_add(1, Ordering::SeqCst);
    }
}

impl Handler<Panic> for CountingActor {
    type Result = ();
    fn handle(&mut self, how: Panic, ctx: &mut Context<Self>) {
        let dying = actix::fut::wrap_future(async { panic!("on purpose") });
        match how {
            Panic::Handled => panic!("on purpose"),
            Panic::Spawned => drop(ctx.spawn(dying)),
            Panic::Waited => ctx.wait(dying),
        }
    }
}

impl Handler<Seen> for CountingActor {
    type Result = usize;
    fn handle(&mut self, _: Seen, _: &mut Context<Self>) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

fn supervisor(shutdown: &Shutdown) -> (Supervisor, Arc<AtomicUsize>) {
    let counted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&counted);
    let count = Arc::new(move |_: &str| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    (
        Supervisor::new(Health::new(), shutdown.clone(), count),
        counted,
    )
}

fn counter() -> CountingActor {
    CountingActor {
        seen: Arc::default(),
        restarts: Arc::default(),
    }
}

#[actix::test]
async fn queued_messages_survive_every_kind_of_panic_at_the_same_address() {
    for how in [Panic::Handled, Panic::Spawned, Panic::Waited] {
        let (supervisor, counted) = supervisor(&Shutdown::new());
        let counter = counter();
        let restarts = Arc::clone(&counter.restarts);
        let address = supervisor.start("counter", "counter", counter);
        super::super::mailbox::post(&address, how);
        for _ in 0..1_000 {
            super::super::mailbox::post(&address, Number);
        }
        assert_eq!(address.send(Seen).await.unwrap(), 1_000);
        // A spawned future is polled after the mailbox: the second answer comes after the restart.
        assert_eq!(address.send(Seen).await.unwrap(), 1_000);
        assert_eq!(restarts.load(Ordering::SeqCst), 1);
        assert_eq!(counted.load(Ordering::SeqCst), 1);
        assert!(supervisor.health.is_ready());
    }
}

#[actix::test]
async fn an_actor_that_keeps_dying_ends_the_process_instead() {
    tokio::time::pause();
    let shutdown = Shutdown::new();
    let (supervisor, counted) = supervisor(&shutdown);
    let address = supervisor.start("counter", "counter", counter());
    for _ in 0..=RESTART_LIMIT {
        super::super::mailbox::post(&address, Panic::Handled);
    }
    shutdown.raised().await;
    assert!(matches!(shutdown.ending(), Some(Ending::Fatal(why)) if why.contains("counter")));
    assert_eq!(counted.load(Ordering::SeqCst), RESTART_LIMIT + 1);
    assert!(!supervisor.health.is_ready());
    assert!(!address.connected());
}

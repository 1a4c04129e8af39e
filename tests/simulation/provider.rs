//! Scripted providers.

use std::sync::Arc;
use std::time::Duration;

use herald::domain::{Class, Reason, Reply, Target};
use herald::machine::account::{CallPermit, CircuitNews};
use herald::machine::delivery::CallResult;

use crate::ledger::{Known, Request, Took};
use crate::plan::Mood;
use crate::run::Run;
use crate::world::{Event, Step, World};

const TIMEOUT: Duration = Duration::from_secs(10);

impl World {
    pub(crate) fn request(
        &mut self,
        run: Run,
        account: usize,
        (worker, slot): (u64, usize),
        target: Target,
        permit: CallPermit,
    ) {
        let (reply, takes, elapsed) = self.script(account);
        let here = self.here(run, account);
        let job = here.workers.get_mut(&worker).unwrap().job.take().unwrap();
        let n = job.claim.number;
        let request = Request {
            number: n,
            target,
            account,
            run,
            at: self.now,
            clock: self.clock(),
            answers_at: self.now + elapsed,
            recipient: Arc::clone(&job.recipient),
            reply,
            took: if takes { Took::Soon } else { Took::No },
            known: Known::UnderWay,
            worker,
            slot,
            permit,
        };
        self.tell(Some(n), || {
            format!("asks account {account} for {:?}", request.target)
        });
        self.check_request(&request, &job);
        let here = self.here(run, account);
        here.workers.get_mut(&worker).unwrap().job = Some(job);
        let number = self.requests.len();
        self.requests.push(request);
        self.at(self.now + elapsed / 2, Event::Decide(number));
        self.after(elapsed, run, Step::Answer(number));
    }

    /// What the account says at this moment, whether it takes the message, and when it answers.
    fn script(&mut self, account: usize) -> (Reply, bool, Duration) {
        let now = self.now;
        let mut moods = self.plan.accounts[account].moods.iter();
        let mood = moods
            .find(|(until, _)| now < *until)
            .map_or(Mood::default(), |(_, mood)| *mood);
        let dice = &mut self.dice;
        let quick = if mood.slow {
            dice.millis(1_000, 6_000)
        } else {
            dice.millis(5, 400)
        };
        let plain = |class| Reply::of(class, None, None);
        if dice.chance(mood.refuses_account) {
            (plain(Class::AccountRefused), false, quick)
        } else if dice.chance(mood.refuses) {
            let reply = Reply::permanent(Reason::InvalidRecipient, "400", "no");
            let dead = dice.chance(0.3);
            (
                if dead {
                    reply.with_dead_address()
                } else {
                    reply
                },
                false,
                quick,
            )
        } else if dice.chance(mood.declines) {
            (plain(Class::NotByAccount), false, quick)
        } else if dice.chance(mood.fails) {
            (plain(Class::Transient), false, quick)
        } else if dice.chance(mood.throttles) {
            let wait = dice
                .chance(0.6)
                .then(|| Duration::from_secs(dice.between(1, 90)));
            (plain(Class::Throttled).with_retry_after(wait), false, quick)
        } else if dice.chance(mood.hangs) {
            (plain(Class::Unknown), false, TIMEOUT)
        } else if dice.chance(mood.loses) {
            (plain(Class::Unknown), true, quick)
        } else {
            (Reply::accepted("200", None), true, quick)
        }
    }

    pub(crate) fn decide_as_provider(&mut self, number: usize) {
        let alive = self.lives(self.requests[number].run);
        let request = &mut self.requests[number];
        if request.took == Took::Soon {
            request.took = Took::Yes;
        }
        if !alive {
            request.known = Known::Lost;
        }
        let (n, took) = (request.number, request.took);
        self.tell(Some(n), || {
            format!("request {number} was decided on: {took:?}")
        });
        self.check_caps(number);
    }

    pub(crate) fn answered(&mut self, run: Run, number: usize) {
        let now = self.now;
        let request = &self.requests[number];
        let (account, permit, reply) = (request.account, request.permit, request.reply.clone());
        let (worker, slot, took) = (request.worker, request.slot, now - request.at);
        let (id, address) = (
            self.plan.published[request.number].notification.id,
            request.target.address.clone(),
        );
        let state = &mut self.here(run, account).state;
        let taught = state.answered(permit, reply, Some((id, &address)), took, now);
        if let Some(CircuitNews::Opened { until, .. }) = taught.circuit {
            self.watch.opened(run, account, until);
        }
        if permit.is_probe {
            self.watch.probed(run, account);
        }
        if let Some(wait) = taught.pause {
            self.share_pause(account, wait);
            self.watch.asked_to_wait(run, account, now, wait);
        }
        let result = CallResult {
            reply: taught.reply,
            elapsed: Some(took),
        };
        self.answer(run, account, (worker, slot), result);
        self.serve_in(run, account, Duration::ZERO);
    }
}

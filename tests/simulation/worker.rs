//! One job at one account: as `pipeline::provider::{worker, second_look}` do it.

use std::time::Duration;

use herald::domain::{
    AttemptRecord, Channel, Class, OnUnknown, Reason, Reply, SuppressionReason, Target,
};
use herald::policy::after_pass::{Pass, Verdict, after_pass};
use herald::policy::{expiry, routing};
use herald::resilience::Backoff;
use herald::store::settle::DeadAddress;

use crate::desk::{QUEUE_WAIT, Token, Want};
use crate::engine::Job;
use crate::health::Call;
use crate::world::{Run, Step, World};

const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(900));
/// What FCM wants.
const PUSH_DELAY: Duration = Duration::from_secs(10);
const PUSH_WINDOW: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
pub(crate) struct Worker {
    /// Away while its reservation is under way.
    pub(crate) job: Option<Job>,
    pub(crate) token: Token,
    /// The addresses that are being asked, with their answers as they come.
    asked: Vec<(Target, Option<Reply>)>,
    /// The others are asked once the probe has shown that the account works.
    after_probe: bool,
}

impl World {
    pub(crate) fn hire(&mut self, run: Run, account: usize, job: Job, token: Token) {
        let desk = self.desk(run, account);
        desk.hired += 1;
        let worker = desk.hired;
        let asked = vec![];
        let of = Worker {
            job: Some(job),
            token,
            asked,
            after_probe: false,
        };
        desk.workers.insert(worker, of);
        self.work(run, account, worker);
    }

    /// A token has come, or there is no point in waiting for one.
    pub(crate) fn go_on(&mut self, run: Run, account: usize, want: Want, token: Token) {
        if let Some((further, _)) = want.further {
            return self.put_another(run, account, want.worker, further, token);
        }
        self.worker(run, account, want.worker).token = token;
        self.work(run, account, want.worker);
    }

    pub(crate) fn worker(&mut self, run: Run, account: usize, worker: u64) -> &mut Worker {
        self.desk(run, account).workers.get_mut(&worker).unwrap()
    }

    pub(crate) fn dismiss(&mut self, run: Run, account: usize, worker: u64) -> Job {
        let worker = self.desk(run, account).workers.remove(&worker).unwrap();
        self.serve_in(run, account, Duration::ZERO);
        worker.job.unwrap()
    }

    pub(crate) fn work(&mut self, run: Run, account: usize, number: u64) {
        let (now, clock) = (self.now, self.clock());
        let worker = self.worker(run, account, number);
        let (job, token) = (worker.job.as_ref().unwrap(), worker.token);
        if let Some(expired) = expiry::expired(&job.notification, clock) {
            let job = self.dismiss(run, account, number);
            return self.too_late(run, job, expired);
        }
        if clock >= job.good_until {
            let wait = self.dice.millis(1, 150);
            return self.after(
                wait,
                run,
                Step::Look {
                    account,
                    worker: number,
                },
            );
        }
        let desk = self.desk(run, account);
        if !token.is_valid(now) && desk.health.refused_for(now).is_none() {
            desk.wants.push_back(Want {
                worker: number,
                further: None,
            });
            return self.serve_in(run, account, Duration::ZERO);
        }
        match desk.health.admit(now) {
            Some(call) if token.is_valid(now) => self.ask(run, account, number, call),
            refused => {
                if let Some(call) = refused.filter(|call| call.probe) {
                    desk.health.breaker.abandon(call.ticket, now);
                }
                let job = self.dismiss(run, account, number);
                self.move_on(run, account, job);
            }
        }
    }

    fn too_late(&mut self, run: Run, job: Job, expired: Reason) {
        let outcome = if job.notification.is_partly_accepted() {
            job.sent()
        } else {
            job.end(expired)
        };
        self.store_later(run, outcome);
    }

    fn move_on(&mut self, run: Run, account: usize, mut job: Job) {
        job.left_out = true;
        match job.route.pop_front() {
            Some(next) => self.queue(run, next, job),
            None => self.wait_elsewhere(run, account, job),
        }
    }

    pub(crate) fn wait_elsewhere(&mut self, run: Run, account: usize, mut job: Job) {
        job.left_out = true;
        if !job.replies.is_empty() {
            let asked = std::mem::take(&mut job.targets);
            return self.conclude(run, account, job, &asked);
        }
        let (now, clock) = (self.now, self.clock());
        let refused = self.desk(run, account).health.refused_for(now);
        let until = routing::wait(&job.notification, clock, refused.map(|wait| clock + wait));
        let until = routing::spread(clock, until, self.dice.share());
        match expiry::expired(&job.notification, until) {
            Some(expired) => self.too_late(run, job, expired),
            None => self.store_later(run, job.defer(Reason::WaitingForProvider, until, clock)),
        }
    }

    fn ask(&mut self, run: Run, account: usize, number: u64, call: Call) {
        let worker = self.worker(run, account, number);
        let job = worker.job.as_mut().unwrap();
        let targets = std::mem::take(&mut job.targets);
        if job.notification.lane.channel == Channel::Push {
            job.minimum_delay = PUSH_DELAY;
        }
        worker.asked = targets.into_iter().map(|target| (target, None)).collect();
        worker.after_probe = call.probe;
        self.put(run, account, number, 0, call);
        if !call.probe {
            self.want_the_others(run, account, number);
        }
    }

    fn want_the_others(&mut self, run: Run, account: usize, number: u64) {
        let (now, clock) = (self.now, self.clock());
        let worker = self.worker(run, account, number);
        let holds = worker
            .job
            .as_ref()
            .unwrap()
            .good_until
            .duration_since(clock);
        let until = now + QUEUE_WAIT.min(holds.try_into().unwrap_or_default());
        for further in 1..worker.asked.len() {
            let want = Want {
                worker: number,
                further: Some((further, until)),
            };
            self.desk(run, account).wants.push_back(want);
        }
        self.serve_in(run, account, Duration::ZERO);
    }

    /// A further address: a request of its own, with a token and leave of its own.
    fn put_another(&mut self, run: Run, account: usize, number: u64, further: usize, token: Token) {
        let (now, clock) = (self.now, self.clock());
        let worker = self.worker(run, account, number);
        let job = worker.job.as_ref().unwrap();
        let too_late =
            clock >= job.good_until || expiry::expired(&job.notification, clock).is_some();
        let desk = self.desk(run, account);
        let leave = if token.is_valid(now) && !too_late {
            desk.health.admit(now)
        } else {
            desk.tokens.put_back(token);
            None
        };
        match leave {
            Some(call) => self.put(run, account, number, further, call),
            None => {
                let detail = Some("not asked".to_owned());
                let reply = Reply::of(Class::Throttled, None, detail);
                self.note(run, account, number, further, reply);
            }
        }
    }

    fn put(&mut self, run: Run, account: usize, number: u64, slot: usize, call: Call) {
        let worker = self.worker(run, account, number);
        let job = worker.job.clone().unwrap();
        let target = worker.asked[slot].0.clone();
        self.request(run, account, (number, slot), &job, target, call);
    }

    /// An address has its answer; with the last one the pass at this account is over.
    pub(crate) fn note(
        &mut self,
        run: Run,
        account: usize,
        number: u64,
        slot: usize,
        reply: Reply,
    ) {
        let (clock, name) = (self.clock(), self.account_name(account));
        let worker = self.worker(run, account, number);
        let (target, answer) = &mut worker.asked[slot];
        *answer = Some(reply.clone());
        let target = target.clone();
        let job = worker.job.as_mut().unwrap();
        let record = AttemptRecord::of_reply(clock, &name, target.device_id, &reply, 0);
        job.notification.attempts.push(record);
        if reply.dead_address {
            job.dead.push(match target.device_id {
                Some(id) => DeadAddress::Device {
                    id,
                    asked_at: clock,
                },
                None => DeadAddress::Suppress {
                    channel: job.notification.lane.channel,
                    address: target.address,
                    reason: SuppressionReason::HardBounce,
                    account: None,
                },
            });
        }
        let n = job.number;
        let probed = std::mem::take(&mut worker.after_probe);
        let is_over = worker.asked.iter().all(|(_, answer)| answer.is_some());
        self.tell(Some(n), || {
            format!("account {account} of {run:?}: {:?}", reply.class)
        });
        if is_over {
            let asked = std::mem::take(&mut self.worker(run, account, number).asked);
            let mut job = self.dismiss(run, account, number);
            let targets: Vec<Target> = asked.iter().map(|(target, _)| target.clone()).collect();
            let answered = asked
                .into_iter()
                .map(|(target, reply)| (target, reply.unwrap()));
            job.replies.extend(answered);
            self.conclude(run, account, job, &targets);
        } else if probed {
            self.want_the_others(run, account, number);
        }
    }

    /// Decides what follows the answers, and follows.
    pub(crate) fn conclude(&mut self, run: Run, account: usize, mut job: Job, asked: &[Target]) {
        let clock = self.clock();
        let push = self.plan.accounts[account].channel == Channel::Push;
        let rules = self.plan.rules_of(&job.notification);
        let on_unknown = routing::on_unknown(&job.notification, rules, &self.plan.house);
        let verdict = after_pass(&Pass {
            notification: &job.notification,
            replies: &job.replies,
            asked,
            has_next: !job.route.is_empty(),
            left_out: job.left_out,
            fail_over_unknown: on_unknown == OnUnknown::FailOver,
            backoff: BACKOFF,
            minimum_delay: job.minimum_delay,
            retry_window: push.then_some(PUSH_WINDOW),
            now: clock,
            dice: self.dice.share(),
        });
        self.tell(Some(job.number), || format!("{verdict:?}"));
        match verdict {
            Verdict::NextProvider(targets) => {
                job.targets = targets;
                let next = job.route.pop_front().unwrap();
                self.queue(run, next, job);
            }
            Verdict::Sent => {
                job.notification.attempt_count += 1;
                self.store_later(run, job.sent());
            }
            Verdict::Ended(reason) => {
                job.notification.attempt_count += 1;
                self.store_later(run, job.end(reason));
            }
            Verdict::Retry {
                reason,
                due_at,
                attempt_used,
            } => {
                job.notification.attempt_count += u16::from(attempt_used);
                self.store_later(run, job.defer(reason, due_at, clock));
            }
        }
    }
}

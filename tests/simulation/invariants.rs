//! What must hold, whatever happens. Judged by the providers' ledger and by people's own words.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use herald::domain::{Class, OnUnknown, Reason, Recipient, Status, Step};
use herald::policy::routing;

use crate::account::{Job, Outcome};
use crate::ledger::{Known, Request, Took};
use crate::run::Run;
use crate::wishes::{is_counted, is_quiet, is_unwanted, wishes};
use crate::world::World;

/// What is known of a person is believed for a second.
const STALE: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl World {
    pub(crate) fn broken(&mut self, number: usize, what: impl Into<String>) {
        self.watch.break_off(Some(number), what.into());
    }

    /// What the engine was told has not reached the database, and never will.
    pub(crate) fn is_lost(&self, request: &Request) -> bool {
        match request.known {
            Known::Committed => false,
            Known::Lost => true,
            Known::UnderWay => !self.lives(request.run),
        }
    }

    /// The person as they were at any time within what a decision may be old.
    fn lately(&self, request: &Request) -> Vec<Arc<Recipient>> {
        let of = self.plan.published[request.number].notification.user_id;
        let versions = self.tables.versions(of);
        let oldest = request.at.saturating_sub(STALE);
        let ends = versions
            .iter()
            .skip(1)
            .map(|(since, _)| *since)
            .chain([Duration::MAX]);
        let held = versions
            .iter()
            .zip(ends)
            .filter(|((since, _), end)| *since <= request.at && *end >= oldest);
        held.map(|((_, person), _)| Arc::clone(person)).collect()
    }

    /// At the moment at which a provider is asked.
    pub(crate) fn check_request(&mut self, request: &Request, job: &Job) {
        self.watch.seen.requests += 1;
        let (number, now) = (request.number, request.at);
        let notification = &job.notification;
        let (clock, rules) = (request.clock, self.plan.rules_of(notification));
        let mut found: Vec<String> = vec![];
        let mut must = |holds: bool, what: &str| {
            if !holds {
                found.push(what.to_owned());
            }
        };
        must(
            notification.expires_at.is_none_or(|at| clock < at),
            "asked after it had expired",
        );
        must(
            notification.send_at.is_none_or(|at| clock >= at),
            "asked before send_at",
        );
        let lately = self.lately(request);
        let anybody =
            |permits: &dyn Fn(&Recipient) -> bool| lately.iter().any(|person| permits(person));
        let held = |person: &Recipient| wishes(notification, person, rules);
        must(
            anybody(&|person| !is_unwanted(notification, &held(person), rules)),
            "asked against an opt-out",
        );
        must(
            anybody(&|person| !is_quiet(notification, &held(person), &self.plan, clock)),
            "asked in quiet hours",
        );
        let spelt = herald::domain::Suppression::address(
            notification.lane.channel,
            &request.target.address,
        );
        let listed = (notification.tenant_id, notification.lane.channel, spelt);
        let since = self.tables.suppressed.get(&listed);
        must(
            since.is_none_or(|since| *since + STALE >= now),
            "asked for a suppressed address",
        );
        let node = &self.nodes[request.run.node];
        must(node.holds_lease, "asked by a run that has lost its lease");
        must(!node.is_stopping, "asked by a node that is asked to stop");
        let pin = notification.payload.provider.as_deref();
        let name = &self.plan.accounts[request.account].name;
        must(
            pin.is_none_or(|pin| pin == &**name),
            "asked of another than the pinned account",
        );

        let at = (request.run, request.account);
        let open = self.watch.open_until.get(&at).copied().unwrap_or_default();
        must(now >= open, "asked while the circuit is open");
        let wait = self.watch.wait_until.get(&at).copied().unwrap_or_default();
        must(now >= wait, "asked sooner than Retry-After");
        let limit = self.plan.accounts[request.account].rate_limit;
        if let Some(limit) = limit {
            let all = self.watch.all_wait.get(&request.account);
            let waits =
                all.is_some_and(|all| all.iter().any(|(from, to)| *from < now && now < *to));
            must(!waits, "asked sooner than Retry-After by the other node");
            let lately = self
                .requests
                .iter()
                .rev()
                .take_while(|other| other.at + MINUTE > now);
            let count = 1 + lately
                .filter(|other| other.account == request.account)
                .count();
            must(
                count <= usize::try_from(limit).unwrap(),
                "asked faster than the rate limit",
            );
        }
        must(
            !self.watch.probing.contains(&at),
            "asked while a probe is under way",
        );
        if request.permit.is_probe {
            self.watch.seen.probes += 1;
            self.watch.probing.insert(at);
        }
        for what in found {
            self.broken(number, what);
        }
        self.check_repetition(request, job);
    }

    /// Whom it was asked for before, and what came of it.
    fn check_repetition(&mut self, request: &Request, job: &Job) {
        let is_same =
            |other: &&Request| other.number == request.number && other.target == request.target;
        let (mut answer_lost, mut node_died, mut asked) = (false, false, 1);
        let mut found: Option<&str> = None;
        // Where another account was asked afterwards, the wait is the account's own affair: it is
        // paused on the node that was told, and on the other one if it has a rate limit.
        let mut not_before = Duration::ZERO;
        let last = job
            .notification
            .attempts
            .iter()
            .rev()
            .find_map(|record| match &record.step {
                Step::Attempt {
                    provider,
                    device_id,
                    ..
                } if *device_id == request.target.device_id => Some(provider.as_str()),
                _ => None,
            });
        let was_last = last == Some(&*self.plan.accounts[request.account].name);
        let no_attempt = [Class::AccountRefused, Class::NotByAccount, Class::Throttled];
        for other in self.requests.iter().filter(is_same) {
            let lost = self.is_lost(other);
            if other.took != Took::No {
                node_died |= lost;
                answer_lost |= !lost;
            }
            if lost {
                continue;
            }
            if self.now < other.answers_at {
                found = Some("asked again while it is being asked");
            }
            match other.reply.class {
                Class::Accepted => found = Some("asked again after it was accepted"),
                Class::Permanent => found = Some("asked again after a permanent refusal"),
                _ => {}
            }
            let wait = other.reply.retry_after.unwrap_or_default();
            not_before = if other.account == request.account && was_last {
                other.answers_at + wait
            } else {
                Duration::ZERO
            };
            let counts =
                !no_attempt.contains(&other.reply.class) && other.account == request.account;
            asked += u32::from(counts);
        }
        if self.now < not_before {
            found = Some("tried again sooner than Retry-After");
        }
        if asked > u32::from(job.notification.max_retries + 1) {
            found = Some("asked more often than the retries allow");
        }
        if request.took != Took::No {
            self.watch.seen.twice_answer_lost += u64::from(answer_lost);
            self.watch.seen.twice_node_died += u64::from(node_died);
        }
        if self.is_moved_on(request) {
            found = Some("an unknown outcome was asked of another account");
        }
        if let Some(what) = found {
            self.broken(request.number, what);
        }
    }

    /// Whether another account may have delivered it already, and has not said what became of it.
    fn is_moved_on(&self, request: &Request) -> bool {
        let notification = &self.plan.published[request.number].notification;
        let rules = self.plan.rules_of(notification);
        let told = routing::on_unknown(notification, rules, &self.plan.global);
        let mut unknown = None;
        let is_same =
            |other: &&Request| other.number == request.number && other.target == request.target;
        for other in self.requests.iter().filter(is_same) {
            match other.reply.class {
                _ if self.is_lost(other) => {}
                Class::Unknown => unknown = Some(other.account),
                Class::NotByAccount if unknown == Some(other.account) => unknown = None,
                _ => {}
            }
        }
        let elsewhere = unknown.is_some_and(|account| account != request.account);
        told == OnUnknown::Retry && elsewhere
    }

    /// Whether every account that may carry it has said that it cannot.
    fn is_declined_by_all(&self, number: usize) -> bool {
        let notification = &self.plan.published[number].notification;
        let pin = notification.payload.provider.as_deref();
        let mut carriers = self.plan.accounts_of(notification.lane.channel);
        carriers.all(|(account, of)| {
            let declined = |request: &Request| {
                (request.number, request.account) == (number, account)
                    && request.reply.class == Class::NotByAccount
            };
            pin.is_some_and(|pin| pin != &*of.name) || self.requests.iter().any(declined)
        })
    }

    /// At the moment at which a provider has taken one: never one over any cap.
    ///
    /// A day is the one that the person's clock showed when the provider was asked, and the cap the
    /// highest that they had so far: what was counted before it was lowered may still go.
    pub(crate) fn check_caps(&mut self, number: usize) {
        let request = &self.requests[number];
        let notification = &self.plan.published[request.number].notification;
        if request.took != Took::Yes || !is_counted(notification, &self.plan) {
            return;
        }
        let rules = self.plan.rules_of(notification);
        let versions = self.tables.versions(notification.user_id);
        let mut over = None;
        for wish in wishes(notification, &request.recipient, rules) {
            if wish.cap.is_none() {
                continue;
            }
            let caps = versions
                .iter()
                .flat_map(|(_, person)| wishes(notification, person, rules));
            let caps = caps
                .filter(|of| of.scope == wish.scope)
                .filter_map(|of| of.cap);
            let cap = usize::try_from(caps.max().unwrap_or(0)).unwrap();
            // Also what a node had sent when it died.
            let counted = self.requests.iter().filter(|other| {
                other.took == Took::Yes && self.is_counted_with(other, request, &wish)
            });
            let sent: BTreeSet<usize> = counted.map(|other| other.number).collect();
            if sent.len() > cap {
                over = Some(format!(
                    "over the cap of {cap} for {}: {sent:?}",
                    wish.scope
                ));
            }
        }
        if let Some(what) = over {
            let number = self.requests[number].number;
            self.broken(number, what);
        }
    }

    /// Whether two were sent under the same cap on the same day of the same person.
    fn is_counted_with(
        &self,
        other: &Request,
        request: &Request,
        wish: &crate::wishes::EffectivePreference,
    ) -> bool {
        let of = |request: &Request| &self.plan.published[request.number].notification;
        if of(other).user_id != of(request).user_id || !is_counted(of(other), &self.plan) {
            return false;
        }
        let theirs = wishes(of(other), &other.recipient, self.plan.rules_of(of(other)));
        theirs.iter().any(|their| {
            their.scope == wish.scope
                && their.cap.is_some()
                && their.day(other.clock) == wish.day(request.clock)
        })
    }

    /// An outcome is committed.
    pub(crate) fn committed(&mut self, run: Run, outcome: &Outcome) {
        let (number, outcome) = (outcome.claim.number, &outcome.settlement);
        for request in &mut self.requests {
            if request.number == number && request.run == run && request.known == Known::UnderWay {
                request.known = Known::Committed;
            }
        }
        let notification = &outcome.notification;
        if notification.attempt_count > notification.max_retries + 1 {
            self.broken(number, "more attempts than the retries and the first");
        }
        if outcome.reason == Some(Reason::ProviderMisconfigured) && !self.is_declined_by_all(number)
        {
            self.broken(number, "failed for all accounts, and one was not asked");
        }
        match outcome.status {
            Status::Pending if outcome.due_at.is_none() => {
                self.broken(number, "waits without a due time")
            }
            Status::Sent => {
                let accepted = self
                    .requests
                    .iter()
                    .any(|request| request.number == number && request.took == Took::Yes);
                if !accepted {
                    self.broken(number, "called sent, and nobody took it");
                }
            }
            _ => {}
        }
    }
}

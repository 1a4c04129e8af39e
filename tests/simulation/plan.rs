//! A history before it happens: who is there, what is published, and what goes wrong when.

use std::sync::Arc;
use std::time::Duration;

use herald::domain::{
    Body, Category, Channel, Content, GlobalPolicy, KeyHash, Lane, Notification, OnUnknown,
    OverCap, Payload, Preference, Priority, Recipient, TenantRules,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::dice::Dice;
use crate::scenery;

/// The channels that have providers with one address, and the one with several.
pub(crate) const CHANNELS: [Channel; 3] = [Channel::Email, Channel::Sms, Channel::Push];

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) origin: Timestamp,
    pub(crate) global: GlobalPolicy,
    pub(crate) rules: Vec<Arc<TenantRules>>,
    pub(crate) people: Vec<Recipient>,
    pub(crate) accounts: Vec<AccountPlan>,
    pub(crate) published: Vec<Published>,
    pub(crate) changes: Vec<(Duration, Change)>,
    pub(crate) crashes: Crashes,
}

/// When nodes die: by chance before an event, so that it may be any event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crashes {
    pub(crate) chance: f64,
    pub(crate) most: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) at: Duration,
    /// The publisher says it twice.
    pub(crate) again_at: Option<Duration>,
    pub(crate) notification: Notification,
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    Wishes(usize, Vec<Preference>),
    Zone(usize, Option<String>),
    /// The address of a person on a channel.
    Suppress(usize, Channel),
    /// An account is configured otherwise: what waits for it there is handed back.
    Replace(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct AccountPlan {
    pub(crate) name: Arc<str>,
    pub(crate) channel: Channel,
    pub(crate) priority: i32,
    pub(crate) weight: u32,
    pub(crate) rate_limit: Option<u32>,
    /// What it does until when; afterwards it accepts.
    pub(crate) moods: Vec<(Duration, Mood)>,
}

/// Chances of each answer; what is left of one is an acceptance.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mood {
    pub(crate) refuses: f64,
    /// This account cannot send this message.
    pub(crate) declines: f64,
    pub(crate) fails: f64,
    pub(crate) throttles: f64,
    pub(crate) refuses_account: f64,
    /// No answer, nothing sent.
    pub(crate) hangs: f64,
    /// Accepted, but the answer is lost.
    pub(crate) loses: f64,
    pub(crate) slow: bool,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let (home, origin) = scenery::moment(&mut dice.apart());
        let tenants = dice.between(1, 3);
        let rules = (0..tenants)
            .map(|t| Arc::new(rules(t, &mut dice)))
            .collect();
        let people: Vec<Recipient> = (0..dice.between(1, 4))
            .map(|number| scenery::person(number, tenant(dice.below(tenants)), &home, &mut dice))
            .collect();
        let accounts = accounts(&mut dice);
        let mut span = dice.one(&[1_000, 5_000, 60_000, 1_800_000]);
        let mut count = match dice.below(5) {
            0 => dice.between(15, 40),
            _ => dice.between(1, 14),
        };
        // One lane, or all that there are.
        let mut narrow = dice.chance(0.5).then(|| dice.one(&CHANNELS));
        // Sometimes more than an account can take, so that they queue.
        if dice.chance(0.02) {
            (span, count, narrow) = (2_000, dice.between(80, 150), Some(Channel::Email));
        }
        let mut plan = Self {
            origin,
            global: house(&mut dice),
            rules,
            people,
            accounts,
            published: vec![],
            changes: vec![],
            crashes: Crashes {
                chance: dice.one(&[0.0, 0.0, 0.003, 0.02]),
                most: 6,
            },
        };
        for number in 0..count {
            let published = plan.publish(number, span, narrow, &mut dice);
            plan.published.push(published);
        }
        // Sometimes so many that somebody changes their mind while something of theirs waits.
        for _ in 0..dice.one(&[0, 1, 2, 3, 4, 40]) {
            let change = plan.change(&mut dice);
            plan.changes.push((dice.millis(0, span + 20_000), change));
        }
        plan
    }

    pub(crate) fn at(&self, since: Duration) -> Timestamp {
        self.origin + since
    }

    fn publish(
        &self,
        number: u64,
        span: u64,
        narrow: Option<Channel>,
        dice: &mut Dice,
    ) -> Published {
        let at = dice.millis(0, span);
        let person = dice.one(&self.people);
        let channel = narrow.unwrap_or_else(|| dice.one(&CHANNELS));
        let pins: Vec<&AccountPlan> = self
            .accounts_of(channel)
            .map(|(_, account)| account)
            .collect();
        let pin = dice.chance(0.1).then(|| dice.one(&pins).name.to_string());
        let send_at = dice.chance(0.15).then(|| dice.millis(0, 3_600_000));
        let lives = dice.one(&[3_000, 60_000, 3_600_000, 36_000_000]);
        let expires = dice.chance(0.25).then(|| dice.millis(1_000, lives));
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        let notification = Notification {
            id: Uuid::from_u128(0xA000 + u128::from(number)),
            tenant_id: person.tenant_id,
            user_id: person.user_id,
            lane: Lane::new(channel, dice.one(Priority::ALL)),
            category: dice.one(&[None, Some("news".to_owned()), Some("orders".to_owned())]),
            key: KeyHash(key),
            payload: Payload {
                body: Body::Content(Content::default()),
                to: None,
                provider: pin,
                traceparent: None,
                inbox: None,
            },
            send_at: send_at.map(|wait| self.at(at + wait)),
            expires_at: expires.map(|wait| self.at(at + send_at.unwrap_or_default() + wait)),
            max_retries: u16::try_from(dice.one(&[0_u64, 1, 3, 5])).unwrap(),
            source: None,
            metadata: None,
            created_at: self.at(at),
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        };
        let again_at = dice.chance(0.1).then(|| at + dice.millis(0, 10_000));
        Published {
            at,
            again_at,
            notification,
        }
    }

    fn change(&self, dice: &mut Dice) -> Change {
        let person = usize::try_from(dice.below(self.people.len() as u64)).unwrap();
        match dice.below(6) {
            0 => {
                let accounts = self.accounts.len() as u64;
                Change::Replace(usize::try_from(dice.below(accounts)).unwrap())
            }
            1..=3 => Change::Wishes(person, scenery::wishes(dice)),
            4 => Change::Zone(person, Some(scenery::zone(dice))),
            _ => Change::Suppress(person, dice.one(&[Channel::Email, Channel::Sms])),
        }
    }

    /// The accounts of a channel.
    pub(crate) fn accounts_of(
        &self,
        channel: Channel,
    ) -> impl Iterator<Item = (usize, &AccountPlan)> {
        let all = self.accounts.iter().enumerate();
        all.filter(move |(_, account)| account.channel == channel)
    }

    pub(crate) fn rules_of(&self, notification: &Notification) -> &Arc<TenantRules> {
        let number = notification.tenant_id.as_u128() - tenant(0).as_u128();
        &self.rules[usize::try_from(number).unwrap()]
    }
}

fn tenant(number: u64) -> Uuid {
    Uuid::from_u128(0xE000 + u128::from(number))
}

fn house(dice: &mut Dice) -> GlobalPolicy {
    let fails_over = dice.chance(0.2);
    GlobalPolicy {
        urgent_passes_quiet_hours: dice.chance(0.7),
        urgent_passes_caps: dice.chance(0.7),
        release_spread: Duration::from_secs(dice.one(&[0, 60, 900])),
        fail_over_unknown: if fails_over {
            CHANNELS.to_vec()
        } else {
            vec![]
        },
        ..GlobalPolicy::default()
    }
}

fn rules(number: u64, dice: &mut Dice) -> TenantRules {
    let mut category = |name: &str| Category {
        may_disable: dice.chance(0.8),
        over_cap: dice.one(OverCap::ALL),
        on_unknown: dice.one(&[None, None, Some(OnUnknown::FailOver)]),
        ..Category::undeclared(tenant(number), name)
    };
    let categories = vec![category("news"), category("orders")];
    let defaults = if dice.chance(0.3) {
        scenery::wishes(dice)
    } else {
        vec![]
    };
    TenantRules {
        categories,
        defaults,
        ..TenantRules::default()
    }
}

fn accounts(dice: &mut Dice) -> Vec<AccountPlan> {
    let mut accounts = vec![];
    for channel in CHANNELS {
        for number in 0..dice.between(1, 3) {
            let limit = dice.one(&[0_u32, 0, 0, 2, 6, 30, 120]);
            accounts.push(AccountPlan {
                name: format!("{channel}-{number}").into(),
                channel,
                priority: dice.one(&[0, 0, 10]),
                weight: dice.one(&[1, 3]),
                rate_limit: (limit > 0).then_some(limit),
                moods: moods(dice),
            });
        }
    }
    accounts
}

fn moods(dice: &mut Dice) -> Vec<(Duration, Mood)> {
    let mut until = Duration::ZERO;
    (0..dice.below(4))
        .map(|_| {
            until += dice.millis(1_000, 120_000);
            (until, mood(dice))
        })
        .collect()
}

fn mood(dice: &mut Dice) -> Mood {
    let mut some = |most: f64| {
        if dice.chance(0.4) {
            dice.share() * most
        } else {
            0.0
        }
    };
    let mood = Mood {
        refuses: some(0.5),
        declines: some(0.3),
        fails: some(1.0),
        throttles: some(0.6),
        refuses_account: some(0.1),
        hangs: some(0.4),
        loses: some(0.5),
        slow: false,
    };
    Mood {
        slow: dice.chance(0.3),
        ..mood
    }
}

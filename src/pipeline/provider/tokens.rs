//! The tokens of an account with a rate limit: leased in chunks, used at once or lost.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::resilience::TokenRate;
use crate::resilience::rate_limit::VALIDITY;
use crate::runtime::clock;
use crate::store::{Database, StoreError, rates};

/// Leave by the rate limit for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// There is no limit.
    Unlimited,
    /// May be used until then.
    Until(Instant),
    /// There was no point in waiting for one.
    None,
}

impl Token {
    /// Whether a request may go with it now.
    pub(super) fn is_valid(self) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Until(dead_at) => clock::instant() < dead_at,
            Self::None => false,
        }
    }
}

/// What this node holds of an account's tokens.
pub(super) struct Tokens {
    provider_id: Uuid,
    /// Requests a minute; zero stands for no limit.
    limit: AtomicU32,
    held: Mutex<Held>,
    /// Held by the one who asks and waits; the others wait behind.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    tokens: u32,
    dead_at: Option<Instant>,
}

impl Tokens {
    pub(super) fn new(provider_id: Uuid, limit: Option<u32>) -> Self {
        Self {
            provider_id,
            limit: AtomicU32::new(limit.map_or(0, |limit| limit.max(1))),
            held: Mutex::new(Held {
                tokens: 0,
                dead_at: None,
            }),
            turn: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn limit(&self) -> Option<u32> {
        let limit = self.limit.load(Ordering::Acquire);
        (limit > 0).then_some(limit)
    }

    pub(super) fn set_limit(&self, limit: Option<u32>) {
        let limit = limit.map_or(0, |limit| limit.max(1));
        self.limit.store(limit, Ordering::Release);
    }

    /// A token, if one is needed and at hand; `None` when one has to be leased.
    pub(super) fn take(&self) -> Option<Token> {
        if self.limit().is_none() {
            return Some(Token::Unlimited);
        }
        let mut held = self.held();
        let dead_at = held.dead_at.filter(|at| *at > clock::instant())?;
        held.tokens = held.tokens.checked_sub(1)?;
        Some(Token::Until(dead_at))
    }

    /// A token that found nothing to do may serve another.
    pub(super) fn put_back(&self, token: Token) {
        let mut held = self.held();
        if let Token::Until(dead_at) = token
            && held.dead_at == Some(dead_at)
        {
            held.tokens += 1;
        }
    }

    /// Leases tokens for `waiting` requests, as many as are worth one question. Says how long to
    /// wait before the next one, when none was granted.
    pub(super) async fn lease(
        &self,
        database: &Database,
        waiting: usize,
    ) -> Result<Leased, StoreError> {
        let Some(limit) = self.limit() else {
            return Ok(Leased::Some);
        };
        let rate = TokenRate::of(limit);
        let wanted = u32::try_from(waiting).unwrap_or(u32::MAX);
        let wanted = wanted.clamp(1, rate.chunk());
        let asked_at = clock::instant();
        let ask = rates::Ask {
            provider_id: self.provider_id,
            interval: rate.interval,
            burst: rate.burst,
            tokens: wanted,
        };
        let lease = rates::lease(database, ask).await?;
        if let Some(wait) = lease.paused_for {
            return Ok(Leased::Paused(wait));
        }
        if lease.granted == 0 {
            // One question for each token would be many: until a chunk has come together.
            let chunk = rate.time_for(wanted.saturating_sub(1));
            return Ok(Leased::NoneFor(
                lease.retry_in.unwrap_or_default().max(chunk),
            ));
        }
        *self.held() = Held {
            tokens: lease.granted,
            dead_at: Some(asked_at + VALIDITY),
        };
        Ok(Leased::Some)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of a question for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leased {
    /// There are some.
    Some,
    /// None before that long.
    NoneFor(Duration),
    /// The provider has asked everybody to wait.
    Paused(Duration),
}

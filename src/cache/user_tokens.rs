//! Whether user tokens open, and the keys that sign them.
//!
//! What was read of a key is believed for less than a second, and forgotten at once when a notice tells of a
//! change: so what a revoked key signed opens nothing a second later, even on a node that hears no notices.
//! Whether there is the person is asked each time, of all who come together at once.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use super::failed_keys::FailedKeys;
use crate::domain::UserToken;
use crate::domain::user_token::{SentToken, TokenFault, TokenKey};
use crate::runtime::{Coalescer, clock};
use crate::store::seal::Sealer;
use crate::store::token_keys::{StoredTokenKey, looking};
use crate::store::{Database, StoreError};

/// How long after the beginning of its reading a key is believed.
const BELIEVED: Duration = Duration::from_millis(900);
/// Most keys that are kept.
const MOST: usize = 10_000;

/// Somebody who came with a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBearer {
    /// What the token says.
    pub token: UserToken,
    /// The key that signed it.
    pub key_id: Uuid,
}

/// Why a token does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// It is at fault.
    #[error("the user token opens nothing: {0}")]
    Fault(#[from] TokenFault),
    /// Too many that open nothing came from the same address; nobody looks for that long.
    #[error("too many user tokens that open nothing came from this address")]
    TooMany(Duration),
    /// Nobody knows at the moment.
    #[error("user tokens cannot be looked up: {0}")]
    Unavailable(String),
}

/// By what a key is known: its tenant, and its name.
type KeyName = (Uuid, String);
/// A tenant, and a person of it.
type PersonName = (Uuid, Uuid);

/// What was read of a name.
#[derive(Clone)]
struct ReadTokenKey {
    known: Result<KnownTokenKey, TokenFault>,
    read_at: Instant,
}

#[derive(Clone)]
struct KnownTokenKey {
    id: Uuid,
    verifying: TokenKey,
}

struct UserTokenCacheInner {
    database: Database,
    sealer: Sealer,
    read: Cache<KeyName, ReadTokenKey>,
    failed: FailedKeys,
    /// How many notices there have been: a reading that one overtook is not kept.
    notices: AtomicU64,
    key_looks: Coalescer<KeyName, Result<ReadTokenKey, String>>,
    person_looks: Coalescer<PersonName, Result<bool, String>>,
}

/// The keys in use. Clones share them.
#[derive(Clone)]
pub struct UserTokenCache {
    inner: Arc<UserTokenCacheInner>,
}

impl fmt::Debug for UserTokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserTokenCache")
            .field("keys", &self.inner.read.len())
            .finish_non_exhaustive()
    }
}

impl UserTokenCache {
    /// A cache that knows no key yet; an address may come with so many tokens a minute that open nothing, with
    /// any when it is 0.
    #[must_use]
    pub fn new(database: Database, sealer: Sealer, most_failures: u32) -> Self {
        Self {
            inner: Arc::new(UserTokenCacheInner {
                database,
                sealer,
                read: Cache::new(MOST),
                failed: FailedKeys::new(most_failures),
                notices: AtomicU64::new(0),
                key_looks: Coalescer::default(),
                person_looks: Coalescer::default(),
            }),
        }
    }

    /// Some key has changed.
    pub fn forget(&self) {
        self.inner.notices.fetch_add(1, Ordering::SeqCst);
        self.inner.read.clear();
    }

    /// Who comes with this token from this address.
    ///
    /// # Errors
    /// Why it does not open.
    pub async fn verify(&self, token: &str, from: IpAddr) -> Result<TokenBearer, TokenRefusal> {
        let sent = SentToken::parse(token)?;
        let name = (sent.tenant_id, sent.kid.clone());
        // Whoever comes with a key that is in use is not kept out for what others at the same address do.
        let is_known = self.inner.read.peek(&name).is_some();
        if !is_known && let Some(wait) = self.inner.failed.blocked(from, clock::instant()) {
            return Err(TokenRefusal::TooMany(wait));
        }
        let opened = self.opened(&sent, name).await;
        if let Err(TokenRefusal::Fault(TokenFault::UnknownKey | TokenFault::Signature)) = opened {
            self.inner.failed.note(from, clock::instant());
        }
        let bearer = opened?;
        let person = (bearer.token.tenant_id, bearer.token.user_id);
        let inner = &self.inner;
        let look =
            |people: Vec<PersonName>| async move { Some(inner.look_for_people(people).await) };
        match inner.person_looks.ask(person, look).await {
            Some(Ok(true)) => Ok(bearer),
            Some(Ok(false)) => Err(TokenFault::NoPerson.into()),
            Some(Err(why)) => Err(TokenRefusal::Unavailable(why)),
            None => Err(TokenRefusal::Unavailable("no answer".to_owned())),
        }
    }

    async fn opened(&self, sent: &SentToken, name: KeyName) -> Result<TokenBearer, TokenRefusal> {
        let known = self.read(name).await?.known?;
        let token = sent.open(&known.verifying, clock::now())?;
        Ok(TokenBearer {
            token,
            key_id: known.id,
        })
    }

    async fn read(&self, name: KeyName) -> Result<ReadTokenKey, TokenRefusal> {
        let is_fresh =
            |read: &ReadTokenKey| clock::instant().duration_since(read.read_at) < BELIEVED;
        if let Some(read) = self.inner.read.get(&name).filter(is_fresh) {
            return Ok(read);
        }
        let inner = &self.inner;
        let look = |names: Vec<KeyName>| async move { Some(inner.look(names).await) };
        match inner.key_looks.ask(name, look).await {
            Some(Ok(read)) => Ok(read),
            Some(Err(why)) => Err(TokenRefusal::Unavailable(why)),
            None => Err(TokenRefusal::Unavailable("no answer".to_owned())),
        }
    }
}

impl UserTokenCacheInner {
    /// An answer for each name, in their order.
    async fn look(&self, names: Vec<KeyName>) -> Vec<Result<ReadTokenKey, String>> {
        let (notices, read_at) = (self.notices.load(Ordering::SeqCst), clock::instant());
        let found = async { looking::named(&mut *self.database.get().await?, &names).await };
        let found: Result<Vec<StoredTokenKey>, StoreError> = found.await;
        let found = match found {
            Ok(found) => found,
            Err(error) => return vec![Err(error.without_data()); names.len()],
        };
        let mut by_name: HashMap<KeyName, Vec<StoredTokenKey>> = HashMap::new();
        for key in found {
            let name = (key.tenant_id, key.kid.clone());
            by_name.entry(name).or_default().push(key);
        }
        let is_current = || self.notices.load(Ordering::SeqCst) == notices;
        let answer = |name: KeyName| {
            let stored = by_name.get(&name).map_or(&[][..], Vec::as_slice);
            let read = ReadTokenKey {
                known: self.known(stored)?,
                read_at,
            };
            // Names that nobody has are not kept: anybody can make them up.
            if read.known.is_ok() && is_current() {
                self.read.insert(name.clone(), read.clone());
                if !is_current() {
                    self.read.remove(&name);
                }
            }
            Ok(read)
        };
        names.into_iter().map(answer).collect()
    }

    /// The live one among keys of one name.
    fn known(
        &self,
        stored: &[StoredTokenKey],
    ) -> Result<Result<KnownTokenKey, TokenFault>, String> {
        let Some(live) = stored.iter().find(|key| key.revoked_at.is_none()) else {
            let fault = match stored {
                [] => TokenFault::UnknownKey,
                _ => TokenFault::RevokedKey,
            };
            return Ok(Err(fault));
        };
        match live.verifying(&self.sealer) {
            Ok(verifying) => Ok(Ok(KnownTokenKey {
                id: live.id,
                verifying,
            })),
            Err(error) => {
                tracing::error!(key = %live.id, %error, "a token key cannot be opened");
                Err("the secret of its key cannot be opened".to_owned())
            }
        }
    }

    /// Whether each person is there, in their order.
    async fn look_for_people(&self, people: Vec<PersonName>) -> Vec<Result<bool, String>> {
        let found =
            async { looking::people_there(&mut *self.database.get().await?, &people).await };
        let found: Result<Vec<PersonName>, StoreError> = found.await;
        match found {
            Ok(found) => {
                let found: HashSet<PersonName> = found.into_iter().collect();
                let there = people.iter().map(|person| Ok(found.contains(person)));
                there.collect()
            }
            Err(error) => vec![Err(error.without_data()); people.len()],
        }
    }
}

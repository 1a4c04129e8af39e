//! The API keys that are in use, and whether one opens.
//!
//! What was read is believed for less than a second, and forgotten at once when a notice tells of a
//! change: so a key that was revoked opens nothing a second later, even on a node that hears no notices.
//! A busy key costs one small reading a second, and those of all keys go together.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use super::failed_keys::FailedKeys;
use crate::domain::{ApiKey, ApiScopes};
use crate::runtime::{Coalescer, Tasks, clock};
use crate::store::api_keys::{self, StoredApiKey};
use crate::store::{Database, StoreError};

/// How long after the beginning of its reading a key is believed.
const BELIEVED: Duration = Duration::from_millis(900);
/// Time from one note that a key is used to the next.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Most keys that are kept.
const MOST: usize = 10_000;

/// Who asks, as their key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCaller {
    /// Their key.
    pub key_id: Uuid,
    /// The only tenant that they see; `None` is an operator.
    pub tenant_id: Option<Uuid>,
    /// What they may do.
    pub scopes: ApiScopes,
    /// Requests a second; `None` is what the settings say.
    pub rate_limit: Option<u32>,
}

impl From<&StoredApiKey> for ApiCaller {
    fn from(key: &StoredApiKey) -> Self {
        Self {
            key_id: key.id,
            tenant_id: key.tenant_id,
            scopes: key.scopes.clone(),
            rate_limit: key.rate_limit,
        }
    }
}

/// Why a key does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// There is none like it.
    #[error("there is no such API key")]
    Unknown,
    /// It was taken back.
    #[error("the API key was revoked")]
    Revoked,
    /// Its time is over; or it was rotated, and the overlap is over.
    #[error("the API key has expired")]
    Expired,
    /// It is not used from where it may be.
    #[error("the API key may not be used from this address")]
    Elsewhere,
    /// Too many that open nothing came from the same address; nobody looks for that long.
    #[error("too many API keys that open nothing came from this address")]
    TooMany(Duration),
    /// Nobody knows at the moment.
    #[error("API keys cannot be looked up: {0}")]
    Unavailable(String),
}

/// What was read of a prefix.
#[derive(Clone)]
struct ReadKey {
    stored: Option<Arc<KnownKey>>,
    read_at: Instant,
}

struct KnownKey {
    stored: StoredApiKey,
    /// Whether somebody has noted, since it was read, that it is used.
    is_noted: AtomicBool,
}

/// The answer to whoever asked for a prefix.
type Looked = Result<ReadKey, String>;

struct ApiKeyCacheInner {
    database: Database,
    tasks: Tasks,
    read: Cache<String, ReadKey>,
    failed: FailedKeys,
    /// How many notices there have been: a reading that one overtook is not kept.
    notices: AtomicU64,
    looks: Coalescer<String, Looked>,
}

/// The keys in use. Clones share them.
#[derive(Clone)]
pub struct ApiKeyCache {
    inner: Arc<ApiKeyCacheInner>,
}

impl fmt::Debug for ApiKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyCache")
            .field("keys", &self.inner.read.len())
            .finish_non_exhaustive()
    }
}

impl ApiKeyCache {
    /// A cache that knows no key yet.
    #[must_use]
    pub fn new(database: Database, tasks: Tasks) -> Self {
        Self::guarded(database, tasks, 0)
    }

    /// The same, where an address may come with so many keys a minute that open nothing; with any, when it
    /// is 0.
    #[must_use]
    pub fn guarded(database: Database, tasks: Tasks, most_failures: u32) -> Self {
        Self {
            inner: Arc::new(ApiKeyCacheInner {
                database,
                tasks,
                read: Cache::new(MOST),
                failed: FailedKeys::new(most_failures),
                notices: AtomicU64::new(0),
                looks: Coalescer::default(),
            }),
        }
    }

    /// Some key has changed.
    pub fn forget(&self) {
        self.inner.notices.fetch_add(1, Ordering::SeqCst);
        self.inner.read.clear();
    }

    /// Who comes with this key from this address.
    ///
    /// # Errors
    /// Why it does not open. What is wrong with a key is said only to whoever has it whole.
    pub async fn verify(&self, key: &ApiKey, from: IpAddr) -> Result<ApiCaller, KeyRefusal> {
        // Whoever opened something before is not kept out for what others at the same address do.
        let is_known = self.inner.read.peek(key.prefix()).is_some();
        if !is_known && let Some(wait) = self.inner.failed.blocked(from, clock::instant()) {
            return Err(KeyRefusal::TooMany(wait));
        }
        let read = self.read(key.prefix()).await?;
        let stored = read.stored.as_ref().map(|known| &known.stored);
        let is_of = |hash: &str| key.is_of(hash);
        let judged = stored
            .ok_or(KeyRefusal::Unknown)
            .and_then(|stored| judge(stored, is_of, from, clock::now()));
        if judged == Err(KeyRefusal::Unknown) {
            self.inner.failed.note(from, clock::instant());
        }
        judged?;
        let known = read.stored.ok_or(KeyRefusal::Unknown)?;
        self.note_use(&known);
        Ok(ApiCaller::from(&known.stored))
    }

    async fn read(&self, prefix: &str) -> Result<ReadKey, KeyRefusal> {
        let is_fresh = |read: &ReadKey| clock::instant().duration_since(read.read_at) < BELIEVED;
        if let Some(read) = self.inner.read.get(prefix).filter(is_fresh) {
            return Ok(read);
        }
        let inner = &self.inner;
        let look = |prefixes: Vec<String>| async move { Some(inner.look(prefixes).await) };
        match inner.looks.ask(prefix.to_owned(), look).await {
            Some(Ok(read)) => Ok(read),
            Some(Err(why)) => Err(KeyRefusal::Unavailable(why)),
            None => Err(KeyRefusal::Unavailable("no answer".to_owned())),
        }
    }

    /// Writes down that a key is used, beside the request.
    fn note_use(&self, known: &Arc<KnownKey>) {
        let last = known.stored.last_used_at;
        if last.is_some_and(|last| clock::now().duration_since(last) < NOTED_EVERY)
            || known.is_noted.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let (database, id) = (self.inner.database.clone(), known.stored.id);
        self.inner.tasks.spawn("note the use of a key", async move {
            let noted = async { api_keys::used(&mut *database.get().await?, id).await };
            let noted: Result<(), StoreError> = noted.await;
            if let Err(error) = noted {
                tracing::debug!(%error, "the use of an API key could not be noted");
            }
        });
    }
}

impl ApiKeyCacheInner {
    /// An answer for each prefix, in their order.
    async fn look(&self, prefixes: Vec<String>) -> Vec<Looked> {
        let (notices, read_at) = (self.notices.load(Ordering::SeqCst), clock::instant());
        let found =
            async { api_keys::of_prefixes(&mut *self.database.get().await?, &prefixes).await };
        let found: Result<Vec<StoredApiKey>, StoreError> = found.await;
        let found = match found {
            Ok(found) => found,
            Err(error) => return vec![Err(error.to_string()); prefixes.len()],
        };
        let known = found.into_iter().map(|stored| {
            let is_noted = AtomicBool::new(false);
            (
                stored.prefix.clone(),
                Arc::new(KnownKey { stored, is_noted }),
            )
        });
        let known: HashMap<String, Arc<KnownKey>> = known.collect();
        let is_current = || self.notices.load(Ordering::SeqCst) == notices;
        let answer = |prefix: String| {
            let read = ReadKey {
                stored: known.get(&prefix).cloned(),
                read_at,
            };
            // Prefixes that nobody has are not kept: anybody can make them up.
            if read.stored.is_some() && is_current() {
                self.read.insert(prefix.clone(), read.clone());
                if !is_current() {
                    self.read.remove(&prefix);
                }
            }
            Ok(read)
        };
        prefixes.into_iter().map(answer).collect()
    }
}

/// Whether a stored key is the one whose text has the hash that `is_of` knows, and opens now, from there.
///
/// # Errors
/// Why it does not open.
pub fn judge(
    stored: &StoredApiKey,
    is_of: impl Fn(&str) -> bool,
    from: IpAddr,
    now: Timestamp,
) -> Result<(), KeyRefusal> {
    let previous = stored.previous.as_ref();
    let previous = previous.filter(|(hash, _)| is_of(hash));
    let until = match (is_of(&stored.hash), previous) {
        (true, _) => Timestamp::MAX,
        (false, Some((_, until))) => *until,
        (false, None) => return Err(KeyRefusal::Unknown),
    };
    if stored.revoked_at.is_some() {
        return Err(KeyRefusal::Revoked);
    }
    if now >= until || stored.expires_at.is_some_and(|end| now >= end) {
        return Err(KeyRefusal::Expired);
    }
    let networks = stored.networks.as_ref();
    if networks.is_some_and(|all| !all.iter().any(|network| network.contains(from))) {
        return Err(KeyRefusal::Elsewhere);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::api_key::{PREFIX_BYTES, SECRET_BYTES};

    fn judged(
        stored: &StoredApiKey,
        key: &ApiKey,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<(), KeyRefusal> {
        judge(stored, |hash| key.is_of(hash), from, now)
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(secret: u8) -> ApiKey {
        ApiKey::new([1; PREFIX_BYTES], [secret; SECRET_BYTES])
    }

    fn stored() -> StoredApiKey {
        StoredApiKey {
            id: Uuid::nil(),
            tenant_id: None,
            prefix: key(1).prefix().to_owned(),
            hash: key(1).hash(),
            previous: Some((key(2).hash(), at(50))),
            name: String::new(),
            rate_limit: None,
            scopes: ApiScopes::default(),
            networks: None,
            expires_at: Some(at(100)),
            revoked_at: None,
            last_used_at: None,
            created_at: at(0),
        }
    }

    #[test]
    fn a_key_opens_in_its_time_and_the_one_before_it_in_the_overlap() {
        let judge = |secret, now| judged(&stored(), &key(secret), HERE, at(now));
        assert_eq!(judge(1, 99), Ok(()));
        assert_eq!(judge(1, 100), Err(KeyRefusal::Expired));
        assert_eq!(judge(2, 49), Ok(()));
        assert_eq!(judge(2, 50), Err(KeyRefusal::Expired));
        assert_eq!(judge(3, 0), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn a_revoked_key_opens_nothing_and_only_its_holder_is_told() {
        let revoked = StoredApiKey {
            revoked_at: Some(at(1)),
            ..stored()
        };
        let judge = |secret| judged(&revoked, &key(secret), HERE, at(2));
        assert_eq!(judge(1), Err(KeyRefusal::Revoked));
        assert_eq!(judge(2), Err(KeyRefusal::Revoked));
        assert_eq!(judge(3), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn networks_that_cannot_be_read_let_nobody_in() {
        let judge = |networks| {
            let stored = StoredApiKey {
                networks,
                ..stored()
            };
            judged(&stored, &key(1), HERE, at(0))
        };
        assert_eq!(judge(None), Ok(()));
        assert_eq!(judge(Some(vec!["10.0.0.0/8".parse().unwrap()])), Ok(()));
        let elsewhere = vec!["192.0.2.0/24".parse().unwrap()];
        assert_eq!(judge(Some(elsewhere)), Err(KeyRefusal::Elsewhere));
        assert_eq!(judge(Some(vec![])), Err(KeyRefusal::Elsewhere));
    }
}

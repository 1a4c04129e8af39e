//! Operators who sign in to the console, and who is signed in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::cache::ApiKeyCache;
use crate::cache::api_keys::{ApiCaller, KeyRefusal, judge};
use crate::domain::session_token::TOKEN_BYTES;
use crate::domain::{ApiKey, SessionToken, SignIn, is_same_proof};
use crate::runtime::clock;
use crate::store::api_keys::sessions::{self, NewSession, StoredSession};
use crate::store::audit::{self, AuditChanges, DoneBy};
use crate::store::{Database, StoreError};
use crate::telemetry::Metrics;

/// Opens sessions for API keys, and says whose one is. Clones share it.
#[derive(Debug, Clone)]
pub struct SessionDesk {
    /// Does the work.
    pub desk: Desk,
    /// Verifies keys, and limits those that open nothing.
    pub keys: ApiKeyCache,
    /// Counts who signs in.
    pub metrics: Arc<Metrics>,
    /// How the sessions are.
    pub rules: SessionRules,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    /// Time without a request after which one ends.
    pub idle: Duration,
    /// Time after which one ends, whatever happens.
    pub longest: Duration,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Their key.
    pub caller: ApiCaller,
    /// What people call the key.
    pub key_name: String,
    /// The tenant that they look at; `None` is an operator who looks at all.
    pub tenant_id: Option<Uuid>,
    /// Its name.
    pub tenant_name: Option<String>,
}

impl SessionDesk {
    /// Signs in with a key from an address; answers the token of the session.
    ///
    /// # Errors
    /// Why the key does not open.
    pub async fn open(
        &self,
        key: ApiKey,
        from: IpAddr,
        request_id: Option<Uuid>,
    ) -> Result<SessionToken, KeyRefusal> {
        let opened = self.try_open(key, from, request_id).await;
        self.metrics.signed_in(match &opened {
            Ok(_) => SignIn::Opened,
            Err(KeyRefusal::TooMany(_)) => SignIn::Limited,
            Err(KeyRefusal::Unavailable(_)) => SignIn::Unavailable,
            Err(_) => SignIn::Refused,
        });
        opened
    }

    /// Something that is no key was typed.
    pub fn mistyped(&self) {
        self.metrics.signed_in(SignIn::Refused);
    }

    async fn try_open(
        &self,
        key: ApiKey,
        from: IpAddr,
        request_id: Option<Uuid>,
    ) -> Result<SessionToken, KeyRefusal> {
        let mut bytes = [0; TOKEN_BYTES];
        rand::fill(&mut bytes);
        let token = SessionToken::new(bytes);
        let (keys, longest) = (self.keys.clone(), self.rules.longest.as_secs_f64());
        let token_hash = token.hash();
        let work = async move |database: Database| {
            let caller = keys.verify(&key, from).await?;
            let by = DoneBy::key(caller.key_id, from, request_id);
            let key_hash = key.hash();
            let new = NewSession {
                token_hash: &token_hash,
                key_id: caller.key_id,
                tenant_id: caller.tenant_id,
                key_hash: &key_hash,
                longest,
            };
            let opened = database
                .transaction(async |connection| sessions::open(connection, &new, &by).await);
            let opened = opened.await;
            opened.map_err(|error| KeyRefusal::Unavailable(error.to_string()))
        };
        self.desk.with("sign in", work).await?;
        Ok(token)
    }

    /// Who is signed in by a token, if its session lasts and its key still opens from there; `acts` keeps the session
    /// from ending for want of use.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn visit(
        &self,
        token: &SessionToken,
        from: IpAddr,
        acts: bool,
    ) -> Result<Option<SignedIn>, DeskError> {
        let (hash, idle) = (token.hash(), self.rules.idle.as_secs_f64());
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = sessions::find(&mut connection, &hash, idle).await?;
            let Some(session) = found.filter(|it| opens(it, from)) else {
                return Ok(None);
            };
            if acts {
                sessions::touch(&mut connection, &hash).await?;
            }
            Ok(Some(SignedIn {
                tenant_id: session.key.tenant_id.or(session.about),
                caller: ApiCaller::from(&session.key),
                key_name: session.key.name,
                tenant_name: session.tenant_name,
            }))
        };
        self.desk.with("look who is signed in", work).await
    }

    /// An operator looks at one tenant from now on; at all without one.
    ///
    /// # Errors
    /// There is no such tenant; or the database is out of reach.
    pub async fn choose(&self, token: &SessionToken, about: Option<Uuid>) -> Result<(), DeskError> {
        let hash = token.hash();
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(sessions::choose(&mut connection, &hash, about).await?)
        };
        self.desk.with("choose a tenant", work).await
    }

    /// Signs out.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn close(
        &self,
        token: &SessionToken,
        caller: &ApiCaller,
        by: DoneBy,
    ) -> Result<(), DeskError> {
        let (hash, key) = (token.hash(), (caller.key_id, caller.tenant_id));
        let work = async move |database: Database| {
            let closed = database
                .transaction(async |connection| sessions::close(connection, &hash, key, &by).await);
            Ok(closed.await?)
        };
        self.desk.with("sign out", work).await
    }

    /// Writes down that somebody was shown what is masked else of a tenant's thing.
    ///
    /// # Errors
    /// The database is out of reach: then nothing may be shown.
    pub async fn note_shown(
        &self,
        resource: &'static str,
        whose: (Uuid, Uuid),
        by: DoneBy,
    ) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let changes = AuditChanges::none();
            audit::record_of(&mut connection, &by, resource, whose, "show", changes).await?;
            Ok::<_, DeskError>(())
        };
        self.desk.with("note what is shown", work).await
    }
}

/// Whether the key of a session still opens.
fn opens(session: &StoredSession, from: IpAddr) -> bool {
    let is_of = |hash: &str| is_same_proof(hash, &session.key_hash);
    judge(&session.key, is_of, from, clock::now()).is_ok()
}

impl From<DeskError> for KeyRefusal {
    fn from(error: DeskError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<StoreError> for KeyRefusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.without_data())
    }
}

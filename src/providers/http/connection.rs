//! Connections to providers: each carries one request at a time, and is kept for the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Uri;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::uri::PathAndQuery;
use hyper::rt::{Read, Write};
use tokio::runtime::Handle;

use super::departure::RequestBody;
use crate::providers::pool::Pool;
use crate::runtime::{Tasks, clock};

/// Shorter than the usual idle limits of servers and balancers (60 s and more), so that a request is
/// seldom written to a connection which is just being closed.
const KEPT: Duration = Duration::from_secs(45);

/// A connection, HTTP/1.1.
pub(super) type HttpConnection = SendRequest<RequestBody>;

/// Where a connection leads to: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct HttpOrigin(Uri);

/// The idle connections, by where they lead to. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Mutex<HashMap<HttpOrigin, Pool<HttpConnection>>>>);

impl HttpOrigin {
    /// Of a URL; `None` when it names no host.
    pub(super) fn of(url: &Uri) -> Option<Self> {
        let mut parts = url.clone().into_parts();
        parts.authority.as_ref()?;
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        Uri::from_parts(parts).ok().map(Self)
    }

    pub(super) const fn url(&self) -> &Uri {
        &self.0
    }
}

/// Speaks HTTP over a stream.
pub(super) async fn begin<S>(stream: S) -> Result<HttpConnection, hyper::Error>
where
    S: Read + Write + Send + Unpin + 'static,
{
    let (connection, work) = http1::handshake(stream).await?;
    // How it ends is told to whoever waits for an answer.
    let work = async { drop(work.await) };
    Tasks::new(Handle::current()).spawn("http connection", work);
    Ok(connection)
}

impl Connections {
    /// The connection used last that is still open.
    pub(super) fn take(&self, origin: &HttpOrigin) -> Option<HttpConnection> {
        let pool = self.pool(origin);
        std::iter::from_fn(|| pool.take(clock::instant())).find(HttpConnection::is_ready)
    }

    /// Keeps a connection once it can carry another request: at once, nearly always.
    pub(super) fn keep(&self, origin: &HttpOrigin, mut connection: HttpConnection) {
        let pool = self.pool(origin);
        if connection.is_ready() {
            return pool.put(connection, clock::instant());
        }
        let keeping = async move {
            if connection.ready().await.is_ok() {
                pool.put(connection, clock::instant());
            }
        };
        Tasks::new(Handle::current()).spawn("keep http connection", keeping);
    }

    fn pool(&self, origin: &HttpOrigin) -> Pool<HttpConnection> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pools.get(origin) {
            Some(pool) => pool.clone(),
            None => {
                let pool = Pool::keeping_for(KEPT);
                pools.insert(origin.clone(), pool.clone());
                pool
            }
        }
    }
}

//! Connections to providers: each carries one request at a time, and is kept for the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio_util::io::InspectReader;

use super::departure::RequestBody;
use super::status_line::{HeardStatus, StatusListener};
use crate::providers::pool::Pool;
use crate::runtime::{Tasks, clock};

/// Shorter than the usual idle limits of servers and balancers (60 s and more), so that a request is
/// seldom written to a connection which is just being closed.
const KEPT: Duration = Duration::from_secs(45);

/// A connection, HTTP/1.1.
pub(super) struct HttpConnection {
    requests: SendRequest<RequestBody>,
    listener: StatusListener,
}

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
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let listener = StatusListener::default();
    let listening = listener.clone();
    let stream = InspectReader::new(stream, move |read: &[u8]| listening.hear(read));
    // What says the same in an old-fashioned way is read.
    let mut http = http1::Builder::new();
    http.allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    let (requests, work) = http.handshake(TokioIo::new(stream)).await?;
    // How it ends is told to whoever waits for an answer.
    let work = async { drop(work.await) };
    Tasks::new(Handle::current()).spawn("http connection", work);
    Ok(HttpConnection { requests, listener })
}

impl HttpConnection {
    /// Sends a request. Its answer's status is heard as soon as that has come, whatever follows it.
    ///
    /// # Errors
    /// There is no answer that can be read; the request is in it if no byte of it was written.
    pub(super) async fn ask(
        &mut self,
        request: Request<RequestBody>,
        heard: &HeardStatus,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        self.listener.begin(heard);
        self.requests.try_send_request(request).await
    }

    /// Whether it can carry another request, once it has rested.
    pub(super) async fn rest(&mut self) -> bool {
        self.requests.ready().await.is_ok()
    }

    fn is_ready(&self) -> bool {
        self.requests.is_ready()
    }
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
            if connection.rest().await {
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

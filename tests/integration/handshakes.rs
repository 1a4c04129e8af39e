//! A provider over HTTPS whose handshakes are as slow as a test wants.

use std::path::Path;
use std::sync::Arc;

use loadtest::harness::certificates::{Authority, Validity};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nx-message-id: m\r\ncontent-length: 0\r\n\r\n";

/// What came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    /// Connections that are over.
    pub(crate) closed: usize,
}

/// A SendGrid that takes every mail, and shakes hands only as far as it is let.
pub(crate) struct SlowHandshakes {
    url: String,
    /// So many connections are let through.
    through: watch::Sender<usize>,
    seen: watch::Sender<Seen>,
}

impl SlowHandshakes {
    /// Lets nobody through yet. The authority is written into a file of this folder.
    pub(crate) async fn start(folder: &Path) -> (Self, String) {
        let authority = Authority::new("Ours").unwrap();
        let ca = folder.join("providers.pem");
        std::fs::write(&ca, authority.certificate()).unwrap();
        let acceptor = acceptor(&authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let (through, seen) = (watch::Sender::new(0), watch::Sender::default());
        let (gate, tell) = (through.clone(), seen.clone());
        #[expect(clippy::disallowed_methods, reason = "a test's own task")]
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                tell.send_modify(|seen: &mut Seen| seen.connections += 1);
                let (mut gate, tell, acceptor) = (gate.subscribe(), tell.clone(), acceptor.clone());
                #[expect(clippy::disallowed_methods, reason = "a test's own task")]
                tokio::spawn(async move {
                    let _ = gate.wait_for(|through| number < *through).await;
                    serve(stream, &acceptor, &tell).await;
                    tell.send_modify(|seen| seen.closed += 1);
                });
            }
        });
        (Self { url, through, seen }, ca.to_str().unwrap().to_owned())
    }

    /// An account there that waits for a connection for longer than any test.
    pub(crate) fn account(&self) -> String {
        format!(
            "[[providers]]\nname = \"slow\"\nkind = \"sendgrid\"\nchannel = \"email\"\n\
             timeout_seconds = 300\napi_key = \"SG.key\"\n[providers.config]\n\
             base_url = \"{}\"\nfrom = \"hello@example.com\"\n",
            self.url
        )
    }

    /// Shakes hands with the first so many.
    pub(crate) fn let_through(&self, connections: usize) {
        self.through.send_replace(connections);
    }

    /// Waits until it has seen that.
    pub(crate) async fn until(&self, wanted: impl Fn(Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        *seen.wait_for(|seen| wanted(*seen)).await.unwrap()
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }
}

fn acceptor(authority: &Authority) -> TlsAcceptor {
    let identity = authority.issue(&["localhost"], Validity::Now).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, tell: &watch::Sender<Seen>) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let (mut request, mut block) = (vec![], [0; 4_096]);
    while let Ok(read @ 1..) = stream.read(&mut block).await {
        request.extend_from_slice(&block[..read]);
        // The body ends with the object that it is.
        if request.ends_with(b"}") {
            request.clear();
            tell.send_modify(|seen| seen.requests += 1);
            if stream.write_all(ACCEPTED).await.is_err() {
                return;
            }
        }
    }
}

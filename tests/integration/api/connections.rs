//! Connections that live for long: of clients that do not read, and over a change of the certificate.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use loadtest::harness::certificates::{Authority, Issued, Validity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::door::stage;
use super::robust::{connect, rest};
use crate::database::PATIENCE;
use crate::stage::Stage;

/// Nobody else may connect while its connection lasts, and nothing but the time limit ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let mut stage = stage().await;
    stage.set("HERALD__HTTP__WRITE_TIMEOUT", "1s");
    stage.set("HERALD__HTTP__KEEP_ALIVE", "1h");
    stage.set("HERALD__HTTP__CONNECTIONS_PER_ADDRESS", "1");
    let _engine = stage.start().await;
    let mut deaf = connect(&stage);
    let ask = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: herald\r\n\r\n";
    // More than the buffers of both sides hold.
    deaf.write_all(ask.repeat(16).as_bytes()).unwrap();
    assert!(!is_answered(&stage), "there is no place beside it");
    let until = herald::runtime::clock::instant() + PATIENCE;
    while !is_answered(&stage) {
        let now = herald::runtime::clock::instant();
        assert!(now < until, "it holds its connection for ever");
    }
    drop(deaf);
}

fn is_answered(stage: &Stage) -> bool {
    let mut socket = connect(stage);
    // Whoever is refused may be closed before this is sent.
    let _ = socket.write_all(b"GET /livez HTTP/1.1\r\nHost: herald\r\nConnection: close\r\n\r\n");
    rest(&mut socket).starts_with("HTTP/1.1 200 ")
}

/// Somebody who trusts an authority.
fn trusting(authority: &Authority) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority.certificate())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(client))
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

async fn secured(stage: &Stage, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let url = url::Url::parse(&stage.url("/")).unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let plain = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, plain).await.unwrap()
}

/// The certificate that a connection was shown.
fn shown(connection: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let chain = connection.get_ref().1.peer_certificates().unwrap();
    chain[0].clone().into_owned()
}

/// Asks on a connection, which stays open.
async fn asked(connection: &mut TlsStream<TcpStream>) -> String {
    let ask = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    connection.write_all(ask).await.unwrap();
    let mut answer = vec![];
    while !answer.ends_with(b"}") {
        let mut part = [0; 1_024];
        let length = connection.read(&mut part).await.unwrap();
        assert!(length > 0, "the connection was closed");
        answer.extend_from_slice(&part[..length]);
    }
    String::from_utf8(answer).unwrap()
}

fn write(folder: &Path, issued: &Issued) {
    fs::write(folder.join("server.pem"), &issued.certificate).unwrap();
    fs::write(folder.join("server.key"), &issued.key).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_to_new_connections_and_the_old_ones_go_on() {
    let mut stage = stage().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours").unwrap();
    let issue = || authority.issue(&["localhost"], Validity::Now).unwrap();
    let (first, second) = (issue(), issue());
    write(folder.path(), &first);
    for (setting, file) in [("CERT", "server.pem"), ("KEY", "server.key")] {
        let path = folder.path().join(file);
        stage.set(
            &format!("HERALD__HTTP__TLS_{setting}_FILE"),
            path.to_str().unwrap(),
        );
    }
    stage.set("HERALD__HTTP__KEEP_ALIVE", "1h");
    let _engine = stage.start().await;
    let connector = trusting(&authority);
    let mut old = secured(&stage, &connector).await;
    assert_eq!(shown(&old), der(&first.certificate));
    assert!(asked(&mut old).await.starts_with("HTTP/1.1 200 "));
    // Half of a pair is no pair: the old one stays.
    fs::write(folder.path().join("server.pem"), &second.certificate).unwrap();
    assert_eq!(
        shown(&secured(&stage, &connector).await),
        der(&first.certificate)
    );
    write(folder.path(), &second);
    let renewed = async {
        while shown(&secured(&stage, &connector).await) != der(&second.certificate) {
            assert!(asked(&mut old).await.starts_with("HTTP/1.1 200 "));
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.unwrap();
    assert!(asked(&mut old).await.starts_with("HTTP/1.1 200 "));
    let mut new = secured(&stage, &connector).await;
    assert!(asked(&mut new).await.starts_with("HTTP/1.1 200 "));
}

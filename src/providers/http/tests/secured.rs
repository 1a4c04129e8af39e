//! HTTPS, with certificates of the test's own.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use loadtest::harness::certificates::{Authority, Issued, Validity};
use rustls::{ServerConnection, StreamOwned};

use super::*;
use crate::providers::testing::showing;
use crate::tls::Files;

/// A server that shows this certificate, and has one answer.
fn serve(identity: &Issued) -> String {
    let config = showing(identity);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            // A client that does not trust us has gone.
            if stream.read(&mut [0; 4_096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    format!("https://localhost:{port}")
}

pub(super) fn trusting(ca: &Path) -> HttpClient {
    let mut settings = Providers::plain();
    settings.tls = Files {
        section: "providers",
        ca: Some(ca.to_owned()),
        ..Files::default()
    };
    HttpClient::new(&settings).unwrap()
}

async fn ask(client: &HttpClient, url: &str) -> Result<u16, HttpTransportError> {
    let endpoint = HttpEndpoint::new(url.parse().unwrap(), json_headers(None));
    let request = endpoint.bare(Method::POST, "{}");
    let deadline = clock::instant() + Duration::from_secs(20);
    let answer = client.call(request, Leave::for_good(), deadline).await;
    answer.map(|answer| answer.status)
}

#[tokio::test]
async fn an_untrusted_certificate_is_the_accounts_affair_and_the_words_say_why() {
    let ours = Authority::new("Ours").unwrap();
    let strange = Authority::new("Strange").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, ours.certificate()).unwrap();
    let client = trusting(&ca);
    for (issued, words) in [
        (
            ours.issue(&["other.example"], Validity::Now),
            "is for other.example",
        ),
        (ours.issue(&["localhost"], Validity::Past), "expired on"),
        (
            ours.issue(&["localhost"], Validity::Future),
            "is valid from",
        ),
        (
            strange.issue(&["localhost"], Validity::Now),
            "providers.ca_file",
        ),
    ] {
        let trouble = ask(&client, &serve(&issued.unwrap())).await.unwrap_err();
        let reply = trouble.into_reply();
        assert_eq!(reply.class, Class::AccountRefused);
        let said = reply.detail.unwrap();
        assert!(said.contains(words), "{words}: {said}");
    }
    let plain = HttpClient::plain();
    let good = ours.issue(&["localhost"], Validity::Now).unwrap();
    let said = ask(&plain, &serve(&good)).await.unwrap_err().into_words();
    assert!(said.contains("providers.ca_file"), "{said}");
}

#[tokio::test]
async fn an_authority_that_was_renewed_on_disk_is_trusted_without_a_restart() {
    let (old, new) = (
        Authority::new("Old").unwrap(),
        Authority::new("New").unwrap(),
    );
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, old.certificate()).unwrap();
    let client = trusting(&ca);
    let first = serve(&old.issue(&["localhost"], Validity::Now).unwrap());
    let second = serve(&new.issue(&["localhost"], Validity::Now).unwrap());
    assert_eq!(ask(&client, &first).await, Ok(202));
    assert!(matches!(
        ask(&client, &second).await,
        Err(HttpTransportError::Untrusted(_))
    ));
    std::fs::write(&ca, new.certificate()).unwrap();
    assert_eq!(ask(&client, &second).await, Ok(202));
    std::fs::remove_file(&ca).unwrap();
    let third = serve(&new.issue(&["localhost"], Validity::Now).unwrap());
    let said = ask(&client, &third).await.unwrap_err().into_words();
    assert!(said.contains("providers.ca_file"), "{said}");
}

//! Handshakes with real certificates.

use loadtest::harness::certificates::{Authority, Issued, Validity};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::TlsAcceptor;

use super::*;

const HOST: &str = "broker.example";

/// An authority that we trust, and the files that say so.
struct OwnAuthority {
    folder: TempDir,
    authority: Authority,
    files: Files,
}

impl OwnAuthority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Our own").unwrap();
        let mut scene = Self {
            folder,
            authority,
            files: Files {
                section: "broker",
                ..Files::default()
            },
        };
        scene.files.ca = Some(scene.write("ca.pem", &scene.authority.certificate()));
        scene
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn issued(&self, names: &[&str], validity: Validity) -> Issued {
        self.authority.issue(names, validity).unwrap()
    }

    fn show(&mut self, identity: &Issued) {
        self.files.certificate = Some(self.write("cert.pem", &identity.certificate));
        self.files.key = Some(self.write("key.pem", &identity.key));
    }

    /// What comes of a handshake with a server that shows this.
    async fn meets(&self, server: &Issued, checks: Checks) -> Result<(), TlsError> {
        let config = server_config().with_no_client_auth();
        let config = config.with_single_cert(chain(server), key(server)).unwrap();
        self.shakes(config, checks).await.map(drop)
    }

    /// A handshake; in TLS 1.3 the server may say no only afterwards.
    async fn shakes(
        &self,
        config: ServerConfig,
        checks: Checks,
    ) -> Result<std::io::Result<usize>, TlsError> {
        let (ours, theirs) = duplex(64 * 1024);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serving = async {
            if let Ok(mut secured) = acceptor.accept(theirs).await {
                secured.write_all(b"hello").await.unwrap();
                secured.flush().await.unwrap();
            }
        };
        let asking = async {
            let mut secured = self.files.secure(ours, HOST, checks).await?;
            Ok(secured.read(&mut [0; 8]).await)
        };
        tokio::join!(asking, serving).0
    }
}

fn server_config() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

fn chain(issued: &Issued) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()]
}

fn key(issued: &Issued) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap()
}

fn words(result: Result<(), TlsError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn a_server_is_believed_that_a_trusted_authority_names_and_any_other_is_refused_with_words() {
    let scene = OwnAuthority::new();
    let good = scene.issued(&[HOST], Validity::Now);
    assert_eq!(scene.meets(&good, Checks::ChainAndName).await, Ok(()));

    let said = |server: Issued| {
        let scene = &scene;
        async move { words(scene.meets(&server, Checks::ChainAndName).await) }
    };
    let other = scene.issued(&["other.example", "127.0.0.1"], Validity::Now);
    let expected = "the server's certificate is for other.example, 127.0.0.1, and not for \
                    broker.example, which the URL names";
    assert_eq!(said(other).await, expected);
    let past = said(scene.issued(&[HOST], Validity::Past)).await;
    assert_eq!(
        past,
        "the server's certificate expired on 2020-01-01 00:00 UTC"
    );
    let future = said(scene.issued(&[HOST], Validity::Future)).await;
    assert!(
        future.contains("is valid from 2100-01-01 00:00 UTC on"),
        "{future}"
    );
    let strange = Authority::new("A stranger").unwrap();
    let stranger = said(strange.issue(&[HOST], Validity::Now).unwrap()).await;
    assert!(stranger.contains("signed by no authority of"), "{stranger}");
    assert!(stranger.contains("broker.ca_file"), "{stranger}");
    let itself = said(scene.authority.itself()).await;
    assert!(itself.contains("self-signed"), "{itself}");
}

#[tokio::test]
async fn tls_checks_are_those_that_were_asked_for() {
    let scene = OwnAuthority::new();
    let other = scene.issued(&["other.example"], Validity::Now);
    assert_eq!(scene.meets(&other, Checks::Chain).await, Ok(()));
    let past = scene.issued(&["other.example"], Validity::Past);
    assert!(words(scene.meets(&past, Checks::Chain).await).contains("expired"));
    let strange = Authority::new("A stranger").unwrap();
    let stranger = strange.issue(&["other.example"], Validity::Now).unwrap();
    assert!(words(scene.meets(&stranger, Checks::Chain).await).contains("no authority"));
    assert_eq!(scene.meets(&stranger, Checks::Nothing).await, Ok(()));
}

#[tokio::test]
async fn without_an_authority_of_our_own_names_are_never_left_out() {
    let mut scene = OwnAuthority::new();
    let good = scene.issued(&[HOST], Validity::Now);
    scene.files.ca = None;
    let said = words(scene.meets(&good, Checks::Chain).await);
    assert!(said.starts_with("broker.ca_file: is needed"), "{said}");
    let said = words(scene.meets(&good, Checks::ChainAndName).await);
    assert!(said.contains("broker.ca_file"), "{said}");
}

#[tokio::test]
async fn a_certificate_that_was_renewed_on_disk_is_used_by_the_next_connection() {
    let scene = OwnAuthority::new();
    let next = Authority::new("The next one").unwrap();
    let renewed = next.issue(&[HOST], Validity::Now).unwrap();
    assert!(scene.meets(&renewed, Checks::ChainAndName).await.is_err());
    scene.write("ca.pem", &next.certificate());
    assert_eq!(scene.meets(&renewed, Checks::ChainAndName).await, Ok(()));
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_shown_our_certificate_or_says_why_not() {
    let mut scene = OwnAuthority::new();
    let server = scene.issued(&[HOST], Validity::Now);
    let config = |scene: &OwnAuthority| {
        let mut roots = RootCertStore::empty();
        roots.add(scene.issuer()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let config = server_config().with_client_cert_verifier(verifier.build().unwrap());
        config
            .with_single_cert(chain(&server), key(&server))
            .unwrap()
    };
    let refusal = |answer: Result<std::io::Result<usize>, TlsError>, files: &Files| match answer {
        Ok(read) => explain(&read.unwrap_err(), files).unwrap(),
        Err(error) => error.to_string(),
    };
    let answer = scene.shakes(config(&scene), Checks::ChainAndName).await;
    let said = refusal(answer, &scene.files);
    assert!(
        said.contains("set broker.cert_file and broker.key_file"),
        "{said}"
    );

    scene.show(&scene.issued(&["herald"], Validity::Now));
    let answer = scene.shakes(config(&scene), Checks::ChainAndName).await;
    assert_eq!(answer.unwrap().unwrap(), 5);

    scene.show(&scene.issued(&["herald"], Validity::Past));
    let answer = scene.shakes(config(&scene), Checks::ChainAndName).await;
    let said = refusal(answer, &scene.files);
    assert!(said.contains("our certificate has expired"), "{said}");

    let strange = Authority::new("A stranger").unwrap();
    scene.show(&strange.issue(&["herald"], Validity::Now).unwrap());
    let answer = scene.shakes(config(&scene), Checks::ChainAndName).await;
    let said = refusal(answer, &scene.files);
    assert!(said.contains("(broker.cert_file)"), "{said}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_as_such() {
    let scene = OwnAuthority::new();
    let (ours, mut theirs) = duplex(1_024);
    let (secured, written) = tokio::join!(
        scene.files.secure(ours, HOST, Checks::ChainAndName),
        theirs.write_all(b"AMQP\x00\x00\x09\x01"),
    );
    written.unwrap();
    let said = secured.map(drop).unwrap_err().to_string();
    assert_eq!(said, "the server does not speak TLS on this port");

    let (ours, theirs) = duplex(1_024);
    drop(theirs);
    let secured = scene.files.secure(ours, HOST, Checks::Nothing).await;
    let said = secured.map(drop).unwrap_err().to_string();
    assert!(
        said.contains("does it speak TLS on this port?") || said.contains("failed"),
        "{said}"
    );
}

#[test]
fn every_file_that_cannot_be_used_is_told_with_its_setting() {
    let mut scene = OwnAuthority::new();
    let issued = scene.issued(&["herald"], Validity::Now);
    let other = scene.issued(&["herald"], Validity::Now);
    scene.show(&issued);
    assert_eq!(scene.files.check(), Ok(()));
    let said = |scene: &OwnAuthority| scene.files.check().unwrap_err().to_string();

    scene.write("key.pem", &other.key);
    assert_eq!(
        said(&scene),
        "broker.key_file: is not the key of the certificate"
    );
    scene.write(
        "key.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    assert!(
        said(&scene).contains("one with a password cannot be used"),
        "{}",
        said(&scene)
    );
    scene.write("cert.pem", &issued.key);
    assert!(
        said(&scene).contains("holds no certificate in PEM"),
        "{}",
        said(&scene)
    );
    scene.write(
        "cert.pem",
        "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
    );
    assert!(said(&scene).contains("is no good PEM"), "{}", said(&scene));
    scene.write(
        "ca.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    assert!(
        said(&scene).contains("no certificate that can be used"),
        "{}",
        said(&scene)
    );
    scene.files.ca = Some(scene.folder.path().to_owned());
    assert!(
        said(&scene).starts_with("broker.ca_file: cannot read "),
        "{}",
        said(&scene)
    );
    scene.files.ca = Some(scene.folder.path().join("none"));
    assert!(said(&scene).contains("No such file"), "{}", said(&scene));
}

impl OwnAuthority {
    fn issuer(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.authority.certificate().as_bytes()).unwrap()
    }
}

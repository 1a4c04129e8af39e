//! TLS of our own listener: the certificate that it shows, and its renewal without a lost connection.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Files, TlsError};

/// The certificate that is shown to whoever connects. Clones share it.
#[derive(Clone)]
pub struct ServerIdentity {
    files: Files,
    shown: Arc<ArcSwap<CertifiedKey>>,
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ServerIdentity {
    /// What the files hold; `None` when none are named.
    ///
    /// # Errors
    /// A file cannot be used, or the key is not the certificate's.
    pub fn load(files: &Files) -> Result<Option<Self>, TlsError> {
        let Some(key) = certified(files)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            files: files.clone(),
            shown: Arc::new(ArcSwap::from_pointee(key)),
        }))
    }

    /// Reads the files anew, and shows what they hold from the next connection on; says whether it differs.
    /// What cannot be used changes nothing.
    ///
    /// # Errors
    /// A file cannot be used, or the key is not the certificate's.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Some(key) = certified(&self.files)? else {
            return Ok(false);
        };
        let differs = key.cert != self.shown.load().cert;
        if differs {
            self.shown.store(Arc::new(key));
        }
        Ok(differs)
    }

    /// How connections are taken: TLS 1.2 or 1.3, HTTP/1.1 or 2.
    ///
    /// # Errors
    /// The cryptographic provider has none of them.
    pub fn configuration(&self) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Handshake(error.to_string()))?;
        let resolver = Arc::new(ShownIdentity(Arc::clone(&self.shown)));
        Ok(builder.with_no_client_auth().with_cert_resolver(resolver))
    }
}

/// Shows the same certificate to everybody.
#[derive(Debug)]
struct ShownIdentity(Arc<ArcSwap<CertifiedKey>>);

impl ResolvesServerCert for ShownIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certified(files: &Files) -> Result<Option<CertifiedKey>, TlsError> {
    let Some((chain, key)) = files.identity().map_err(of_listener)? else {
        return Ok(None);
    };
    let provider = aws_lc_rs::default_provider();
    let certified = CertifiedKey::from_der(chain, key, &provider);
    certified.map(Some).map_err(|error| {
        let problem = match error {
            rustls::Error::InconsistentKeys(_) => "is not the key of the certificate".to_owned(),
            error => format!("cannot be used: {error}"),
        };
        of_listener(files.problem("key_file", problem))
    })
}

/// The listener's settings are `tls_cert_file` and `tls_key_file`.
fn of_listener(error: TlsError) -> TlsError {
    match error {
        TlsError::File { setting, problem } => TlsError::File {
            setting: setting.replacen('.', ".tls_", 1),
            problem,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use loadtest::harness::certificates::{Authority, Issued, Validity};
    use tokio::io::duplex;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::tls::Checks;

    fn write(files: &Files, certificate: &Issued, key: &Issued) {
        let path = |path: &Option<std::path::PathBuf>| path.clone().unwrap();
        std::fs::write(path(&files.certificate), &certificate.certificate).unwrap();
        std::fs::write(path(&files.key), &key.key).unwrap();
    }

    fn files(folder: &Path, authority: &Authority) -> Files {
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, authority.certificate()).unwrap();
        Files {
            section: "http",
            ca: Some(ca),
            certificate: Some(folder.join("cert.pem")),
            key: Some(folder.join("key.pem")),
        }
    }

    /// Whether a client that trusts the authority takes what is shown for this host.
    async fn shows(identity: &ServerIdentity, files: &Files, host: &str) -> bool {
        let (ours, theirs) = duplex(64 * 1_024);
        let acceptor = TlsAcceptor::from(Arc::new(identity.configuration().unwrap()));
        let trusting = Files {
            certificate: None,
            key: None,
            ..files.clone()
        };
        let (asked, _) = tokio::join!(
            trusting.secure(ours, host, Checks::ChainAndName),
            acceptor.accept(theirs)
        );
        asked.is_ok()
    }

    #[tokio::test]
    async fn a_renewed_pair_is_shown_and_a_bad_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Our own").unwrap();
        let issued = |name: &str| authority.issue(&[name], Validity::Now).unwrap();
        let (old, new) = (issued("old.example"), issued("new.example"));
        let files = files(folder.path(), &authority);
        write(&files, &old, &new);
        let error = ServerIdentity::load(&files).unwrap_err();
        assert_eq!(
            error.to_string(),
            "http.tls_key_file: is not the key of the certificate"
        );
        write(&files, &old, &old);
        let identity = ServerIdentity::load(&files).unwrap().unwrap();
        assert!(shows(&identity, &files, "old.example").await);
        assert_eq!(identity.reload(), Ok(false));
        write(&files, &new, &old);
        identity.reload().unwrap_err();
        assert!(
            shows(&identity, &files, "old.example").await,
            "the old one stays"
        );
        write(&files, &new, &new);
        assert_eq!(identity.reload(), Ok(true));
        assert!(shows(&identity, &files, "new.example").await);
        assert!(!shows(&identity, &files, "old.example").await);
        assert!(ServerIdentity::load(&Files::default()).unwrap().is_none());
    }
}

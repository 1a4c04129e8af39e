//! TLS to the servers that the engine stands on: whom we trust, who we are, and what went wrong.
//!
//! Certificates and keys are read anew for each connection: one that was renewed on disk is used
//! without a restart. Nothing here knows what is spoken through the connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

mod server;
mod verifier;
mod words;

#[cfg(test)]
mod tests;

pub use server::ServerIdentity;
pub use words::explain;

use verifier::{SignedBy, Verifier};

/// The files of one server's section of the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The section, `broker` or `database`: errors name its settings.
    pub section: &'static str,
    /// Certificates of the authorities to trust, in PEM; the system's roots else.
    pub ca: Option<PathBuf>,
    /// Our certificate with those between it and the authority, in PEM.
    pub certificate: Option<PathBuf>,
    /// The private key of our certificate, in PEM.
    pub key: Option<PathBuf>,
}

/// What is looked at in a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Nothing: the connection is encrypted, and may be anybody's.
    Nothing,
    /// That an authority of [`Files::ca`] has signed it, for whatever name.
    Chain,
    /// That a trusted authority has signed it for this very host.
    ChainAndName,
}

/// No TLS connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used.
    #[error("{setting}: {problem}")]
    File {
        /// The setting that names it.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The two sides do not agree.
    #[error("{0}")]
    Handshake(String),
}

impl Files {
    /// Whether any is given.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.ca.is_some() || self.certificate.is_some() || self.key.is_some()
    }

    /// Whether we show who we are.
    #[must_use]
    pub const fn has_identity(&self) -> bool {
        self.certificate.is_some() && self.key.is_some()
    }

    /// Reads all of them, as a connection would.
    ///
    /// # Errors
    /// The first one that cannot be used.
    pub fn check(&self) -> Result<(), TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        if self.ca.is_some() {
            self.authorities(&provider)?;
        }
        self.configuration(Checks::Nothing).map(drop)
    }

    /// Secures a connection to `host`, as the files are at this moment.
    ///
    /// # Errors
    /// In words that say what is wrong and with which side.
    pub async fn secure<S>(
        &self,
        stream: S,
        host: &str,
        checks: Checks,
    ) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            let words = format!("`{host}` is no name that a certificate can be for");
            TlsError::Handshake(words)
        })?;
        let files = self.clone();
        let reading = tokio::task::spawn_blocking(move || files.configuration(checks));
        let configuration = match reading.await {
            Ok(configuration) => configuration?,
            Err(error) => return Err(TlsError::Handshake(error.to_string())),
        };
        let connecting = TlsConnector::from(Arc::new(configuration)).connect(name, stream);
        connecting
            .await
            .map_err(|error| TlsError::Handshake(words::of_handshake(&error, self)))
    }

    /// What many connections share, to servers whose chain and name are checked. The file of authorities
    /// is read for each of them all the same.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn shared(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let authorities = self.authorities(&provider)?;
        let signed_by = match self.ca {
            None => SignedBy::Known(authorities),
            Some(_) => SignedBy::OnDisk(self.clone(), Arc::clone(&provider)),
        };
        let verifier = Verifier::new(signed_by, true, &provider);
        Ok(verified(provider, verifier)?.with_no_client_auth())
    }

    fn configuration(&self, checks: Checks) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = self.verifier(checks, &provider)?;
        let builder = verified(provider, verifier)?;
        let Some((chain, key)) = self.identity()? else {
            return Ok(builder.with_no_client_auth());
        };
        builder.with_client_auth_cert(chain, key).map_err(|error| {
            let problem = match error {
                rustls::Error::InconsistentKeys(_) => {
                    "is not the key of the certificate".to_owned()
                }
                error => format!("cannot be used: {error}"),
            };
            self.problem("key_file", problem)
        })
    }

    fn verifier(
        &self,
        checks: Checks,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Verifier, TlsError> {
        let signed_by = match checks {
            Checks::Nothing => SignedBy::Anybody,
            Checks::Chain if self.ca.is_none() => {
                // With the system's roots it would take the certificate of any site in the world.
                let problem =
                    "is needed to check by whom a certificate is signed, but not for whom";
                return Err(self.problem("ca_file", problem));
            }
            Checks::Chain | Checks::ChainAndName => SignedBy::Known(self.authorities(provider)?),
        };
        let names = checks == Checks::ChainAndName;
        Ok(Verifier::new(signed_by, names, provider))
    }

    /// Those who may sign a server's certificate.
    fn authorities(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let Some(path) = &self.ca else {
            let system = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
            return match system {
                Ok(system) => Ok(Arc::new(system)),
                Err(_) => Err(self.problem("ca_file", NO_ROOTS)),
            };
        };
        let unusable = |problem: String| self.problem("ca_file", problem);
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates(path).map_err(unusable)?);
        if added == 0 {
            let problem = format!("{} holds no certificate that can be used", path.display());
            return Err(unusable(problem));
        }
        let provider = Arc::clone(provider);
        let roots = Arc::new(roots);
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
            .map_err(|error| unusable(error.to_string()))
    }

    fn identity(&self) -> Result<Option<Identity>, TlsError> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(None);
        };
        let chain = certificates(certificate).map_err(|why| self.problem("cert_file", why))?;
        let key = private_key(key).map_err(|why| self.problem("key_file", why))?;
        Ok(Some((chain, key)))
    }

    fn problem(&self, key: &str, problem: impl Into<String>) -> TlsError {
        TlsError::File {
            setting: format!("{}.{key}", self.section),
            problem: problem.into(),
        }
    }
}

/// What every configuration begins with.
fn verified(
    provider: Arc<CryptoProvider>,
    verifier: Verifier,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Handshake(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

const NO_ROOTS: &str = "is not given, and this machine has no root certificates of its own \
                        (Debian: package ca-certificates)";

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(format!("{} holds no certificate in PEM", path.display()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{} is no good PEM: {error}", path.display())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        PemError::NoItemsFound => format!(
            "{} holds no private key in PEM; one with a password cannot be used",
            path.display()
        ),
        error => format!("{} is no good PEM: {error}", path.display()),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

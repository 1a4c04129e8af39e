//! Whether a server is who it should be.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::Files;

/// By whom a server's certificate must be signed.
#[derive(Debug)]
pub(super) enum SignedBy {
    /// By whomever.
    Anybody,
    /// By these.
    Known(Arc<dyn ServerCertVerifier>),
    /// By those in a file, as it is at each connection.
    OnDisk(Files, Arc<CryptoProvider>),
}

/// Checks a server's certificate as far as it was asked to.
#[derive(Debug)]
pub(super) struct Verifier {
    signed_by: SignedBy,
    /// Whether it must be for the host that we asked for.
    names: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(signed_by: SignedBy, names: bool, provider: &CryptoProvider) -> Self {
        Self {
            signed_by,
            names,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authorities = match &self.signed_by {
            SignedBy::Anybody => return Ok(ServerCertVerified::assertion()),
            SignedBy::Known(authorities) => Arc::clone(authorities),
            SignedBy::OnDisk(files, provider) => {
                let read = files.authorities(provider);
                read.map_err(|error| Error::General(error.to_string()))?
            }
        };
        let verified = authorities.verify_server_cert(certificate, intermediates, name, ocsp, now);
        match verified {
            // The name is looked at last: everything else was good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

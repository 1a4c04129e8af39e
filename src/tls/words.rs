//! What went wrong, in words that say which side has to be mended, and how.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error as Tls};

use super::Files;

/// What TLS says in an error or its causes; `None` when TLS is not the cause. A server that refuses
/// our certificate may say so only after the handshake, to whoever reads first.
#[must_use]
pub fn explain(error: &(dyn Error + 'static), files: &Files) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<Tls>() {
            return Some(of_tls(tls, files));
        }
        // An `io::Error` says as its source what its content's source is: the content is left out.
        let content = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match content {
            Some(content) => Some(content as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

pub(super) fn of_handshake(error: &io::Error, files: &Files) -> String {
    if let Some(words) = explain(error, files) {
        return words;
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "the server closed the connection in the handshake: does it speak TLS on this port?"
                .to_owned()
        }
        _ => format!("the TLS handshake failed: {error}"),
    }
}

fn of_tls(error: &Tls, files: &Files) -> String {
    match error {
        Tls::InvalidCertificate(error) => of_certificate(error, files),
        Tls::AlertReceived(alert) => of_alert(*alert, files),
        Tls::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        Tls::PeerIncompatible(_) => {
            format!("the server speaks neither TLS 1.2 nor 1.3 as it is accepted here ({error})")
        }
        // Said by ourselves: the file of authorities cannot be used.
        Tls::General(words) => words.clone(),
        error => format!("the TLS connection failed: {error}"),
    }
}

fn of_certificate(error: &CertificateError, files: &Files) -> String {
    let section = files.section;
    match error {
        CertificateError::UnknownIssuer => match &files.ca {
            Some(path) => format!(
                "the server's certificate is signed by no authority of {} ({section}.ca_file)",
                path.display()
            ),
            None => format!(
                "the server's certificate is signed by no authority that this machine trusts: \
                 name its authority's certificate in {section}.ca_file"
            ),
        },
        CertificateError::Expired => "the server's certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the server's certificate expired on {}",
            shown(*not_after)
        ),
        CertificateError::NotValidYet => {
            "the server's certificate is not valid yet by this machine's clock".to_owned()
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the server's certificate is valid from {} on, and this machine's clock shows {}",
            shown(*not_before),
            shown(*time)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = match names.as_slice() {
                [] => "names no host at all (subjectAltName)".to_owned(),
                names => format!("is for {}", names.join(", ")),
            };
            let host = host(expected);
            format!("the server's certificate {names}, and not for {host}, which the URL names")
        }
        CertificateError::NotValidForName => {
            "the server's certificate is not for the host that the URL names".to_owned()
        }
        CertificateError::Revoked => "the server's certificate was revoked".to_owned(),
        error if error.to_string().contains("CaUsedAsEndEntity") => {
            "the server shows an authority's certificate as its own (self-signed): give it one that \
             an authority has signed"
                .to_owned()
        }
        error => format!("the server's certificate cannot be accepted: {error}"),
    }
}

fn of_alert(alert: AlertDescription, files: &Files) -> String {
    let section = files.section;
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure
            if !files.has_identity() =>
        {
            format!(
                "the server ended the handshake ({alert:?}); if it asks for a client certificate: \
                 set {section}.cert_file and {section}.key_file"
            )
        }
        AlertDescription::CertificateExpired => {
            format!("the server says that our certificate has expired ({section}.cert_file)")
        }
        AlertDescription::UnknownCA => format!(
            "the server does not know the authority that signed our certificate \
             ({section}.cert_file)"
        ),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => {
            format!("the server refuses our certificate ({section}.cert_file): {alert:?}")
        }
        alert => format!("the server ended the TLS connection: {alert:?}"),
    }
}

fn shown(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(second).map_or_else(
        |_| "a day beyond reckoning".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

fn host(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// A name of a certificate without the kind that webpki shows it with: `DnsName("a.example")`.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

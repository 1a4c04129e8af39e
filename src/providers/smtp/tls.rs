//! TLS to a mail server: whom we believe, and why we do not.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error};
use tokio_rustls::TlsConnector;

use super::silence::Silence;
use crate::tls::Files;

/// How to speak TLS to a server.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl Tls {
    /// With the operator's authorities, which are read anew for each connection, else the machine's.
    pub(super) fn to(host: &str, ca_file: Option<&str>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let files = Files {
            section: "config",
            ca: ca_file.map(PathBuf::from),
            ..Files::default()
        };
        let shared = files.shared().map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(shared));
        Ok(Self { connector, name })
    }
}

/// Why no TLS connection came about.
pub(super) fn silence(error: io::Error) -> Silence {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(why)) => Silence::Untrusted(untrusted(why)),
        Some(Error::General(words)) => Silence::Untrusted(words.clone()),
        Some(Error::InvalidMessage(_)) => {
            Silence::Untrusted("the server does not speak TLS there".to_owned())
        }
        _ => Silence::Network(error),
    }
}

fn untrusted(why: &CertificateError) -> String {
    use CertificateError as Why;
    let what = match why {
        Why::Expired => "has expired".to_owned(),
        Why::ExpiredContext { not_after, .. } => format!("expired on {}", day(*not_after)),
        Why::NotValidYet => "is not valid yet: compare the clocks".to_owned(),
        Why::NotValidYetContext { not_before, .. } => {
            format!("is valid from {} on: compare the clocks", day(*not_before))
        }
        // An authority of the same name, but of another key, is another one.
        Why::UnknownIssuer | Why::BadSignature => {
            "is signed by no authority that is known here: name its file in `ca_file`".to_owned()
        }
        Why::NotValidForNameContext { presented, .. } => {
            let names = presented.join(", ");
            format!("is for another host than `host` (for {names})")
        }
        Why::NotValidForName => "is for another host than `host`".to_owned(),
        Why::Revoked => "was revoked".to_owned(),
        other => format!("cannot be accepted: {other}"),
    };
    format!("the server's certificate {what}")
}

fn day(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(second).map_or_else(
        |_| "a day beyond reckoning".to_owned(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}

//! Certificates and keys of one server's section: `ca_file`, `cert_file`, `key_file`.

use std::path::PathBuf;

use super::reader::Reader;
use crate::tls::{Files, ServerIdentity, TlsError};

/// Reads `ca_file` of a section whose servers ask nobody for a certificate.
pub(super) fn authorities(reader: &mut Reader<'_>, section: &'static str) -> Files {
    let ca = reader.path(&format!("{section}.ca_file"));
    let files = Files {
        section,
        ca,
        ..Files::default()
    };
    checked(reader, files)
}

/// Reads `cert_file` and `key_file` of our own listener.
pub(super) fn listener(reader: &mut Reader<'_>) -> Files {
    let files = Files {
        section: "http",
        ca: None,
        certificate: reader.path("http.tls_cert_file"),
        key: reader.path("http.tls_key_file"),
    };
    let alone = match (&files.certificate, &files.key) {
        (Some(_), None) => Some(("http.tls_cert_file", "http.tls_key_file")),
        (None, Some(_)) => Some(("http.tls_key_file", "http.tls_cert_file")),
        _ => None,
    };
    if let Some((given, missing)) = alone {
        let () = reader.refuse(
            given,
            format!("needs {missing} beside it"),
            "both, or neither",
        );
    }
    if let Err(TlsError::File { setting, problem }) = ServerIdentity::load(&files) {
        let () = reader.refuse(&setting, problem, "a readable file in PEM");
    }
    files
}

/// Reads the three settings of `section` and looks into the files that they name.
pub(super) fn read(reader: &mut Reader<'_>, section: &'static str) -> Files {
    let mut file = |key: &str| reader.path(&format!("{section}.{key}"));
    let files = Files {
        section,
        ca: file("ca_file"),
        certificate: file("cert_file"),
        key: file("key_file"),
    };
    let alone = match (&files.certificate, &files.key) {
        (Some(_), None) => Some(("cert_file", "key_file")),
        (None, Some(_)) => Some(("key_file", "cert_file")),
        _ => None,
    };
    if let Some((given, missing)) = alone {
        let problem = format!("needs {section}.{missing} beside it");
        let () = reader.refuse(&format!("{section}.{given}"), problem, "both, or neither");
    }
    checked(reader, files)
}

/// Looks into the files.
fn checked(reader: &mut Reader<'_>, files: Files) -> Files {
    if let Err(TlsError::File { setting, problem }) = files.check() {
        let () = reader.refuse(&setting, problem, "a readable file in PEM");
    }
    files
}

/// Refuses the files where nothing is encrypted: whoever names them believes that it is.
pub(super) fn refuse_unused(reader: &mut Reader<'_>, files: &Files, mend: &str) {
    let given: [(&str, &Option<PathBuf>); 3] = [
        ("ca_file", &files.ca),
        ("cert_file", &files.certificate),
        ("key_file", &files.key),
    ];
    for (key, path) in given {
        if path.is_some() {
            let key = format!("{}.{key}", files.section);
            let () = reader.refuse(&key, "is given, but the connection is not encrypted", mend);
        }
    }
}

//! The wording of scripted errors.

/// A scripted status as an SMTP reply line. HTTP statuses are translated to what they mean for mail,
/// so that one script serves all simulators; SMTP codes stay as they are.
pub(super) fn line(status: u16) -> String {
    match status {
        429 => "450 4.7.1 Too much mail, try again later".to_owned(),
        500 | 502..=504 => "451 4.3.0 Temporary server error, try again later".to_owned(),
        400 => "554 5.6.0 Message refused".to_owned(),
        401 | 403 => "535 5.7.8 Authentication credentials invalid".to_owned(),
        421 => "421 4.3.2 Service shutting down".to_owned(),
        450..=499 => format!("{status} 4.3.0 Try again later"),
        _ => format!("{status} 5.3.0 Refused"),
    }
}

/// Whether the server closes the connection after this reply.
pub(super) fn closes(line: &str) -> bool {
    line.starts_with("421")
}

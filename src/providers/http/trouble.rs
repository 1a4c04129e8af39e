//! What is known when no answer came: surely not sent, or perhaps.

use std::error;

use super::departure::Departure;
use crate::domain::{Class, Reply, Subject};
use crate::providers::verdict::{CALLED_OFF, not_asked};
use crate::runtime::lack;
use crate::tls::{self, Files};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpTransportError {
    /// No connection: the request was not written.
    NotSent(String),
    /// Leave ended before it was written: nobody is to blame.
    CalledOff,
    /// No connection, because this machine could not make one.
    Lack(String),
    /// No connection that may be trusted: the account's affair, whatever the message.
    Untrusted(String),
    /// The request was, or may have been, written; the provider may have acted on it.
    Lost(String),
}

impl HttpTransportError {
    /// There is no connection.
    pub(super) fn connecting(error: &(dyn error::Error + 'static), files: &Files) -> Self {
        if let Some(words) = tls::explain(error, files) {
            return Self::Untrusted(words);
        }
        match lack::behind(error) {
            Some(lack) => Self::Lack(format!("{lack}: {}", words(error))),
            None => Self::NotSent(words(error)),
        }
    }

    /// A connection that broke: was the request written?
    pub(super) fn of(error: &hyper::Error, departure: &Departure) -> Self {
        match departure.call_off() {
            false => Self::Lost(words(error)),
            true if departure.has_leave() => Self::NotSent(words(error)),
            true => Self::CalledOff,
        }
    }

    /// The deadline passed: was the request written by then?
    pub(super) fn timed_out(departure: &Departure) -> Self {
        match departure.call_off() {
            false => Self::Lost("no answer within the timeout".to_owned()),
            true => Self::NotSent("no connection within the timeout".to_owned()),
        }
    }

    /// The class of it.
    pub(crate) fn into_reply(self) -> Reply {
        match self {
            Self::NotSent(words) => Reply::of(Class::Transient, None, Some(words)),
            Self::CalledOff => not_asked(CALLED_OFF, &self.into_words()),
            Self::Lack(words) => {
                Reply::of(Class::Transient, None, Some(words)).about(Subject::Node)
            }
            Self::Untrusted(words) => Reply::of(Class::AccountRefused, None, Some(words)),
            Self::Lost(words) => Reply::of(Class::Unknown, None, Some(words)),
        }
    }

    /// What went wrong.
    pub(crate) fn into_words(self) -> String {
        match self {
            Self::NotSent(words)
            | Self::Lack(words)
            | Self::Untrusted(words)
            | Self::Lost(words) => words,
            Self::CalledOff => "not sent: its turn came too late".to_owned(),
        }
    }
}

/// The error and its causes in one line. None of them names the URL, which is a secret when it is an
/// incoming webhook's.
pub(super) fn words(error: &dyn error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        cause = inner.source();
    }
    words
}

//! What is known when no answer came: surely not sent, or perhaps.

use std::error;

use hyper_util::client::legacy::Error;

use crate::domain::{Class, Reply, Subject};
use crate::runtime::lack;
use crate::tls::{self, Files};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpTransportError {
    /// No connection: the request was not written.
    NotSent(String),
    /// No connection, because this machine could not make one.
    Lack(String),
    /// No connection that may be trusted: the account's affair, whatever the message.
    Untrusted(String),
    /// The request was, or may have been, written; the provider may have acted on it.
    Lost(String),
}

impl HttpTransportError {
    /// Reads the client's error.
    ///
    /// Only an error of connecting (name, TCP, TLS, connect timeout) proves that nothing was
    /// written. hyper itself asks again when a kept connection turns out closed before the first
    /// byte.
    pub(crate) fn of(error: &Error, files: &Files) -> Self {
        if !error.is_connect() {
            return Self::Lost(words(error));
        }
        if let Some(words) = tls::explain(error, files) {
            return Self::Untrusted(words);
        }
        match lack::behind(error) {
            Some(lack) => Self::Lack(format!("{lack}: {}", words(error))),
            None => Self::NotSent(words(error)),
        }
    }

    /// The deadline passed while the answer was awaited.
    pub(crate) fn timed_out() -> Self {
        Self::Lost("no answer within the timeout".to_owned())
    }

    /// The class of it.
    pub(crate) fn into_reply(self) -> Reply {
        match self {
            Self::NotSent(words) => Reply::of(Class::Transient, None, Some(words)),
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

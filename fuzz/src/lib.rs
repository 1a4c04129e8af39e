//! Every door that strangers' bytes come through, as a function of bytes that must not panic, and what
//! must hold of what it makes of them.
//!
//! `script/fuzz` drives them by coverage; the tests run them over the corpora, and over those by chance.

mod events;
mod mails;
mod replies;
mod targets;

/// A door.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of it and of its corpus.
    pub name: &'static str,
    /// Puts bytes through it; panics when something does not hold.
    pub run: fn(&[u8]),
}

/// Every door.
pub const TARGETS: &[Target] = &[
    Target {
        name: "envelope",
        run: targets::envelope,
    },
    Target {
        name: "headers",
        run: targets::headers,
    },
    Target {
        name: "frames",
        run: targets::frames,
    },
    Target {
        name: "template",
        run: targets::template,
    },
    Target {
        name: "manifest",
        run: targets::manifest,
    },
    Target {
        name: "sendgrid",
        run: replies::sendgrid,
    },
    Target {
        name: "twilio",
        run: replies::twilio,
    },
    Target {
        name: "fcm",
        run: replies::fcm,
    },
    Target {
        name: "slack",
        run: replies::slack,
    },
    Target {
        name: "smtp",
        run: replies::smtp,
    },
    Target {
        name: "sendgrid_events",
        run: events::sendgrid,
    },
    Target {
        name: "twilio_events",
        run: events::twilio,
    },
    Target {
        name: "smtp_events",
        run: events::smtp,
    },
    Target {
        name: "mail",
        run: mails::mail,
    },
    Target {
        name: "quotes",
        run: mails::quotes,
    },
];

/// The door of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

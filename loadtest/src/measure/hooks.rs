//! A webhook on everything, of which the price is measured.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::variant::Hook;
use crate::harness::{Meter, OFTEN, middle};
use crate::receiver::Receiver;

/// What webhooks may reach beyond public addresses.
const ALLOWED: (&str, &str) = ("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");

/// Where webhooks are told, and what signs them.
#[derive(Debug)]
pub(super) struct Hooks {
    receiver: std::sync::Arc<Receiver>,
    secret: String,
}

/// What a webhook took in a run: how many in all after how many seconds.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<(u64, f64)>);

impl Hooks {
    pub(super) fn start() -> Result<Self> {
        let receiver = Receiver::start(0).context("the receiver of webhooks")?;
        let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 24]>()));
        receiver.trust(&secret);
        Ok(Self {
            receiver: receiver.into(),
            secret,
        })
    }

    /// Writes a file for `herald apply`; answers its path.
    pub(super) fn declare(&self, files: &Path, hook: Hook) -> Result<String> {
        let text = format!(
            "[[webhooks]]\nname = \"measured\"\nurl = {:?}\nsecret = {:?}\nevents = [\"*\"]\nis_active = {}\n",
            self.receiver.url(),
            self.secret,
            hook == Hook::Told,
        );
        let path = files.join("webhook.toml");
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The setting by which an engine reaches it.
    pub(super) const fn allowed(&self) -> (&'static str, &'static str) {
        ALLOWED
    }

    /// Different deliveries that it has taken so far, in all runs.
    pub(super) fn taken(&self) -> u64 {
        self.receiver.taken()
    }

    /// Looks at how fast it takes what comes from now on.
    pub(super) fn watch(&self) -> Meter<Taken> {
        let (receiver, before) = (std::sync::Arc::clone(&self.receiver), self.taken());
        let began = Instant::now();
        Meter::start(OFTEN, Taken::default(), move |taken| {
            let point = (receiver.taken() - before, began.elapsed().as_secs_f64());
            taken.0.push(point);
            ControlFlow::Continue(())
        })
    }
}

impl Taken {
    /// Deliveries a second over the middle 80 % of all; not a number when nothing was taken.
    pub(super) fn per_second(&self) -> f64 {
        let all = self.0.last().map_or(0, |(taken, _)| *taken);
        middle(&self.0, all).map_or(f64::NAN, |(from, to, taken)| taken as f64 / (to - from))
    }
}

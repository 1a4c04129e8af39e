//! The links by which people unsubscribe, as the settings say.

use super::StartError;
use crate::cache::LinkKeys;
use crate::config::Settings;
use crate::domain::{LinkKey, LinkMaker};
use crate::store::seal::{SealError, Sealer};

/// What makes links, and what opens them. The last key makes them: while one replaces another, every node knows it.
pub(super) fn of(
    settings: &Settings,
    sealer: &Sealer,
) -> Result<(LinkMaker, LinkKeys), StartError> {
    let keys = settings.secrets.keys.iter();
    let keys: Vec<LinkKey> = keys.map(|key| LinkKey::derived(key.expose())).collect();
    let last = keys.last().cloned().ok_or(SealError::NoKey)?;
    let public_url = settings.http.public_url.as_ref().map(ToString::to_string);
    let links = LinkMaker::new(public_url.as_deref(), are_for_headers(settings), last);
    Ok((links, LinkKeys::new(sealer.clone(), keys)))
}

/// Whether mail clients are told of links: RFC 8058 wants HTTPS.
pub(super) fn are_for_headers(settings: &Settings) -> bool {
    let public_url = settings.http.public_url.as_ref();
    let allowed = |url: &url::Url| url.scheme() == "https" || settings.http.one_click_without_tls;
    public_url.is_some_and(allowed)
}

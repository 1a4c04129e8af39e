//! Style, script and icon: compiled in, and named by what they hold, so that a new version is never mixed with an old
//! page.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Path};
use sha2::{Digest, Sha256};

use super::look;
use crate::domain::hex;

/// A file that pages load.
struct ConsoleAsset {
    kind: &'static str,
    text: &'static str,
    path: LazyLock<String>,
}

/// Digits of the hash that a name carries.
const DIGITS: usize = 12;

static CSS: ConsoleAsset = ConsoleAsset {
    kind: "text/css; charset=utf-8",
    text: include_str!("assets/console.css"),
    path: LazyLock::new(|| named("console", "css", CSS.text)),
};
static JS: ConsoleAsset = ConsoleAsset {
    kind: "text/javascript; charset=utf-8",
    text: include_str!("assets/console.js"),
    path: LazyLock::new(|| named("console", "js", JS.text)),
};
static ICON: ConsoleAsset = ConsoleAsset {
    kind: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
    path: LazyLock::new(|| named("icon", "svg", ICON.text)),
};

fn named(name: &str, ending: &str, text: &str) -> String {
    let mut hash = hex(&Sha256::digest(text));
    hash.truncate(DIGITS);
    format!("/console/assets/{name}-{hash}.{ending}")
}

pub(super) fn css() -> &'static str {
    &CSS.path
}

pub(super) fn js() -> &'static str {
    &JS.path
}

pub(super) fn icon() -> &'static str {
    &ICON.path
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    routes.service(web::resource("/assets/{name}").route(look(asset)));
}

/// A file. A page of another version may ask for one of another hash while nodes are upgraded: it gets ours, and keeps
/// it not.
async fn asset(name: Path<String>) -> HttpResponse {
    let path = format!("/console/assets/{name}");
    let ending = |asset: &&ConsoleAsset| {
        let of = |path: &str| path.rsplit('.').next().map(str::to_owned);
        of(&asset.path) == of(&path)
    };
    let Some(found) = [&CSS, &JS, &ICON].into_iter().find(ending) else {
        return HttpResponse::NotFound().finish();
    };
    let kept = match *found.path == path {
        true => "public, max-age=31536000, immutable",
        false => "no-store",
    };
    HttpResponse::Ok()
        .content_type(found.kind)
        .insert_header((CACHE_CONTROL, kept))
        .body(found.text)
}

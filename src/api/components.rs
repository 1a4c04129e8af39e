//! `/inbox.js`: the web components that front ends embed, and the modules that it loads. They are public code: every
//! page may load them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, Header as _,
    HeaderName, IfNoneMatch, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Bytes, Path};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use super::endpoint::Endpoint;
use super::problem::Problem;

const ENTRY: &str = include_str!("../../web/inbox.js");
const TYPES: &str = include_str!("../../web/inbox.d.ts");
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TYPE_SCRIPT: &str = "application/typescript; charset=utf-8";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Asked for again each time: it names the version of the rest.
const REVALIDATED: &str = "public, no-cache";
/// A version never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What another node's version would be is not to be kept under its name.
const NEVER: &str = "no-store";

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../web/inbox/", $name)))),*]
    };
}

/// The modules, by name.
const MODULES: &[(&str, &str)] = modules![
    "client.js",
    "deeds.js",
    "dom.js",
    "frames.js",
    "host.js",
    "inbox-element.js",
    "item-list.js",
    "item-view.js",
    "keys.js",
    "links.js",
    "markdown.js",
    "menu.js",
    "panel.js",
    "popover.js",
    "preferences-element.js",
    "preferences-form.js",
    "session.js",
    "store.js",
    "stream.js",
    "style.js",
    "texts-de.js",
    "texts-en.js",
    "texts-es.js",
    "texts-fr.js",
    "texts-it.js",
    "texts-nl.js",
    "texts-pl.js",
    "texts-pt.js",
    "texts.js",
    "times.js",
    "toast.js",
    "tokens.js",
    "watcher.js",
];
/// Modules that are loaded when they are wanted.
const LATER: &str = "texts-";

/// The version of the modules: a fingerprint of them all.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for text in MODULES.iter().flat_map(|(name, text)| [name, text]) {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    fingerprint(&hash.finalize())
});

/// The entry as it is served: its modules are named by their version, and all that are needed at once are named
/// here, so that a browser asks for them together.
static SERVED: LazyLock<(String, String)> = LazyLock::new(|| {
    let mut text = ENTRY.replace("\"./inbox/", &format!("\"./inbox/{}/", *VERSION));
    for (name, _) in MODULES.iter().filter(|(name, _)| !name.starts_with(LATER)) {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "import \"./inbox/{}/{name}\";", *VERSION);
    }
    let tag = fingerprint(&Sha256::digest(&text));
    (text, tag)
});

fn fingerprint(hash: &[u8]) -> String {
    hash.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let script = Some("text/javascript");
    let file = |endpoint: Endpoint, kind| {
        endpoint
            .answers_other(200, "the file", kind)
            .answers_other(304, "as it was", None)
    };
    vec![
        file(Endpoint::get("/inbox.js", entry), script)
            .named("getInboxScript", "The web components as one ES module")
            .details("Every page may load it, by an element `script` of type `module`."),
        file(
            Endpoint::get("/inbox.d.ts", types),
            Some("application/typescript"),
        )
        .named("getInboxTypes", "The types of the web components"),
        file(Endpoint::get("/inbox/{version}/{file}", module), script)
            .named("getInboxModule", "A module that `/inbox.js` loads"),
    ]
}

async fn entry(request: HttpRequest) -> HttpResponse {
    let (text, tag) = &*SERVED;
    answer(&request, SCRIPT, REVALIDATED, (text, tag))
}

async fn types(request: HttpRequest) -> HttpResponse {
    static TAG: LazyLock<String> = LazyLock::new(|| fingerprint(&Sha256::digest(TYPES)));
    answer(&request, TYPE_SCRIPT, REVALIDATED, (TYPES, &TAG))
}

/// A module. While nodes of two versions serve, one may be asked for a version of the other's: it gives its own.
async fn module(
    request: HttpRequest,
    named: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (version, name) = named.into_inner();
    let known = MODULES.iter().find(|(known, _)| *known == name);
    let (_, text) = known.ok_or_else(|| Problem::not_found("file"))?;
    let cached = if version == *VERSION { FOR_EVER } else { NEVER };
    Ok(answer(&request, SCRIPT, cached, (text, &VERSION)))
}

fn answer(
    request: &HttpRequest,
    kind: &'static str,
    cached: &'static str,
    (text, tag): (&'static str, &str),
) -> HttpResponse {
    let tag = EntityTag::new_strong(tag.to_owned());
    let is_known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|it| it.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut answer = match is_known {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    answer
        .insert_header((ETAG, tag.to_string()))
        .insert_header((CACHE_CONTROL, cached))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((RESOURCE_POLICY, "cross-origin"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if is_known {
        return answer.finish();
    }
    answer
        .insert_header((CONTENT_TYPE, kind))
        .body(Bytes::from_static(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_module_is_served_and_nothing_else() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/web/inbox");
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let served = MODULES.iter().map(|(name, _)| (*name).to_owned());
        assert_eq!(
            served.collect::<BTreeSet<_>>(),
            files.collect::<BTreeSet<_>>()
        );
    }

    #[test]
    fn every_import_leads_to_a_module_and_what_comes_later_is_not_named_at_once() {
        for (name, text) in MODULES {
            for part in text
                .split("from \"./")
                .skip(1)
                .chain(text.split("import(\"./").skip(1))
            {
                let imported = part.split('"').next().unwrap();
                let is_known = MODULES.iter().any(|(known, _)| *known == imported);
                assert!(is_known, "{name} imports {imported}");
            }
        }
        let (entry, _) = &*SERVED;
        assert!(entry.contains(&format!("./inbox/{}/host.js", *VERSION)));
        assert!(
            !entry.contains(LATER),
            "languages are loaded when they are wanted"
        );
        assert!(!entry.contains("\"./inbox/host.js"));
    }

    #[test]
    fn no_module_is_so_long_that_nobody_reads_it() {
        for (name, text) in MODULES {
            assert!(
                text.lines().count() <= 300,
                "{name} has more than 300 lines"
            );
        }
    }

    #[test]
    fn no_module_makes_html_or_code_of_texts() {
        let forbidden = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "setHTML",
        ];
        for (name, text) in MODULES {
            let found = forbidden.iter().find(|word| text.contains(**word));
            assert_eq!(found, None, "{name} makes HTML or code of a text");
        }
    }
}

//! `/docs`: the OpenAPI document to be read and tried, and every kind of problem. All of it comes from
//! here: nothing is loaded from elsewhere.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Path;
use utoipa_swagger_ui::Config;

use super::endpoint::Endpoint;
use super::problem::{Problem, TYPE};
use super::problem_codes::CODES;

/// Scripts and styles of files alone, and all of them from here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page. Its addresses are relative: it works below another path as well.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Herald's HTTP API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// Starts the page: what is typed into it, a key above all, is kept nowhere.
const START: &str = r##""use strict";
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
  tryItOutEnabled: true,
});
"##;

/// Files of Swagger UI that the page uses.
const FILES: [(&str, &str); 3] = [
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
];

static PROBLEMS: LazyLock<String> = LazyLock::new(problems_page);

pub(super) fn endpoints() -> Vec<Endpoint> {
    let html = Some("text/html");
    vec![
        Endpoint::get("/docs", page)
            .named("getDocs", "The document to be read and tried")
            .answers_other(200, "a page", html),
        Endpoint::get("/docs/problems", problems)
            .named("getProblems", "Every kind of problem, explained")
            .answers_other(200, "a page", html),
        Endpoint::get("/docs/{file}", file)
            .named("getDocsFile", "What the page loads")
            .answers_other(200, "a file", Some("*/*")),
    ]
}

async fn page() -> HttpResponse {
    answer("text/html; charset=utf-8", PAGE)
}

async fn problems() -> HttpResponse {
    answer("text/html; charset=utf-8", PROBLEMS.as_str())
}

async fn file(name: Path<String>) -> Result<HttpResponse, Problem> {
    if *name == "start.js" {
        return Ok(answer("text/javascript; charset=utf-8", START));
    }
    let known = FILES.iter().find(|(known, _)| *known == name.as_str());
    let (name, kind) = known.ok_or_else(|| Problem::not_found("file"))?;
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default()));
    match file {
        Ok(Some(file)) => Ok(answer(kind, file.bytes.into_owned())),
        Ok(None) | Err(_) => {
            tracing::error!(name, "a file of Swagger UI is missing in the program");
            Err(Problem::internal())
        }
    }
}

fn answer(kind: &str, body: impl actix_web::body::MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(body)
}

fn problems_page() -> String {
    let mut page = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Herald's problems</title>\n</head>\n<body>\n<h1>Problems</h1>\n\
         <p>Each error is <code>application/problem+json</code> (RFC 9457). Its <code>type</code> names one of \
         these; <code>code</code> is its last part.</p>\n<dl>\n"
        .to_owned();
    for it in CODES {
        let (status, code) = (it.status, it.code);
        // Writing to a text does not fail.
        let _ = writeln!(
            page,
            "<dt id=\"{code}\"><code>{TYPE}{code}</code> ({status})</dt>\n<dd>{}</dd>",
            marked(it.meaning)
        );
    }
    page.push_str("</dl>\n</body>\n</html>\n");
    page
}

/// Words in backticks are code. The words are ours: there is nothing in them but `<` that HTML would read.
fn marked(words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let parts = words.split('`').enumerate();
    let marked = parts.map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    });
    marked.collect()
}

//! `/files/{token}`: a file, to be kept and never to be shown. The token is the right to it.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, Charset, ContentDisposition, DispositionParam, DispositionType, ETag, EntityTag,
    ExtendedValue, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::ranges::{AskedSpan, asked};
use crate::api::endpoint::Endpoint;
use crate::api::parameters::words;
use crate::api::problem::Problem;
use crate::tickets::desk::TicketDesk;

/// Whoever shows it all the same shows it in a place of its own, where nothing runs.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'; form-action 'none'";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// What browsers make a page of, if they are let.
const ACTIVE: &[&str] = &["text/html", "text/xml", "image/svg+xml", "application/xml"];
const BYTES: &str = "application/octet-stream";

pub(super) fn endpoint() -> Endpoint {
    Endpoint::get("/files/{token}", read)
        .named("readFile", "A file of a ticket, by its link")
        .details(
            "`GET /v1/tickets/{id}/attachments/{attachment}` makes the link, which is good for some minutes. A download \
             that broke off goes on with `Range`.",
        )
        .header("Range", "one range of bytes, such as `bytes=1000-`; several are answered with all of it", words(200))
        .header("If-Range", "the `ETag` of what is there already: if the file is another one, all of it comes", words(200))
        .problem(404, "not_found")
        .problem(416, "range_not_satisfiable")
        .problem(503, "unavailable")
        .answers_other(200, "the file, to be kept", Some(BYTES))
        .answers_other(206, "the part that was asked for", Some(BYTES))
}

async fn read(
    request: HttpRequest,
    desk: Data<TicketDesk>,
    token: Path<String>,
) -> Result<HttpResponse, Problem> {
    let file = desk.linked(&token).await?;
    let size = u64::try_from(file.size).unwrap_or_default();
    // It is what it was when it was added, for as long as it is there.
    let tag = EntityTag::new_strong(file.id.to_string());
    let (mut answer, part) = match asked(&request, size, &tag) {
        AskedSpan::Whole => (HttpResponse::Ok(), None),
        AskedSpan::Part(part) => {
            let last = part.end.saturating_sub(1);
            let told = format!("bytes {}-{last}/{size}", part.start);
            let mut answer = HttpResponse::PartialContent();
            answer.insert_header((CONTENT_RANGE, told));
            (answer, Some(part))
        }
        AskedSpan::Beyond => return Err(beyond(size)),
    };
    let length = part.as_ref().map_or(size, |it| it.end - it.start);
    let parts = desk.read_attachment(&file, part).await?;
    let parts = stream::unfold(parts, async |mut parts| {
        parts.recv().await.map(|part| (part, parts))
    });
    let kind = match ACTIVE.contains(&file.content_type.as_str()) {
        true => BYTES,
        false => &file.content_type,
    };
    answer
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header(ETag(tag))
        .insert_header((CONTENT_DISPOSITION, to_be_kept(&file.name)))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((RESOURCE_POLICY, "same-origin"))
        .insert_header((ROBOTS, "noindex"));
    Ok(answer.no_chunking(length).streaming(Box::pin(parts)))
}

fn beyond(size: u64) -> Problem {
    let detail = format!("the file has {size} bytes");
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    Problem::new(status, "range_not_satisfiable", detail)
        .with(CONTENT_RANGE, format!("bytes */{size}"))
}

/// Kept under its name: for those who read only ASCII as far as it is that.
fn to_be_kept(name: &str) -> ContentDisposition {
    let ascii: String = name
        .chars()
        .map(|c| if c.is_ascii() { c } else { '_' })
        .collect();
    let wide = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_bytes().to_vec(),
    };
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![
            DispositionParam::Filename(ascii),
            DispositionParam::FilenameExt(wide),
        ],
    }
}

//! Which part of a file is asked for (RFC 9110, section 14): one range of bytes, so that a download that broke off goes on.

use std::ops::Range as Span;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{EntityTag, Header, IF_RANGE, IfRange, Range};

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AskedSpan {
    /// All of it: nobody asked for less, or what was asked is not for us to understand.
    Whole,
    /// Bytes from here to before there.
    Part(Span<u64>),
    /// Bytes that it has not.
    Beyond,
}

/// What of a file with so many bytes is asked for. Several ranges are answered with all of it, as is allowed; and so is a
/// range of what the file was before.
pub(super) fn asked(request: &HttpRequest, size: u64, tag: &EntityTag) -> AskedSpan {
    // Of other methods nothing is said of ranges.
    if request.method() != Method::GET || !is_still(request, tag) {
        return AskedSpan::Whole;
    }
    let Ok(Range::Bytes(specs)) = Range::parse(request) else {
        return AskedSpan::Whole;
    };
    let [spec] = specs.as_slice() else {
        return AskedSpan::Whole;
    };
    match spec.to_satisfiable_range(size) {
        Some((first, last)) => AskedSpan::Part(first..last.saturating_add(1)),
        None => AskedSpan::Beyond,
    }
}

/// Whether the file is what somebody has the beginning of, if they say of what. We tell no dates, so that none is right.
fn is_still(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !request.headers().contains_key(IF_RANGE) {
        return true;
    }
    match IfRange::parse(request) {
        Ok(IfRange::EntityTag(known)) => known.strong_eq(tag),
        Ok(IfRange::Date(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn span(range: &str, known: Option<&str>) -> AskedSpan {
        let mut request = TestRequest::get().insert_header(("range", range));
        if let Some(known) = known {
            request = request.insert_header(("if-range", known));
        }
        let tag = EntityTag::new_strong("one".to_owned());
        asked(&request.to_http_request(), 10, &tag)
    }

    #[test]
    fn one_range_is_a_part_and_what_is_beyond_is_told() {
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-4", 0..5),
            ("bytes=4-", 4..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
            ("bytes=8-99", 8..10),
            ("bytes=9-18446744073709551615", 9..10),
        ] {
            assert_eq!(span(range, None), AskedSpan::Part(part), "{range}");
        }
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(span(range, None), AskedSpan::Beyond, "{range}");
        }
    }

    #[test]
    fn what_is_no_single_range_of_what_it_is_now_is_answered_with_all() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=x",
            "bytes=5-4",
            "bytes=0-1,4-5",
            "lines=0-1",
            "bytes=18446744073709551616-",
        ] {
            assert_eq!(span(range, None), AskedSpan::Whole, "{range}");
        }
        let part = AskedSpan::Part(0..5);
        assert_eq!(span("bytes=0-4", Some("\"one\"")), part);
        for known in [
            "\"two\"",
            "W/\"one\"",
            "Mon, 30 Nov 2026 09:00:00 GMT",
            "one",
        ] {
            let asked = span("bytes=0-4", Some(known));
            assert_eq!(asked, AskedSpan::Whole, "{known}");
        }
        let head = TestRequest::with_uri("/").method(Method::HEAD);
        let head = head.insert_header(("range", "bytes=0-4"));
        let tag = EntityTag::new_strong("one".to_owned());
        assert_eq!(asked(&head.to_http_request(), 10, &tag), AskedSpan::Whole);
    }
}

//! How long a provider asks to wait: `Retry-After` (RFC 9110, 10.2.3) and `X-RateLimit-Reset`.

use std::time::Duration;

use hyper::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Longest wait that is believed. A provider that says a day means an hour at a time.
const LONGEST: Duration = Duration::from_secs(3_600);

/// `Retry-After`, else `X-RateLimit-Reset`; `None` when neither makes sense.
pub(super) fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    retry_after(headers, now).or_else(|| rate_limit_reset(headers, now))
}

/// `Retry-After` in seconds or as an HTTP date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let until = DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(span(now, until.as_second()))
}

/// SendGrid: rate limits page; unix seconds at which the window starts anew.
fn rate_limit_reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get("x-ratelimit-reset")?.to_str().ok()?.trim();
    let until = value.parse::<i64>().ok()?;
    // A time long past is no time (some gateways put a number of seconds here).
    (until > now.as_second().saturating_sub(3_600)).then(|| span(now, until))
}

fn span(now: Timestamp, until_second: i64) -> Duration {
    let seconds = until_second.saturating_sub(now.as_second()).max(0);
    Duration::from_secs(seconds.unsigned_abs()).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        asked(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, expected) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("86400", Some(3600)),
            ("18446744073709551615", Some(3600)),
            ("Fri, 20 Nov 2026 12:00:30 GMT", Some(30)),
            ("Fri, 20 Nov 2026 11:00:00 GMT", Some(0)),
            ("Fri, 20 Nov 2099 11:00:00 GMT", Some(3600)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Fri, 99 Nov 2026 12:00:30 GMT", None),
        ] {
            assert_eq!(read("retry-after", value), expected, "{value}");
        }
    }

    #[test]
    fn the_reset_time_is_in_unix_seconds() {
        for (value, expected) in [
            ("1795176020", Some(20)),
            ("1795175990", Some(0)),
            ("9223372036854775807", Some(3600)),
            ("-9223372036854775808", None),
            ("60", None),
            ("tomorrow", None),
        ] {
            assert_eq!(read("x-ratelimit-reset", value), expected, "{value}");
        }
    }
}

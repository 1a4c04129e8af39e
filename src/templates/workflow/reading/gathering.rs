//! Steps that gather and steps that hold back.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::super::calendar::{self, CalendarRule};
use super::super::definition::{Deed, DigestRule, DigestWindow, ThrottleRule, ThrottleScope};
use super::super::fields::Fields;
use super::super::span;
use super::layout::Layout;
use crate::domain::{limits, zone as zones};

/// Items that a digest keeps where it does not say, and the most that one may.
const KEPT: u32 = 10;
const MOST_KEPT: u32 = 100;
/// Most items that a digest may wait for.
const MOST_ITEMS: u32 = limits::MOST_DIGEST_ITEMS;
/// The longest time over which is counted.
const LONGEST_THROTTLE: Duration = Duration::from_secs(31 * 86_400);
const SECOND: Duration = Duration::from_secs(1);

/// Lays out a digest.
pub(super) fn digest(layout: &mut Layout, digest: &mut Fields<'_>) {
    let window = window(digest);
    let key = layout.expression(digest, "key");
    let keeps = digest.number("at_most", 1, MOST_KEPT).unwrap_or(KEPT);
    let most = digest.number("close_at", 1, MOST_ITEMS);
    let least = digest.number("at_least", 1, MOST_ITEMS).unwrap_or(1);
    let first_at_once = digest.flag("first_at_once");
    if most.is_some_and(|most| most < least) {
        digest.wrong(
            "close_at",
            "invalid",
            "is less than `at_least`: nothing would ever be told",
        );
    }
    layout.digests += 1;
    let number = layout.digests;
    let slot = layout.name.clone().unwrap_or_else(|| format!("#{number}"));
    let Some(window) = window else {
        return;
    };
    layout.push(Deed::Digest(DigestRule {
        slot,
        window,
        key,
        keeps,
        most,
        least,
        first_at_once,
    }));
}

fn window(digest: &mut Fields<'_>) -> Option<DigestWindow> {
    if digest.has("for") == digest.has("every") {
        // What is there is known all the same.
        let _ = (digest.text("every"), digest.flag("sliding"), zone(digest));
        for name in ["for", "longest"] {
            let _ = digest.span(name, (Duration::from_millis(1), span::LONGEST));
        }
        return digest.refuse("", "invalid", "needs one of `for` and `every`");
    }
    let zone = zone(digest);
    let sliding = digest.flag("sliding");
    let longest = digest.span("longest", (SECOND, span::LONGEST));
    if digest.has("for") {
        if zone.is_some() {
            digest.wrong("zone", "invalid", "is only for `every`");
        }
        let span = digest.span("for", (Duration::from_millis(1), span::LONGEST))?;
        return match (sliding, longest) {
            (false, None) => Some(DigestWindow::Fixed(span)),
            (true, Some(longest)) if longest >= span => Some(DigestWindow::Sliding(span, longest)),
            (true, Some(_)) => digest.refuse("longest", "invalid", "is shorter than `for`"),
            (true, None) => digest.refuse(
                "longest",
                "required",
                "is required: a sliding digest must end",
            ),
            (false, Some(_)) => digest.refuse("longest", "invalid", "is only for `sliding = true`"),
        };
    }
    for key in ["sliding", "longest"] {
        if digest.has(key) {
            digest.wrong(key, "invalid", "is only for `for`");
        }
    }
    let text = digest.text("every")?;
    match CalendarRule::parse(text) {
        Some(rule) => Some(DigestWindow::Calendar(rule, zone)),
        None => digest.refuse(
            "every",
            "invalid",
            format!("is no rule: write {}", calendar::FORM),
        ),
    }
}

/// A zone by its name.
pub(super) fn zone(fields: &mut Fields<'_>) -> Option<TimeZone> {
    let name = fields.text("zone")?;
    match zones::find(name) {
        Ok(zone) => Some(zone),
        Err(_) => fields.refuse(
            "zone",
            "invalid",
            "is no time zone, for example \"Europe/Berlin\"",
        ),
    }
}

/// Lays out a throttle.
pub(super) fn throttle(layout: &mut Layout, throttle: &mut Fields<'_>) {
    throttle.required("at_most", "how many may go on");
    throttle.required("per", "the time over which is counted, for example \"1d\"");
    let at_most = throttle.number("at_most", 1, 1_000_000);
    let per = throttle.span("per", (SECOND, LONGEST_THROTTLE));
    let key = layout.expression(throttle, "key");
    let category = throttle.name("category", 100);
    layout.throttles += 1;
    let number = layout.throttles;
    let slot = layout.name.clone().unwrap_or_else(|| format!("#{number}"));
    let scope = category.map_or(ThrottleScope::Workflow(slot), ThrottleScope::Category);
    let (Some(at_most), Some(per)) = (at_most, per) else {
        return;
    };
    layout.push(Deed::Throttle(ThrottleRule {
        at_most,
        per,
        key,
        scope,
    }));
}

//! Service hours and targets, as they are written and shown.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::fields::SentFields;
use crate::domain::field;
use crate::tickets::domain::{ServiceTargets, ServiceWindow, TicketPriority, WrittenHours};

/// The days of a week, as they are written.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Most windows.
const WINDOWS: usize = 70;
/// Most days without service.
const HOLIDAYS: usize = 1_000;
/// Longest target and wait: five years, in minutes.
const MOST_MINUTES: i64 = 5 * 366 * 24 * 60;

/// When there is service.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceHours)]
pub(super) struct ShownServiceHours {
    /// IANA name.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// The windows of a week, by the clocks of that zone.
    #[schema(max_items = 70)]
    windows: Vec<ShownWindow>,
    /// Days without service.
    #[schema(required = false, value_type = Vec<String>, max_items = 1_000, example = json!(["2026-12-25"]))]
    holidays: Vec<String>,
}

/// A part of a day in which there is service.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceWindow)]
pub(super) struct ShownWindow {
    /// `mon` to `sun`.
    #[schema(example = "mon")]
    day: String,
    /// The first minute.
    #[schema(example = "09:00")]
    from: String,
    /// The minute after the last one; `24:00` is the day's end.
    #[schema(example = "17:00")]
    to: String,
}

/// Within how many minutes of service something is done; null is at any time.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceTargets)]
pub(super) struct ShownTargets {
    /// The first answer.
    #[schema(required = false, example = 60)]
    first_response_minutes: Option<i64>,
    /// Each further answer.
    #[schema(required = false)]
    next_response_minutes: Option<i64>,
    /// The end of the matter.
    #[schema(required = false, example = 2880)]
    resolution_minutes: Option<i64>,
}

impl From<&ServiceTargets> for ShownTargets {
    fn from(targets: &ServiceTargets) -> Self {
        let minutes = |seconds: Option<i64>| seconds.map(|seconds| seconds / 60);
        Self {
            first_response_minutes: minutes(targets.first_response),
            next_response_minutes: minutes(targets.next_response),
            resolution_minutes: minutes(targets.resolution),
        }
    }
}

impl From<&WrittenHours> for ShownServiceHours {
    fn from(hours: &WrittenHours) -> Self {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window = |it: &ServiceWindow| ShownWindow {
            day: DAYS
                .get(usize::from(it.weekday))
                .copied()
                .unwrap_or_default()
                .to_owned(),
            from: time(it.from),
            to: time(it.to),
        };
        Self {
            time_zone: hours.time_zone.clone(),
            windows: hours.windows.iter().map(window).collect(),
            holidays: hours.holidays.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Service hours that are sent.
pub(super) fn hours(sent: &mut SentFields) -> Option<WrittenHours> {
    sent.within("hours", |sent| {
        let zone = sent.text("time_zone", |text| {
            field::timezone(text).map_err(|unfit| unfit.to_string())
        });
        let time_zone = sent.required("time_zone", zone);
        let windows = sent.objects("windows", WINDOWS, window);
        let windows = sent.required("windows", windows);
        let holidays = sent.texts("holidays", |text| {
            day(text).ok_or_else(|| "a day of the years 1970 to 9999, as 2026-12-25 is".to_owned())
        });
        let holidays = holidays.unwrap_or_default();
        if holidays.len() > HOLIDAYS {
            sent.wrong(&["holidays"], "too_many", format!("at most {HOLIDAYS}"));
        }
        let hours = WrittenHours {
            time_zone: time_zone?,
            windows: windows?,
            holidays,
        };
        if let Err(why) = hours.hours() {
            sent.wrong(&["windows"], "invalid", why);
        }
        Some(hours)
    })
}

/// A day, spelt in the one way.
fn day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    (day.year() >= 1970 && day.to_string() == text).then_some(day)
}

fn window(sent: &mut SentFields) -> Option<ServiceWindow> {
    let day = sent.text("day", |text| {
        let at = DAYS.iter().position(|day| *day == text);
        let day = at.and_then(|at| u8::try_from(at).ok());
        day.ok_or_else(|| format!("one of {}", DAYS.join(", ")))
    });
    let day = sent.required("day", day);
    let from = sent.text("from", minute);
    let from = sent.required("from", from);
    let to = sent.text("to", minute);
    let to = sent.required("to", to);
    Some(ServiceWindow {
        weekday: day?,
        from: from?,
        to: to?,
    })
}

/// A minute of a day, as `09:30` says it.
fn minute(text: &str) -> Result<u16, String> {
    let read = || {
        let (hours, minutes) = text.split_once(':')?;
        let two = |part: &str| part.len() == 2 && part.bytes().all(|it| it.is_ascii_digit());
        if !two(hours) || !two(minutes) {
            return None;
        }
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        let minute = hours * 60 + minutes;
        (minutes < 60 && minute <= 1_440).then_some(minute)
    };
    read().ok_or_else(|| "a time of day from 00:00 to 24:00".to_owned())
}

/// Targets that are sent, by priority.
pub(super) fn targets(sent: &mut SentFields) -> Vec<(TicketPriority, ServiceTargets)> {
    let read = sent.within("targets", |sent| {
        let mut all = vec![];
        for priority in TicketPriority::ALL {
            let of = sent.within(priority.as_str(), |sent| {
                Some(ServiceTargets {
                    first_response: seconds(sent, "first_response_minutes"),
                    next_response: seconds(sent, "next_response_minutes"),
                    resolution: seconds(sent, "resolution_minutes"),
                })
            });
            all.extend(of.map(|of| (*priority, of)));
        }
        Some(all)
    });
    read.unwrap_or_default()
}

/// A number of minutes that is sent, in seconds.
pub(super) fn seconds(sent: &mut SentFields, name: &str) -> Option<i64> {
    sent.integer(name, 1..=MOST_MINUTES)
        .map(|minutes| minutes * 60)
}

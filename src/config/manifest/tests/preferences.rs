//! What a preference may say of each preference.

use super::*;

#[test]
fn a_wish_says_a_value_or_none_or_nothing() {
    let preference = |fields: &str| {
        let text = format!("[[preferences]]\nchannel = \"all\"\n{fields}\n");
        parse(&text).map(|manifest| manifest.preferences[0].value.clone())
    };
    let nothing = preference("").unwrap();
    assert_eq!(nothing.enabled, None);
    assert_eq!(nothing.frequency_cap, Setting::Inherit);
    assert_eq!(nothing.quiet_hours, Setting::Inherit);
    let none =
        preference("enabled = true\nfrequency_cap = \"none\"\nquiet_hours = \"none\"").unwrap();
    assert_eq!(none.enabled, Some(true));
    assert_eq!(none.frequency_cap, Setting::None);
    assert_eq!(none.quiet_hours, Setting::None);
    for (wrong, words) in [
        ("frequency_cap = \"many\"", "expected a whole number"),
        (
            "quiet_hours_start = \"24:00\"\nquiet_hours_end = \"07:00\"",
            "is not a time of day",
        ),
        (
            "quiet_hours_start = \"00:00\"\nquiet_hours_end = \"24:00\"",
            "nothing would ever be sent",
        ),
        (
            "quiet_hours_start = \"09:00\"\nquiet_hours_end = \"09:00\"\n\
             quiet_hours_days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]",
            "nothing would ever be sent",
        ),
        (
            "quiet_hours = \"22:00\"",
            "quiet_hours_start and quiet_hours_end",
        ),
        (
            "quiet_hours = \"none\"\nquiet_hours_start = \"22:00\"\nquiet_hours_end = \"07:00\"",
            "stands beside",
        ),
    ] {
        let told = preference(wrong).unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_window_may_last_a_whole_day() {
    let preference = |start: &str, end: &str| {
        let text = format!(
            "[[preferences]]\nchannel = \"all\"\nquiet_hours_days = [\"sun\"]\n\
             quiet_hours_start = \"{start}\"\nquiet_hours_end = \"{end}\"\n"
        );
        parse(&text).unwrap().preferences[0].value.quiet_hours
    };
    let midnight = time(0, 0, 0, 0);
    assert_eq!(
        preference("00:00", "24:00"),
        Setting::Value((midnight, midnight))
    );
    assert_eq!(
        preference("00:00", "00:00"),
        Setting::Value((midnight, midnight))
    );
    assert_eq!(
        preference("18:30", "24:00"),
        Setting::Value((time(18, 30, 0, 0), midnight))
    );
    let nine = time(9, 0, 0, 0);
    assert_eq!(preference("09:00", "09:00"), Setting::Value((nine, nine)));
}

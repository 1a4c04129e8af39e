use super::*;
use crate::lane::{Channel, Priority};

const SMALL: &str = r#"
    about = "Shows something."
    [[load]]
    name = "all"
    count = 1000
    channels = { email = 2, push = 1 }
    [[expect]]
    figure = "p99_ms"
    priority = "urgent"
    phase = "all"
    at_most = 50
"#;

#[test]
fn a_small_scenario_has_the_usual_rest() {
    let scenario = parse("small", SMALL).unwrap();
    assert_eq!(
        (scenario.name.as_str(), scenario.people.count),
        ("small", 1_000)
    );
    assert_eq!(scenario.engine.nodes, ["engine"]);
    let mix = scenario.load[0].mix(&scenario.people);
    assert_eq!((mix.users, mix.tenants), (1_000, 1));
    assert_eq!(
        mix.channels.all(),
        [(Channel::Email, 2), (Channel::Push, 1)]
    );
    let expect = &scenario.expect[0];
    assert_eq!(expect.priority, Some(Priority::Urgent));
    assert_eq!(expect.to_string(), "p99_ms of urgent in \"all\"");
    assert_eq!(
        (
            expect.interval().as_str(),
            expect.allows(50.0),
            expect.allows(51.0)
        ),
        ("at most 50", true, false)
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_key_and_what_is_allowed() {
    let text = r#"
        abuot = "A slip."
        patience_seconds = "long"
        [providers.sendgird]
        [providers.twilio]
        rate_limit = -1
        [[load]]
        name = "one"
        rate = "fast"
        channels = { mail = 1 }
        [[load]]
        count = 5
        start = "sideways"
        [[event]]
        kill = "a"
        [[expect]]
        figure = "p98_ms"
        [[expect]]
        at_most = 1
    "#;
    let mistakes = parse("wrong", text).unwrap_err();
    let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    let all = told.join("\n");
    for (key, allowed) in [
        ("abuot", "`about`"),
        ("patience_seconds", "f64"),
        ("providers.sendgird", "`sendgrid`"),
        ("providers.twilio.rate_limit", "u32"),
        ("load[0].rate", "f64"),
        ("load[0].channels.mail", "`in_app`"),
        ("load[1].start", "`before_engine`"),
        ("load[1]", "missing field `name`"),
        ("event[0]", "missing field `at_seconds`"),
        ("expect[0].figure", "`p99_ms`"),
        ("expect[1]", "missing field `figure`"),
        ("missing field", "`about`"),
    ] {
        let found = told
            .iter()
            .any(|line| line.starts_with(key) && line.contains(allowed));
        assert!(found, "{key}, {allowed}:\n{all}");
    }
    assert_eq!(told.len(), 12, "{all}");
}

#[test]
fn what_can_be_read_and_makes_no_sense_is_told_at_once_too() {
    let text = r#"
        about = "Shows nothing."
        [people]
        count = 10
        preferences = [{ channel = "email", share = 2.0 }]
        [[load]]
        name = "one"
        start = "beside"
        count = 5
        seconds = 5
        people = 11
        [[load]]
        name = "one"
        seconds = 5
        start = "before_engine"
        channels = { sms = 0 }
        [[event]]
        at_seconds = 5
        kill = "b"
        phase = "three"
        [[event]]
        at_seconds = 5
        [[expect]]
        figure = "overshoot"
        provider = "twilio"
        phase = "two"
        at_least = 3
        at_most = 2
    "#;
    let mistakes = parse("wrong", text).unwrap_err();
    let keys: Vec<_> = mistakes
        .iter()
        .map(|mistake| mistake.key.as_str())
        .collect();
    let expected = [
        "people.preferences[0].share",
        "load[0].count",
        "load[0].people",
        "load[0].start",
        "load[1].name",
        "load[1].channels",
        "load[1].start",
        "event[0].phase",
        "event[0].kill",
        "event[1]",
        "expect[0].phase",
        "expect[0].at_least",
        "expect[0].provider",
    ];
    assert_eq!(keys, expected);
    assert!(
        parse("broken", "about = ").unwrap_err()[0]
            .problem
            .contains("TOML")
    );
}

#[test]
fn the_library_is_the_folder_and_all_of_it_is_right() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    files.sort();
    let mut names: Vec<_> = library().iter().map(|listed| listed.name).collect();
    names.sort_unstable();
    assert_eq!(names, files);
    for listed in library() {
        listed
            .read()
            .unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}", listed.name));
    }
}

#[test]
fn a_scenario_is_named_or_found_by_its_path() {
    assert_eq!(named("steady").unwrap().name, "steady");
    assert!(named("stead").unwrap_err().contains("two-nodes"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/burst.toml");
    assert_eq!(named(path).unwrap().name, "burst");
    assert!(
        named("./nowhere.toml")
            .unwrap_err()
            .contains("nowhere.toml")
    );
}

#[test]
fn a_scale_shortens_and_leaves_rates_alone() {
    let scaled = named("two-nodes").unwrap().scaled(0.1);
    assert_eq!(
        (scaled.load[0].seconds, scaled.load[0].rate),
        (Some(6.0), Some(1_500.0))
    );
    assert_eq!(scaled.event[0].at_seconds, 2.0);
    let tiny = named("burst").unwrap().scaled(0.000_1);
    assert_eq!(
        (tiny.load[1].count, tiny.load[0].seconds),
        (Some(50), Some(1.0))
    );
}

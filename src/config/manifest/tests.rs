use std::time::Duration;

use jiff::civil::{Weekday, time};
use uuid::uuid;

use super::*;
use crate::domain::preference::{Scope, Setting};
use crate::domain::{Channel, DEFAULT_TENANT, ProviderKind};

mod preferences;
mod templates;

const FILE: &str = "people.toml";

/// The examples of the contract, in one file.
const WHOLE: &str = r#"
[[providers]]
name = "sendgrid-main"
kind = "sendgrid"
channel = "email"
priority = 10
weight = 1
rate_limit = 6000
timeout_seconds = 30
is_active = true
api_key = { env = "SENDGRID_API_KEY" }
[providers.config]
base_url = "http://127.0.0.1:4030"
from = "hello@example.com"
sandbox = true

[[providers]]
name = "sms"
kind = "twilio"

[[users]]
id = "0190c1a0-0000-7000-8000-000000000001"
email = "ana@example.com"
username = "ana"
phone = "+4915112345678"
timezone = "Europe/Berlin"
devices = [{ token = "fcm-token", platform = "android" }]

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
channel = "email"
frequency_cap = 5
quiet_hours_start = "22:00"
quiet_hours_end = 07:00:00
quiet_hours_days = ["mon", "tue"]
timezone = "Europe/Berlin"

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
category = "marketing"
enabled = false

[[templates]]
name = "order-shipped"
message_type = "email"
subject = "Order {{ order }} is on its way"
body = "Hello {{ name }}, ..."
html = "<p>Hello {{ name }}</p>"
variables = ["order", "name"]

[[tenants]]
id = "0190c1a0-0000-7000-8000-0000000000aa"
name = "acme"

[[categories]]
name = "marketing"
tenant_id = "0190c1a0-0000-7000-8000-0000000000aa"
over_cap = "defer"

[[suppressions]]
channel = "email"
address = "Gone@Example.com"
"#;

fn sources() -> Sources {
    let variable = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Sources {
        environment: [("SENDGRID_API_KEY", "SG.hunter2")].map(variable).into(),
        ..Sources::default()
    }
}

fn parse(text: &str) -> Result<Manifest, ConfigError> {
    Manifest::parse(
        Path::new(FILE),
        text,
        &sources(),
        &ManifestChecks::default(),
    )
}

#[test]
fn the_examples_of_the_contract_are_read_with_their_defaults() {
    let manifest = parse(WHOLE).unwrap();
    assert_eq!(manifest.len(), 9);

    let [sendgrid, sms] = manifest.providers.as_slice() else {
        panic!("two providers");
    };
    assert_eq!(sendgrid.value.api_key.as_deref(), Some("SG.hunter2"));
    assert_eq!(sendgrid.value.config["sandbox"], true);
    assert_eq!(sendgrid.value.rate_limit, Some(6_000));
    assert_eq!(
        (sms.value.kind, sms.value.channel),
        (ProviderKind::Twilio, Channel::Sms)
    );
    assert_eq!((sms.value.priority, sms.value.weight), (0, 1));
    assert_eq!(sms.value.timeout, Duration::from_secs(30));
    assert!(sms.value.is_active && sms.value.rate_limit.is_none());

    let user = &manifest.users[0].value;
    assert_eq!(user.tenant_id, DEFAULT_TENANT);
    assert_eq!(user.devices.len(), 1);

    let preference = &manifest.preferences[0].value;
    assert_eq!(preference.enabled, None);
    assert_eq!(
        preference.quiet_hours,
        Setting::Value((time(22, 0, 0, 0), time(7, 0, 0, 0)))
    );
    assert_eq!(
        preference.quiet_hours_days,
        [Weekday::Monday, Weekday::Tuesday]
    );
    assert_eq!(
        manifest.preferences[1].value.scope,
        Scope::Category("marketing".to_owned())
    );

    assert_eq!(manifest.templates[0].value.locale, "en");
    let acme = uuid!("0190c1a0-0000-7000-8000-0000000000aa");
    assert_eq!(manifest.categories[0].value.tenant_id, acme);
    assert_eq!(manifest.suppressions[0].value.address, "gone@example.com");
}

#[test]
fn no_secret_is_shown() {
    assert!(!format!("{:?}", parse(WHOLE).unwrap()).contains("hunter2"));
}

#[test]
fn every_mistake_is_reported_with_its_line_and_what_is_allowed() {
    let error = parse(
        r#"
[[provider]]
name = "x"

[[providers]]
name = "mail"
kind = "sendgird"
weight = 0
rate_limit = "fast"
timeout_seconds = 301
api_key = { env = "NOT_SET" }
colour = "blue"

[[providers]]
name = "text"
kind = "twilio"
channel = "email"
api_secret = 12345
config = "none"

[[users]]
id = "1"
email = "ana@localhost"
phone = "0151 123"
timezone = "Europe/Berln"
locale = "d e"
devices = [{ token = "t", platfrom = "android" }, 7]

[[users]]
timezone = "europe/berlin"

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
channel = "all"
category = "orders"
quiet_hours_start = "22:00"

[[preferences]]
user_id = "ana"
channel = "mail"
category = "*"

[[preferences]]
category = "*"

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
quiet_hours_start = "22h"
quiet_hours_end = "24:01"
quiet_hours_days = ["monday", "tue", "tue"]
frequency_cap = 1001

[[templates]]
name = "order"
message_type = "fax"
body = ""
variables = ["a-b", "c"]

[[suppressions]]
channel = "sms"
address = "123"
reason = "because"

[[webhooks]]
url = "ftp://example.com"
secret = "whsec_AAAA"
events = ["notification.sent", "sent"]
channels = ["mail"]
retry_count = 21

[tenants]
name = "acme"
"#,
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @r#"
        43 mistakes in the configuration:
          people.toml:2: `provider`: is not a table of these files, but [[providers]] is; allowed: tenants, categories, users, preferences, templates, providers, suppressions, topics, webhooks, workflows, token_keys
          people.toml:7: `providers "mail".kind`: "sendgird" is not known, but "sendgrid" is; allowed: sendgrid, smtp, twilio, fcm, slack, sandbox
          people.toml:8: `providers "mail".weight`: 0 is out of range; allowed: 1 to 1000000 (a share)
          people.toml:9: `providers "mail".rate_limit`: expected a whole number, found a text
          people.toml:10: `providers "mail".timeout_seconds`: 301 is out of range; allowed: 1 to 300 (seconds)
          people.toml:11: `providers "mail".api_key`: the environment variable NOT_SET is not set
          people.toml:12: `providers "mail".colour`: is not known; allowed: name, kind, channel, timeout_seconds, priority, weight, rate_limit, is_active, api_key, api_secret, config
          people.toml:17: `providers "text".channel`: twilio does not serve email; allowed: sms
          people.toml:18: `providers "text".api_secret`: expected a text, found a whole number
          people.toml:19: `providers "text".config`: expected a table, found a text
          people.toml:22: `users "1".id`: is not a UUID; allowed: for example 0190c1a0-0000-7000-8000-000000000001
          people.toml:23: `users "1".email`: has a domain that is none
          people.toml:24: `users "1".phone`: is not a number in E.164, such as +4915112345678
          people.toml:25: `users "1".timezone`: "Europe/Berln" is not a time zone, but "Europe/Berlin" is; allowed: an IANA name, for example Europe/Berlin
          people.toml:26: `users "1".locale`: is not a language; allowed: for example de, pt-BR, zh-Hant
          people.toml:27: `users "1".devices[0].platform`: is required; allowed: android, ios, web
          people.toml:27: `users "1".devices[0].platfrom`: is not known; did you mean `platform`?; allowed: token, platform
          people.toml:27: `users "1".devices[1]`: is not a table
          people.toml:29: `users[1].id`: is required; allowed: a UUID
          people.toml:30: `users[1].timezone`: "europe/berlin" is spelled "Europe/Berlin"; allowed: an IANA name, for example Europe/Berlin
          people.toml:35: `preferences "0190c1a0-0000-7000-8000-000000000001".category`: stands beside channel = "all"; leave the channel out
          people.toml:36: `preferences "0190c1a0-0000-7000-8000-000000000001".quiet_hours_start`: stands without quiet_hours_end
          people.toml:39: `preferences "ana".user_id`: is not a UUID; allowed: for example 0190c1a0-0000-7000-8000-000000000001
          people.toml:40: `preferences "ana".channel`: "mail" is not known, but "email" is; allowed: all, email, sms, push, in_app, chat
          people.toml:44: `preferences[2].category`: is not a category; without one, a preference is about all of them
          people.toml:46: `preferences "0190c1a0-0000-7000-8000-000000000001"`: names neither a channel nor a category; allowed: a channel, a category, both, or channel = "all"
          people.toml:48: `preferences "0190c1a0-0000-7000-8000-000000000001".quiet_hours_start`: is not a time of day; allowed: "HH:MM", 00:00 to 23:59; an end also 24:00
          people.toml:49: `preferences "0190c1a0-0000-7000-8000-000000000001".quiet_hours_end`: is not a time of day; allowed: "HH:MM", 00:00 to 23:59; an end also 24:00
          people.toml:50: `preferences "0190c1a0-0000-7000-8000-000000000001".quiet_hours_days`: "monday" is not a day; allowed: mon, tue, wed, thu, fri, sat, sun
          people.toml:50: `preferences "0190c1a0-0000-7000-8000-000000000001".quiet_hours_days`: "tue" stands twice
          people.toml:51: `preferences "0190c1a0-0000-7000-8000-000000000001".frequency_cap`: 1001 is out of range; allowed: 0 to 1000 (a day: each that is sent stands in one row until the day is over; or "none")
          people.toml:55: `templates "order".message_type`: "fax" is not known; allowed: email, sms, push, in_app, chat
          people.toml:56: `templates "order".body`: is empty
          people.toml:57: `templates "order".variables`: "a-b" is not the name of a variable; allowed: letters, digits and _, not starting with a digit; a ? behind it: may be left out
          people.toml:61: `suppressions "123".address`: is not a number in E.164, such as +4915112345678
          people.toml:62: `suppressions "123".reason`: "because" is not known; allowed: hard_bounce, complaint, stop, unsubscribe, manual
          people.toml:64: `webhooks[0].name`: is required; allowed: a text by which it is known again
          people.toml:65: `webhooks[0].url`: is no place for webhooks: begin it with https:// (or http://)
          people.toml:66: `webhooks[0].secret`: is no webhook secret: write `whsec_` and 24 to 64 random bytes in base64, as whsec_$(openssl rand -base64 24) is
          people.toml:67: `webhooks[0].events`: there is no such event; there are: *, notification.accepted, notification.deferred, notification.sent, notification.delivered, notification.failed, notification.cancelled, notification.bounced, notification.complained, notification.opened, notification.clicked, notification.unsubscribed, notification.read
          people.toml:68: `webhooks[0].channels`: names no channel; allowed: email, sms, push, in_app, chat
          people.toml:69: `webhooks[0].retry_count`: 21 is out of range; allowed: 0 to 20 (tries after the first)
          people.toml:71: `tenants`: is not a list of tables; write [[tenants]]
    "#);
}

#[test]
fn duplicate_declaration_is_refused_with_both_places() {
    let twice = WHOLE.replace("[[tenants]]", "[[tenants]] # once").repeat(2);
    insta::assert_snapshot!(parse(&twice).unwrap_err(), @r#"
        13 mistakes in the configuration:
          people.toml:64: `providers "sendgrid-main".name`: is declared before, at people.toml:2
          people.toml:79: `providers "sms".name`: is declared before, at people.toml:17
          people.toml:83: `users "0190c1a0-0000-7000-8000-000000000001".id`: is declared before, at people.toml:21
          people.toml:83: `users "0190c1a0-0000-7000-8000-000000000001".email`: is declared before, at people.toml:21
          people.toml:83: `users "0190c1a0-0000-7000-8000-000000000001".username`: is declared before, at people.toml:21
          people.toml:83: `users "0190c1a0-0000-7000-8000-000000000001".devices`: is declared before, at people.toml:21
          people.toml:91: `preferences "0190c1a0-0000-7000-8000-000000000001"`: is declared before, at people.toml:29
          people.toml:100: `preferences "0190c1a0-0000-7000-8000-000000000001"`: is declared before, at people.toml:38
          people.toml:105: `templates "order-shipped"`: is declared before, at people.toml:43
          people.toml:113: `tenants "acme".id`: is declared before, at people.toml:51
          people.toml:113: `tenants "acme".name`: is declared before, at people.toml:51
          people.toml:117: `categories "marketing".name`: is declared before, at people.toml:55
          people.toml:122: `suppressions "Gone@Example.com"`: is declared before, at people.toml:60
    "#);
}

#[test]
fn preferences_have_every_scope_with_and_without_a_person() {
    let scopes = [
        ("channel = 'all'", Scope::All),
        ("channel = 'sms'", Scope::Channel(Channel::Sms)),
        (
            "category = 'A\u{308}nderungen'",
            Scope::Category("Änderungen".to_owned()),
        ),
        (
            "channel = 'sms'\ncategory = 'news'",
            Scope::ChannelCategory(Channel::Sms, "news".to_owned()),
        ),
    ];
    let somebody = "user_id = '0190c1a0-0000-7000-8000-000000000001'";
    let elsewhere = "tenant_id = '0190c1a0-0000-7000-8000-0000000000aa'";
    let mut text = String::new();
    for whose in ["", somebody, elsewhere] {
        for (scope, _) in &scopes {
            text += &format!("[[preferences]]\n{whose}\n{scope}\n");
        }
    }
    let manifest = parse(&text).unwrap();
    let read = manifest.preferences.iter().map(|entry| &entry.value);
    let expected = scopes.iter().cycle().map(|(_, scope)| scope);
    assert!(read.clone().map(|one| &one.scope).eq(expected.take(12)));
    let of_somebody = read.map(|one| one.user_id.is_some());
    assert!(of_somebody.eq([false, true, false].iter().flat_map(|is| [*is; 4])));
    // Each of them a second time is one too many.
    assert_eq!(parse(&text.repeat(2)).unwrap_err().mistakes.len(), 12);
}

#[test]
fn two_users_may_not_share_an_address_or_a_device() {
    let text = r#"
[[users]]
id = "0190c1a0-0000-7000-8000-000000000001"
email = "ana@example.com"
devices = [{ token = "t", platform = "ios" }]
[[users]]
id = "0190c1a0-0000-7000-8000-000000000002"
email = "Ana@Example.com"
devices = [{ token = "t", platform = "ios" }]
"#;
    assert_eq!(parse(text).unwrap_err().mistakes.len(), 2);
    let apart = text.replace(
        "000000000002\"",
        "000000000002\"\ntenant_id = \"0190c1a0-0000-7000-8000-0000000000aa\"",
    );
    assert!(parse(&apart).is_ok());
}

#[test]
fn findings_of_other_rooms_are_reported_with_the_rest() {
    let finding = |key: &str, problem: &str| ManifestFinding {
        key: key.to_owned(),
        problem: problem.to_owned(),
    };
    let checks = ManifestChecks {
        template: &|template| vec![finding("body", &format!("{} is odd", template.body))],
        provider: &|provider| match provider.kind {
            ProviderKind::Twilio => vec![finding("", "`api_key` is required")],
            _ => Vec::new(),
        },
        ..ManifestChecks::default()
    };
    let error = Manifest::parse(Path::new(FILE), WHOLE, &sources(), &checks).unwrap_err();
    insta::assert_snapshot!(error, @r#"
        2 mistakes in the configuration:
          people.toml:17: `providers "sms"`: `api_key` is required
          people.toml:43: `templates "order-shipped".body`: Hello {{ name }}, ... is odd
    "#);
}

#[test]
fn values_may_stand_in_files() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("body.txt", "Hello {{ name }}\n");
    write(
        "all.toml",
        "[[templates]]\nname = 'a'\nmessage_type = 'sms'\nbody = { file = 'body.txt' }\n\
         [[templates]]\nname = 'b'\nmessage_type = 'sms'\nbody = { file = 'none.txt' }\n",
    );
    let sources = Sources {
        directory: directory.path().to_owned(),
        ..Sources::default()
    };
    let files = ["all.toml", "gone.toml"].map(PathBuf::from);
    let error = Manifest::read(&files, &sources, &ManifestChecks::default()).unwrap_err();
    insta::assert_snapshot!(error, @r#"
        2 mistakes in the configuration:
          all.toml:8: `templates "b".body`: cannot read none.txt: No such file or directory (os error 2)
          gone.toml: cannot read gone.toml: No such file or directory (os error 2)
    "#);
    write("none.txt", "x");
    let manifest = Manifest::read(&files[..1], &sources, &ManifestChecks::default()).unwrap();
    assert_eq!(manifest.templates[0].value.body, "Hello {{ name }}");
}

#[test]
fn syntax_mistakes_have_their_lines() {
    insta::assert_snapshot!(parse("[[users]]\nid = \nemail = 'x\n").unwrap_err(), @r"
        2 mistakes in the configuration:
          people.toml:2: string values must be quoted, expected literal string
          people.toml:3: invalid literal string, expected `'`
    ");
}

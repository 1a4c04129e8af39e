use std::time::Duration;

use jiff::civil::{Weekday, time};
use uuid::uuid;

use super::*;
use crate::domain::preference::Scope;
use crate::domain::{Channel, DEFAULT_TENANT, ProviderKind};

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
    Manifest::parse(Path::new(FILE), text, &sources(), &Checks::default())
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
    assert_eq!((sms.value.kind, sms.value.channel), (ProviderKind::Twilio, Channel::Sms));
    assert_eq!((sms.value.priority, sms.value.weight), (0, 1));
    assert_eq!(sms.value.timeout, Duration::from_secs(30));
    assert!(sms.value.is_active && sms.value.rate_limit.is_none());

    let user = &manifest.users[0].value;
    assert_eq!(user.tenant_id, DEFAULT_TENANT);
    assert_eq!(user.devices.len(), 1);

    let preference = &manifest.preferences[0].value;
    assert!(preference.enabled);
    assert_eq!(preference.quiet_hours, Some((time(22, 0, 0, 0), time(7, 0, 0, 0))));
    assert_eq!(preference.quiet_hours_days, [Weekday::Monday, Weekday::Tuesday]);
    assert_eq!(manifest.preferences[1].value.scope, Scope::Category("marketing".to_owned()));

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
channel = "email"
category = "orders"
quiet_hours_start = "22:00"

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
quiet_hours_start = "22h"
quiet_hours_end = "24:00"
quiet_hours_days = ["monday", "tue", "tue"]
frequency_cap = -1

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
url = "https://example.com"

[tenants]
name = "acme"
"#,
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @"");
}

#[test]
fn what_is_declared_twice_is_refused_with_both_places() {
    let twice = WHOLE.replace("[[tenants]]", "[[tenants]] # once").repeat(2);
    insta::assert_snapshot!(parse(&twice).unwrap_err(), @"");
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
    let finding = |key: &str, problem: &str| Finding {
        key: key.to_owned(),
        problem: problem.to_owned(),
    };
    let checks = Checks {
        template: &|template| vec![finding("body", &format!("{} is odd", template.body))],
        provider: &|provider| match provider.kind {
            ProviderKind::Twilio => vec![finding("", "`api_key` is required")],
            _ => Vec::new(),
        },
    };
    let error = Manifest::parse(Path::new(FILE), WHOLE, &sources(), &checks).unwrap_err();
    insta::assert_snapshot!(error, @"");
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
    let error = Manifest::read(&files, &sources, &Checks::default()).unwrap_err();
    insta::assert_snapshot!(error, @"");
    write("none.txt", "x");
    let manifest = Manifest::read(&files[..1], &sources, &Checks::default()).unwrap();
    assert_eq!(manifest.templates[0].value.body, "Hello {{ name }}");
}

#[test]
fn syntax_mistakes_have_their_lines() {
    insta::assert_snapshot!(parse("[[users]]\nid = \nemail = 'x\n").unwrap_err(), @"");
}

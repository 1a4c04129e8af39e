//! The file for `herald apply`: people, templates, and providers that point at running simulators.

mod policies;

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

use policies::Policies;

use crate::lane::Channel;
use crate::population::{Person, people};
use crate::publisher::template_name;
use crate::simulator::{Provider, Simulator, service_account_json};

/// The name of the account of SendGrid's simulator.
pub(crate) const SENDGRID_ACCOUNT: &str = "sendgrid-simulator";
/// The name of the account of Twilio's simulator.
pub(crate) const TWILIO_ACCOUNT: &str = "twilio-simulator";
/// With what that account is asked, and signs what it tells later.
pub(crate) const TWILIO_TOKEN: &str = "simulator";
/// The account of the seed file's Twilio provider.
pub(crate) const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";

#[derive(Serialize)]
struct File {
    providers: Vec<Account>,
    templates: Vec<Template>,
    users: Vec<User>,
    #[serde(flatten)]
    policies: Option<Policies>,
}

#[derive(Serialize)]
struct Account {
    name: &'static str,
    kind: &'static str,
    channel: &'static str,
    priority: i32,
    timeout_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_secret: Option<String>,
    config: BTreeMap<&'static str, toml::Value>,
}

#[derive(Serialize)]
struct Template {
    name: &'static str,
    message_type: &'static str,
    locale: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'static str>,
    body: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'static str>,
    variables: [&'static str; 4],
}

#[derive(Serialize)]
struct User {
    id: String,
    email: String,
    username: String,
    phone: String,
    timezone: &'static str,
    devices: Vec<Device>,
}

#[derive(Serialize)]
struct Device {
    token: String,
    platform: &'static str,
}

/// Where a simulator listens, or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which provider.
    pub provider: Provider,
    /// Its address.
    pub address: SocketAddr,
}

impl From<&Simulator> for Target {
    fn from(simulator: &Simulator) -> Self {
        Self {
            provider: simulator.provider(),
            address: simulator.address(),
        }
    }
}

/// Requests a minute, with every policy on: more than any load makes, so that counting is all it
/// costs.
const RATE_LIMIT: u32 = 6_000_000;

/// The seed file for `users` people and for the simulators given; of the mail providers the mail
/// server stands behind SendGrid, as the one to fail over to. With `policies`, every policy is
/// asked about every message and none stops one.
///
/// # Errors
/// When the file cannot be written as TOML, which would be a bug here.
pub fn seed_file(users: u32, targets: &[Target], policies: bool) -> Result<String> {
    let limit = policies.then_some(RATE_LIMIT);
    let file = File {
        providers: targets
            .iter()
            .map(|target| account(*target, limit))
            .collect(),
        templates: Channel::ALL.into_iter().map(template).collect(),
        users: people(users).map(user).collect(),
        policies: policies.then(|| Policies::for_people(users, chrono::Utc::now())),
    };
    let body = toml::to_string(&file).context("the seed file")?;
    Ok(format!(
        "# Written by loadtest: people, templates and simulated providers. Keys are test keys.\n\n{body}"
    ))
}

/// A seed file whose SendGrid account checks events with this key.
///
/// # Errors
/// It is no seed file.
pub fn with_event_key(seed: &str, key: &str) -> Result<String> {
    let mut file: toml::Table = seed.parse()?;
    let accounts = file
        .get_mut("providers")
        .and_then(toml::Value::as_array_mut);
    let mut accounts = accounts
        .context("a seed file without providers")?
        .iter_mut();
    let sendgrid =
        accounts.find(|it| it.get("kind").and_then(toml::Value::as_str) == Some("sendgrid"));
    let config = sendgrid.and_then(|it| it.get_mut("config"));
    let config = config.and_then(toml::Value::as_table_mut);
    let config = config.context("a seed file without SendGrid")?;
    config.insert("event_public_key".to_owned(), key.into());
    Ok(file.to_string())
}

fn account(target: Target, rate_limit: Option<u32>) -> Account {
    let Target { provider, address } = target;
    let base_url = format!("http://{address}");
    let mut account = Account {
        name: "",
        kind: provider.name(),
        channel: "email",
        priority: 10,
        timeout_seconds: 30,
        rate_limit,
        api_key: None,
        api_secret: None,
        config: BTreeMap::new(),
    };
    let mut set = |key, value: toml::Value| account.config.insert(key, value);
    if provider != Provider::Smtp {
        set("base_url", base_url.as_str().into());
    }
    match provider {
        Provider::SendGrid => {
            set("from", "hello@example.com".into());
            account.name = SENDGRID_ACCOUNT;
            account.api_key = Some("SG.simulator".into());
        }
        Provider::Smtp => {
            set("host", address.ip().to_string().into());
            set("port", i64::from(address.port()).into());
            set("tls", "none".into());
            set("from", "hello@example.com".into());
            account.name = "smtp-simulator";
            account.priority = 5;
            account.api_key = Some("herald".into());
            account.api_secret = Some("simulator".into());
        }
        Provider::Twilio => {
            set("account_sid", ACCOUNT_SID.into());
            set("from", "+15005550006".into());
            account.name = TWILIO_ACCOUNT;
            account.channel = "sms";
            account.api_key = Some(ACCOUNT_SID.into());
            account.api_secret = Some(TWILIO_TOKEN.into());
        }
        Provider::Fcm => {
            account.name = "fcm-simulator";
            account.channel = "push";
            account.api_secret = Some(service_account_json(&format!("{base_url}/token")));
        }
        Provider::Slack => {
            account.name = "slack-simulator";
            account.channel = "chat";
            account.api_key = Some("xoxb-simulator".into());
        }
    }
    account
}

fn template(channel: Channel) -> Template {
    let (subject, body, html) = match channel {
        Channel::Email => (
            Some("Order {{ order }} is on its way"),
            "Hello {{ name }},\n\nyour order {{ order }} is on its way. {{ marker }}\n\n{{ note }}\n",
            Some(
                "<p>Hello {{ name }},</p><p>your order {{ order }} is on its way.</p><p>{{ note }}</p>",
            ),
        ),
        Channel::Push | Channel::InApp => (
            Some("Order {{ order }} is on its way"),
            "{{ marker }} Hello {{ name }}. {{ note }}",
            None,
        ),
        Channel::Sms | Channel::Chat => (
            None,
            "{{ marker }} Hello {{ name }}, order {{ order }} is on its way. {{ note }}",
            None,
        ),
    };
    Template {
        name: template_name(channel),
        message_type: channel.name(),
        locale: "en",
        subject,
        body,
        html,
        variables: ["order", "name", "marker", "note"],
    }
}

fn user(person: Person) -> User {
    User {
        id: person.id().to_string(),
        email: person.email(),
        username: person.username(),
        phone: person.phone(),
        timezone: person.timezone(),
        devices: person
            .devices()
            .map(|(token, platform)| Device { token, platform })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_each_simulator_and_everybody() {
        let simulators: Vec<_> = Provider::ALL
            .into_iter()
            .map(|provider| Simulator::start(provider).unwrap())
            .collect();
        let targets: Vec<_> = simulators.iter().map(Target::from).collect();
        let text = seed_file(20, &targets, false).unwrap();
        let file: toml::Table = text.parse().unwrap();
        let providers = file["providers"].as_array().unwrap();
        assert_eq!(providers.len(), 5);
        assert_eq!(
            providers[0]["config"]["base_url"].as_str().unwrap(),
            simulators[0].base_url()
        );
        let account: serde_json::Value =
            serde_json::from_str(providers[2]["api_secret"].as_str().unwrap()).unwrap();
        assert_eq!(account["project_id"], "herald-simulator");
        assert!(
            account["private_key"]
                .as_str()
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY")
        );
        assert_eq!(file["users"].as_array().unwrap().len(), 20);
        assert_eq!(file["users"][3]["devices"].as_array().unwrap().len(), 2);
        assert_eq!(file["templates"].as_array().unwrap().len(), 5);
        assert_eq!(file["templates"][0]["name"].as_str(), Some("order-shipped"));
        assert!(!file.contains_key("preferences"));
        let text = seed_file(20, &targets, true).unwrap();
        let file: toml::Table = text.parse().unwrap();
        assert_eq!(file["preferences"].as_array().unwrap().len(), 1 + 20 * 6);
        assert!(file["providers"][0]["rate_limit"].is_integer());
    }
}

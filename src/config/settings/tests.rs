use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::domain::{Channel, GlobalPolicy, Lane, Priority};
use crate::resilience::Backoff;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A working directory with a profile file, and an environment.
struct Place {
    directory: TempDir,
    sources: Sources,
}

impl Place {
    fn new(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("config")).unwrap();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let sources = Sources {
            directory: directory.path().to_owned(),
            environment: variables.iter().map(own).collect(),
            hostname: "here".to_owned(),
            cores: 3,
            ..Sources::default()
        };
        Self { directory, sources }
    }

    fn complete(variables: &[(&str, &str)]) -> Self {
        let mut place = Self::new(variables);
        for (name, value) in [
            (
                "HERALD__DATABASE__URL",
                "postgres://herald:hunter2@db/herald",
            ),
            ("HERALD__BROKER__URL", "amqp://herald:hunter2@broker/%2f"),
            ("HERALD__SECRETS__KEY", KEY),
        ] {
            let environment = &mut place.sources.environment;
            environment
                .entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        }
        place
    }

    fn with_profile(mut self, text: &str) -> Self {
        self.write("config/test.toml", text);
        let environment = &mut self.sources.environment;
        environment.insert("HERALD_PROFILE".to_owned(), "test".to_owned());
        self
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn load(&self) -> Result<Settings, ConfigError> {
        Settings::load(&self.sources, Required::ALL)
    }
}

#[test]
fn the_defaults_and_three_secrets_make_a_node() {
    let settings = Place::complete(&[]).load().unwrap();
    assert_eq!(settings.database.pool_size, 8);
    assert_eq!(settings.engine.node_name, "here");
    assert_eq!(settings.engine.io_threads, 3);
    assert_eq!(settings.engine.settle_linger, Duration::from_millis(3));
    assert_eq!(settings.http.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.lanes.permits(Priority::Normal), 1024);
    assert_eq!(settings.policy, GlobalPolicy::default());
    assert_eq!(settings.broker.lanes, Lane::all().collect::<Vec<_>>());
    assert_eq!(settings.secrets.keys[0].expose()[31], 31);
}

#[test]
fn missing_required_setting_is_named_by_its_variable() {
    let error = Place::new(&[]).load().unwrap_err();
    insta::assert_snapshot!(error, @r"
        3 mistakes in the configuration:
          not set: `database.url`: is required: set HERALD__DATABASE__URL; allowed: postgres://user:password@host:port/database
          not set: `broker.url`: is required: set HERALD__BROKER__URL; allowed: amqp://user:password@host:port/vhost
          not set: `secrets.key`: is required: set HERALD__SECRETS__KEY; allowed: 32 bytes in base64: openssl rand -base64 32
    ");
    let database = Place::new(&[("HERALD__DATABASE__URL", "postgres://db/herald")]);
    assert!(Settings::load(&database.sources, &[Required::Database]).is_ok());
}

#[test]
fn a_profile_overlays_the_defaults_and_the_environment_wins() {
    let place = Place::complete(&[("HERALD__HTTP__WORKERS", "4")]).with_profile(
        "[http]\nworkers = 2\nbind = '0.0.0.0:80'\n[retry.in_app]\nbase = '1s'\n[retry.sms]\nmax = '1h'\n",
    );
    let settings = place.load().unwrap();
    assert_eq!(settings.http.workers, 4);
    assert_eq!(settings.http.bind.to_string(), "0.0.0.0:80");
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    let of = |channel| settings.retry.of(channel);
    assert_eq!(of(Channel::InApp), Backoff::new(second, minute * 15));
    assert_eq!(of(Channel::Sms), Backoff::new(second * 2, minute * 60));
    assert_eq!(of(Channel::Email), Backoff::new(second * 2, minute * 15));
}

#[test]
fn the_rules_of_the_house_are_settings() {
    let place = Place::complete(&[
        ("HERALD__POLICY__URGENT_PASSES_CAPS", "false"),
        ("HERALD__POLICY__FAIL_OVER_UNKNOWN", "sms, push"),
    ])
    .with_profile("[policy]\nurgent_passes_quiet_hours = false\nrelease_spread = '0ms'\n");
    let policy = place.load().unwrap().policy;
    assert!(!policy.urgent_passes_quiet_hours && !policy.urgent_passes_caps);
    assert_eq!(policy.release_spread, Duration::ZERO);
    assert_eq!(policy.fail_over_unknown, [Channel::Sms, Channel::Push]);
    let wrong = Place::complete(&[])
        .with_profile("[policy]\nurgent_passes_caps = 'yes'\nfail_over_unknown = ['fax']\n");
    insta::assert_snapshot!(wrong.load().unwrap_err(), @r#"
        2 mistakes in the configuration:
          config/test.toml:2: `policy.urgent_passes_caps`: expected true or false, found "yes"; allowed: true, false
          config/test.toml:3: `policy.fail_over_unknown`: "fax" is no channel; allowed: email, sms, push, in_app, chat
    "#);
}

#[test]
fn a_given_file_replaces_the_profile() {
    let mut place = Place::complete(&[]).with_profile("[http]\nworkers = 2\n");
    place.write("mine.toml", "[lanes]\nurgent = 9\n");
    place.sources.config_file = Some("mine.toml".into());
    let settings = place.load().unwrap();
    assert_eq!(settings.http.workers, 1);
    assert_eq!(settings.lanes.permits(Priority::Urgent), 9);
}

#[test]
fn several_mistakes_are_reported_at_once_with_their_places() {
    let place = Place::complete(&[
        ("HERALD__HTTP__WORKERS", "many"),
        ("HERALD__HTTP__PROT", "80"),
        ("HERALD__ENGINE__HEARTBEAT", "2d"),
        ("HERALD__SECRETS__KEY", "c2hvcnQ="),
        ("HERALD__DATABASE__URL", "mysql://root:hunter2@db"),
    ])
    .with_profile(
        r#"
lanse = 1

[database]
pool_size = "eight"
conect_timeout = "5s"

[broker]
lanes = ["email.*", "fax.high"]
reconnect_max = "1ms"
max_body_bytes = 12

[lanes]
scheduler_share = 2

[engine]
settle_linger = 3
http = { bind = "x" }

[log]
format = "xml"

[retry.fax]
base = "1s"

[retry.email]
base = "30m"
"#,
    );
    let error = place.load().unwrap_err();
    insta::assert_snapshot!(error, @r#"
        17 mistakes in the configuration:
          config/test.toml:2: `lanse`: `lanse` is not a section, but `lanes` is; allowed: broker, console, database, engine, events, http, inbox, lanes, log, policy, providers, retention, retry, secrets, templates, tickets, webhooks
          config/test.toml:5: `database.pool_size`: expected a whole number, found "eight"; allowed: 2 to 512 (connections)
          config/test.toml:6: `database.conect_timeout`: `conect_timeout` is not a setting of [database], but `connect_timeout` is; allowed: ca_file, cert_file, connect_timeout, key_file, pool_size, statement_timeout, url
          config/test.toml:9: `broker.lanes`: "fax.high" names no lane; allowed: "channel.priority" with a channel of email, sms, push, in_app, chat, a priority of urgent, high, normal, low, or * for either
          config/test.toml:10: `broker.reconnect_max`: is shorter than broker.reconnect_min; allowed: reconnect_min or longer
          config/test.toml:11: `broker.max_body_bytes`: 12 is out of range; allowed: 1024 to 16777216 (bytes)
          config/test.toml:14: `lanes.scheduler_share`: 2 is out of range; allowed: 0.01 to 0.9
          config/test.toml:17: `engine.settle_linger`: expected a duration, found a whole number; allowed: a number and a unit in quotes, for example "250ms", "30s", "15m", "24h", "0ms" to "1s"
          config/test.toml:18: `engine.http`: `http` is not a setting of [engine]; allowed: claim_batch, claim_linger, deduplication_window, fan_out_rate, heartbeat, io_threads, lease, node_name, recipient_cache_size, recipient_cache_ttl, reload_interval, scheduler_poll, settle_batch, settle_linger, shutdown_deadline
          config/test.toml:21: `log.format`: "xml" is not right; allowed: pretty, json
          config/test.toml:23: `retry.fax`: `fax` is not a setting of [retry]; allowed: chat, default, email, in_app, push, sms
          config/test.toml:27: `retry.email.base`: max is shorter than base; allowed: a max that is at least base
          environment variable HERALD__DATABASE__URL: `database.url`: is not a URL of this kind; allowed: postgres://user:password@host:port/database
          environment variable HERALD__ENGINE__HEARTBEAT: `engine.heartbeat`: "2d" is not a duration; allowed: a number and a unit in quotes, for example "250ms", "30s", "15m", "24h", "100ms" to "1m"
          environment variable HERALD__HTTP__PROT: `http.prot`: `prot` is not a setting of [http]; allowed: bind, body_timeout, connections, connections_per_address, cors_origins, failed_keys, head_timeout, keep_alive, key_burst, key_rate, metrics_bind, one_click_without_tls, person_rate, public_url, test_addresses, tls_cert_file, tls_key_file, trusted_proxies, workers, write_timeout
          environment variable HERALD__HTTP__WORKERS: `http.workers`: expected a whole number, found "many"; allowed: 1 to 64 (threads)
          environment variable HERALD__SECRETS__KEY: `secrets.key`: holds a key that is not 32 bytes in base64; allowed: the output of `openssl rand -base64 32`, several with commas between
    "#);
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn syntax_mistakes_are_reported_beside_the_others() {
    let place = Place::complete(&[("HERALD__HTTP__WORKERS", "0")]).with_profile("[http\nx = = 1\n");
    insta::assert_snapshot!(place.load().unwrap_err(), @r"
        4 mistakes in the configuration:
          config/test.toml:1: unclosed table, expected `]`
          config/test.toml:2: extra `=`, expected nothing
          config/test.toml:2: unexpected key or value, expected newline, `#`
          environment variable HERALD__HTTP__WORKERS: `http.workers`: 0 is out of range; allowed: 1 to 64 (threads)
    ");
}

#[test]
fn a_missing_profile_file_and_a_wrong_profile_name_stop_the_start() {
    let missing = Place::complete(&[("HERALD_PROFILE", "nowhere")]).load();
    let message = missing.unwrap_err().to_string();
    assert!(message.contains("config/nowhere.toml"), "{message}");
    let wrong = Place::complete(&[("HERALD_PROFILE", "../../etc/x")]).load();
    insta::assert_snapshot!(wrong.unwrap_err(), @r"
        1 mistake in the configuration:
          environment variable HERALD_PROFILE: is not the name of a profile; allowed: letters, digits, - and _, naming config/<profile>.toml
    ");
}

#[test]
fn lists_in_variables_are_separated_by_commas() {
    let two = format!("{KEY}, {KEY}");
    let variables = [
        ("HERALD__BROKER__LANES", "email.urgent, sms.*"),
        ("HERALD__SECRETS__KEY", two.as_str()),
    ];
    let settings = Place::complete(&variables).load().unwrap();
    assert_eq!(settings.broker.lanes.len(), 5);
    assert_eq!(settings.secrets.keys.len(), 2);
}

#[test]
fn secrets_may_stand_in_files_and_other_variables() {
    let mut place = Place::new(&[
        ("HERALD__DATABASE__URL_FILE", "database-url"),
        ("AMQP_URL", "amqp://broker"),
    ])
    .with_profile(
        "[broker]\nurl = { env = 'AMQP_URL' }\n[secrets]\nkey = [{ file = 'new' }, { file = 'old' }]\n",
    );
    place.write("database-url", "postgres://db/herald\n");
    place.write("new", KEY);
    place.write("old", &format!("{KEY}\n{KEY}\n"));
    let settings = place.load().unwrap();
    assert_eq!(
        settings.database.url.expose_secret(),
        "postgres://db/herald"
    );
    assert_eq!(settings.broker.url.hosts[0].name, "broker");
    assert_eq!(settings.secrets.keys.len(), 3);

    place.sources.environment.remove("AMQP_URL");
    place.sources.environment.insert(
        "HERALD__DATABASE__URL".to_owned(),
        "postgres://db".to_owned(),
    );
    insta::assert_snapshot!(place.load().unwrap_err(), @r#"
        2 mistakes in the configuration:
          config/test.toml:2: `broker.url`: the environment variable AMQP_URL is not set; allowed: the secret in quotes, { file = "PATH" }, { env = "NAME" }
          environment variable HERALD__DATABASE__URL_FILE: `database.url`: is given by the environment variable HERALD__DATABASE__URL too; allowed: one of them
    "#);
}

#[test]
fn certificates_are_looked_into_at_the_start_and_want_an_encrypted_connection() {
    const AUTHORITY: (&str, &str) = ("HERALD__BROKER__CA_FILE", "ca.pem");
    let secured = ("HERALD__BROKER__URL", "amqps://broker");
    let problems = |variables: &[(&str, &str)]| {
        let place = Place::complete(variables);
        let authority = loadtest::harness::certificates::Authority::new("ours").unwrap();
        place.write("ca.pem", &authority.certificate());
        match place.load() {
            Ok(settings) => {
                let ca = settings.broker.tls.ca;
                assert_eq!(ca, Some(place.directory.path().join("ca.pem")));
                String::new()
            }
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(problems(&[AUTHORITY, secured]), "");
    let plain = problems(&[AUTHORITY]);
    assert!(
        plain.contains("`broker.ca_file`: is given, but the connection is not encrypted"),
        "{plain}"
    );
    let missing = problems(&[("HERALD__BROKER__CA_FILE", "none.pem"), secured]);
    assert!(
        missing.contains("`broker.ca_file`: cannot read "),
        "{missing}"
    );
    let alone = problems(&[AUTHORITY, secured, ("HERALD__BROKER__CERT_FILE", "ca.pem")]);
    assert!(alone.contains("needs broker.key_file beside it"), "{alone}");
    let nobody = (
        "HERALD__BROKER__URL",
        "amqps://broker?auth_mechanism=external",
    );
    assert!(problems(&[AUTHORITY, nobody]).contains("asks to log in by certificate"));
    let narrow = ("HERALD__BROKER__URL", "amqp://broker?channel_max=8");
    let narrow = problems(&[narrow]);
    assert!(
        narrow.contains("allows 8 channels, and 20 lanes need 21"),
        "{narrow}"
    );
}

#[test]
fn no_secret_is_ever_shown() {
    let place = Place::complete(&[]);
    let shown = format!("{:?} {:?}", place.load().unwrap(), place.sources);
    assert!(shown.contains("REDACTED"));
    for secret in ["hunter2", KEY, "[0, 1, 2"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[test]
fn library_settings_are_checked_at_start() {
    let place = Place::complete(&[
        ("HERALD__DATABASE__URL", "postgres://a:hunter2@db:54o2/x"),
        ("HERALD__LOG__FILTER", "inof"),
    ]);
    insta::assert_snapshot!(place.load().unwrap_err(), @r#"
    2 mistakes in the configuration:
      environment variable HERALD__DATABASE__URL: `database.url`: has a port that is none: 1 to 65535; allowed: postgres://user:password@host:port/database
      environment variable HERALD__LOG__FILTER: `log.filter`: "inof" is no level, but "info" is; allowed: a level (off, error, warn, info, debug, trace), or levels by module: "info,herald::broker=debug"
    "#);
}

#[test]
fn a_variable_that_nobody_would_read_is_told() {
    let mut place = Place::complete(&[
        ("HERALD_HTTP__BIND", "0.0.0.0:80"),
        ("herald__http__workers", "2"),
        ("HERALD_DATABASE__URL_FILE", "url"),
        // Set by others, or ours without being settings.
        ("HERALD_SERVICE_HOST", "10.0.0.1"),
        ("HERALD_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("HERALD_DATABASE_URL", "for a pointer"),
    ]);
    place.sources.unreadable = vec!["HERALD__LOG__FILTER".to_owned(), "LS_COLORS".to_owned()];
    insta::assert_snapshot!(place.load().unwrap_err(), @r"
    4 mistakes in the configuration:
      environment variable HERALD_DATABASE__URL_FILE: is not read: a setting's variable begins with HERALD__, in capitals; allowed: HERALD__DATABASE__URL_FILE
      environment variable HERALD_HTTP__BIND: is not read: a setting's variable begins with HERALD__, in capitals; allowed: HERALD__HTTP__BIND
      environment variable HERALD__LOG__FILTER: is not UTF-8
      environment variable herald__http__workers: is not read: a setting's variable begins with HERALD__, in capitals; allowed: HERALD__HTTP__WORKERS
    ");
}

#[test]
fn files_are_read_as_editors_write_them() {
    let mut place = Place::complete(&[("HERALD__DATABASE__URL_FILE", "url")]);
    place.sources.environment.remove("HERALD__DATABASE__URL");
    place.sources.environment.remove("HERALD__SECRETS__KEY");
    let environment = &mut place.sources.environment;
    environment.insert("HERALD__SECRETS__KEY_FILE".to_owned(), "keys".to_owned());
    place.write("url", "\u{FEFF}postgres://a@db/herald\r\n");
    place.write("keys", &format!("\u{FEFF}{KEY}\r\n{KEY}\r\n\r\n"));
    let place = place.with_profile("\u{FEFF}[http]\r\nworkers = 2\r\n");
    let settings = place.load().unwrap();
    let url = settings.database.url.expose_secret();
    assert_eq!(url, "postgres://a@db/herald");
    assert_eq!(settings.secrets.keys.len(), 2);
    assert_eq!(settings.secrets.keys[0].expose()[31], 31);
    assert_eq!(settings.http.workers, 2);
}

#[test]
fn a_file_that_holds_no_secret_is_a_mistake_that_says_why() {
    let mut place = Place::complete(&[("HERALD__DATABASE__URL_FILE", "url")]);
    place.sources.environment.remove("HERALD__DATABASE__URL");
    let url = place.directory.path().join("url");
    let told = |bytes: Option<&[u8]>| {
        match bytes {
            Some(bytes) => std::fs::write(&url, bytes).unwrap(),
            None => std::fs::create_dir(&url).unwrap(),
        }
        place.load().unwrap_err().to_string()
    };
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend("postgres://".encode_utf16().flat_map(u16::to_le_bytes));
    for (bytes, why) in [
        (&b"\xEF\xBB\xBF \r\n"[..], "the file url is empty"),
        (&utf16, "it is UTF-16; save it as UTF-8"),
        (b"postgres://\npa\xFFss", "it is not UTF-8, on line 2"),
    ] {
        let told = told(Some(bytes));
        assert!(told.contains(why), "{told}");
    }
    std::fs::remove_file(&url).unwrap();
    let told = told(None);
    assert!(told.contains("cannot read url: Is a directory"), "{told}");
}

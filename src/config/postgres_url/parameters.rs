//! What stands behind the `?` of a PostgreSQL URL.

use super::TlsMode;
use crate::domain::nearest::nearest;

/// What a parameter may be.
enum ParameterValue {
    Any,
    Number,
    Port,
    Words(&'static [&'static str]),
}

/// The parameters that are known. Those of `Words` are what the client library understands of them.
const KNOWN: &[(&str, ParameterValue)] = &[
    ("application_name", ParameterValue::Any),
    (
        "channel_binding",
        ParameterValue::Words(&["disable", "prefer", "require"]),
    ),
    ("connect_timeout", ParameterValue::Number),
    ("dbname", ParameterValue::Any),
    ("host", ParameterValue::Any),
    ("hostaddr", ParameterValue::Any),
    ("keepalives", ParameterValue::Words(&["0", "1"])),
    ("keepalives_idle", ParameterValue::Number),
    ("keepalives_interval", ParameterValue::Number),
    ("keepalives_retries", ParameterValue::Number),
    (
        "load_balance_hosts",
        ParameterValue::Words(&["disable", "random"]),
    ),
    ("options", ParameterValue::Any),
    ("password", ParameterValue::Any),
    ("port", ParameterValue::Port),
    (
        "sslmode",
        ParameterValue::Words(&["disable", "require", "verify-ca", "verify-full"]),
    ),
    (
        "target_session_attrs",
        ParameterValue::Words(&["any", "read-write", "read-only"]),
    ),
    ("tcp_user_timeout", ParameterValue::Number),
    ("user", ParameterValue::Any),
];

/// Parameters of libpq that are settings here.
const ELSEWHERE: [(&str, &str); 3] = [
    ("sslrootcert", "HERALD__DATABASE__CA_FILE"),
    ("sslcert", "HERALD__DATABASE__CERT_FILE"),
    ("sslkey", "HERALD__DATABASE__KEY_FILE"),
];

/// The parameters of a URL, as they were written.
pub(super) struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    pub(super) fn read(query: &'a str) -> Result<Self, String> {
        let mut read: Vec<(&str, &str)> = vec![];
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter
                .split_once('=')
                .ok_or("has a parameter without a =")?;
            check(name, value)?;
            if read.iter().any(|(known, _)| *known == name) {
                return Err(format!("gives the parameter `{name}` twice"));
            }
            read.push((name, value));
        }
        Ok(Self(read))
    }

    /// Checks that the hosts and ports that are named here go with the `hosts` that stand before.
    pub(super) fn check_places(&self, hosts: usize) -> Result<(), String> {
        let named = hosts + usize::from(self.get("host").is_some());
        let addresses = self
            .get("hostaddr")
            .map_or(0, |list| list.split(',').count());
        if named == 0 && addresses == 0 {
            let why = "names no host: before the database, or as the parameter `host`, which may be \
                       the folder of a socket";
            return Err(why.to_owned());
        }
        if addresses > 0 && named > 0 && addresses != named {
            return Err("has not as many `hostaddr` as hosts".to_owned());
        }
        if self.get("channel_binding") == Some("require") && self.tls() == TlsMode::Disable {
            let why = "asks for channel binding, which only TLS has: say `sslmode=verify-full` too";
            return Err(why.to_owned());
        }
        Ok(())
    }

    pub(super) fn tls(&self) -> TlsMode {
        match self.get("sslmode") {
            Some("require") => TlsMode::Require,
            Some("verify-ca") => TlsMode::VerifyCa,
            Some("verify-full") => TlsMode::VerifyFull,
            _ => TlsMode::Disable,
        }
    }

    /// Those that the client library is to read: all but what is done below it.
    pub(super) fn for_the_library(&self) -> String {
        let ours = self.0.iter().filter(|(name, _)| *name != "sslmode");
        let mut all: Vec<String> = ours
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        all.push("sslmode=disable".to_owned());
        all.join("&")
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn get(&self, wanted: &str) -> Option<&'a str> {
        let mut all = self.0.iter();
        all.find_map(|(name, value)| (*name == wanted).then_some(*value))
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    if let Some((_, setting)) = ELSEWHERE.iter().find(|(known, _)| *known == name) {
        return Err(format!(
            "has the parameter `{name}`: give the file by {setting}"
        ));
    }
    if name == "sslmode" && matches!(value, "allow" | "prefer") {
        return Err(format!(
            "has `sslmode={value}`, which promises nothing: say `disable`, or what must hold \
             (`require`, `verify-ca`, `verify-full`)"
        ));
    }
    let Some((_, known)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        return Err(unknown(name));
    };
    let is_number = |text: &str| !text.is_empty() && text.parse::<u32>().is_ok();
    match known {
        ParameterValue::Any if value.is_empty() => Err(format!("has an empty parameter `{name}`")),
        ParameterValue::Any if name == "host" && value.contains(',') => Err(
            "has several hosts in the parameter `host`: name them before the database".to_owned(),
        ),
        ParameterValue::Number if !is_number(value) => {
            Err(format!("has a parameter `{name}` that is no whole number"))
        }
        ParameterValue::Port => value.split(',').try_for_each(super::check_port),
        ParameterValue::Words(words) if !words.contains(&value) => Err(format!(
            "has a parameter `{name}` of another value than {}",
            words.join(", ")
        )),
        ParameterValue::Any | ParameterValue::Number | ParameterValue::Words(_) => Ok(()),
    }
}

/// What is no name of a parameter may be a part of a password, and is not shown.
fn unknown(name: &str) -> String {
    let all = || KNOWN.iter().map(|(known, _)| *known);
    match nearest(name, all()) {
        Some(near) => format!("has a parameter that is not known, but `{near}` is"),
        None => format!(
            "has a parameter that is not known; there are {}",
            all().collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PostgresUrl, TlsMode};

    fn read(query: &str) -> Result<PostgresUrl, String> {
        PostgresUrl::read(&format!("postgres://a:hunter2@one,two/db?{query}"))
    }

    #[test]
    fn how_the_connection_is_secured_is_said_by_one_word() {
        for (word, mode) in [
            ("disable", TlsMode::Disable),
            ("require", TlsMode::Require),
            ("verify-ca", TlsMode::VerifyCa),
            ("verify-full", TlsMode::VerifyFull),
        ] {
            assert_eq!(read(&format!("sslmode={word}")).unwrap().tls, mode);
        }
        assert_eq!(read("").unwrap().tls, TlsMode::Disable);
    }

    #[test]
    fn a_parameter_that_would_be_passed_over_is_a_mistake() {
        for (query, why) in [
            ("sslmode=prefer", "promises nothing"),
            ("sslmode=allow", "promises nothing"),
            ("sslmode=on", "verify-full"),
            ("ssl_mode=require", "`sslmode` is"),
            ("sslrootcert=/a", "HERALD__DATABASE__CA_FILE"),
            ("sslcert=/a", "HERALD__DATABASE__CERT_FILE"),
            ("sslkey=/a", "HERALD__DATABASE__KEY_FILE"),
            ("pgbouncer=true", "there are application_name"),
            ("connect_timeout=5s", "no whole number"),
            ("connect_timeout=", "no whole number"),
            ("keepalives_retries=-1", "no whole number"),
            ("keepalives=yes", "0, 1"),
            ("target_session_attrs=primary", "read-write"),
            ("port=5432,x", "port that is none"),
            ("user", "without a ="),
            ("user=", "empty"),
            ("user=a&user=b", "twice"),
            ("hostaddr=10.0.0.1", "as many"),
            ("hostaddr=10.0.0.1,ten", "not understood"),
            ("host=three,four", "before the database"),
            ("channel_binding=require", "only TLS has"),
        ] {
            let told = read(query).unwrap_err();
            assert!(told.contains(why), "{query}: {told}");
        }
        let unknown = read("hunter=2").unwrap_err();
        assert!(!unknown.contains("hunter"), "{unknown}");
    }
}

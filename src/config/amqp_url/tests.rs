use secrecy::ExposeSecret;

use super::*;

fn parsed(text: &str) -> AmqpUrl {
    AmqpUrl::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn refused(text: &str) -> String {
    match AmqpUrl::parse(text) {
        Ok(url) => panic!("{text}: {url:?}"),
        Err(problem) => problem,
    }
}

fn node(text: &str) -> (String, u16) {
    let url = parsed(text);
    let [host] = url.hosts.as_slice() else {
        panic!("{text}: {:?}", url.hosts);
    };
    (host.name.clone(), host.port)
}

#[test]
fn hosts_and_ports_are_what_the_url_says() {
    for (text, name, port) in [
        ("amqp://broker", "broker", 5672),
        ("amqps://broker", "broker", 5671),
        ("AMQP://broker:1/", "broker", 1),
        (
            "amqp://u:p@broker.example.:65535/v",
            "broker.example.",
            65_535,
        ),
        ("amqp://127.0.0.1:5672", "127.0.0.1", 5672),
        ("amqp://u:p@[2001:db8::1]:5673/", "2001:db8::1", 5673),
        ("amqps://[::1]", "::1", 5671),
        ("amqp://my_broker-1:5672", "my_broker-1", 5672),
    ] {
        assert_eq!(node(text), (name.to_owned(), port), "{text}");
    }
}

#[test]
fn several_nodes_of_a_cluster_may_be_named() {
    let url = parsed("amqps://u:p@a.example,b.example:5673,[::1]/v");
    let hosts: Vec<_> = url
        .hosts
        .iter()
        .map(|host| (host.name.as_str(), host.port))
        .collect();
    assert_eq!(
        hosts,
        [("a.example", 5671), ("b.example", 5673), ("::1", 5671)]
    );
    assert!(refused("amqp://a,,b").contains("names no host"));
}

#[test]
fn a_virtual_host_may_have_any_name() {
    for (text, vhost) in [
        ("amqp://b", "/"),
        ("amqp://b/", "/"),
        ("amqp://b//", "/"),
        ("amqp://b/%2f", "/"),
        ("amqp://b/%2F", "/"),
        ("amqp://b/herald", "herald"),
        ("amqp://b/a%2Fb%20c%25", "a/b c%"),
        ("amqp://b/gr%C3%BC%C3%9Fe", "grüße"),
        ("amqp://b/v?heartbeat=7", "v"),
    ] {
        assert_eq!(parsed(text).vhost, vhost, "{text}");
    }
    assert!(refused("amqp://b/a/b").contains("%2F"));
    assert!(refused("amqp://b/%ff").contains("no UTF-8"));
    assert!(refused("amqp://b/%zz").contains("%25"));
    assert!(refused("amqp://b/100%").contains("%25"));
    assert!(refused(&format!("amqp://b/{}", "v".repeat(256))).contains("255 bytes"));
}

#[test]
fn the_login_is_what_the_url_says_and_the_brokers_own_when_it_says_nothing() {
    let login = |text: &str| {
        let (user, password) = parsed(text).user_and_password();
        (user, password.expose_secret().to_owned())
    };
    let pair = |user: &str, password: &str| (user.to_owned(), password.to_owned());
    assert_eq!(login("amqp://b"), pair("guest", "guest"));
    assert_eq!(login("amqp://ana:secret@b"), pair("ana", "secret"));
    assert_eq!(login("amqp://ana:@b"), pair("ana", ""));
    assert_eq!(
        login("amqp://an%40a:s%3Ac%2Fr%23%3F%25@b"),
        pair("an@a", "s:c/r#?%")
    );
    assert_eq!(login("amqp://ana:a:b@b"), pair("ana", "a:b"));
    assert!(parsed("amqp://ana@b").password.is_none());
    assert!(refused("amqp://:secret@b").contains("names no user"));
    assert!(refused("amqp://ana:%ff@b").contains("no UTF-8"));
    assert!(refused("amqp://ana:%00@b").contains("NUL"));
}

#[test]
fn invalid_amqp_url_is_refused_with_words() {
    for (text, word) in [
        ("broker:5672", "does not begin with amqp://"),
        ("http://broker", "neither amqp:// nor amqps://"),
        ("amqp://", "names no host"),
        ("amqp:///v", "names no host"),
        ("amqp://u:p@", "names no host"),
        ("amqp://u:p@:5672/", "names no host"),
        ("amqp://b:0", "port"),
        ("amqp://b:65536", "port"),
        ("amqp://b:", "port"),
        ("amqp://b:+1", "port"),
        ("amqp://b:amqp", "port"),
        ("amqp://2001:db8::1/", "brackets"),
        ("amqp://[2001:db8::1/", "without its ]"),
        ("amqp://[broker]/", "no IPv6 address"),
        ("amqp://[fe80::1%25eth0]/", "no IPv6 address"),
        ("amqp://[::1]5672", "between ] and the port"),
        ("amqp://exämple.org", "xn--"),
        ("amqp://bro ker", "blank"),
        ("amqp://b/a\tb", "blank"),
        ("amqp://b%6f", "other signs"),
        ("amqp://b/#v", "%23"),
        ("amqp://u:p@w@b/", "%40"),
    ] {
        let problem = refused(text);
        assert!(problem.contains(word), "{text}: {problem}");
    }
}

#[test]
fn parameters_are_known_in_their_range_and_given_once() {
    let url =
        parsed("amqps://b/v?heartbeat=5&channel_max=64&frame_max=65536&connection_timeout=3000");
    assert_eq!((url.heartbeat, url.channel_max), (Some(5), Some(64)));
    assert_eq!(
        (url.frame_max, url.connection_timeout),
        (Some(65_536), Some(3_000))
    );
    assert_eq!(
        parsed("amqp://b?auth_mechanism=PLAIN").login,
        Some(AmqpLogin::Plain)
    );
    let external = parsed("amqps://b?auth_mechanism=external").login;
    assert_eq!(external, Some(AmqpLogin::Certificate));
    for (query, word) in [
        ("heartbeat=0", "1 to 300"),
        ("heartbeat=", "1 to 300"),
        ("heartbeat=5s", "1 to 300"),
        ("heartbeat=5&heartbeat=6", "twice"),
        ("channel_max=0", "1 to 65535"),
        ("frame_max=4096", "8192"),
        ("frame_max=-1", "8192"),
        ("connection_timeout=1", "100"),
        ("auth_mechanism=anonymous", "neither plain nor external"),
        ("surprise=1", "not known: `surprise`"),
        ("heartbeet=1", "`heartbeet`"),
        ("cacertfile=/ca.pem", "broker.ca_file"),
        ("certfile=/c.pem", "broker.cert_file"),
        ("keyfile=/k.pem", "broker.key_file"),
        ("verify=verify_none", "always checked"),
    ] {
        let problem = refused(&format!("amqp://b/v?{query}"));
        assert!(problem.contains(word), "{query}: {problem}");
    }
}

#[test]
fn a_password_that_was_not_escaped_is_never_shown() {
    for text in [
        "amqp://ana:hunter2/x@b/v",
        "amqp://ana:hunter2?x@b/v",
        "amqp://ana:7/hunter2@b/v",
        "amqp://ana:7?hunter2@b/v",
        "amqp://ana:7?hunter2=1@b",
        "amqp://ana:x#hunter2@b/v",
        "amqp://ana:hunter2@x@b/v",
        "amqp://ana:hunter2%@b/v",
        "amqp://ana:hunt er2@b/v",
        "amqp://ana:hunter2@b:x",
        "mqtt://ana:hunter2@b",
    ] {
        let problem = refused(text);
        assert!(!problem.contains("hunter"), "{text}: {problem}");
        assert!(!problem.contains("er2"), "{text}: {problem}");
    }
    let shown = format!("{:?}", parsed("amqp://ana:hunter2@b/v"));
    assert!(
        !shown.contains("hunter2") && !shown.contains("ana"),
        "{shown}"
    );
}

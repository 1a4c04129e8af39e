//! What is told of a template before it is used.

use super::*;

fn template(fields: &str) -> Result<Manifest, String> {
    let text = format!("[[templates]]\nname = \"t\"\nbody = \"b\"\n{fields}\n");
    parse(&text).map_err(|error| error.to_string())
}

#[test]
fn template_whose_every_message_would_fail_is_a_mistake() {
    for (fields, words) in [
        (
            "message_type = \"email\"",
            "`templates \"t\".subject`: is required",
        ),
        (
            "message_type = \"sms\"\nlocale = \"english\"",
            "is not a language",
        ),
        (
            "message_type = \"sms\"\nlocale = \"de--AT\"",
            "is not a language",
        ),
        (
            "message_type = \"sms\"\nvariables = [\"a\", \"a?\"]",
            "\"a\" stands twice",
        ),
        (
            "message_type = \"sms\"\nvariables = [\"a??\"]",
            "\"a?\" is not the name",
        ),
    ] {
        let told = template(fields).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
    let tenant = "[[tenants]]\nid = \"0190c1a0-0000-7000-8000-0000000000aa\"\nname = \"acme\"\n";
    let told = parse(&format!("{tenant}locale = \"german\"")).unwrap_err();
    assert!(told.to_string().contains("is not a language"), "{told}");
    let manifest = parse(&format!("{tenant}locale = \"de-AT\"")).unwrap();
    assert_eq!(manifest.tenants[0].value.locale.as_deref(), Some("de-AT"));
    let manifest = parse(&format!("{tenant}locale = \"DE_at\"")).unwrap();
    let locale = manifest.tenants[0].value.locale.as_deref();
    assert_eq!(
        locale,
        Some("de-AT"),
        "one spelling, so that there is one template"
    );
}

#[test]
fn template_part_that_its_channel_does_not_carry_is_a_warning() {
    let parts = "subject = \"s\"\ntitle = \"t\"\nhtml = \"h\"";
    for (channel, lost) in [
        ("email", &["title"][..]),
        ("sms", &["subject", "title", "html"]),
        ("push", &["subject", "html"]),
        ("chat", &["subject", "html"]),
        ("in_app", &[]),
    ] {
        let manifest = template(&format!("message_type = \"{channel}\"\n{parts}")).unwrap();
        let told: Vec<String> = manifest.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), lost.len(), "{channel}: {told:?}");
        for (told, part) in told.iter().zip(lost) {
            let words = format!("`templates \"t\".{part}`: is not carried by {channel}");
            assert!(told.contains(&words), "{told}");
        }
    }
    let push = template("message_type = \"push\"\nsubject = \"s\"").unwrap();
    assert_eq!(push.warnings, [], "it is shown where there is no title");
}

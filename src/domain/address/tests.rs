use proptest::prelude::*;

use super::*;

fn check(channel: Channel, cases: &[(&str, Option<&str>)]) {
    for (text, wanted) in cases {
        let found = canonical(channel, text);
        assert_eq!(found.as_deref().ok(), *wanted, "{text:?}: {found:?}");
    }
}

#[test]
fn an_email_address_is_one_lower_case_and_its_domain_ascii() {
    check(
        Channel::Email,
        &[
            (" Ana@Example.COM\n", Some("ana@example.com")),
            (
                "ana.lopez+x@mail.example.com",
                Some("ana.lopez+x@mail.example.com"),
            ),
            ("a@b.c", Some("a@b.c")),
            ("ana@exämple.org", Some("ana@xn--exmple-cua.org")),
            ("ana@XN--EXMPLE-CUA.org", Some("ana@xn--exmple-cua.org")),
            ("ANA@EXÄMPLE.ORG", Some("ana@xn--exmple-cua.org")),
            ("Ü@exämple.org", Some("ü@xn--exmple-cua.org")),
            ("u\u{308}@example.org", Some("ü@example.org")),
            ("\"a@b\"@example.com", Some("\"a@b\"@example.com")),
            ("\"ana\"@example.com", Some("ana@example.com")),
            ("a_b@my_host.example.com", Some("a_b@my_host.example.com")),
            ("", None),
            ("a", None),
            ("a@b", None),
            ("@b.c", None),
            ("a@.c", None),
            ("a@b.", None),
            ("a@b..c", None),
            ("a b@c.d", None),
            ("a..b@c.d", None),
            (".a@c.d", None),
            ("a@x.example,b@y.example", None),
            ("a@x.example;b@y.example", None),
            ("Ana <ana@example.com>", None),
            ("<ana@example.com>", None),
            ("a@b.c\r\nBcc: d@e.f", None),
            ("a\u{200b}na@example.com", None),
            ("ana@[127.0.0.1]", None),
            ("ana@127.0.0.1", None),
            ("ana@-x.example", None),
            ("ana@exa mple.com", None),
        ],
    );
    let long = "x".repeat(65);
    assert!(canonical(Channel::Email, &format!("{long}@example.com")).is_err());
    let domain = format!("{}.com", "abcdefghi.".repeat(25));
    assert!(canonical(Channel::Email, &format!("ana@{domain}")).is_err());
}

#[test]
fn a_number_is_international_however_it_is_written() {
    check(
        Channel::Sms,
        &[
            ("+4915112345678", Some("+4915112345678")),
            (" +49 151 1234-5678 ", Some("+4915112345678")),
            ("+49\u{a0}(151)\u{2011}1234.5678", Some("+4915112345678")),
            ("\u{202a}+49 151/12345678\u{202c}", Some("+4915112345678")),
            ("", None),
            ("+", None),
            ("+1", None),
            ("4915112345678", None),
            ("004915112345678", None),
            ("015112345678", None),
            ("+0491511234", None),
            ("+49 (0) 151 12345678", None),
            ("+1234567890123456", None),
            ("+49151x12", None),
            ("+49 151\t123", None),
            ("++49151123", None),
            ("+49151123,+49151124", None),
        ],
    );
}

#[test]
fn tokens_and_ids_are_trimmed_and_hold_nothing_hidden() {
    check(
        Channel::Push,
        &[
            (" to:ken_1-A ", Some("to:ken_1-A")),
            ("", None),
            ("a b", None),
            ("tökén", None),
        ],
    );
    check(
        Channel::Chat,
        &[
            (" C0123 ", Some("C0123")),
            ("#größe", Some("#größe")),
            (" ", None),
            ("a\nb", None),
        ],
    );
    assert!(canonical(Channel::Push, &"x".repeat(2_049)).is_err());
}

#[test]
fn unspellable_address_is_told_apart() {
    assert_eq!(spelt(Channel::Email, " Ana "), "ana");
    assert_eq!(spelt(Channel::Sms, " 0151 "), "0151");
    assert_eq!(spelt(Channel::Sms, "+49 151 12"), "+4915112");
}

#[test]
fn a_domain_is_shown_as_people_write_it() {
    let shown = with_unicode_domain("ana@xn--exmple-cua.org");
    assert_eq!(shown.as_deref(), Some("ana@exämple.org"));
    assert_eq!(with_unicode_domain("ana@example.org"), None);
    assert_eq!(with_unicode_domain("+4915112345678"), None);
}

proptest! {
    #[test]
    fn a_spelling_is_spelt_as_itself(
        channel in prop::sample::select(Channel::ALL),
        text in prop_oneof![
            "\\PC{0,40}", "\\PC{1,12}@\\PC{1,12}\\.(com|org)", "\"\\PC{1,12}\"@a\\.example", "[+]?[0-9 ().-]{1,20}"
        ],
    ) {
        if let Ok(once) = canonical(channel, &text) {
            prop_assert_eq!(canonical(channel, &once), Ok(once.clone()), "{:?}", once);
            prop_assert!(!once.chars().any(char::is_control));
        }
    }

    #[test]
    fn separators_between_digits_make_no_other_number(
        digits in "[1-9][0-9]{5,14}", between in prop::collection::vec("[ ./-]?", 15),
    ) {
        let pairs = digits.chars().zip(between);
        let written: String = pairs.flat_map(|(digit, between)| [digit.to_string(), between]).collect();
        let number = format!("+{digits}");
        prop_assert_eq!(canonical(Channel::Sms, &format!("+{written}")), Ok(number));
    }

    #[test]
    fn case_makes_no_other_mailbox(local in "[a-z0-9._+-]{1,20}", domain in "[a-z]{1,10}(\\.[a-zäöü]{2,6}){1,2}") {
        let lower = format!("{local}@{domain}");
        let upper = canonical(Channel::Email, &lower.to_uppercase());
        prop_assert_eq!(upper, canonical(Channel::Email, &lower));
    }
}

#[test]
fn an_inbox_is_a_users_id() {
    let id = "0190c1a0-0000-7000-8000-000000000002";
    check(
        Channel::InApp,
        &[
            (id, Some(id)),
            (" 0190C1A0-0000-7000-8000-000000000002\n", Some(id)),
            ("0190c1a0000070008000000000000002", Some(id)),
            ("anything", None),
            ("", None),
        ],
    );
}

#[test]
fn what_nobody_sees_makes_no_second_address() {
    for hidden in "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{2060}\u{2800}\u{3164}\u{fe0f}\u{ffa0}\u{e0020}\u{e0100}"
        .chars()
    {
        let address = format!("ana{hidden}@example.com");
        assert!(canonical(Channel::Email, &address).is_err(), "{hidden:?}");
        assert!(canonical(Channel::Chat, &format!("C1{hidden}")).is_err(), "{hidden:?}");
        assert!(crate::domain::name::canonical(&format!("news{hidden}")).is_err(), "{hidden:?}");
    }
}

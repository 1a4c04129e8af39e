use serde_json::json;

use super::*;

fn known() -> Map<String, Json> {
    let known = json!({"data": {"id": "t1", "count": 3, "price": 1.10, "tags": ["a", "b"],
        "internal": false, "nothing": null, "who": {"name": "Ana"}}, "event": {"type": "a.b"}});
    known.as_object().unwrap().clone()
}

fn value(text: &str) -> Result<Json, String> {
    Expression::compile(text).unwrap().value(&known())
}

fn truth(text: &str) -> Result<bool, String> {
    Expression::compile(text).unwrap().truth(&known())
}

#[test]
fn values_come_out_as_they_went_in() {
    for (text, right) in [
        ("data.id", json!("t1")),
        ("data.tags", json!(["a", "b"])),
        ("data.who", json!({"name": "Ana"})),
        ("data.nothing", json!(null)),
        ("data.count + 1", json!(4)),
        ("data.id ~ '-' ~ event.type", json!("t1-a.b")),
        ("['x', data.id]", json!(["x", "t1"])),
        ("data.absent|default('none')", json!("none")),
        ("data.tags|length", json!(2)),
        ("data.tags[0]", json!("a")),
    ] {
        assert_eq!(value(text), Ok(right), "{text}");
    }
}

#[test]
fn what_is_asked_for_may_be_missing_and_what_is_used_may_not() {
    for (text, right) in [
        ("not data.internal", true),
        ("not data.absent", true),
        ("data.absent or data.count > 2", true),
        ("data.absent is defined and data.absent > 1", false),
        ("data.nothing", false),
        ("data.nothing is none", true),
        ("data.id in ['t1', 't2']", true),
    ] {
        assert_eq!(truth(text), Ok(right), "{text}");
    }
    for text in [
        "data.absent > 1",
        "1 == data.absent",
        "data.absent.deeper",
        "not data.absent.deeper",
        "data.absent ~ 'x'",
        "'a' in data.absent",
        "absent == 1",
        "data.nothing.deeper == 1",
    ] {
        let error = truth(text).unwrap_err();
        assert!(error.ends_with("is missing"), "{text}: {error}");
    }
    assert!(value("data.absent").is_err());
}

#[test]
fn or_and_and_leave_out_what_is_behind_a_decision() {
    for (text, right) in [
        // What stands behind would fail by itself.
        ("data.count == 3 or data.nothing > 10", true),
        ("data.count == 3 or data.absent > 10", true),
        ("not data.nothing or data.nothing > 10", true),
        ("data.internal and data.nothing > 10", false),
        ("data.nothing is none or data.nothing < 10", true),
        ("not (data.internal and data.id > 10)", true),
        (
            "(data.count > 2 or data.absent.deeper) and not data.internal",
            true,
        ),
        (
            "data.id == 'a or b' or data.id == 't1' or data.absent == 1",
            true,
        ),
        (
            "(data.absent > 1 if data.absent else false) or data.count > 2",
            true,
        ),
    ] {
        assert_eq!(truth(text), Ok(right), "{text}");
    }
    // In front of a decision, and where there is none, it counts.
    for text in [
        "data.nothing > 10 or data.count == 3",
        "data.internal or data.nothing > 10",
        "data.count == 3 and data.nothing > 10",
        "not (data.nothing > 10)",
        "data.absent > 1 or not data.absent",
    ] {
        assert!(truth(text).is_err(), "{text}");
    }
    // Their values are those of the part that decides.
    assert_eq!(value("data.absent or data.id"), Ok(json!("t1")));
    assert_eq!(value("data.count and data.id"), Ok(json!("t1")));
    assert_eq!(value("data.internal and data.id"), Ok(json!(false)));
    assert_eq!(value("not data.id"), Ok(json!(false)));
    assert!(value("data.internal or data.absent").is_err());
}

#[test]
fn what_cannot_be_compared_is_said_instead_of_put_into_an_order() {
    for (text, right) in [
        ("data.price < 2", true),
        ("data.count >= data.price", true),
        ("data.id > 'a'", true),
        ("data.tags|length > 1", true),
        ("data.id ~ data.count > 'a'", true),
        ("1 < data.count", true),
        ("data.nothing is not none and data.nothing > 1", false),
    ] {
        assert_eq!(truth(text), Ok(right), "{text}");
    }
    for text in [
        "data.id > 10",
        "10 <= data.id",
        "data.nothing > 10",
        "data.tags > 1",
        "data.who > 1",
        "data.internal < 1",
        "data.count > data.id",
    ] {
        let error = truth(text).unwrap_err();
        assert!(error.contains("`data."), "{text}: {error}");
    }
}

#[test]
fn what_is_no_expression_is_refused_with_words() {
    let long = "a".repeat(MOST_BYTES + 1);
    for text in [
        "",
        "  ",
        "data.",
        "a b",
        "{{ a }}",
        "a }} {{ b",
        "a #}",
        "x|format(1)",
        "x|nosuch",
        "nosuch(1)",
        "x.lower()",
        "(",
        "a ==",
        &long,
    ] {
        let refused = Expression::compile(text);
        assert!(refused.is_err_and(|why| !why.is_empty()), "{text}");
    }
}

#[test]
fn an_expression_costs_little_whatever_it_says() {
    for text in [
        "range(100000)|sum",
        "range(1000000000)",
        "data.id * 100000000",
        "range(9000)|map('string')|join('x')|length",
    ] {
        assert!(value(text).is_err(), "{text}");
    }
}

use super::*;

fn call(to: &str) -> Call<'_> {
    Call {
        endpoint: "send",
        subjects: vec![(to, None)],
    }
}

fn struck(behaviour: Behaviour, times: u64) -> Vec<u64> {
    let mut script = Script::new(behaviour);
    (1..=times)
        .filter(|_| script.decide(&call("a")).fault.is_some())
        .collect()
}

fn numbered(when: When) -> Vec<u64> {
    struck(
        Behaviour::default().rule(Rule::always(Fault::Hang).when(when)),
        9,
    )
}

#[test]
fn rules_strike_the_requests_they_name() {
    assert_eq!(numbered(When::First(2)), [1, 2]);
    assert_eq!(numbered(When::After(7)), [8, 9]);
    assert_eq!(numbered(When::Every(4)), [4, 8]);
    assert_eq!(numbered(When::Always).len(), 9);
    assert!(numbered(When::Probability(0.0)).is_empty());
}

#[test]
fn a_seed_gives_the_same_faults_and_waits_again() {
    let behaviour = Behaviour {
        seed: Some(7),
        latency: Latency::Exponential { mean_ms: 5.0 },
        ..Behaviour::default()
    }
    .rule(Rule::always(Fault::Reset).when(When::Probability(0.3)));
    let run = |behaviour: &Behaviour| {
        let mut script = Script::new(behaviour.clone());
        (0..200)
            .map(|_| script.decide(&call("a")))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(&behaviour), run(&behaviour));
    let faults = run(&behaviour).iter().filter(|d| d.fault.is_some()).count();
    assert!((40..80).contains(&faults), "{faults}");
    let other = Behaviour {
        seed: Some(8),
        ..behaviour.clone()
    };
    assert_ne!(run(&behaviour), run(&other));
}

#[test]
fn a_rule_counts_only_what_it_matches() {
    let id = Uuid::now_v7();
    let mut script = Script::new(
        Behaviour::default()
            .rule(
                Rule::always(Fault::Hang)
                    .recipient("ana@*")
                    .when(When::First(1)),
            )
            .rule(Rule::always(Fault::Reset).notification(id)),
    );
    assert_eq!(script.decide(&call("ben@x")).fault, None);
    assert_eq!(script.decide(&call("ana@x")).fault, Some(Fault::Hang));
    assert_eq!(script.decide(&call("ana@x")).fault, None);
    let named = Call {
        endpoint: "send",
        subjects: vec![("ana@x", Some(id))],
    };
    assert_eq!(script.decide(&named).fault, Some(Fault::Reset));
    let token = Call {
        endpoint: "token",
        subjects: vec![("ana@x", Some(id))],
    };
    assert_eq!(script.decide(&token).fault, None);
}

#[test]
fn a_dropped_answer_was_accepted_and_an_error_was_not() {
    let decide = |rule: Rule| Script::new(Behaviour::default().rule(rule)).decide(&call("a"));
    assert!(decide(Rule::always(Fault::DropAnswer)).accepted);
    assert!(!decide(Rule::always(Fault::Hang)).accepted);
    let taken = Rule {
        accepted: Some(true),
        ..Rule::always(Fault::Hang)
    };
    assert!(decide(taken).accepted);
}

#[test]
fn a_script_survives_toml_and_its_mistakes_are_named() {
    let text = r#"
        latency = { kind = "uniform", min_ms = 1, max_ms = 2 }
        [[rules]]
        fault = { kind = "status", status = 503 }
        when = { every = 3 }
    "#;
    let behaviour = Behaviour::from_toml(text).unwrap();
    let again = toml::to_string(&behaviour).unwrap();
    assert_eq!(Behaviour::from_toml(&again).unwrap(), behaviour);
    for (wrong, named) in [
        ("rulez = []", "rulez"),
        ("[[rules]]\nfault = { kind = \"explode\" }", "explode"),
        (
            "[[rules]]\nfault = { kind = \"hang\" }\nwhen = { every = 0 }",
            "rule 0",
        ),
        ("latency = { kind = \"fixed\", ms = -1 }", "milliseconds"),
    ] {
        let error = Behaviour::from_toml(wrong).unwrap_err();
        assert!(error.contains(named), "{error}");
    }
}

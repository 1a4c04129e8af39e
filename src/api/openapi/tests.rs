use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::api::problem_codes;

/// `herald openapi > docs/openapi.json` mends it.
#[test]
fn the_committed_document_is_this_one() {
    let committed = fs::read_to_string("docs/openapi.json").unwrap();
    assert!(
        committed == document(),
        "docs/openapi.json is not what the code says: run `herald openapi > docs/openapi.json`"
    );
}

#[test]
fn every_endpoint_is_described_and_every_problem_explained() {
    let (mut names, mut wrong) = (BTreeSet::new(), vec![]);
    for it in crate::api::endpoints() {
        if it.name.is_empty() || it.summary.is_empty() || it.answers.is_empty() {
            wrong.push(format!("{it:?} has no name, no summary or no answer"));
        }
        if !names.insert(it.name) {
            wrong.push(format!("{it:?}: two operations are called {}", it.name));
        }
        for (status, code) in &it.problems {
            if problem_codes::meaning(*status, code).is_none() {
                wrong.push(format!(
                    "{it:?}: {code} ({status}) is not in api/problem_codes.rs"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// One name stands for one schema, and what is referred to is there.
#[test]
fn every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(document()).unwrap();
    let mut references = vec![];
    collect(&document, &mut references);
    assert!(references.len() > 50, "{}", references.len());
    for reference in references {
        let place = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(place).is_some(),
            "{reference} leads nowhere"
        );
    }
    let mut schemas: Map<String, Value> = Map::new();
    for it in crate::api::endpoints() {
        let bodies = it.answers.iter().filter_map(|it| it.body.as_ref());
        let described = bodies
            .map(|(_, it)| it)
            .chain(it.body.iter().map(|(it, _)| it));
        for (name, schema) in described.flat_map(|it| &it.components) {
            let schema = json!(schema);
            let known = schemas
                .entry(name.clone())
                .or_insert_with(|| schema.clone());
            assert_eq!(*known, schema, "two schemas are called {name}");
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                references.push(reference.clone());
            }
            fields.values().for_each(|it| collect(it, references));
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, references)),
        _ => {}
    }
}

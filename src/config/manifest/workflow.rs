//! `[[workflows]]`: handed on as it stands, for another room knows what a workflow may say.

use serde_json::{Map, Number, Value as Json};
use uuid::Uuid;

use super::fields::EntryFields;
use crate::config::document::{Node, Value};

/// A workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredWorkflow {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Its name.
    pub name: String,
    /// Everything that is declared of it.
    pub definition: Map<String, Json>,
}

pub(super) fn read(fields: &mut EntryFields) -> Option<DeclaredWorkflow> {
    let tenant_id = fields.tenant();
    fields.required("name", "a text");
    let name = fields.comparable("name", 100);
    let rest = fields.rest();
    let mut definition: Map<String, Json> = rest
        .iter()
        .map(|(key, node)| (key.clone(), json(node)))
        .collect();
    let name = name?;
    definition.insert("name".to_owned(), Json::String(name.clone()));
    definition.remove("tenant_id");
    Some(DeclaredWorkflow {
        tenant_id,
        name,
        definition,
    })
}

/// A value of the file as JSON.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) | Value::Time(text) => Json::String(text.clone()),
        Value::Integer(number) => Json::Number((*number).into()),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Table(table) => {
            let fields = table.iter().map(|(key, node)| (key.clone(), json(node)));
            Json::Object(fields.collect())
        }
    }
}

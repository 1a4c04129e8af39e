//! What a definition names, though it cannot be read as a whole: all of its mistakes are told at once.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::invalid;
use crate::store::workflows::references;
use crate::store::{PgConnection, StoreError};
use crate::templates::workflow::WorkflowMistake;

/// A message of a definition: where it stands, and its fields.
type NamedSend<'a> = (String, &'a Map<String, Value>);

/// Templates and categories that a definition names, and that the tenant does not have.
///
/// # Errors
/// The database is out of reach.
pub(super) async fn unknown(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    definition: &Map<String, Value>,
) -> Result<Vec<WorkflowMistake>, StoreError> {
    let sends = sends(definition);
    let text = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let named = sends.iter().filter_map(|(place, fields)| {
        Some((place, text(fields, "template")?, text(fields, "channel")?))
    });
    let named: Vec<(&String, String, String)> = named.collect();
    let names: Vec<&str> = named.iter().map(|(_, name, _)| name.as_str()).collect();
    let known = references::templates(connection, tenant_id, &names).await?;
    let mut mistakes = vec![];
    for (place, name, channel) in &named {
        if !known
            .iter()
            .any(|it| it.name == *name && it.channel == *channel)
        {
            let detail = format!("there is no template `{name}` for {channel}");
            mistakes.push(invalid(format!("{place}/template"), detail));
        }
    }
    let own = text(definition, "category").map(|name| ("/category".to_owned(), name));
    let of_sends = sends.iter().filter_map(|(place, fields)| {
        Some((format!("{place}/category"), text(fields, "category")?))
    });
    let named: Vec<(String, String)> = own.into_iter().chain(of_sends).collect();
    let names: Vec<&str> = named.iter().map(|(_, name)| name.as_str()).collect();
    let known = references::categories(connection, tenant_id, &names).await?;
    for (place, name) in named {
        if !known.contains(&name) {
            mistakes.push(invalid(
                place,
                format!("the tenant has no category `{name}`"),
            ));
        }
    }
    Ok(mistakes)
}

fn sends(definition: &Map<String, Value>) -> Vec<NamedSend<'_>> {
    let steps = definition.get("steps").and_then(Value::as_array);
    let mut found = vec![];
    for (at, step) in steps.into_iter().flatten().enumerate() {
        let Some(send) = step.get("send").and_then(Value::as_object) else {
            continue;
        };
        match send.get("route").and_then(Value::as_array) {
            None => found.push((format!("/steps/{at}/send"), send)),
            Some(route) => {
                let items = route.iter().enumerate();
                let items = items.filter_map(|(item, it)| Some((item, it.as_object()?)));
                found
                    .extend(items.map(|(item, it)| (format!("/steps/{at}/send/route/{item}"), it)));
            }
        }
    }
    found
}

//! Publishing workflows: what they name must be there, and every template must be given what it asks for.

mod named;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::runtime::clock;
use crate::store::workflows::references::{self, NamedTemplate};
use crate::store::workflows::{self, WorkflowWrite};
use crate::store::{PgConnection, StoreError, WriteChange};
use crate::templates::workflow::{self, Deed, Move, SendRule, Workflow, WorkflowMistake};

/// What every template of a workflow sees.
const SEEN: [&str; 4] = ["event", "data", "recipient", "unsubscribe_url"];

/// A definition that somebody wants to be written.
#[derive(Debug, Clone, Copy)]
pub struct DefinedWorkflow<'a> {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// What is declared.
    pub definition: &'a Map<String, Value>,
    /// The id of the API key that does it; `None` is the command line.
    pub by: Option<&'a str>,
}

/// What became of a definition.
pub type WorkflowWritten = Result<(i32, WriteChange), Vec<WorkflowMistake>>;

/// Publishes a definition, unless something is wrong with it: all that is.
///
/// # Errors
/// The database's.
pub async fn publish(
    connection: &mut PgConnection,
    defined: &DefinedWorkflow<'_>,
) -> Result<WorkflowWritten, StoreError> {
    let mistakes = mistakes(connection, defined.tenant_id, defined.definition).await?;
    match mistakes.is_empty() {
        true => Ok(Ok(workflows::publish(connection, &defined.write()).await?)),
        false => Ok(Err(mistakes)),
    }
}

/// Saves a draft: it is checked as one that is published.
///
/// # Errors
/// The database's.
pub async fn save(
    connection: &mut PgConnection,
    defined: &DefinedWorkflow<'_>,
) -> Result<WorkflowWritten, StoreError> {
    let mistakes = mistakes(connection, defined.tenant_id, defined.definition).await?;
    match mistakes.is_empty() {
        true => Ok(Ok(workflows::draft(connection, &defined.write()).await?)),
        false => Ok(Err(mistakes)),
    }
}

impl<'a> DefinedWorkflow<'a> {
    fn write(&self) -> WorkflowWrite<'a> {
        WorkflowWrite {
            id: clock::new_id(),
            tenant_id: self.tenant_id,
            name: self.name,
            definition: self.definition,
            by: self.by,
        }
    }
}

/// Everything that is wrong with a definition, by itself and by what is there.
///
/// # Errors
/// The database's.
pub async fn mistakes(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    definition: &Map<String, Value>,
) -> Result<Vec<WorkflowMistake>, StoreError> {
    let workflow = match workflow::read(definition) {
        Ok(workflow) => workflow,
        Err(mut mistakes) => {
            mistakes.extend(named::unknown(connection, tenant_id, definition).await?);
            return Ok(mistakes);
        }
    };
    let templates: Vec<&str> = workflow
        .sends()
        .map(|(.., rule)| rule.template.as_str())
        .collect();
    let templates = references::templates(connection, tenant_id, &templates).await?;
    let mut mistakes = vec![];
    for (at, step, rule) in workflow.sends() {
        mistakes.extend(template_mistakes(&workflow, (at, step, rule), &templates));
    }
    let mut named: Vec<(String, &str)> = vec![];
    named.extend(
        workflow
            .category
            .iter()
            .map(|it| ("/category".to_owned(), it.as_str())),
    );
    for (_, step, rule) in workflow.sends() {
        named.extend(
            rule.category
                .iter()
                .map(|it| (place(step, "category"), it.as_str())),
        );
    }
    let names: Vec<&str> = named.iter().map(|(_, name)| *name).collect();
    let known = references::categories(connection, tenant_id, &names).await?;
    for (pointer, name) in named {
        if !known.contains(name) {
            let detail = format!("the tenant has no category `{name}`");
            mistakes.push(invalid(pointer, detail));
        }
    }
    Ok(mistakes)
}

fn template_mistakes(
    workflow: &Workflow,
    (at, step, rule): (usize, &Move, &SendRule),
    templates: &[NamedTemplate],
) -> Vec<WorkflowMistake> {
    let is_it =
        |it: &&NamedTemplate| it.name == rule.template && it.channel == rule.channel.as_str();
    let languages: Vec<&NamedTemplate> = templates.iter().filter(is_it).collect();
    if languages.is_empty() {
        let detail = format!(
            "there is no template `{}` for {}",
            rule.template, rule.channel
        );
        return vec![invalid(place(step, "template"), detail)];
    }
    let before = workflow.moves.iter().take(at);
    let gathers = before.clone().any(|it| matches!(it.deed, Deed::Digest(_)));
    let is_given = |name: &str| {
        SEEN.contains(&name)
            || (name == "digest" && gathers)
            || rule.variables.iter().any(|(given, _)| given == name)
    };
    let mut missing: Vec<&str> = languages
        .iter()
        .flat_map(|it| it.variables.iter().map(String::as_str))
        .filter(|name| !name.ends_with('?') && !is_given(name))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    let missing = missing.into_iter().map(|name| {
        let template = &rule.template;
        let detail = match name {
            "digest" => format!(
                "the template `{template}` asks for `digest`, and no step before gathers one"
            ),
            _ => format!(
                "the template `{template}` asks for `{name}`: say under `variables` what that is"
            ),
        };
        invalid(place(step, "template"), detail)
    });
    missing.collect()
}

/// The pointer of a field of a step that sends, by the step's label: `2`, or `2.1` within a route.
fn place(step: &Move, field: &str) -> String {
    let number = |text: &str| {
        text.parse::<usize>()
            .map_or(0, |number| number.saturating_sub(1))
    };
    match step.label.split_once('.') {
        Some((of, item)) => format!("/steps/{}/send/route/{}/{field}", number(of), number(item)),
        None => format!("/steps/{}/send/{field}", number(&step.label)),
    }
}

const fn invalid(pointer: String, detail: String) -> WorkflowMistake {
    WorkflowMistake {
        pointer,
        code: "invalid",
        detail,
    }
}

//! Workflows of a file: what is wrong with them is told with the keys of the file.

use crate::config::manifest::{DeclaredWorkflow, ManifestFinding};
use crate::ops::workflow_publishing::{self, DefinedWorkflow};
use crate::store::{PgConnection, StoreError, WriteChange};
use crate::templates::workflow::{self, WorkflowMistake};

/// What is wrong with a workflow by itself.
pub(super) fn findings(declared: &DeclaredWorkflow) -> Vec<ManifestFinding> {
    match workflow::read(&declared.definition) {
        Ok(_) => vec![],
        Err(mistakes) => mistakes.into_iter().map(finding).collect(),
    }
}

/// Publishes a workflow, unless something is wrong with it by what the database has.
pub(super) async fn write(
    connection: &mut PgConnection,
    declared: &DeclaredWorkflow,
) -> Result<Result<WriteChange, Vec<ManifestFinding>>, StoreError> {
    let defined = DefinedWorkflow {
        tenant_id: declared.tenant_id,
        name: &declared.name,
        definition: &declared.definition,
        by: None,
    };
    let written = workflow_publishing::publish(connection, &defined).await?;
    Ok(written
        .map(|(_, change)| change)
        .map_err(|mistakes| mistakes.into_iter().map(finding).collect()))
}

/// A mistake with the key of the file: `/steps/0/send` is `steps[0].send`.
fn finding(mistake: WorkflowMistake) -> ManifestFinding {
    let mut key = String::new();
    for part in mistake.pointer.split('/').skip(1) {
        match part.parse::<usize>() {
            Ok(index) => key.push_str(&format!("[{index}]")),
            Err(_) if key.is_empty() => key.push_str(part),
            Err(_) => key.push_str(&format!(".{part}")),
        }
    }
    ManifestFinding {
        key,
        problem: mistake.detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_told_as_a_key_of_the_file() {
        let key = |pointer: &str| {
            let (pointer, detail) = (pointer.to_owned(), String::new());
            finding(WorkflowMistake {
                pointer,
                code: "invalid",
                detail,
            })
            .key
        };
        assert_eq!(key(""), "");
        assert_eq!(key("/on"), "on");
        assert_eq!(
            key("/steps/0/send/route/1/template"),
            "steps[0].send.route[1].template"
        );
    }
}

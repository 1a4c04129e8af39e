//! All that is known of a person: told, or erased. The same for HTTP and the command line.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{PeopleDesk, PersonOf, note};
use crate::ops::control::desk::DeskError;
use crate::store::audit::{AuditChanges, DoneBy};
use crate::store::recipients::desk::{self, StoredPerson};
use crate::store::recipients::{erase, export};
use crate::store::{Database, PgConnection, StoreError};

/// How often it is tried while others write rows of the person.
const ERASE_ATTEMPTS: u32 = 20;
/// A decision to send is valid for a second, on every node (`policy::decide`): what was decided before the person
/// was gone has left by then, or never does. The rest is for clocks and the network.
const LAST_DECISION: Duration = Duration::from_millis(1_250);
/// Texts that wait to be taken: whoever reads slowly holds little in memory.
const AHEAD: usize = 4;

/// The parts of a JSON text, in their order; it breaks off at an error.
pub type ExportParts = mpsc::Receiver<Result<String, DeskError>>;

impl PeopleDesk {
    /// Erases a person. When this returns, nothing is sent to them any more, on no node.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn erase(&self, of: PersonOf, by: DoneBy) -> Result<(), DeskError> {
        let work = async move |database: Database| erase_person(&database, of, &by).await;
        self.desk.with("erase a person", work).await
    }

    /// All that is stored about a person, as one JSON text in parts.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn export(&self, of: PersonOf) -> Result<ExportParts, DeskError> {
        let person = self.get(of).await?;
        let (parts, taken) = mpsc::channel(AHEAD);
        let database = self.desk.database.clone();
        self.desk.tasks.spawn("export a person", async move {
            if let Err(error) = export_person(&database, &person, &parts).await {
                // Whoever asked may have gone.
                let _ = parts.send(Err(error)).await;
            }
        });
        Ok(taken)
    }
}

/// Erases a person; see [`PeopleDesk::erase`].
///
/// # Errors
/// There is no such person; or the database is out of reach.
pub async fn erase_person(
    database: &Database,
    (tenant_id, id): PersonOf,
    by: &DoneBy,
) -> Result<(), DeskError> {
    let mut left = ERASE_ATTEMPTS;
    loop {
        left -= 1;
        let erased = async |connection: &mut PgConnection| {
            let tenant_id = erase::erase(connection, tenant_id, id).await?;
            let tenant_id = tenant_id.ok_or(StoreError::NotFound)?;
            note(
                connection,
                (tenant_id, id),
                by,
                "erase",
                AuditChanges::none(),
            )
            .await
        };
        match database.transaction(erased).await {
            Ok(()) => break,
            Err(StoreError::NotFound) => return Err(DeskError::NotFound("user")),
            Err(error) if left > 0 && error.is_contention() => {}
            Err(error) => return Err(error.into()),
        }
    }
    tokio::time::sleep(LAST_DECISION).await;
    Ok(())
}

/// Writes all that is stored about a person, as one JSON text in parts.
///
/// # Errors
/// The database is out of reach. What was written by then is no whole text.
pub async fn export_person(
    database: &Database,
    person: &StoredPerson,
    parts: &mpsc::Sender<Result<String, DeskError>>,
) -> Result<(), DeskError> {
    let whose = (person.tenant_id, person.id);
    let begin = format!("{{\"user\":{}", profile(person));
    // Nobody takes it any more: nothing is left to be done.
    if parts.send(Ok(begin)).await.is_err() {
        return Ok(());
    }
    for section in export::SECTIONS {
        let (mut after, mut text) = (Uuid::nil(), format!(",\"{}\":[", section.name));
        let mut is_first = true;
        loop {
            let mut connection = database.get().await?;
            let page = export::page(&mut connection, whose, *section, after).await?;
            drop(connection);
            let Some((rows, last)) = page else { break };
            after = last;
            if !std::mem::replace(&mut is_first, false) {
                text.push(',');
            }
            text.push_str(&rows.join(","));
            if parts.send(Ok(std::mem::take(&mut text))).await.is_err() {
                return Ok(());
            }
        }
        text.push(']');
        if parts.send(Ok(text)).await.is_err() {
            return Ok(());
        }
    }
    let _ = parts.send(Ok("}\n".to_owned())).await;
    Ok(())
}

/// A person whom the command line names: of any tenant.
///
/// # Errors
/// There is no such person; or the database is out of reach.
pub async fn find_person(database: &Database, id: Uuid) -> Result<StoredPerson, DeskError> {
    let mut connection = database.get().await?;
    let found = desk::get(&mut connection, None, id).await?;
    found.ok_or(DeskError::NotFound("user"))
}

fn profile(person: &StoredPerson) -> Value {
    let mut profile = super::said(&person.fields);
    if let Some(fields) = profile.as_object_mut() {
        fields.insert("id".to_owned(), json!(person.id));
        fields.insert("tenant_id".to_owned(), json!(person.tenant_id));
        fields.insert("created_at".to_owned(), json!(person.created_at));
        fields.insert("updated_at".to_owned(), json!(person.updated_at));
    }
    profile
}

//! What a person chooses, told and changed one by one: as their page does it, for whoever has a token or a key.

use std::collections::BTreeSet;

use super::{PeopleDesk, PersonOf, held, write};
use crate::ops::control::choices::{self, PersonChoices, ShownChoices, changing};
use crate::ops::control::desk::DeskError;
use crate::store::audit::DoneBy;
use crate::store::preferences::PreferenceFields;
use crate::store::recipients::RecipientFields;
use crate::store::recipients::desk::{self, StoredPerson};
use crate::store::{Database, PgConnection};

/// What a person chooses anew; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ChosenChange {
    /// What they say of something, as far as they say it.
    pub preference: Option<PreferenceFields>,
    /// Their time zone, an IANA name.
    pub timezone: Option<String>,
}

impl PeopleDesk {
    /// What a person may choose from, and how it stands.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn choices(&self, of: PersonOf) -> Result<ShownChoices, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let person = desk::get(&mut connection, of.0, of.1).await?;
            let person = person.ok_or(DeskError::NotFound("user"))?;
            Ok(chosen(&mut connection, &person).await?.shown())
        };
        self.desk.with("tell a person's choices", work).await
    }

    /// The categories that a person may choose from.
    ///
    /// # Errors
    /// There is no such person; or the database is out of reach.
    pub async fn categories(&self, of: PersonOf) -> Result<BTreeSet<String>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let person = desk::get(&mut connection, of.0, of.1).await?;
            let person = person.ok_or(DeskError::NotFound("user"))?;
            Ok(chosen(&mut connection, &person).await?.categories(None))
        };
        self.desk.with("list a person's categories", work).await
    }

    /// Changes what a person chooses; says how it stands then.
    ///
    /// # Errors
    /// There is no such person, or they would switch off what is required; or the database is out of reach.
    pub async fn choose(
        &self,
        of: PersonOf,
        change: ChosenChange,
        by: DoneBy,
    ) -> Result<ShownChoices, DeskError> {
        let work = async move |database: Database| {
            often!(database, async |connection: &mut PgConnection| {
                let person = held(connection, of).await?;
                if let Some(said) = &change.preference {
                    prefer(connection, &person, said, &by).await?;
                }
                if let Some(timezone) = change.timezone.clone() {
                    let fields = RecipientFields {
                        timezone: Some(timezone),
                        ..person.fields.clone()
                    };
                    write(connection, &person, fields, &by).await?;
                }
                Ok(chosen(connection, &person).await?.shown())
            })
        };
        self.desk.with("change a person's choices", work).await
    }
}

async fn prefer(
    connection: &mut PgConnection,
    person: &StoredPerson,
    said: &PreferenceFields,
    by: &DoneBy,
) -> Result<(), DeskError> {
    let whose = (person.tenant_id, person.id);
    if let Some(on) = said.enabled {
        let chosen = chosen(connection, person).await?;
        let is_required = |category: &str| chosen.wants().is_required(category);
        if !on && said.scope.category().is_some_and(is_required) {
            let words = "the category is required, and cannot be switched off";
            return Err(DeskError::Conflict("category_required", words.to_owned()));
        }
        changing::switch(connection, whose, &chosen, (&said.scope, on), by).await?;
    }
    changing::say(connection, whose, said, by).await
}

async fn chosen(
    connection: &mut PgConnection,
    person: &StoredPerson,
) -> Result<PersonChoices, DeskError> {
    let chosen = choices::read(connection, (person.tenant_id, person.id)).await?;
    chosen.ok_or(DeskError::NotFound("user"))
}

//! Many people in one call: each is answered as if it had come alone, and a part of them takes a few statements.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::many_devices::{self, DeviceMoves};
use super::{PeopleDesk, PersonOrder, put, said};
use crate::ops::control::desk::DeskError;
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::recipients::desk::{self, StoredPerson};
use crate::store::{Database, PgConnection};

/// Most people of a part.
const PART: usize = 250;

/// What became of one: the id, and whether they are new.
pub type PersonPut = Result<(Uuid, bool), DeskError>;

impl PeopleDesk {
    /// Makes or replaces people of one tenant, in their order, until `until`. The answers are as many as were tried: behind
    /// one that the database did not take for a reason of its own there is none.
    pub async fn put_many(
        &self,
        orders: Vec<PersonOrder>,
        by: DoneBy,
        until: Instant,
    ) -> Vec<PersonPut> {
        let work = async move |database: Database| {
            Ok::<_, DeskError>(put_all(&database, &orders, &by, until).await)
        };
        match self.desk.with("put people", work).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(error)],
        }
    }
}

async fn put_all(
    database: &Database,
    orders: &[PersonOrder],
    by: &DoneBy,
    until: Instant,
) -> Vec<PersonPut> {
    let mut answers = vec![];
    // The next part is the last of them.
    let mut parts: Vec<&[PersonOrder]> = parts(orders);
    parts.reverse();
    while let Some(part) = parts.pop() {
        if clock::instant() >= until {
            return answers;
        }
        if let [single] = part {
            let answer = put_one(database, single, by).await;
            let breaks_off = matches!(
                answer,
                Err(DeskError::Busy(_) | DeskError::Unavailable(_) | DeskError::Failed(_))
            );
            answers.push(answer);
            if breaks_off {
                return answers;
            }
            continue;
        }
        let together = async |connection: &mut PgConnection| together(connection, part, by).await;
        match database.attempt(together).await {
            Ok(done) => answers.extend(done),
            // The database is away, or a part is too much for it: one alone says which.
            Err(DeskError::Unavailable(_)) => parts.extend(part.chunks(1).rev()),
            // Whoever is to blame is found, and the others are written all the same.
            Err(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
    }
    answers
}

async fn put_one(database: &Database, order: &PersonOrder, by: &DoneBy) -> PersonPut {
    let done = often!(database, async |connection: &mut PgConnection| {
        put(connection, order, by).await
    });
    done.map(|(person, is_new)| (person.id, is_new))
}

/// People in their order, in parts within which none depends on another one: what one gives up, another one of the call
/// may want.
fn parts(orders: &[PersonOrder]) -> Vec<&[PersonOrder]> {
    let (mut parts, mut begin) = (vec![], 0);
    let mut seen: HashSet<(&str, String)> = HashSet::new();
    for (at, order) in orders.iter().enumerate() {
        let own = marks(order);
        let repeats = own.iter().any(|mark| seen.contains(mark)) || has_twice(&own);
        if at > begin && (repeats || at - begin >= PART) {
            parts.extend(orders.get(begin..at));
            begin = at;
            seen.clear();
        }
        seen.extend(own);
    }
    parts.extend(orders.get(begin..).filter(|rest| !rest.is_empty()));
    parts
}

/// What is somebody's alone within a tenant.
fn marks(order: &PersonOrder) -> Vec<(&'static str, String)> {
    let fields = &order.fields;
    let mut marks = vec![("id", order.id.to_string())];
    marks.extend(fields.email.iter().map(|it| ("email", it.to_lowercase())));
    marks.extend(fields.username.iter().map(|it| ("username", it.clone())));
    let external_id = fields.external_id.iter();
    marks.extend(external_id.map(|it| ("external_id", it.clone())));
    let devices = order.devices.iter();
    marks.extend(devices.map(|(token, _)| ("device", token.clone())));
    marks
}

fn has_twice(marks: &[(&str, String)]) -> bool {
    let distinct: HashSet<_> = marks.iter().collect();
    distinct.len() < marks.len()
}

/// Writes a part, or nothing of it. Who is there already, or another tenant's, stops no other.
async fn together(
    connection: &mut PgConnection,
    orders: &[PersonOrder],
    by: &DoneBy,
) -> Result<Vec<PersonPut>, DeskError> {
    if orders.iter().any(|order| has_twice(&marks(order))) {
        return Err(DeskError::Busy("a device is named twice".to_owned()));
    }
    let asked_tenant = orders.first().and_then(|it| it.asked_tenant);
    let ids: Vec<Uuid> = orders.iter().map(|it| it.id).collect();
    let known = desk::hold_many(connection, asked_tenant, &ids).await?;
    let known: HashMap<Uuid, StoredPerson> = known.into_iter().map(|it| (it.id, it)).collect();
    let tenant_of = |order: &PersonOrder| {
        let known = known.get(&order.id);
        known.map_or(order.tenant_id, |stored| stored.tenant_id)
    };
    let may_be_written = |order: &&PersonOrder| order.may_replace || !known.contains_key(&order.id);
    let writes: Vec<desk::PersonWrite<'_>> = orders
        .iter()
        .filter(may_be_written)
        .map(|order| (tenant_of(order), order.id, &order.fields))
        .collect();
    let written = desk::put_many(connection, &writes).await?;
    let written: HashSet<Uuid> = written.into_iter().collect();
    let (mut entries, mut answers, mut devices) = (vec![], vec![], vec![]);
    for order in orders {
        let stored = known.get(&order.id);
        if stored.is_some() && !order.may_replace {
            answers.push(Err(super::exists()));
            continue;
        }
        if !written.contains(&order.id) {
            answers.push(Err(DeskError::NotFound("user")));
            continue;
        }
        let new = said(&order.fields);
        let (action, changes) = match stored {
            None => ("create", AuditChanges::made(new)),
            Some(stored) => ("update", AuditChanges::between(said(&stored.fields), new)),
        };
        let whose = (tenant_of(order), order.id);
        if stored.is_none() || !changes.is_empty() {
            entries.push(entry(whose, action, changes));
        }
        devices.extend(many_devices::reported(whose, &order.devices));
        answers.push(Ok((order.id, stored.is_none())));
    }
    for moved in many_devices::write(connection, devices).await? {
        let DeviceMoves { whose, from, .. } = &moved;
        let of_device = json!({ "device": moved.id, "platform": moved.platform });
        if let Some(from) = from {
            let changes = AuditChanges::gone(of_device.clone());
            entries.push(entry((whose.0, *from), "remove_device", changes));
        }
        entries.push(entry(*whose, "add_device", AuditChanges::made(of_device)));
    }
    audit::record_all(connection, by, &entries).await?;
    Ok(answers)
}

fn entry((tenant_id, id): (Uuid, Uuid), action: &'static str, changes: AuditChanges) -> AuditEntry {
    AuditEntry {
        tenant_id: Some(tenant_id),
        action,
        resource: "user",
        resource_id: id.to_string(),
        changes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DEFAULT_TENANT, Platform};
    use crate::store::recipients::RecipientFields;

    fn order(id: u128, email: Option<&str>, devices: &[&str]) -> PersonOrder {
        PersonOrder {
            id: Uuid::from_u128(id),
            tenant_id: DEFAULT_TENANT,
            asked_tenant: Some(DEFAULT_TENANT),
            fields: RecipientFields {
                email: email.map(str::to_owned),
                ..RecipientFields::default()
            },
            devices: devices
                .iter()
                .map(|token| ((*token).to_owned(), Platform::Android))
                .collect(),
            may_replace: true,
        }
    }

    fn sizes(orders: &[PersonOrder]) -> Vec<usize> {
        parts(orders).into_iter().map(<[_]>::len).collect()
    }

    #[test]
    fn who_may_depend_on_another_one_comes_in_a_later_part() {
        let alone: Vec<PersonOrder> = (0..3).map(|n| order(n, None, &[])).collect();
        assert_eq!(sizes(&alone), [3]);
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        let again = [
            order(1, None, &[]),
            order(2, None, &[]),
            order(1, None, &[]),
        ];
        assert_eq!(sizes(&again), [2, 1]);
        let mails = [
            order(1, Some("ana@example.com"), &[]),
            order(2, Some("ANA@example.com"), &[]),
            order(3, Some("ana@example.com"), &[]),
        ];
        assert_eq!(sizes(&mails), [1, 1, 1]);
        let devices = [order(1, None, &["a"]), order(2, None, &["a"])];
        assert_eq!(sizes(&devices), [1, 1]);
        // One who names a device twice is a part of their own.
        let twice = [
            order(1, None, &[]),
            order(2, None, &["a", "a"]),
            order(3, None, &[]),
        ];
        assert_eq!(sizes(&twice), [1, 2]);
    }

    #[test]
    fn no_part_is_longer_than_a_statement_should_be() {
        let many: Vec<PersonOrder> = (0..600).map(|n| order(n, None, &[])).collect();
        assert_eq!(sizes(&many), [250, 250, 100]);
    }
}

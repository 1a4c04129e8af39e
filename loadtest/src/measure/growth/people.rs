//! The people of a setup with their devices, their tenants and the tenants' templates. As many as
//! these would take `herald apply` too long.

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::setup::Setup;
use crate::population::{Person, people, tenant};

const BATCH: usize = 10_000;

/// Writes them into a database that holds the templates of the default tenant and nobody.
pub(super) async fn settle(client: &Client, setup: Setup) -> Result<()> {
    let count = |amount: u64| u32::try_from(amount).unwrap_or(u32::MAX);
    let tenants = count(setup.tenants);
    make_tenants(client, tenants)
        .await
        .context("storing tenants and templates")?;
    let everybody: Vec<Person> = people(count(setup.users)).collect();
    for some in everybody.chunks(BATCH) {
        store(client, some, tenants)
            .await
            .context("storing people")?;
    }
    client
        .batch_execute("VACUUM ANALYZE users, user_devices, tenants, notification_templates")
        .await
        .context("VACUUM of people")
}

/// All but the default one, each with templates of its own.
async fn make_tenants(client: &Client, tenants: u32) -> Result<(), tokio_postgres::Error> {
    let ids: Vec<String> = (1..tenants)
        .filter_map(tenant)
        .map(|id| id.to_string())
        .collect();
    let make = "INSERT INTO tenants (id, name)
        SELECT id::uuid, 'tenant ' || id FROM unnest($1::text[]) AS new (id)";
    client.execute(make, &[&ids]).await?;
    let equip = "INSERT INTO notification_templates
            (tenant_id, name, message_type, locale, version, subject, title, body, html, variables)
        SELECT new.id::uuid, t.name, t.message_type, t.locale, t.version, t.subject, t.title, t.body,
            t.html, t.variables
        FROM unnest($1::text[]) AS new (id), notification_templates t
        WHERE t.tenant_id = (SELECT id FROM tenants WHERE name = 'default')";
    client.execute(equip, &[&ids]).await?;
    Ok(())
}

async fn store(
    client: &Client,
    some: &[Person],
    tenants: u32,
) -> Result<(), tokio_postgres::Error> {
    let column = |of: &dyn Fn(&Person) -> String| some.iter().map(of).collect::<Vec<_>>();
    let tenant_of = |person: Person| person.tenant(tenants).map(|id| id.to_string());
    let ids = column(&|person| person.id().to_string());
    let theirs: Vec<_> = some.iter().map(|person| tenant_of(*person)).collect();
    let emails = column(&|person| person.email());
    let usernames = column(&|person| person.username());
    let phones = column(&|person| person.phone());
    let zones = column(&|person| person.timezone().to_owned());
    let users = "INSERT INTO users (id, tenant_id, email, username, phone, timezone)
        SELECT new.id::uuid, coalesce(new.tenant::uuid, d.id), email, username, phone, timezone
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
            AS new (id, tenant, email, username, phone, timezone),
            (SELECT id FROM tenants WHERE name = 'default') d";
    client
        .execute(
            users,
            &[&ids, &theirs, &emails, &usernames, &phones, &zones],
        )
        .await?;

    let each = || {
        some.iter()
            .flat_map(|person| person.devices().map(move |device| (*person, device)))
    };
    let ids: Vec<_> = each().map(|(person, _)| person.id().to_string()).collect();
    let theirs: Vec<_> = each().map(|(person, _)| tenant_of(person)).collect();
    let tokens: Vec<_> = each().map(|(_, (token, _))| token).collect();
    let platforms: Vec<_> = each().map(|(_, (_, platform))| platform).collect();
    let devices = "INSERT INTO user_devices (user_id, tenant_id, token, platform)
        SELECT new.id::uuid, coalesce(new.tenant::uuid, d.id), token, platform
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
            AS new (id, tenant, token, platform),
            (SELECT id FROM tenants WHERE name = 'default') d";
    client
        .execute(devices, &[&ids, &theirs, &tokens, &platforms])
        .await?;
    Ok(())
}

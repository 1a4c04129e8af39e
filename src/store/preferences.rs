//! What people want, written as they or an operator declare it.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Time as SqlTime, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::civil::{Time, Weekday};
use uuid::Uuid;

use super::StoreError;
use super::change::{WriteChange, WrittenFor};
use super::time::time_to_database;
use crate::domain::preference::{Scope, Setting};
use crate::domain::{Channel, quiet_text};

mod row;

pub(super) use row::PreferenceRow;

/// A whole preference: what is absent is not kept from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferenceFields {
    /// What the preference is about.
    pub scope: Scope,
    /// Whether anything may be sent at all; `None` leaves it to the tenant's default.
    pub enabled: Option<bool>,
    /// Most notifications a local day.
    pub frequency_cap: Setting<u32>,
    /// Start and end of the time of silence.
    pub quiet_hours: Setting<(Time, Time)>,
    /// Days on which a window starts; empty means every day.
    pub quiet_hours_days: Vec<Weekday>,
    /// IANA time zone name, checked before it comes here; `None` is the person's own, else UTC.
    pub timezone: Option<String>,
}

const STATEMENT: &str = "\
    WITH person AS ( \
        SELECT id FROM users WHERE id = $3 AND tenant_id = $2 AND deleted_at IS NULL \
        UNION ALL SELECT NULL WHERE $3 IS NULL), \
    written AS ( \
        INSERT INTO notification_preferences AS p (id, tenant_id, user_id, channel, category, \
            enabled, frequency_cap, quiet_hours_start, quiet_hours_end, quiet_hours_days, \
            timezone, no_frequency_cap, no_quiet_hours) \
        SELECT $1, $2, person.id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM person \
        ON CONFLICT ON CONSTRAINT notification_preferences_scope_key DO UPDATE SET \
            enabled = EXCLUDED.enabled, frequency_cap = EXCLUDED.frequency_cap, \
            quiet_hours_start = EXCLUDED.quiet_hours_start, \
            quiet_hours_end = EXCLUDED.quiet_hours_end, \
            quiet_hours_days = EXCLUDED.quiet_hours_days, timezone = EXCLUDED.timezone, \
            no_frequency_cap = EXCLUDED.no_frequency_cap, \
            no_quiet_hours = EXCLUDED.no_quiet_hours \
        WHERE (p.enabled, p.frequency_cap, p.quiet_hours_start, p.quiet_hours_end, \
               p.quiet_hours_days, p.timezone, p.no_frequency_cap, p.no_quiet_hours) \
              IS DISTINCT FROM \
              (EXCLUDED.enabled, EXCLUDED.frequency_cap, EXCLUDED.quiet_hours_start, \
               EXCLUDED.quiet_hours_end, EXCLUDED.quiet_hours_days, EXCLUDED.timezone, \
               EXCLUDED.no_frequency_cap, EXCLUDED.no_quiet_hours) \
        RETURNING (xmax = 0) AS created) \
    SELECT EXISTS (SELECT FROM person) AS known, (SELECT created FROM written) AS created";

/// Declares a person's preference, or without a person the tenant's default for all its people.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant has no such person, [`StoreError::ForeignKey`] when
/// there is no such tenant.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    user_id: Option<Uuid>,
    fields: &PreferenceFields,
) -> Result<WriteChange, StoreError> {
    let channel = fields.scope.channel().map(Channel::as_str);
    let category = fields.scope.category();
    let days: Vec<&str> = fields
        .quiet_hours_days
        .iter()
        .map(|day| quiet_text::word(*day))
        .collect();
    let days = (!days.is_empty()).then_some(days);
    let cap = fields
        .frequency_cap
        .value()
        .map(|cap| i32::try_from(cap).unwrap_or(i32::MAX));
    let (start, end) = fields.quiet_hours.value().unzip();

    let written: WrittenFor = diesel::sql_query(STATEMENT)
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .bind::<SqlUuid, _>(tenant_id)
        .bind::<Nullable<SqlUuid>, _>(user_id)
        .bind::<Nullable<Text>, _>(channel)
        .bind::<Nullable<Text>, _>(category)
        .bind::<Nullable<Bool>, _>(fields.enabled)
        .bind::<Nullable<Integer>, _>(cap)
        .bind::<Nullable<SqlTime>, _>(start.map(time_to_database))
        .bind::<Nullable<SqlTime>, _>(end.map(time_to_database))
        .bind::<Nullable<Array<Text>>, _>(days)
        .bind::<Nullable<Text>, _>(&fields.timezone)
        .bind::<Bool, _>(fields.frequency_cap == Setting::None)
        .bind::<Bool, _>(fields.quiet_hours == Setting::None)
        .get_result(connection)
        .await?;
    written.change()
}

/// All that a person wants, in the order of what it is about.
///
/// # Errors
/// The database is out of reach.
pub async fn of(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<PreferenceFields>, StoreError> {
    use super::schema::notification_schema::notification_preferences as wishes;
    let rows: Vec<PreferenceRow> = wishes::table
        .filter(wishes::user_id.eq(user_id))
        .filter(wishes::tenant_id.eq(tenant_id))
        .order((wishes::channel, wishes::category))
        .select(PreferenceRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(fields).collect())
}

fn fields(row: PreferenceRow) -> Option<PreferenceFields> {
    let timezone = row.timezone.clone();
    let preference = row.preference()?;
    let (quiet_hours, quiet_hours_days) = match preference.quiet_hours {
        Setting::Inherit => (Setting::Inherit, vec![]),
        Setting::None => (Setting::None, vec![]),
        Setting::Value(hours) => (Setting::Value((hours.start, hours.end)), hours.days),
    };
    Some(PreferenceFields {
        scope: preference.scope,
        enabled: preference.enabled,
        frequency_cap: preference.frequency_cap,
        quiet_hours,
        quiet_hours_days,
        timezone,
    })
}

/// Replaces all that a person wants: whoever calls holds them.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant has no such person.
pub async fn replace(
    connection: &mut AsyncPgConnection,
    (tenant_id, user_id): (Uuid, Uuid),
    wanted: &[PreferenceFields],
) -> Result<(), StoreError> {
    let scopes = wanted.iter().map(|one| &one.scope);
    let (channels, categories): (Vec<Option<&str>>, Vec<Option<&str>>) = scopes
        .map(|scope| (scope.channel().map(Channel::as_str), scope.category()))
        .unzip();
    diesel::sql_query(
        "DELETE FROM notification_preferences p \
         WHERE p.tenant_id = $1 AND p.user_id = $2 AND NOT EXISTS ( \
             SELECT FROM unnest($3, $4) AS kept (channel, category) \
             WHERE kept.channel IS NOT DISTINCT FROM p.channel \
               AND kept.category IS NOT DISTINCT FROM p.category)",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<SqlUuid, _>(user_id)
    .bind::<Array<Nullable<Text>>, _>(channels)
    .bind::<Array<Nullable<Text>>, _>(categories)
    .execute(connection)
    .await?;
    for fields in wanted {
        upsert(connection, tenant_id, Some(user_id), fields).await?;
    }
    Ok(())
}

//! What people want, written as they or an operator declare it.

use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Time as SqlTime, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::civil::{Time, Weekday};
use uuid::Uuid;

use super::StoreError;
use super::change::{WriteChange, WrittenFor};
use super::time::{time_to_database, weekday_word};
use crate::domain::Channel;
use crate::domain::preference::{Scope, Setting};

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
        .map(|day| weekday_word(*day))
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

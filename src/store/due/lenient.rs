//! Reading one bad value without failing all the rows beside it.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::Pg;

/// A value, or why it cannot be read: a time beyond what the client knows, a number that is too large.
#[derive(Debug, Clone, FromSqlRow)]
pub(in super::super) struct Lenient<T>(Result<T, String>);

impl<T, ST> FromSql<ST, Pg> for Lenient<T>
where
    T: FromSql<ST, Pg>,
{
    fn from_sql(bytes: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(T::from_sql(bytes).map_err(|error| error.to_string())))
    }
}

impl<T> Lenient<T> {
    /// The value of a column.
    pub(in super::super) fn of(self, column: &str) -> Result<T, String> {
        self.0
            .map_err(|why| format!("its {column} cannot be read: {why}"))
    }
}

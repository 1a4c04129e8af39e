//! A column of a batch, kept in PostgreSQL's binary form of an array from the first value on, so that
//! binding it is one copy.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
const NULL: i32 = -1;

/// An array of one type, to be filled value by value.
#[derive(Debug)]
pub(super) struct Column {
    element: Type,
    values: Vec<u8>,
    count: i32,
    has_null: bool,
}

impl Column {
    pub(super) const fn of(element: Type) -> Self {
        Self {
            element,
            values: Vec::new(),
            count: 0,
            has_null: false,
        }
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.count = 0;
        self.has_null = false;
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.length(i32::try_from(value.len()).unwrap_or(i32::MAX));
        self.values.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(super) fn maybe_text(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.bytes(value.as_bytes());
    }

    pub(super) fn number(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.bytes(&[u8::from(value)]);
    }

    /// A moment in microseconds since 1970.
    pub(super) fn moment(&mut self, micros: u64) {
        let micros = i64::try_from(micros).unwrap_or(i64::MAX) - POSTGRES_EPOCH_MICROS;
        self.bytes(&micros.to_be_bytes());
    }

    pub(super) fn null(&mut self) {
        self.has_null = true;
        self.length(NULL);
    }

    fn length(&mut self, length: i32) {
        self.values.extend_from_slice(&length.to_be_bytes());
        self.count += 1;
    }
}

impl ToSql for Column {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.reserve(20 + self.values.len());
        out.put_i32(1);
        out.put_i32(i32::from(self.has_null));
        out.put_u32(self.element.oid());
        out.put_i32(self.count);
        out.put_i32(1);
        out.put_slice(&self.values);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Array(_))
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_postgresqls_own_form() {
        let mut column = Column::of(Type::TEXT);
        column.text("stale");
        column.clear();
        column.text("a");
        column.maybe_text(None);
        let mut out = BytesMut::new();
        column.to_sql(&Type::TEXT_ARRAY, &mut out).unwrap();
        let mut wanted = Vec::new();
        for word in [1, 1, 25, 2, 1, 1_i32] {
            wanted.extend(word.to_be_bytes());
        }
        wanted.push(b'a');
        wanted.extend((-1_i32).to_be_bytes());
        assert_eq!(out.as_ref(), wanted);
    }

    #[test]
    fn moments_count_from_2000() {
        let mut column = Column::of(Type::TIMESTAMPTZ);
        column.moment(946_684_800_000_001);
        assert_eq!(column.values, [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}

//! Statements of constant text whose rows travel as arrays.
//!
//! One bind a column and `unnest` on the server: no limit on the rows, one text for every batch
//! size. Diesel caches a prepared statement only for a query type that promises a constant text,
//! which its own batch inserts cannot; this one does.

/// Declares a statement: its binds in the order of the `?` in its text, and its rows' types.
///
/// The text is constant, so that it is prepared once a connection. A question mark in it always
/// stands for a bind.
macro_rules! statement {
    (
        $(#[$meta:meta])*
        $name:ident ( $($field:ident : $rust:ty => $bind:ty),* $(,)? ) -> $row:ty = $text:expr
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub(super) struct $name { $(pub(super) $field: $rust),* }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut pass: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                let text: &'static str = $text;
                let mut parts = text.split('?');
                pass.push_sql(parts.next().unwrap_or_default());
                $(
                    pass.push_bind_param::<$bind, _>(&self.$field)?;
                    pass.push_sql(parts.next().unwrap_or_default());
                )*
                Ok(())
            }
        }

        impl diesel::query_builder::QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name {
            type SqlType = $row;
        }

        impl<C> diesel::query_dsl::RunQueryDsl<C> for $name {}
    };
}
pub(crate) use statement;

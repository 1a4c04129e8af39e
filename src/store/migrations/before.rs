//! What is done before a migration while others write, so that the migration itself holds no lock for long: it finds
//! the indexes of large tables built. An index of a partition that is like the one that is made of the whole is taken
//! over, whoever made it.
//!
//! A file `before.sql` has blocks that begin with a line `-- for TABLE`. The statements of a block are run one by one,
//! each on its own, for the table or for each of its partitions, where these are large; `{table}` is its name. They are
//! run again from the first on whatever was left by one that broke off.

use super::{MigrationError, MigrationProgress, Migrator, of};
use crate::store::StoreError;

/// From this size on a table is large, bytes. What is smaller is built and checked in a moment.
const LARGE: i64 = 8 << 20;
const MARK: &str = "-- for ";

const FIND_LARGE: &str = "
    SELECT c.relname::text FROM pg_class c
    WHERE c.relnamespace = to_regnamespace('notification_schema') AND c.relkind = 'r'
      AND pg_relation_size(c.oid) >= $2
      AND (c.relname = $1
           OR EXISTS (SELECT FROM pg_inherits i JOIN pg_class whole ON whole.oid = i.inhparent
                      WHERE i.inhrelid = c.oid AND whole.relname = $1
                        AND whole.relnamespace = c.relnamespace))
    ORDER BY c.relname";

/// The statements for a table.
#[derive(Debug, PartialEq, Eq)]
struct PreparedTable<'a> {
    table: &'a str,
    statements: Vec<String>,
}

impl Migrator {
    /// Does what comes before a migration, again and again while others are in the way.
    pub(super) async fn prepare(
        &self,
        name: &'static str,
        text: &'static str,
        told: &mut impl FnMut(MigrationProgress),
    ) -> Result<(), MigrationError> {
        for block in blocks(text) {
            while let Err(error) = self.prepare_table(&block).await {
                if !matches!(
                    error,
                    StoreError::Timeout(_) | StoreError::Locked(_) | StoreError::Deadlock
                ) {
                    let name = name.to_owned();
                    return Err(MigrationError::Failed { name, error });
                }
                told(MigrationProgress::WaitsForTable(name, None));
                self.run("SELECT pg_sleep(1)").await?;
            }
        }
        Ok(())
    }

    async fn prepare_table(&self, block: &PreparedTable<'_>) -> Result<(), StoreError> {
        let found = self.client.query(FIND_LARGE, &[&block.table, &LARGE]).await;
        for row in found.map_err(|error| of(&error))? {
            let table: String = row.try_get(0).map_err(|error| of(&error))?;
            self.run("SET search_path TO notification_schema").await?;
            for statement in &block.statements {
                self.run(&statement.replace("{table}", &table)).await?;
            }
            self.run("RESET search_path").await?;
        }
        Ok(())
    }
}

/// What a file says, table by table.
fn blocks(text: &str) -> Vec<PreparedTable<'_>> {
    let mut blocks: Vec<PreparedTable<'_>> = vec![];
    let mut statement = String::new();
    for line in text.lines() {
        if let Some(table) = line.strip_prefix(MARK) {
            blocks.push(PreparedTable {
                table: table.trim(),
                statements: vec![],
            });
        } else if !line.starts_with("--") && !line.trim().is_empty() {
            statement.push_str(line);
            statement.push('\n');
            if let Some(block) = blocks.last_mut()
                && line.ends_with(';')
            {
                block.statements.push(std::mem::take(&mut statement));
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_for_its_table() {
        let text = "-- Why.\n-- for some\nDROP INDEX {table}_a;\nCREATE INDEX {table}_a\n    ON {table} (a);\n\n-- for other\nSELECT 1;\n";
        let some = [
            "DROP INDEX {table}_a;\n",
            "CREATE INDEX {table}_a\n    ON {table} (a);\n",
        ];
        let wanted = [
            PreparedTable {
                table: "some",
                statements: some.map(str::to_owned).to_vec(),
            },
            PreparedTable {
                table: "other",
                statements: vec!["SELECT 1;\n".to_owned()],
            },
        ];
        assert_eq!(blocks(text), wanted);
        assert_eq!(blocks(""), []);
    }
}

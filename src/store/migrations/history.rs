//! What a database's migrations are to this engine.

/// A migration that the database has, as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AppliedMigration {
    pub(super) name: String,
    /// SHA-256 of the text that was run.
    pub(super) fingerprint: String,
}

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// The database has it, as this engine carries it.
    Applied,
    /// This engine carries it, and the database does not have it.
    Pending,
    /// The database has it from another text than this engine carries.
    Altered,
    /// The database has it, and this engine does not know it: a newer version was here.
    Unknown,
}

impl MigrationState {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Altered => "altered",
            Self::Unknown => "unknown",
        }
    }
}

/// A migration, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: MigrationState,
}

/// The migrations of a database and of this engine, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// All of them.
    pub migrations: Vec<MigrationStatus>,
    /// Whether there is a schema, but nothing that says how it came about.
    pub is_unrecorded: bool,
}

/// Whether an engine and a database go together; with words for the one who operates them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// They do.
    Fits,
    /// The database lacks something: the engine waits for it.
    Behind(String),
    /// The database has more than this engine knows: while nodes are upgraded one after the other,
    /// the older ones go on.
    Ahead(String),
    /// The database was made by something else: the engine must not touch it.
    Foreign(String),
}

impl History {
    /// Compares what an engine carries, by name and fingerprint, with what a database has.
    pub(super) fn of(
        carried: Vec<(&'static str, String)>,
        applied: Vec<AppliedMigration>,
        is_unrecorded: bool,
    ) -> Self {
        let state = |name: &str, fingerprint: &str| match applied
            .iter()
            .find(|applied| applied.name == name)
        {
            None => MigrationState::Pending,
            Some(applied) if applied.fingerprint == fingerprint => MigrationState::Applied,
            Some(_) => MigrationState::Altered,
        };
        let known = carried.iter().map(|(name, fingerprint)| MigrationStatus {
            name: (*name).to_owned(),
            state: state(name, fingerprint),
        });
        let is_known =
            |applied: &AppliedMigration| carried.iter().any(|(name, _)| *name == applied.name);
        let unknown = applied.iter().filter(|applied| !is_known(applied));
        let unknown = unknown.map(|applied| MigrationStatus {
            name: applied.name.clone(),
            state: MigrationState::Unknown,
        });
        let mut migrations: Vec<MigrationStatus> = known.chain(unknown).collect();
        migrations.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            migrations,
            is_unrecorded,
        }
    }

    /// Whether this engine carries a migration that the database does not have.
    #[must_use]
    pub fn is_pending(&self, name: &str) -> bool {
        self.named(MigrationState::Pending).contains(&name)
    }

    /// Whether the engine and the database go together. What is worst counts.
    #[must_use]
    pub fn fit(&self) -> Fit {
        let (altered, unknown) = (
            self.named(MigrationState::Altered),
            self.named(MigrationState::Unknown),
        );
        if self.is_unrecorded {
            return Fit::Foreign(
                "this database has our schema, and no record of the migrations that made it: it \
                 comes from a version before such records were kept, or from another tool. Migrate \
                 an empty database instead, or use the version that made this one"
                    .to_owned(),
            );
        }
        if let [first, ..] = altered.as_slice() {
            return Fit::Foreign(format!(
                "this database has another history: {} of its migrations, the first of them {first}, \
                 were run from other texts than this version carries. Migrate an empty database \
                 instead, or use the version that made this one",
                altered.len()
            ));
        }
        match (
            self.named(MigrationState::Pending).as_slice(),
            unknown.as_slice(),
        ) {
            ([], []) => Fit::Fits,
            ([], [.., last]) => Fit::Ahead(format!(
                "this database belongs to a newer version: it has {} migrations that this one does \
                 not know, the last of them {last}. Use that version to migrate",
                unknown.len()
            )),
            (pending, []) => Fit::Behind(format!(
                "{} migrations are pending: run `herald migrate`",
                pending.len()
            )),
            ([lacking, ..], [known, ..]) => Fit::Foreign(format!(
                "this database has another history: it lacks {lacking}, and has {known}, which this \
                 version does not know. Use the version that made it"
            )),
        }
    }

    fn named(&self, state: MigrationState) -> Vec<&str> {
        let of = self.migrations.iter().filter(|one| one.state == state);
        of.map(|one| one.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(applied: &[(&str, &str)]) -> History {
        let carried = vec![("1_people", "aa".to_owned()), ("2_rules", "bb".to_owned())];
        let applied = applied.iter().map(|(name, fingerprint)| AppliedMigration {
            name: (*name).to_owned(),
            fingerprint: (*fingerprint).to_owned(),
        });
        History::of(carried, applied.collect(), false)
    }

    #[test]
    fn the_same_migrations_from_the_same_texts_fit() {
        assert_eq!(
            history(&[("1_people", "aa"), ("2_rules", "bb")]).fit(),
            Fit::Fits
        );
    }

    #[test]
    fn a_missing_migration_is_pending_and_waited_for() {
        let history = history(&[("1_people", "aa")]);
        assert!(history.is_pending("2_rules") && !history.is_pending("1_people"));
        assert_eq!(
            history.fit(),
            Fit::Behind("1 migrations are pending: run `herald migrate`".to_owned())
        );
    }

    #[test]
    fn another_text_of_the_same_name_is_another_history_whatever_else_there_is() {
        let history = history(&[("1_people", "cc"), ("3_later", "dd")]);
        let Fit::Foreign(why) = history.fit() else {
            panic!("{history:?}")
        };
        assert!(why.contains("1_people"), "{why}");
    }

    #[test]
    fn a_newer_database_that_lacks_something_of_ours_is_another_history() {
        let Fit::Foreign(why) = history(&[("1_people", "aa"), ("3_later", "dd")]).fit() else {
            panic!("it is not foreign")
        };
        assert!(why.contains("2_rules") && why.contains("3_later"), "{why}");
    }

    #[test]
    fn a_newer_database_is_told_from_a_foreign_one() {
        let history = history(&[("1_people", "aa"), ("2_rules", "bb"), ("3_later", "dd")]);
        let Fit::Ahead(why) = history.fit() else {
            panic!("{history:?}")
        };
        assert!(why.contains("3_later"), "{why}");
    }
}

//! Rows that somebody else has locked: a statement left open in `psql`, an import of people in one
//! transaction, a node that stands still. Who needs one waits, and nobody else does.
//!
//! The engine's sessions give up waiting for a lock after a quarter of a second. What fails is tried in
//! [`Halves`], which wait for hardly anything ([`Database::at_once`]), until the row is found.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::{Database, StoreError};

/// Longest wait for a lock, while the row is looked for that somebody has locked.
const AT_ONCE: &str = "SET LOCAL lock_timeout = '20ms'";
/// Failures in a row after which the rest is left: more than it takes to find one row among the most that
/// a batch may have.
const MOST_FAILURES: u32 = 16;

impl Database {
    /// Does all of the work in one transaction, or none of it, and waits for hardly any lock.
    ///
    /// # Errors
    /// Those of the work, or no connection; [`StoreError::Locked`] when somebody has locked what it needs.
    pub(super) async fn at_once<T>(
        &self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(async |connection| {
            connection.batch_execute(AT_ONCE).await?;
            work(connection).await
        })
        .await
    }

    /// Does work on a connection; `at_once` as [`Self::at_once`] does it.
    ///
    /// # Errors
    /// Those of the work, or no connection.
    pub(super) async fn patiently_unless<T>(
        &self,
        at_once: bool,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match at_once {
            true => self.at_once(work).await,
            false => work(&mut *self.get().await?).await,
        }
    }
}

/// Does all of a batch that can be done now, in halves, by a statement for each part; answers the [`NotDone`]. A
/// macro, since a closure over a connection and a part makes a future that the compiler does not know to be `Send`.
macro_rules! in_halves {
    ($database:expr, $batch:expr, |$part:ident| $statement:expr => $row:ty) => {{
        let mut halves = $crate::store::locks::Halves::of($batch);
        while let Some($part) = halves.pop() {
            let statement = $statement;
            let done = $database
                .patiently_unless(halves.is_narrowing(), async |connection| {
                    Ok(statement.load::<$row>(connection).await?)
                })
                .await;
            match done {
                Ok(_) => halves.done(),
                Err(error) => halves.failed($part, error),
            }
        }
        $crate::store::NotDone::of(halves)
    }};
}
pub(super) use in_halves;

/// A batch that is done in halves, so that the rows that cannot be done now are left, and nothing else.
#[derive(Debug)]
pub struct Halves<'a, T> {
    parts: Vec<&'a [T]>,
    in_a_row: u32,
    left: Vec<&'a T>,
    trouble: Option<StoreError>,
}

impl<'a, T> Halves<'a, T> {
    /// All of it, in one part.
    pub fn of(batch: &'a [T]) -> Self {
        Self {
            parts: vec![batch],
            in_a_row: 0,
            left: vec![],
            trouble: None,
        }
    }

    /// The next part to be done.
    pub fn pop(&mut self) -> Option<&'a [T]> {
        loop {
            let part = self.parts.pop()?;
            if !part.is_empty() {
                return Some(part);
            }
        }
    }

    /// Whether a part has failed before.
    pub const fn is_narrowing(&self) -> bool {
        self.trouble.is_some()
    }

    /// The part was done.
    pub const fn done(&mut self) {
        self.in_a_row = 0;
    }

    /// The part failed: its halves come next. One alone is left; and all of them are when it is not for a
    /// row's sake, or too much fails.
    pub fn failed(&mut self, part: &'a [T], error: StoreError) {
        self.in_a_row += 1;
        let goes_on = self.in_a_row < MOST_FAILURES && error.may_be_of_one_row();
        self.trouble = Some(error);
        if goes_on && part.len() > 1 {
            let (left, right) = part.split_at(part.len() / 2);
            self.parts.extend([right, left]);
            return;
        }
        self.left.extend(part);
        if !goes_on {
            self.left.extend(self.parts.drain(..).flatten());
        }
    }

    /// What is left, and why, if anything failed.
    pub fn into_left(self) -> (Vec<&'a T>, Option<StoreError>) {
        (self.left, self.trouble)
    }
}

/// What could not be done now of a batch, and why.
#[derive(Debug)]
#[must_use]
pub struct NotDone<T> {
    /// What is left, in no order.
    pub left: Vec<T>,
    /// Why, if anything failed; of several reasons the last.
    pub trouble: Option<StoreError>,
}

impl<T: Copy> NotDone<T> {
    pub(super) fn of(halves: Halves<'_, T>) -> Self {
        let (left, trouble) = halves.into_left();
        Self {
            left: left.into_iter().copied().collect(),
            trouble,
        }
    }

    /// All of it is done.
    ///
    /// # Errors
    /// Why something is left.
    pub fn all_done(self) -> Result<(), StoreError> {
        match self.trouble {
            Some(trouble) if !self.left.is_empty() => Err(trouble),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked() -> StoreError {
        StoreError::Locked(String::new())
    }

    fn done(batch: &[u32], bad: &[u32]) -> (Vec<u32>, Vec<u32>, u32) {
        let (mut halves, mut done, mut tries) = (Halves::of(batch), vec![], 0);
        while let Some(part) = halves.pop() {
            tries += 1;
            if part.iter().any(|one| bad.contains(one)) {
                halves.failed(part, locked());
            } else {
                halves.done();
                done.extend(part);
            }
        }
        let left = halves.into_left().0;
        (done, left.into_iter().copied().collect(), tries)
    }

    #[test]
    fn the_others_are_done_in_their_order_and_one_is_found_within_few_tries() {
        let batch: Vec<u32> = (0..512).collect();
        let (others, left, tries) = done(&batch, &[300]);
        assert_eq!((left.as_slice(), tries), ([300].as_slice(), 19));
        assert!(others.iter().is_sorted() && others.len() == 511);
        let (others, left, _) = done(&batch, &[0, 41, 511]);
        assert_eq!(
            (left.as_slice(), others.len()),
            ([0, 41, 511].as_slice(), 509)
        );
        assert_eq!(done(&[], &[]), (vec![], vec![], 0));
    }

    #[test]
    fn when_all_fails_it_ends_soon_and_all_is_left() {
        let batch: Vec<u32> = (0..512).collect();
        let (others, left, tries) = done(&batch, &batch);
        assert_eq!((others.len(), left.len(), tries), (0, 512, MOST_FAILURES));
        let mut halves = Halves::of(&batch);
        let part = halves.pop().unwrap();
        halves.failed(part, StoreError::ReadOnly);
        assert!(halves.pop().is_none());
        let (left, trouble) = halves.into_left();
        assert_eq!((left.len(), trouble), (512, Some(StoreError::ReadOnly)));
    }
}

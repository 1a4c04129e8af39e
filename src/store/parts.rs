//! Finding the rows of a batch that are refused: by halves, so that they do not stop the others.

use super::StoreError;

/// Most failures until the rest is given up.
const MOST_FAILURES: u32 = 64;

/// What is left to do of a batch, in parts.
#[derive(Debug)]
pub(super) struct Parts<'a, T> {
    parts: Vec<&'a [T]>,
    failures: u32,
    refused: Vec<(&'a T, StoreError)>,
}

impl<'a, T> Parts<'a, T> {
    /// All of it, in one part.
    pub(super) fn of(batch: &'a [T]) -> Self {
        Self {
            parts: vec![batch],
            failures: 0,
            refused: vec![],
        }
    }

    /// The next part to be done.
    pub(super) fn next(&mut self) -> Option<&'a [T]> {
        let part = self.parts.pop()?;
        if part.is_empty() {
            self.next()
        } else {
            Some(part)
        }
    }

    /// A part was refused: halves of it come next, or it is one that is refused.
    ///
    /// # Errors
    /// That one, when it is not about a row, or too much is refused.
    pub(super) fn refused(&mut self, part: &'a [T], error: StoreError) -> Result<(), StoreError> {
        self.failures += 1;
        if !error.may_be_of_one_row() || self.failures > MOST_FAILURES {
            return Err(error);
        }
        match part {
            [one] => self.refused.push((one, error)),
            _ => {
                let (left, right) = part.split_at(part.len() / 2);
                self.parts.extend([right, left]);
            }
        }
        Ok(())
    }

    /// Those that are refused, each by itself.
    pub(super) fn into_refused(self) -> Vec<(&'a T, StoreError)> {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(batch: &[u32], bad: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let (mut parts, mut done) = (Parts::of(batch), vec![]);
        while let Some(part) = parts.next() {
            if part.iter().any(|one| bad.contains(one)) {
                parts
                    .refused(part, StoreError::DiskFull(String::new()))
                    .unwrap();
            } else {
                done.extend(part);
            }
        }
        let refused = parts.into_refused().into_iter();
        (done, refused.map(|(one, _)| *one).collect())
    }

    #[test]
    fn the_others_are_done_in_their_order() {
        let batch: Vec<u32> = (0..100).collect();
        let (good, refused) = done(&batch, &[0, 41, 99]);
        assert_eq!(refused, [0, 41, 99]);
        let expected = batch.iter().filter(|one| !refused.contains(one));
        assert_eq!(good, expected.copied().collect::<Vec<_>>());
        assert_eq!(done(&[], &[]), (vec![], vec![]));
    }

    #[test]
    fn split_ends_with_a_general_error_or_too_many_statements() {
        let batch: Vec<u32> = (0..256).collect();
        let mut parts = Parts::of(&batch);
        let part = parts.next().unwrap();
        assert_eq!(
            parts.refused(part, StoreError::ReadOnly),
            Err(StoreError::ReadOnly)
        );
        let mut parts = Parts::of(&batch);
        let full = || StoreError::DiskFull(String::new());
        let ended = loop {
            let part = parts.next().unwrap();
            if let Err(error) = parts.refused(part, full()) {
                break error;
            }
        };
        assert_eq!(ended, full());
    }
}

//! Reading many at once, so that one who cannot be read stops no other.
//!
//! A value that the client does not understand fails the whole answer, and so does damaged storage. Such a
//! reading is done again in [`Halves`], until it is known whose it is.

use std::collections::HashMap;
use std::hash::Hash;

use super::StoreError;
use super::locks::Halves;

/// What was read of what was asked for, and what cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sifted<K: Eq + Hash, V> {
    /// What there is.
    pub known: HashMap<K, V>,
    /// What cannot be read, and why. Nobody knows whether it is there.
    pub unreadable: HashMap<K, StoreError>,
}

impl<K: Eq + Hash, V> Default for Sifted<K, V> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            unreadable: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V> Sifted<K, V> {
    /// The same with other values.
    #[must_use]
    pub fn map<W>(self, of: impl Fn(V) -> W) -> Sifted<K, W> {
        let known = self.known.into_iter();
        Sifted {
            known: known.map(|(key, value)| (key, of(value))).collect(),
            unreadable: self.unreadable,
        }
    }

    /// What was read of one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn take(&mut self, key: &K) -> Result<Option<V>, StoreError> {
        match self.unreadable.remove(key) {
            Some(error) => Err(error),
            None => Ok(self.known.remove(key)),
        }
    }

    /// Adds what else was read.
    pub fn extend(&mut self, other: Self) {
        self.known.extend(other.known);
        self.unreadable.extend(other.unreadable);
    }
}

/// A reading that is under way.
#[derive(Debug)]
pub(super) struct Sifting<'a, K: Eq + Hash, V> {
    halves: Halves<'a, K>,
    /// All of it failed with this: it is to be tried for nobody, which tells whether it is anybody's.
    to_try: Option<StoreError>,
    sifted: Sifted<K, V>,
}

impl<'a, K: Clone + Eq + Hash, V> Sifting<'a, K, V> {
    /// Of all of these, in one part.
    pub(super) fn of(asked: &'a [K]) -> Self {
        Self {
            halves: Halves::of(asked),
            to_try: None,
            sifted: Sifted::default(),
        }
    }

    /// The next part to be read; perhaps that of nobody.
    pub(super) fn next(&mut self) -> Option<&'a [K]> {
        if self.to_try.is_some() {
            return Some(&[]);
        }
        self.halves.pop()
    }

    /// What came of the part.
    ///
    /// # Errors
    /// The failure, when it is not for anybody's sake.
    pub(super) fn read(
        &mut self,
        part: &'a [K],
        read: Result<impl IntoIterator<Item = (K, V)>, StoreError>,
    ) -> Result<(), StoreError> {
        match (self.to_try.take(), read) {
            (Some(_), Ok(_)) => Ok(()),
            (Some(failure), Err(_)) => Err(failure),
            (None, Ok(read)) => {
                self.halves.done();
                self.sifted.known.extend(read);
                Ok(())
            }
            (None, Err(error)) if !error.may_be_of_what_is_read() => Err(error),
            (None, Err(error)) => {
                if !self.halves.is_narrowing() {
                    self.to_try = Some(error.clone());
                }
                if let [one] = part {
                    self.sifted.unreadable.insert(one.clone(), error.clone());
                }
                self.halves.failed(part, error);
                Ok(())
            }
        }
    }

    /// All that was read. Where too much failed in a row, what is left was not looked at one by one, and
    /// counts as unreadable this time.
    pub(super) fn into_sifted(self) -> Sifted<K, V> {
        let mut sifted = self.sifted;
        if let (left, Some(trouble)) = self.halves.into_left() {
            for one in left {
                let why = sifted.unreadable.entry(one.clone());
                why.or_insert_with(|| trouble.clone());
            }
        }
        sifted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged() -> StoreError {
        StoreError::Corrupt("damaged".to_owned())
    }

    /// Reads numbers of which some are bad; says how often.
    fn read(
        asked: &[u32],
        fails: impl Fn(&[u32]) -> Option<StoreError>,
    ) -> (Result<Sifted<u32, u32>, StoreError>, u32) {
        let (mut sifting, mut reads) = (Sifting::of(asked), 0);
        while let Some(part) = sifting.next() {
            reads += 1;
            let read = match fails(part) {
                Some(error) => Err(error),
                None => Ok(part.iter().map(|one| (*one, *one))),
            };
            if let Err(error) = sifting.read(part, read) {
                return (Err(error), reads);
            }
        }
        (Ok(sifting.into_sifted()), reads)
    }

    #[test]
    fn the_others_are_read_and_who_cannot_be_is_named() {
        let all: Vec<u32> = (0..256).collect();
        let bad = |part: &[u32]| (part.contains(&3) || part.contains(&200)).then(damaged);
        let (sifted, reads) = read(&all, bad);
        let sifted = sifted.unwrap();
        let mut unreadable: Vec<u32> = sifted.unreadable.into_keys().collect();
        unreadable.sort_unstable();
        assert_eq!((unreadable, sifted.known.len()), (vec![3, 200], 254));
        assert!(reads < 36, "{reads}");
        let (alone, _) = read(&[3], bad);
        assert_eq!(alone.unwrap().unreadable, HashMap::from([(3, damaged())]));
        let (nobody, reads) = read(&[], bad);
        assert_eq!((nobody, reads), (Ok(Sifted::default()), 0));
    }

    #[test]
    fn what_fails_for_nobody_too_is_nobodys() {
        let all: Vec<u32> = (0..256).collect();
        let (failed, reads) = read(&all, |_| Some(damaged()));
        assert_eq!((failed, reads), (Err(damaged()), 2));
        let slow = || StoreError::Timeout(String::new());
        let (failed, reads) = read(&all, |part| (!part.is_empty()).then(slow));
        assert_eq!((failed, reads), (Err(slow()), 1));
    }

    #[test]
    fn when_everybody_is_bad_it_ends_soon() {
        let all: Vec<u32> = (0..256).collect();
        let (sifted, reads) = read(&all, |part| (!part.is_empty()).then(damaged));
        assert_eq!(sifted.unwrap().unreadable.len(), 256);
        assert!(reads < 20, "{reads}");
    }
}

//! One answer does not always say whom it is about. What several messages for several addresses are told
//! one after the other is about the account that sends them.

/// So many are several.
const SEVERAL: usize = 3;

/// Who was told the same since the account last showed that it works. Refusals, messages and addresses
/// are numbers here.
#[derive(Debug, Clone, Default)]
pub struct Suspicion {
    refusal: u64,
    /// Message and address; each differs from all others in both.
    told: Vec<(u64, u64)>,
}

impl Suspicion {
    /// A message for an address was refused in words that may be about the account. Says whether they
    /// are.
    pub fn refused(&mut self, refusal: u64, message: u64, address: u64) -> bool {
        if self.refusal != refusal {
            self.told.clear();
            self.refusal = refusal;
        }
        let mut told = self.told.iter();
        let is_known = told.any(|(one, other)| *one == message || *other == address);
        if !is_known && self.told.len() < SEVERAL {
            self.told.push((message, address));
        }
        self.told.len() >= SEVERAL
    }

    /// The account works: what was said before was of whom it was said to.
    pub fn is_refuted(&mut self) {
        self.told.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_addresses_in_a_row_that_are_told_the_same_mean_the_account() {
        let mut suspicion = Suspicion::default();
        assert!(!suspicion.refused(7, 1, 1));
        assert!(!suspicion.refused(7, 2, 2));
        assert!(suspicion.refused(7, 3, 3));
        assert!(suspicion.refused(7, 1, 1), "until it works again");
        suspicion.is_refuted();
        assert!(!suspicion.refused(7, 4, 4));
    }

    #[test]
    fn repeated_refusals_of_one_message_or_address_raise_no_suspicion() {
        let mut suspicion = Suspicion::default();
        assert!((0..100).all(|n| !suspicion.refused(7, 1, n)));
        suspicion.is_refuted();
        assert!((0..100).all(|n| !suspicion.refused(7, n, 1)));
    }

    #[test]
    fn refusals_in_other_words_raise_no_suspicion_together() {
        let mut suspicion = Suspicion::default();
        assert!((0..100).all(|n| !suspicion.refused(n % 2, n, n)));
    }
}

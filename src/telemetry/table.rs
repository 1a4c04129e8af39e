//! Tables of handles, one for each word of a closed vocabulary.

/// Something for each word, looked up by the word's index without hashing.
#[derive(Clone)]
pub(super) struct WordTable<T>(Box<[T]>);

impl<T> WordTable<T> {
    /// One entry for each word, in the order of the words' indexes.
    pub(super) fn of<W>(words: impl IntoIterator<Item = W>, entry: impl FnMut(W) -> T) -> Self {
        Self(words.into_iter().map(entry).collect())
    }

    /// The entry of the word with this index.
    #[expect(
        clippy::indexing_slicing,
        reason = "a word's index is below the length of the list that the table was built from"
    )]
    pub(super) fn at(&self, index: usize) -> &T {
        &self.0[index]
    }
}

//! The known word that an unknown one was probably meant to be.

/// The nearest of the known words, if any is near: at most two letters in five differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) = known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    let letters = word.chars().count().max(nearest.chars().count());
    (distance * 5 <= letters.max(3) * 2).then_some(nearest)
}

/// Letters to insert, delete or replace, or neighbours to swap (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // The row before, and the letter of `a` that made it.
    let mut before: Option<(char, Vec<usize>)> = None;
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        let mut next = vec![left];
        for (j, (above, y)) in row.iter().skip(1).zip(&b).enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            left = replaced.min(left + 1).min(above + 1);
            if let (Some((w, earlier)), Some(last)) = (&before, j.checked_sub(1))
                && *w == *y
                && b.get(last) == Some(&x)
            {
                left = left.min(earlier.get(last).map_or(left, |swapped| swapped + 1));
            }
            diagonal = *above;
            next.push(left);
        }
        before = Some((x, std::mem::replace(&mut row, next)));
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
        assert_eq!(distance("inof", "info"), 1);
        assert_eq!(distance("ab", "ba"), 1);
    }

    #[test]
    fn a_typo_finds_its_word_and_nonsense_finds_none() {
        let known = ["pool_size", "url", "connect_timeout"];
        assert_eq!(nearest("poolsize", known), Some("pool_size"));
        assert_eq!(
            nearest("connection_timeout", known),
            Some("connect_timeout")
        );
        assert_eq!(nearest("uri", known), Some("url"));
        assert_eq!(nearest("lanse", ["lanes", "log"]), Some("lanes"));
        assert_eq!(nearest("colour_of_the_sky", known), None);
    }
}

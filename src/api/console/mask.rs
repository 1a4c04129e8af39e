//! Addresses as they are shown to those who need not know them: enough to tell one from another.

/// What stands for what is left out.
const LEFT_OUT: &str = "•••";

/// An address of any channel, masked: the first letter and the domain of a mail address, the last two digits of a number,
/// the end of anything else.
pub(super) fn masked(address: &str) -> String {
    if let Some((local, domain)) = address.rsplit_once('@') {
        let first: String = local.chars().take(1).collect();
        return format!("{first}{LEFT_OUT}@{domain}");
    }
    let kept = match address.chars().count() {
        ..6 => 0,
        _ => 2,
    };
    let skipped = address.chars().count() - kept;
    let end: String = address.chars().skip(skipped).collect();
    format!("{LEFT_OUT}{end}")
}

/// The same for somebody who may see addresses or not.
pub(super) fn address(address: &str, shown: bool) -> String {
    match shown {
        true => address.to_owned(),
        false => masked(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_says_where_and_not_who() {
        let masked = ["ana@example.com", "@x", "+4915112345678", "C042", "", "é@ü"].map(masked);
        assert_eq!(
            masked,
            ["a•••@example.com", "•••@x", "•••78", "•••", "•••", "é•••@ü"]
        );
        assert_eq!(address("a@b.c", true), "a@b.c");
    }
}

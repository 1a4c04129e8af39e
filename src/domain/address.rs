//! What an address must look like to be worth sending to.

/// Whether a text may be an e-mail address: something before the last `@`, a domain with a dot
/// after it, no white space. Whether it exists only its server knows.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let dotted = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    let blank = |c: char| c.is_whitespace() || c.is_control();
    !local.is_empty() && dotted && !text.contains(blank)
}

/// Whether a text is a number in E.164: `+`, then 2 to 15 digits, the first not zero.
#[must_use]
pub fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (2..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_has_a_dot_in_its_domain() {
        for right in [
            "a@b.c",
            "ana.lopez+x@mail.example.com",
            "\"a@b\"@example.com",
            "ü@exämple.org",
        ] {
            assert!(is_email(right), "{right}");
        }
        for wrong in [
            "", "a", "a@b", "@b.c", "a@.c", "a@b.", "a@b..c", "a b@c.d", "a@b.c\n",
        ] {
            assert!(!is_email(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_international() {
        assert!(is_e164("+4915112345678"));
        for wrong in [
            "",
            "+",
            "+1",
            "4915112345678",
            "+0491511234",
            "+49 151",
            "+1234567890123456",
        ] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }
}

//! An `application/x-www-form-urlencoded` body.

/// Names and values in the order they came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads a form; the error names the field that cannot be decoded.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut pairs = Vec::with_capacity(6);
        for pair in bytes.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let name = decode(pair.get(..at).unwrap_or_default())
                .ok_or("a field name is not valid percent-encoded UTF-8")?;
            let value = decode(pair.get(at + 1..).unwrap_or_default())
                .ok_or_else(|| format!("{name} is not valid percent-encoded UTF-8"))?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The first value of a field, if it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a field that are not empty.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// All field names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }
}

fn decode(encoded: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok()?;
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            other => decoded.push(*other),
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_may_repeat() {
        let form = Form::parse(b"To=%2B49151&Body=a+b%26c&MediaUrl=x&MediaUrl=y&Empty=").unwrap();
        assert_eq!(form.get("To"), Some("+49151"));
        assert_eq!(form.get("Body"), Some("a b&c"));
        assert_eq!(form.all("MediaUrl").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(form.get("Empty"), None);
        assert_eq!(form.names().count(), 5);
    }

    #[test]
    fn bad_encodings_name_their_field() {
        assert!(Form::parse(b"Body=%zz").unwrap_err().contains("Body"));
        assert!(Form::parse(b"Body=%ff").unwrap_err().contains("Body"));
        assert!(Form::parse(b"Body=%2").is_err());
    }
}

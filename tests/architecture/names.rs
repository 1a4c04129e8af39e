//! One type name, one thing: who reads a name, or searches for it, need not ask which is meant.

use std::collections::BTreeMap;

use super::sources;

/// A job and what becomes of it are generic in what they hold; the engine has names for its own.
const TWICE: &[&str] = &["Job", "Outcome"];

/// The names of the types that are declared in the code; those that belong to a trait's implementation
/// are indented and not among them.
fn types(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter_map(|line| {
        let indented = line.starts_with(' ');
        let line = line.trim_start();
        let line = match line.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
            Some(rest) => rest.trim_start(),
            None => line,
        };
        let (kind, rest) = line.split_once(' ')?;
        let declares = match kind {
            "struct" | "enum" | "trait" | "union" => true,
            "type" => !indented,
            _ => false,
        };
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        // A macro names its type elsewhere.
        (declares && end != Some(0)).then(|| &rest[..end.unwrap_or(rest.len())])
    })
}

#[test]
fn type_name_stands_for_one_thing() {
    let sources = sources();
    let mut homes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in &sources {
        for name in types(&source.code) {
            let home = source.path.display().to_string();
            homes.entry(name).or_default().push(home);
        }
    }
    let twice = |(name, homes): &(&&str, &Vec<String>)| homes.len() > 1 && !TWICE.contains(name);
    let twice: Vec<_> = homes.iter().filter(twice).collect();
    assert!(twice.is_empty(), "{twice:#?}");
    assert!(homes.len() > 400, "types are not found any more");
}

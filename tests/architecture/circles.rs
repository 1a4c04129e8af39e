//! No files use each other in a circle: each can be read, and changed, after those that it uses.
//!
//! A file uses another when it names something in it, also through a re-export. A part may use what the
//! file above it declares: the two are one thing, told in two places.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{code_of, collect};

/// The path of a module from its crate's root.
type Module = Vec<String>;

/// The crates that hold it, by their roots.
const CRATES: &[&str] = &[
    "src",
    "loadtest/src",
    "tests/simulation",
    "tests/integration",
];

struct Crate {
    code: BTreeMap<Module, String>,
    /// For each module, what a name that is imported there stands for.
    imports: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
}

impl Crate {
    /// Tests are left out: they are leaves, which look at everything.
    fn read(root: &Path) -> Self {
        let (mut files, mut code) = (vec![], BTreeMap::new());
        collect(root, &mut files);
        for file in files {
            let below = file.strip_prefix(root).unwrap().with_extension("");
            let parts = below.iter().map(|part| part.to_str().unwrap().to_owned());
            let mut module: Module = parts.collect();
            if module.iter().any(|part| part == "tests") {
                continue;
            }
            if matches!(module[..], [ref only] if only == "lib" || only == "main") {
                module.clear();
            }
            let text = code_of(&fs::read_to_string(&file).unwrap());
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            code.entry(module)
                .or_insert_with(String::new)
                .push_str(text);
        }
        let mut all = Self {
            code,
            imports: BTreeMap::new(),
        };
        for (module, code) in &all.code {
            let mut names = BTreeMap::new();
            for (path, alias) in imports(code) {
                names.insert(alias, path);
            }
            all.imports.insert(module.clone(), names);
        }
        all
    }

    /// The module in which that is declared which a path means, seen from a module.
    fn home(&self, from: &[String], path: &[String], depth: usize) -> Option<Module> {
        let (first, after) = path.split_first()?;
        let (mut module, mut rest) = match first.as_str() {
            "crate" => (vec![], after),
            "self" => (from.to_vec(), after),
            "super" => (from.to_vec(), path),
            child => {
                let known = self.code.contains_key(&joined(from, child));
                known.then(|| (from.to_vec(), path))?
            }
        };
        while let [first, after @ ..] = rest
            && first == "super"
        {
            module.pop();
            rest = after;
        }
        while let [name, after @ ..] = rest {
            let child = joined(&module, name);
            if self.code.contains_key(&child) {
                (module, rest) = (child, after);
                continue;
            }
            let import = self.imports.get(&module).and_then(|names| names.get(name));
            let import = import.filter(|import| depth > 0 && import.as_slice() != path);
            let through = import.and_then(|import| self.home(&module, import, depth - 1));
            return Some(through.unwrap_or(module));
        }
        Some(module)
    }

    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of_one = |(module, code): (&_, &String)| -> BTreeSet<Module> {
            let paths = imports(code).into_iter().map(|(path, _)| path);
            let paths = paths.chain(mentions(code));
            let homes = paths.filter_map(|path| self.home(module, &path, 8));
            homes.filter(|home| !module.starts_with(home)).collect()
        };
        let all = self.code.iter();
        all.map(|(module, code)| (module, of_one((module, code))))
            .collect()
    }
}

fn joined(module: &[String], child: &str) -> Module {
    [module, &[child.to_owned()]].concat()
}

/// What a file imports: each path, and the name that it has from there on.
fn imports(code: &str) -> Vec<(Vec<String>, String)> {
    let starts = code.match_indices("use ").filter(|(at, _)| {
        let before = code[..*at].trim_end_matches(' ');
        before.is_empty() || before.ends_with(['\n', ')']) || before.ends_with("pub")
    });
    let trees = starts.filter_map(|(at, _)| code[at + 4..].split(';').next());
    let mut paths = vec![];
    for tree in trees {
        let tree: String = tree.replace(" as ", "@").split_whitespace().collect();
        expand("", &tree, &mut paths);
    }
    let named = paths.into_iter().map(|path| {
        let (path, alias) = path.split_once('@').unwrap_or((&path, ""));
        let path = path.trim_end_matches("::self");
        let parts: Vec<String> = path.split("::").map(str::to_owned).collect();
        let last = parts.last().cloned().unwrap_or_default();
        (
            parts,
            if alias.is_empty() {
                last
            } else {
                alias.to_owned()
            },
        )
    });
    named.collect()
}

/// Writes out the groups in braces of an import.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        return paths.push(format!("{prefix}{tree}"));
    };
    let prefix = format!("{prefix}{head}");
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                if at > start {
                    expand(&prefix, &group[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Paths that are written out where something is used, such as `super::turn::wait`.
fn mentions(code: &str) -> Vec<Vec<String>> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c: char| !is_path(c));
    // What ends in colons is the head of a group in an import.
    let paths =
        words.filter(|word| word.contains("::") && !word.starts_with(':') && !word.ends_with(':'));
    paths
        .map(|path| path.split("::").map(str::to_owned).collect())
        .collect()
}

/// What of the graph is left when whatever uses nothing that is left is taken away, and whatever is used
/// by nothing that is left: the circles, and what lies between them.
fn circles<'a>(
    uses: &BTreeMap<&'a Module, BTreeSet<Module>>,
) -> BTreeMap<&'a Module, BTreeSet<Module>> {
    let mut left = uses.clone();
    loop {
        let before = left.len();
        let used: BTreeSet<Module> = left.values().flatten().cloned().collect();
        left.retain(|module, _| used.contains(*module));
        let known: BTreeSet<Module> = left.keys().map(|module| (*module).clone()).collect();
        for used in left.values_mut() {
            used.retain(|module| known.contains(module));
        }
        left.retain(|_, used| !used.is_empty());
        if left.len() == before {
            return left;
        }
    }
}

#[test]
fn files_do_not_use_each_other_in_a_circle() {
    for root in CRATES {
        let whole = Crate::read(Path::new(root));
        let uses = whole.uses();
        let count: usize = uses.values().map(BTreeSet::len).sum();
        assert!(
            count > whole.code.len(),
            "{root}: uses are not found any more"
        );
        let circles = circles(&uses);
        assert!(circles.is_empty(), "{root}: {circles:#?}");
    }
}

//! What is measured: a way to start a process, and what its database is seeded with.

use std::path::PathBuf;
use std::str::FromStr;

use crate::publisher::ByHttp;

/// What a variant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `loadtest floor`.
    Floor,
    /// `herald serve`.
    Engine,
}

/// What a webhook on everything does while a variant is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// It is told of everything.
    Told,
    /// It is disabled: what it would be told is written, and sent by nobody.
    Written,
}

/// A variant, as `KIND[:NAME][,OPTION...]`: `floor`, `engine`, `engine:old,bin=/tmp/herald`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What it is.
    pub kind: Kind,
    /// Its name in tables.
    pub name: String,
    /// The program, instead of the one beside this one.
    pub program: Option<PathBuf>,
    /// Environment variables on top of those that every variant gets.
    pub environment: Vec<(String, String)>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// A file for `herald apply`, instead of the usual people, templates and providers.
    pub seed: Option<PathBuf>,
    /// Whether the usual file is to hold policies (quiet hours, caps, limits) as well.
    pub policies: bool,
    /// What a webhook on everything does meanwhile; there is none without it.
    pub hook: Option<Hook>,
    /// How the load is posted, where it does not come through RabbitMQ.
    pub http: Option<ByHttp>,
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let head = parts.next().unwrap_or_default();
        let (kind, name) = head.split_once(':').unwrap_or((head, head));
        if name.is_empty() {
            return Err("the name after the colon is empty".to_owned());
        }
        let mut variant = Self {
            kind: match kind {
                "floor" => Kind::Floor,
                "engine" => Kind::Engine,
                _ => return Err("a variant begins with floor or engine".to_owned()),
            },
            name: name.to_owned(),
            program: None,
            environment: Vec::new(),
            arguments: Vec::new(),
            seed: None,
            policies: false,
            hook: None,
            http: None,
        };
        for part in parts {
            variant.take(part)?;
        }
        Ok(variant)
    }
}

impl Variant {
    /// A node of the engine as it is.
    pub(super) fn node(number: u64, environment: &[(String, String)]) -> Self {
        let name = format!("node-{number}");
        let named = ("HERALD__ENGINE__NODE_NAME".to_owned(), name.clone());
        Self {
            kind: Kind::Engine,
            name,
            program: None,
            environment: std::iter::once(named)
                .chain(environment.iter().cloned())
                .collect(),
            arguments: Vec::new(),
            seed: None,
            policies: false,
            hook: None,
            http: None,
        }
    }

    /// The same with paths that mean the same in every folder.
    ///
    /// # Errors
    /// When the folder that we are in cannot be told.
    pub fn with_absolute_paths(mut self) -> std::io::Result<Self> {
        for path in [&mut self.program, &mut self.seed].into_iter().flatten() {
            *path = std::path::absolute(&*path)?;
        }
        Ok(self)
    }

    fn posts(&mut self, option: &str) -> Result<(), String> {
        let (name, number) = option.split_once('=').unwrap_or((option, ""));
        let number: usize = number.parse().unwrap_or(0);
        if number == 0 || self.kind != Kind::Engine {
            return Err(format!("{name}=N is for an engine, and N is 1 or more"));
        }
        let http = self.http.get_or_insert(ByHttp {
            connections: 64,
            batch: 1,
        });
        match name {
            "batch" => http.batch = number,
            _ => http.connections = number,
        }
        Ok(())
    }

    fn take(&mut self, option: &str) -> Result<(), String> {
        match option.split_once('=').unwrap_or((option, "")) {
            ("policies", "") => self.policies = true,
            ("webhook", "told") => self.hook = Some(Hook::Told),
            ("webhook", "written") => self.hook = Some(Hook::Written),
            ("http", _) | ("batch", _) => self.posts(option)?,
            ("bin", path) if !path.is_empty() => self.program = Some(path.into()),
            ("seed", path) if !path.is_empty() => self.seed = Some(path.into()),
            ("arg", argument) if !argument.is_empty() => self.arguments.push(argument.to_owned()),
            ("env", pair) => {
                let (name, value) = pair.split_once('=').ok_or("write it as env=NAME=VALUE")?;
                self.environment.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                return Err(format!(
                    "`{option}` is none of bin=PATH, env=NAME=VALUE, arg=ARGUMENT, seed=FILE, policies, webhook=told, webhook=written, http=CONNECTIONS, batch=N"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contender_is_read_with_its_options() {
        let plain: Variant = "floor".parse().unwrap();
        assert_eq!((plain.kind, plain.name.as_str()), (Kind::Floor, "floor"));
        let old: Variant = "engine:old,bin=/tmp/herald,env=HERALD__ENGINE__IO_THREADS=1,env=A=b=c,seed=s.toml,policies"
            .parse()
            .unwrap();
        assert_eq!((old.kind, old.name.as_str()), (Kind::Engine, "old"));
        assert_eq!(old.program, Some("/tmp/herald".into()));
        assert_eq!(old.environment[1], ("A".to_owned(), "b=c".to_owned()));
        assert_eq!(old.seed, Some("s.toml".into()));
        assert!(old.policies);
        let posted: Variant = "engine:posted,http=8,batch=100".parse().unwrap();
        let by = ByHttp {
            connections: 8,
            batch: 100,
        };
        assert_eq!((posted.http, old.http), (Some(by), None));
        assert!("floor,http=8".parse::<Variant>().is_err());
        assert!("engine,batch=0".parse::<Variant>().is_err());
        let told: Variant = "engine:told,webhook=told".parse().unwrap();
        assert_eq!((told.hook, old.hook), (Some(Hook::Told), None));
        let one: Variant = "floor:one,arg=--one-queue".parse().unwrap();
        assert_eq!(one.arguments, ["--one-queue"]);
    }

    #[test]
    fn a_mistake_says_what_is_allowed() {
        for (text, named) in [
            ("celery", "floor or engine"),
            ("engine:", "empty"),
            ("engine,threads=1", "bin=PATH"),
            ("engine,env=A", "NAME=VALUE"),
        ] {
            let error = text.parse::<Variant>().unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}

//! ARG and ENV: which names have which values where.
//!
//! Reference: BuildKit, `frontend/dockerfile/docs/reference.md`, "ARG", "Predefined ARGs", "Automatic platform ARGs in the
//! global scope", "Using ARG variables". That page says that ENV always wins over ARG; what BuildKit does is that the later
//! of the two wins, and this does the same. A stage goes on with the variables of the stage that it begins with.

use std::collections::BTreeMap;

use super::dockerfile::Problem;
use super::dockerfile::words::{Budget, Variables};
use crate::image::Platform;

/// Can be given with `--build-arg` without an ARG; RUN gets them, the cache and the history do not know them.
const PREDEFINED: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The variables before the first FROM.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    /// The platform's, known without ARG in FROM lines.
    automatic: BTreeMap<String, String>,
    /// Those of the ARGs so far.
    declared: BTreeMap<String, Option<String>>,
    given: BTreeMap<String, String>,
    budget: Budget,
}

impl Globals {
    /// `given` are the values of `--build-arg`; `target` and `build` what is built for and on; `stage` the name of the
    /// target stage.
    pub fn new(
        given: &BTreeMap<String, String>,
        target: &Platform,
        build: &Platform,
        stage: &str,
    ) -> Globals {
        let mut automatic = BTreeMap::new();
        for (prefix, platform) in [("TARGET", target), ("BUILD", build)] {
            let variant = platform.variant.clone().unwrap_or_default();
            for (name, value) in [
                ("PLATFORM", platform.to_string()),
                ("OS", platform.os.clone()),
                ("OSVERSION", String::new()),
                ("ARCH", platform.architecture.clone()),
                ("VARIANT", variant),
            ] {
                automatic.insert(format!("{prefix}{name}"), value);
            }
        }
        automatic.insert("TARGETSTAGE".to_owned(), stage.to_owned());
        for (name, value) in given {
            if let Some(known) = automatic.get_mut(name) {
                known.clone_from(value);
            }
        }
        Globals {
            automatic,
            declared: BTreeMap::new(),
            given: given.clone(),
            budget: Budget::default(),
        }
    }

    /// Returns the platform's, which FROM lines know without ARG.
    pub fn automatic(&self) -> &BTreeMap<String, String> {
        &self.automatic
    }

    /// Takes an ARG before the first FROM.
    ///
    /// # Errors
    ///
    /// [`Problem::Variables`].
    pub fn declare(&mut self, name: &str, default: Option<String>) -> Result<(), Problem> {
        let value = (self.given.get(name).cloned()).or(default);
        self.budget.take(name, value.as_deref())?;
        self.declared.insert(name.to_owned(), value);
        Ok(())
    }

    /// Returns whether `--build-arg` has a value for the name.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Returns what was given and nothing asks for: no ARG before the first FROM, and none that `is_declared` knows of.
    pub fn unused(&self, is_declared: impl Fn(&str) -> bool) -> Vec<&str> {
        let names = self.given.keys().map(String::as_str);
        names
            .filter(|name| !PREDEFINED.contains(name) && !name.starts_with("BUILDKIT_"))
            .filter(|name| *name != "SOURCE_DATE_EPOCH" && !self.automatic.contains_key(*name))
            .filter(|name| !self.declared.contains_key(*name) && !is_declared(name))
            .collect()
    }

    /// Returns the variables at the beginning of a stage whose base image has `env`.
    pub fn stage(&self, env: &[String]) -> Scope {
        let mut scope = Scope {
            globals: self.clone(),
            args: Vec::new(),
            env: BTreeMap::new(),
            budget: Budget::default(),
        };
        for entry in env {
            if let Some((name, value)) = entry.split_once('=') {
                scope.env.insert(name.to_owned(), value.to_owned());
            }
        }
        scope
    }
}

impl Variables for Globals {
    fn get(&self, name: &str) -> Option<&str> {
        match self.declared.get(name) {
            Some(value) => value.as_deref(),
            None => self.automatic.get(name).map(String::as_str),
        }
    }
}

/// The variables within a stage.
#[derive(Debug, Clone)]
pub struct Scope {
    globals: Globals,
    /// Those of the ARGs so far, in the order in which they were declared.
    args: Vec<(String, Option<String>)>,
    env: BTreeMap<String, String>,
    budget: Budget,
}

impl Scope {
    /// Takes an ARG: `--build-arg`, else its default, else what an ARG before the first FROM says.
    ///
    /// # Errors
    ///
    /// [`Problem::Variables`].
    pub fn declare(&mut self, name: &str, default: Option<String>) -> Result<(), Problem> {
        let globals = &self.globals;
        let value = (globals.given.get(name).cloned())
            .or(default)
            .or_else(|| globals.declared.get(name).cloned().flatten())
            .or_else(|| globals.automatic.get(name).cloned());
        self.budget.take(name, value.as_deref())?;
        if value.is_some() {
            self.env.remove(name);
        } else if self.args.iter().any(|(other, _)| other == name) {
            // Declared once more, it keeps what it has.
            return Ok(());
        }
        self.args.retain(|(other, _)| other != name);
        self.args.push((name.to_owned(), value));
        Ok(())
    }

    /// Takes over the ARGs of the stage that this one begins with, as [`Scope::arguments`] has told them there.
    pub fn inherit(&mut self, arguments: &[(String, String)]) {
        for (name, value) in arguments {
            self.env.remove(name);
            self.args.push((name.clone(), Some(value.clone())));
        }
    }

    /// Takes an ENV.
    ///
    /// # Errors
    ///
    /// [`Problem::Variables`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        self.budget.take(name, Some(value))?;
        self.env.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Returns the ARGs that RUN sees as variables: those with a value that no ENV hides.
    pub fn arguments(&self) -> impl Iterator<Item = (&str, &str)> {
        (self.args.iter())
            .filter(|(name, _)| !self.env.contains_key(name))
            .filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }

    /// Returns the proxies that were given and not declared.
    pub fn proxies(&self) -> impl Iterator<Item = (&str, &str)> {
        (self.globals.given.iter())
            .filter(|(name, _)| PREDEFINED.contains(&name.as_str()))
            .filter(|(name, _)| !self.args.iter().any(|(other, _)| other == *name))
            .filter(|(name, _)| !self.env.contains_key(*name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Variables for Scope {
    fn get(&self, name: &str) -> Option<&str> {
        if let Some(value) = self.env.get(name) {
            return Some(value);
        }
        (self.args.iter().find(|(other, _)| other == name)).and_then(|(_, value)| value.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::dockerfile::words::Expander;

    fn globals(given: &[(&str, &str)]) -> Globals {
        let given = given
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let platform = Platform::new("linux", "arm64", Some("v8"));
        Globals::new(&given.collect(), &platform, &Platform::host(), "final")
    }

    #[test]
    fn the_command_line_wins_over_defaults_and_env_over_both() {
        let mut globals = globals(&[("A", "given"), ("HTTP_PROXY", "p")]);
        globals.declare("A", Some("global".to_owned())).unwrap();
        globals.declare("B", Some("global".to_owned())).unwrap();
        assert_eq!(globals.get("A"), Some("given"));
        assert_eq!(globals.get("TARGETARCH"), Some("arm64"));
        let mut scope = globals.stage(&["PATH=/bin".to_owned()]);
        assert_eq!((scope.get("A"), scope.get("PATH")), (None, Some("/bin")));
        assert_eq!(scope.get("TARGETARCH"), None);
        scope.declare("A", Some("default".to_owned())).unwrap();
        scope.declare("B", None).unwrap();
        scope.declare("C", Some("default".to_owned())).unwrap();
        scope.declare("D", None).unwrap();
        scope.declare("TARGETARCH", None).unwrap();
        assert_eq!(scope.get("A"), Some("given"));
        assert_eq!(scope.get("B"), Some("global"));
        assert_eq!(scope.get("C"), Some("default"));
        assert_eq!(scope.get("D"), None);
        assert_eq!(scope.get("TARGETARCH"), Some("arm64"));
        scope.set("C", "env").unwrap();
        assert_eq!(scope.get("C"), Some("env"));
        let names: Vec<&str> = scope.arguments().map(|(name, _)| name).collect();
        assert_eq!(names, ["A", "B", "TARGETARCH"]);
        assert_eq!(scope.proxies().collect::<Vec<_>>(), [("HTTP_PROXY", "p")]);
    }

    #[test]
    fn an_arg_that_is_declared_again_keeps_its_value() {
        let mut scope = globals(&[]).stage(&[]);
        scope.declare("A", Some("one".to_owned())).unwrap();
        scope.declare("A", None).unwrap();
        assert_eq!(scope.get("A"), Some("one"));
        scope.declare("A", Some("two".to_owned())).unwrap();
        assert_eq!(scope.arguments().collect::<Vec<_>>(), [("A", "two")]);
    }

    #[test]
    fn the_later_of_arg_and_env_wins_and_stages_inherit() {
        let globals = globals(&[("A", "given")]);
        let mut parent = globals.stage(&["A=image".to_owned()]);
        assert_eq!(parent.get("A"), Some("image"));
        parent.declare("B", None).unwrap();
        parent.declare("A", None).unwrap();
        assert_eq!(parent.get("A"), Some("given"));
        let told: Vec<(String, String)> = (parent.arguments())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(told, [("A".to_owned(), "given".to_owned())]);
        let mut child = globals.stage(&["A=image".to_owned()]);
        child.inherit(&told);
        assert_eq!(child.get("A"), Some("given"));
        child.set("A", "env").unwrap();
        assert_eq!(
            (child.get("A"), child.arguments().count()),
            (Some("env"), 0)
        );
    }

    #[test]
    fn variables_that_double_end() {
        let mut scope = globals(&[]).stage(&[]);
        scope.set("A", &"x".repeat(1 << 10)).unwrap();
        let mut doubled = || -> Result<(), Problem> {
            loop {
                let value = Expander::new(&scope, '\\').word("$A$A")?;
                scope.set("A", &value)?;
            }
        };
        assert!(matches!(doubled(), Err(Problem::Variables(_))));
        // Each is short enough.
        scope.set("A", &"x".repeat(1 << 19)).unwrap();
        let many = (0..100).try_for_each(|at| scope.set(&format!("B{at}"), &"x".repeat(1 << 19)));
        assert!(matches!(many, Err(Problem::Variables(_))));
        let mut scope = globals(&[]).stage(&[]);
        scope.set("A", &"x".repeat(1 << 10)).unwrap();
        scope.set("B", &"y".repeat(1 << 11)).unwrap();
        let replaced = Expander::new(&scope, '\\').word("${A//x/$B}");
        assert!(matches!(replaced, Err(Problem::Variables(_))));
    }
}

//! `skip=Rule,Rule;error=true;experimental=all`: which rules are silent, and what a warning means.

use super::Rule;

/// The options of a Dockerfile or of one instruction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    skip: Rules,
    experimental: Rules,
    pub(super) fatal: bool,
}

/// Some rules, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rules {
    all: bool,
    names: Vec<String>,
}

/// Why options cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not `name=value`, or no name there is.
    #[error("invalid check option {0:?}")]
    Unknown(String),
    /// `error=` with something that is neither true nor false.
    #[error("failed to parse check option {0:?}: neither true nor false")]
    Boolean(String),
}

impl Options {
    pub(super) fn parse(text: &str) -> Result<Options, OptionsError> {
        let mut options = Options::default();
        for part in text.split(';').filter(|_| !text.trim().is_empty()) {
            let unknown = || OptionsError::Unknown(part.to_owned());
            let (key, value) = part.split_once('=').ok_or_else(unknown)?;
            match key.trim() {
                "skip" => options.skip = Rules::parse(value),
                "experimental" => options.experimental = Rules::parse(value),
                "error" => {
                    options.fatal = match value.trim() {
                        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                        _ => return Err(OptionsError::Boolean(part.to_owned())),
                    }
                }
                _ => return Err(unknown()),
            }
        }
        Ok(options)
    }

    /// Whether a finding of `rule` is told; `own` are the options at the instruction itself.
    pub(super) fn reports(&self, rule: Rule, own: Option<&Options>) -> bool {
        let named = |rules: fn(&Options) -> &Rules| {
            rules(self).has(rule) || own.is_some_and(|own| rules(own).has(rule))
        };
        if rule.is_experimental() {
            named(|options| &options.experimental)
        } else {
            !named(|options| &options.skip)
        }
    }
}

impl Rules {
    fn parse(value: &str) -> Rules {
        let all = value.trim() == "all";
        let names = value.split(',').map(|name| name.trim().to_owned());
        Rules {
            all,
            names: names.collect(),
        }
    }

    fn has(&self, rule: Rule) -> bool {
        self.all || self.names.iter().any(|name| name == rule.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read() {
        let options = Options::parse("skip=UndefinedVar, FromAsCasing;error=true").unwrap();
        assert!(options.fatal && !options.reports(Rule::FromAsCasing, None));
        assert!(options.reports(Rule::StageNameCasing, None));
        assert!(!options.reports(Rule::InvalidDefinitionDescription, None));
        let all = Options::parse("skip=all;experimental=all").unwrap();
        assert!(!options.reports(Rule::StageNameCasing, Some(&all)));
        assert!(options.reports(Rule::InvalidDefinitionDescription, Some(&all)));
        assert_eq!(Options::parse(" "), Ok(Options::default()));
        for bad in ["skip", "error=maybe", "x=y", "skip=all;;"] {
            assert!(Options::parse(bad).is_err(), "{bad}");
        }
    }
}

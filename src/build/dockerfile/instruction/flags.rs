//! The `--flags` of an instruction: which it has, and what kind of value they take.

use super::super::parse::{Flag, Node};
use super::super::suggest::nearest;
use super::Problem;

/// The flags that may stand more than once.
const REPEATED: [&str; 2] = ["mount", "exclude"];

/// The flags of one instruction, all of them known and none twice unless it may be.
pub(super) struct Flags<'a>(&'a [Flag]);

impl<'a> Flags<'a> {
    pub(super) fn of(node: &'a Node, known: &[&'static str]) -> Result<Flags<'a>, Problem> {
        for (index, flag) in node.flags.iter().enumerate() {
            let name = flag.name.as_str();
            if !known.contains(&name) {
                let hint = nearest(name, known.iter().copied());
                return Err(Problem::UnknownFlag(name.to_owned(), hint));
            }
            if !REPEATED.contains(&name) && node.flags[..index].iter().any(|f| f.name == name) {
                return Err(Problem::DuplicateFlag(name.to_owned()));
            }
        }
        Ok(Flags(&node.flags))
    }

    /// Every value of a flag.
    pub(super) fn values(&self, name: &str) -> Result<Vec<&'a str>, Problem> {
        let named = self.0.iter().filter(|flag| flag.name == name);
        named
            .map(|flag| {
                let missing = || Problem::FlagValue(flag.name.clone());
                flag.value.as_deref().ok_or_else(missing)
            })
            .collect()
    }

    /// The value of a flag that stands once at most.
    pub(super) fn value(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        Ok(self.values(name)?.into_iter().next())
    }

    /// The state of a switch; without a value it is on.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        let Some(flag) = self.0.iter().find(|flag| flag.name == name) else {
            return Ok(None);
        };
        match flag.value.as_deref() {
            None => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(Problem::Other(format!(
                "expecting boolean value for flag {name}, not: {text}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn values_and_switches() {
        for good in [
            "COPY --link a b",
            "COPY --link=true --from=x a b",
            "COPY --chown= a b",
            "COPY --link=False -- a b",
            "COPY --exclude=a --exclude=b c d",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for (bad, words) in [
            ("COPY --chown a b", "missing a value on flag: --chown"),
            ("COPY --link=false1 a b", "expecting boolean value for flag"),
            (
                "COPY --frm=x a b",
                "unknown flag: --frm (did you mean from?)",
            ),
            ("COPY --boo=x a b", "unknown flag: --boo"),
            (
                "COPY --from=a --from=b c d",
                "duplicate flag specified: --from",
            ),
            ("MAINTAINER --boo joe", "unknown flag: --boo"),
            ("CMD --doit [ \"a\" ]", "unknown flag: --doit"),
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.starts_with(words), "{bad}: {error}");
        }
    }
}

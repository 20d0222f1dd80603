//! Nodes → typed instructions: flags checked, variables expanded where the language expands them.
//!
//! Expanded are FROM, ADD, COPY, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR, ARG's defaults, and some flags.
//! RUN, CMD, ENTRYPOINT and SHELL are not: their variables are the shell's.

mod copy;
mod flags;
mod healthcheck;
mod run;

use super::parse::{Argument, Node};
use super::words::{Expander, Variables};
use super::{Error, Problem};
use flags::Flags;

pub use copy::Copy;
pub use healthcheck::Healthcheck;
pub use run::{Run, RunNetwork};

/// One instruction, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// `FROM [--platform=P] IMAGE [AS NAME]`.
    From {
        /// An image, `scratch`, or the name of an earlier stage.
        base: String,
        /// `os/architecture[/variant]`.
        platform: Option<String>,
        /// The stage's name, in lower case.
        name: Option<String>,
    },
    /// `ARG NAME[=DEFAULT] …`.
    Arg(Vec<(String, Option<String>)>),
    /// `ENV NAME=VALUE …`.
    Env(Vec<(String, String)>),
    /// `LABEL NAME=VALUE …`.
    Label(Vec<(String, String)>),
    /// `MAINTAINER TEXT`.
    Maintainer(String),
    /// `COPY` and `ADD`.
    Copy(Box<Copy>),
    /// `RUN`.
    Run(Box<Run>),
    /// `CMD`.
    Cmd(Command),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `SHELL ["program", "arguments"]`.
    Shell(Vec<String>),
    /// `USER NAME[:GROUP]`.
    User(String),
    /// `WORKDIR PATH`.
    Workdir(String),
    /// `VOLUME PATH …`.
    Volume(Vec<String>),
    /// `EXPOSE PORT[/PROTOCOL] …`.
    Expose(Vec<String>),
    /// `STOPSIGNAL SIGNAL`.
    StopSignal(String),
    /// `HEALTHCHECK`.
    Healthcheck(Option<Healthcheck>),
    /// `ONBUILD INSTRUCTION`, as written.
    OnBuild(Box<Node>),
}

/// A command for the shell or a list of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Shell form.
    Shell(String),
    /// Exec form.
    Exec(Vec<String>),
}

impl Instruction {
    /// Understands `node`, expanding variables with `expander`.
    ///
    /// # Errors
    ///
    /// Any [`Problem`], with the node's place.
    pub fn of<V: Variables + ?Sized>(
        node: &Node,
        expander: &Expander<'_, V>,
    ) -> Result<Instruction, Error> {
        let reader = Reader { node, expander };
        reader.read().map_err(|problem| problem.at(node.span))
    }
}

struct Reader<'a, V: ?Sized> {
    node: &'a Node,
    expander: &'a Expander<'a, V>,
}

impl<V: Variables + ?Sized> Reader<'_, V> {
    fn read(&self) -> Result<Instruction, Problem> {
        Ok(match self.node.instruction {
            "FROM" => self.from()?,
            "ARG" => Instruction::Arg(self.arg()?),
            "ENV" => Instruction::Env(self.pairs()?),
            "LABEL" => Instruction::Label(self.pairs()?),
            "MAINTAINER" => Instruction::Maintainer(self.text("exactly one argument")?.to_owned()),
            "COPY" => Instruction::Copy(Box::new(self.copy(false)?)),
            "ADD" => Instruction::Copy(Box::new(self.copy(true)?)),
            "RUN" => Instruction::Run(Box::new(self.run()?)),
            "CMD" => Instruction::Cmd(self.plain_command()?),
            "ENTRYPOINT" => Instruction::Entrypoint(self.plain_command()?),
            "SHELL" => Instruction::Shell(self.shell()?),
            "USER" => Instruction::User(self.expanded_text()?),
            "WORKDIR" => Instruction::Workdir(self.expanded_text()?),
            "VOLUME" => Instruction::Volume(self.volume()?),
            "EXPOSE" => Instruction::Expose(self.expose()?),
            "STOPSIGNAL" => Instruction::StopSignal(self.expanded_text()?),
            "HEALTHCHECK" => Instruction::Healthcheck(self.healthcheck()?),
            "ONBUILD" => {
                Flags::of(self.node, &[])?;
                let Argument::Trigger(inner) = &self.node.argument else {
                    return Err(self.arguments("at least one argument"));
                };
                Instruction::OnBuild(inner.clone())
            }
            other => return Err(Problem::UnknownInstruction(other.to_owned(), None)),
        })
    }

    fn from(&self) -> Result<Instruction, Problem> {
        let flags = Flags::of(self.node, &["platform"])?;
        let Argument::Words(words) = &self.node.argument else {
            return Err(self.arguments("either one or three arguments"));
        };
        let (base, name) = match &words[..] {
            [base] => (base, None),
            [base, word, name] if word.eq_ignore_ascii_case("as") => (base, Some(name)),
            _ => return Err(self.arguments("either one or three arguments")),
        };
        let name = name.map(|name| name.to_ascii_lowercase());
        if let Some(name) = &name
            && !is_stage_name(name)
        {
            return Err(Problem::Other(format!(
                "invalid name for build stage: {name:?}, name can't start with a number or contain symbols"
            )));
        }
        let base = self.expander.word(base)?;
        if base.is_empty() {
            return Err(Problem::Other(format!(
                "base name ({}) should not be blank",
                words[0]
            )));
        }
        let written = flags.value("platform")?.unwrap_or("");
        let platform = self.expander.word(written)?;
        if platform.is_empty() && !written.is_empty() {
            let words = format!("empty platform value from expression {written}");
            return Err(Problem::Other(words));
        }
        Ok(Instruction::From {
            base,
            platform: Some(platform).filter(|platform| !platform.is_empty()),
            name,
        })
    }

    fn arg(&self) -> Result<Vec<(String, Option<String>)>, Problem> {
        Flags::of(self.node, &[])?;
        let Argument::Declarations(list) = &self.node.argument else {
            return Err(self.arguments("at least one argument"));
        };
        // A default sees the values declared before it, the ones of the same line included: the caller's variables
        // hold those of earlier lines, so the line is expanded from left to right over them.
        let mut declared = std::collections::BTreeMap::new();
        let mut result = Vec::with_capacity(list.len());
        for (name, default) in list {
            let over = Over {
                first: &declared,
                then: self.expander.variables(),
            };
            let expander = Expander::new(&over, self.expander.escape());
            let name = expander.word(name)?;
            let default = default.as_deref().map(|d| expander.word(d)).transpose()?;
            if let Some(value) = &default {
                declared.insert(name.clone(), value.clone());
            }
            result.push((name, default));
        }
        Ok(result)
    }

    /// ENV and LABEL: every value sees the environment as it was before the instruction.
    fn pairs(&self) -> Result<Vec<(String, String)>, Problem> {
        Flags::of(self.node, &[])?;
        let pairs = match &self.node.argument {
            Argument::Pairs(pairs) => &pairs[..],
            Argument::OldPair(pair) => std::slice::from_ref(pair),
            _ => return Err(self.arguments("at least one argument")),
        };
        let expand = |(name, value): &(String, String)| {
            Ok((self.expander.word(name)?, self.expander.word(value)?))
        };
        pairs.iter().map(expand).collect()
    }

    fn plain_command(&self) -> Result<Command, Problem> {
        Flags::of(self.node, &[])?;
        self.command()
    }

    fn command(&self) -> Result<Command, Problem> {
        match &self.node.argument {
            Argument::Text(text) => Ok(Command::Shell(text.clone())),
            Argument::Json(words) => Ok(Command::Exec(words.clone())),
            _ => Err(self.arguments("at least one argument")),
        }
    }

    fn shell(&self) -> Result<Vec<String>, Problem> {
        Flags::of(self.node, &[])?;
        match &self.node.argument {
            Argument::Json(words) if !words.is_empty() => Ok(words.clone()),
            Argument::Json(_) => Err(self.arguments("at least one argument")),
            _ => Err(Problem::Other(
                "SHELL requires the arguments to be in JSON form".to_owned(),
            )),
        }
    }

    fn volume(&self) -> Result<Vec<String>, Problem> {
        Flags::of(self.node, &[])?;
        let (Argument::Words(words) | Argument::Json(words)) = &self.node.argument else {
            return Err(self.arguments("at least one argument"));
        };
        if words.is_empty() {
            return Err(self.arguments("at least one argument"));
        }
        let expanded = words.iter().map(|word| self.expander.word(word));
        let volumes = expanded.collect::<Result<Vec<_>, _>>()?;
        if volumes.iter().any(|volume| volume.trim().is_empty()) {
            return Err(Problem::Other(
                "VOLUME specified can not be an empty string".to_owned(),
            ));
        }
        Ok(volumes)
    }

    fn expose(&self) -> Result<Vec<String>, Problem> {
        Flags::of(self.node, &[])?;
        let Argument::Words(words) = &self.node.argument else {
            return Err(self.arguments("at least one argument"));
        };
        let mut ports = Vec::new();
        for word in words {
            ports.extend(self.expander.words(word)?);
        }
        if words.is_empty() {
            return Err(self.arguments("at least one argument"));
        }
        ports.sort();
        Ok(ports)
    }

    /// The one argument, expanded; an unset variable can leave it empty.
    fn expanded_text(&self) -> Result<String, Problem> {
        self.expander.word(self.text("exactly one argument")?)
    }

    fn text(&self, wanted: &'static str) -> Result<&str, Problem> {
        Flags::of(self.node, &[])?;
        match &self.node.argument {
            Argument::Text(text) if !text.is_empty() => Ok(text),
            _ => Err(self.arguments(wanted)),
        }
    }

    /// A flag's value, expanded; an empty one is none.
    fn expanded(&self, value: Option<&str>) -> Result<Option<String>, Problem> {
        let value = value.map(|value| self.expander.word(value)).transpose()?;
        Ok(value.filter(|value| !value.is_empty()))
    }

    fn arguments(&self, wanted: &'static str) -> Problem {
        Problem::Arguments(self.node.instruction, wanted)
    }
}

/// Variables over other variables.
struct Over<'a, V: ?Sized> {
    first: &'a std::collections::BTreeMap<String, String>,
    then: &'a V,
}

impl<V: Variables + ?Sized> Variables for Over<'_, V> {
    fn get(&self, name: &str) -> Option<&str> {
        let first = self.first.get(name).map(String::as_str);
        first.or_else(|| self.then.get(name))
    }
}

/// `[a-z][a-z0-9-_.]*`.
fn is_stage_name(name: &str) -> bool {
    let rest =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(rest)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::parse;
    use super::*;

    fn values(name: &str) -> Option<&'static str> {
        Some(match name {
            "TAG" => "3.9",
            "DIR" => "/srv",
            "PORTS" => "80 443",
            _ => return None,
        })
    }

    pub(super) fn read(text: &str) -> Result<Instruction, Problem> {
        let parsed = parse(text.as_bytes()).map_err(|error| error.problem)?;
        Instruction::of(&parsed.nodes[0], &Expander::new(&values, '\\')).map_err(|e| e.problem)
    }

    #[test]
    fn from_lines() {
        assert_eq!(
            read("FROM --platform=linux/$TAG alpine:$TAG As Base"),
            Ok(Instruction::From {
                base: "alpine:3.9".into(),
                platform: Some("linux/3.9".into()),
                name: Some("base".into())
            })
        );
        for bad in [
            "FROM",
            "FROM a b",
            "FROM a as 1x",
            "FROM a b c",
            "FROM --foo=x a",
            "FROM $NONE",
            "FROM a as a b",
            "FROM --platform=$NONE a",
            "FROM \"\" as foo",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn expansion_has_its_places() {
        assert_eq!(read("RUN echo $TAG").map(|i| matches!(i, Instruction::Run(r) if r.command == Command::Shell("echo $TAG".into()))), Ok(true));
        assert_eq!(
            read("CMD [\"$TAG\"]"),
            Ok(Instruction::Cmd(Command::Exec(vec!["$TAG".into()])))
        );
        assert_eq!(
            read("WORKDIR $DIR/x"),
            Ok(Instruction::Workdir("/srv/x".into()))
        );
        assert_eq!(
            read("EXPOSE $PORTS 8/udp"),
            Ok(Instruction::Expose(vec![
                "443".into(),
                "8/udp".into(),
                "80".into()
            ]))
        );
        assert_eq!(
            read("ENV A=$DIR B=$A C='$DIR'"),
            Ok(Instruction::Env(vec![
                ("A".into(), "/srv".into()),
                ("B".into(), "".into()),
                ("C".into(), "$DIR".into())
            ]))
        );
        assert_eq!(
            read("ARG A=$DIR B=$A C"),
            Ok(Instruction::Arg(vec![
                ("A".into(), Some("/srv".into())),
                ("B".into(), Some("/srv".into())),
                ("C".into(), None)
            ]))
        );
    }

    #[test]
    fn others() {
        assert_eq!(
            read("SHELL [\"a\"]"),
            Ok(Instruction::Shell(vec!["a".into()]))
        );
        assert_eq!(
            read("VOLUME /a $DIR"),
            Ok(Instruction::Volume(vec!["/a".into(), "/srv".into()]))
        );
        for bad in [
            "SHELL a",
            "SHELL []",
            "VOLUME",
            "USER",
            "WORKDIR",
            "ENV --a=b c=d",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

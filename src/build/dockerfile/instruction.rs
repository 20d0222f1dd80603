//! Nodes → typed instructions: flags checked, variables expanded where the language expands them.
//!
//! Expanded are FROM, ADD, COPY, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR, ARG's defaults, and some flags.
//! RUN, CMD, ENTRYPOINT and SHELL are not: their variables are the shell's.

use super::heredoc::Heredoc;
use super::mount::RunMount;
use super::parse::{Argument, Flag, Node};
use super::words::{Expander, Variables};
use super::{Error, Problem};

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

/// `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// ADD: archives are unpacked, URLs fetched.
    pub is_add: bool,
    /// Paths with wildcards, URLs.
    pub sources: Vec<String>,
    /// Files given in the Dockerfile itself.
    pub inline: Vec<Heredoc>,
    /// Where they go.
    pub destination: String,
    /// `--from`.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`, octal or symbolic.
    pub chmod: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`, in order.
    pub exclude: Vec<String>,
    /// ADD's `--checksum`.
    pub checksum: Option<String>,
    /// ADD's `--keep-git-dir`.
    pub keep_git_dir: bool,
    /// ADD's `--unpack`; `None` for the default: local archives are, remote ones are not.
    pub unpack: Option<bool>,
}

/// `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What runs.
    pub command: Command,
    /// Here-documents of the command.
    pub heredocs: Vec<Heredoc>,
    /// `--mount`, in order.
    pub mounts: Vec<RunMount>,
    /// `--network`.
    pub network: RunNetwork,
    /// `--security=insecure`.
    pub insecure: bool,
}

/// `RUN --network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunNetwork {
    /// The build's.
    Default,
    /// Loopback only.
    None,
    /// The host's.
    Host,
}

/// `HEALTHCHECK`; durations in nanoseconds, `None` where the default is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// What tells the health.
    pub command: Command,
    /// `--interval`.
    pub interval: Option<u64>,
    /// `--timeout`.
    pub timeout: Option<u64>,
    /// `--start-period`.
    pub start_period: Option<u64>,
    /// `--start-interval`.
    pub start_interval: Option<u64>,
    /// `--retries`.
    pub retries: Option<u32>,
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
            "USER" => Instruction::User(self.expanded_text("exactly one argument")?),
            "WORKDIR" => Instruction::Workdir(self.expanded_text("exactly one argument")?),
            "VOLUME" => Instruction::Volume(self.volume()?),
            "EXPOSE" => Instruction::Expose(self.expose()?),
            "STOPSIGNAL" => Instruction::StopSignal(self.expanded_text("exactly one argument")?),
            "HEALTHCHECK" => Instruction::Healthcheck(self.healthcheck()?),
            "ONBUILD" => {
                self.flags(&[])?;
                let Argument::Trigger(inner) = &self.node.argument else {
                    return Err(self.arguments("at least one argument"));
                };
                Instruction::OnBuild(inner.clone())
            }
            other => return Err(Problem::UnknownInstruction(other.to_owned())),
        })
    }

    fn from(&self) -> Result<Instruction, Problem> {
        let flags = self.flags(&["platform"])?;
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
        Ok(Instruction::From {
            base,
            platform: self.expanded(flags.value("platform")?)?,
            name,
        })
    }

    fn arg(&self) -> Result<Vec<(String, Option<String>)>, Problem> {
        self.flags(&[])?;
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
        self.flags(&[])?;
        let Argument::Pairs(pairs) = &self.node.argument else {
            return Err(self.arguments("at least one argument"));
        };
        let expand = |(name, value): &(String, String)| {
            Ok((self.expander.word(name)?, self.expander.word(value)?))
        };
        pairs.iter().map(expand).collect()
    }

    fn copy(&self, is_add: bool) -> Result<Copy, Problem> {
        let known: &[&str] = if is_add {
            &[
                "chown",
                "chmod",
                "link",
                "exclude",
                "checksum",
                "keep-git-dir",
                "unpack",
            ]
        } else {
            &["from", "chown", "chmod", "link", "parents", "exclude"]
        };
        let flags = self.flags(known)?;
        let words = match &self.node.argument {
            Argument::Words(words) => words
                .iter()
                .map(|word| self.expander.word(word))
                .collect::<Result<Vec<_>, _>>()?,
            Argument::Json(words) => words
                .iter()
                .map(|word| self.expander.word(word))
                .collect::<Result<Vec<_>, _>>()?,
            _ => return Err(self.arguments("at least two arguments")),
        };
        let Some((destination, sources)) = words.split_last().filter(|(_, s)| !s.is_empty()) else {
            let name = self.node.instruction;
            return Err(Problem::Other(format!(
                "{name} requires at least two arguments, but only {} provided. Destination could not be determined",
                if words.is_empty() {
                    "none was"
                } else {
                    "one was"
                }
            )));
        };
        let mut inline = Vec::new();
        for heredoc in &self.node.heredocs {
            let mut heredoc = heredoc.clone();
            if heredoc.expand {
                heredoc.content = self.expander.text(&heredoc.content)?;
            }
            inline.push(heredoc);
        }
        let is_heredoc = |source: &&String| super::heredoc::Opening::of_word(source).is_none();
        Ok(Copy {
            is_add,
            sources: if inline.is_empty() {
                sources.to_vec()
            } else {
                sources.iter().filter(is_heredoc).cloned().collect()
            },
            inline,
            destination: destination.clone(),
            from: self.expanded(flags.value("from")?)?,
            chown: self.expanded(flags.value("chown")?)?,
            chmod: self.expanded(flags.value("chmod")?)?,
            link: flags.boolean("link")?.unwrap_or(false),
            parents: flags.boolean("parents")?.unwrap_or(false),
            exclude: flags
                .values("exclude")?
                .into_iter()
                .map(|value| self.expander.word(value))
                .collect::<Result<_, _>>()?,
            checksum: self.expanded(flags.value("checksum")?)?,
            keep_git_dir: flags.boolean("keep-git-dir")?.unwrap_or(false),
            unpack: flags.boolean("unpack")?,
        })
    }

    fn run(&self) -> Result<Run, Problem> {
        let flags = self.flags(&["mount", "network", "security"])?;
        let network = match flags.value("network")? {
            None | Some("default") => RunNetwork::Default,
            Some("none") => RunNetwork::None,
            Some("host") => RunNetwork::Host,
            Some(other) => {
                return Err(Problem::Other(format!("invalid network mode: {other:?}")));
            }
        };
        let insecure = match flags.value("security")? {
            None | Some("sandbox") => false,
            Some("insecure") => true,
            Some(other) => {
                return Err(Problem::Other(format!("security {other:?} is not valid")));
            }
        };
        let mounts = flags
            .values("mount")?
            .into_iter()
            .map(|text| RunMount::parse(text, |value| self.expander.word(value)))
            .collect::<Result<_, _>>()?;
        let command = self.command()?;
        if self.node.heredocs.is_empty() && command == Command::Shell(String::new()) {
            return Err(self.arguments("at least one argument"));
        }
        Ok(Run {
            command,
            heredocs: self.node.heredocs.clone(),
            mounts,
            network,
            insecure,
        })
    }

    fn plain_command(&self) -> Result<Command, Problem> {
        self.flags(&[])?;
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
        self.flags(&[])?;
        match &self.node.argument {
            Argument::Json(words) if !words.is_empty() => Ok(words.clone()),
            Argument::Json(_) => Err(self.arguments("at least one argument")),
            _ => Err(Problem::Other(
                "SHELL requires the arguments to be in JSON form".to_owned(),
            )),
        }
    }

    fn volume(&self) -> Result<Vec<String>, Problem> {
        self.flags(&[])?;
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
        self.flags(&[])?;
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

    fn healthcheck(&self) -> Result<Option<Healthcheck>, Problem> {
        let flags = self.flags(&[
            "interval",
            "timeout",
            "start-period",
            "start-interval",
            "retries",
        ])?;
        let Argument::Healthcheck(kind, inner) = &self.node.argument else {
            return Err(self.arguments("at least one argument"));
        };
        let command = match (kind.as_str(), &**inner) {
            ("NONE", Argument::Text(rest)) if rest.is_empty() => return Ok(None),
            ("NONE", _) => {
                return Err(Problem::Other(
                    "HEALTHCHECK NONE takes no arguments".to_owned(),
                ));
            }
            ("CMD", Argument::Text(text)) if !text.is_empty() => Command::Shell(text.clone()),
            ("CMD", Argument::Json(words)) if !words.is_empty() => Command::Exec(words.clone()),
            ("CMD", _) => {
                return Err(Problem::Other(
                    "Missing command after HEALTHCHECK CMD".to_owned(),
                ));
            }
            ("", _) => return Err(self.arguments("at least one argument")),
            (other, _) => {
                return Err(Problem::Other(format!(
                    "Unknown type {other:?} in HEALTHCHECK (try CMD)"
                )));
            }
        };
        let duration = |name: &str| -> Result<Option<u64>, Problem> {
            flags
                .value(name)?
                .map(|text| nanoseconds(name, text))
                .transpose()
        };
        let retries = flags
            .value("retries")?
            .map(|text| match text.parse::<u32>() {
                Ok(retries) if retries > 0 => Ok(retries),
                _ => Err(Problem::Other(format!(
                    "--retries cannot be less than 1 ({text})"
                ))),
            })
            .transpose()?;
        Ok(Some(Healthcheck {
            command,
            interval: duration("interval")?,
            timeout: duration("timeout")?,
            start_period: duration("start-period")?,
            start_interval: duration("start-interval")?,
            retries,
        }))
    }

    fn expanded_text(&self, wanted: &'static str) -> Result<String, Problem> {
        let text = self.expander.word(self.text(wanted)?)?;
        if text.is_empty() {
            return Err(self.arguments(wanted));
        }
        Ok(text)
    }

    fn text(&self, wanted: &'static str) -> Result<&str, Problem> {
        self.flags(&[])?;
        match &self.node.argument {
            Argument::Text(text) if !text.is_empty() => Ok(text),
            _ => Err(self.arguments(wanted)),
        }
    }

    fn expanded(&self, value: Option<&str>) -> Result<Option<String>, Problem> {
        value.map(|value| self.expander.word(value)).transpose()
    }

    fn arguments(&self, wanted: &'static str) -> Problem {
        Problem::Arguments(self.node.instruction, wanted)
    }

    /// The flags, all of them known and none twice unless it may be.
    fn flags(&self, known: &[&str]) -> Result<Flags<'_>, Problem> {
        for (index, flag) in self.node.flags.iter().enumerate() {
            if !known.contains(&flag.name.as_str()) {
                return Err(Problem::UnknownFlag(flag.name.clone()));
            }
            let repeats = matches!(flag.name.as_str(), "mount" | "exclude");
            if !repeats && self.node.flags[..index].iter().any(|f| f.name == flag.name) {
                return Err(Problem::DuplicateFlag(flag.name.clone()));
            }
        }
        Ok(Flags(&self.node.flags))
    }
}

struct Flags<'a>(&'a [Flag]);

impl<'a> Flags<'a> {
    fn values(&self, name: &str) -> Result<Vec<&'a str>, Problem> {
        let named = self.0.iter().filter(|flag| flag.name == name);
        named
            .map(|flag| {
                let missing = || Problem::FlagValue(flag.name.clone());
                flag.value.as_deref().ok_or_else(missing)
            })
            .collect()
    }

    fn value(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        Ok(self.values(name)?.into_iter().next())
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
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

/// A Go duration of at least a millisecond, or 0.
fn nanoseconds(flag: &str, text: &str) -> Result<u64, Problem> {
    let invalid = || Problem::Other(format!("invalid duration {text:?} for --{flag}"));
    let mut rest = text;
    let mut total = 0.0;
    if rest == "0" {
        return Ok(0);
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(invalid)?;
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let units = [
            ("ns", 1e0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ];
        let (unit, factor) = units
            .into_iter()
            .find(|(unit, _)| rest.starts_with(unit))
            .ok_or_else(invalid)?;
        total += number * factor;
        rest = &rest[unit.len()..];
    }
    if text.is_empty() || !(0.0..9e18).contains(&total) {
        return Err(invalid());
    }
    if total > 0.0 && total < 1e6 {
        return Err(Problem::Other(format!(
            "Interval {flag:?} cannot be less than 1ms"
        )));
    }
    Ok(total as u64)
}

#[cfg(test)]
mod tests {
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

    fn read(text: &str) -> Result<Instruction, Problem> {
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
    fn copies() {
        let Ok(Instruction::Copy(copy)) = read(
            "COPY --from=x --link --parents --chmod=u=rwX,go=rX --exclude=*.o --exclude=*.a src $DIR/",
        ) else {
            panic!()
        };
        assert!(copy.link && copy.parents && !copy.is_add);
        assert_eq!(
            (copy.destination.as_str(), copy.exclude.len()),
            ("/srv/", 2)
        );
        assert_eq!(copy.chmod.as_deref(), Some("u=rwX,go=rX"));
        let Ok(Instruction::Copy(copy)) =
            read("COPY <<a <<'b' c /d/\n$TAG \\$TAG 'x\na\n$TAG\nb\n")
        else {
            panic!()
        };
        assert_eq!(copy.sources, ["c"]);
        assert_eq!(copy.inline[0].content, "3.9 $TAG 'x\n");
        assert_eq!(copy.inline[1].content, "$TAG\n");
        for bad in [
            "COPY a",
            "COPY",
            "ADD --from=x a b",
            "COPY --checksum=x a b",
            "COPY --link=maybe a b",
            "COPY --from a b",
            "COPY --from=a --from=b c d",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn health() {
        let Ok(Instruction::Healthcheck(Some(check))) =
            read("HEALTHCHECK --interval=1m30s --retries=5 CMD a b")
        else {
            panic!()
        };
        assert_eq!(
            (check.interval, check.retries, check.timeout),
            (Some(90_000_000_000), Some(5), None)
        );
        assert_eq!(read("HEALTHCHECK none"), Ok(Instruction::Healthcheck(None)));
        for bad in [
            "HEALTHCHECK",
            "HEALTHCHECK CMD",
            "HEALTHCHECK x",
            "HEALTHCHECK --interval=1 CMD a",
            "HEALTHCHECK --interval=1us CMD a",
            "HEALTHCHECK --retries=0 CMD a",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
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
            "USER $NONE",
            "RUN",
            "RUN --network=x y",
            "RUN --security=x y",
            "WORKDIR",
            "ENV --a=b c=d",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

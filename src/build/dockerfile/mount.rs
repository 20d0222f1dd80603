//! `RUN --mount=type=…`: the options of its five kinds.
//!
//! Reference: BuildKit, `frontend/dockerfile/docs/reference.md`, "RUN --mount".

use super::Problem;
use super::suggest::{did_you_mean, nearest};

/// One mount of a RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMount {
    /// Where it appears.
    pub target: Option<String>,
    /// What it is.
    pub kind: MountKind,
}

/// The five kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context, a stage or an image.
    Bind {
        /// Stage or image; the build context by default.
        from: Option<String>,
        /// Path in there.
        source: Option<String>,
        /// Writes are allowed, and thrown away.
        writable: bool,
    },
    /// A directory that stays between builds.
    Cache {
        /// Its name; the target by default.
        id: Option<String>,
        /// Who may use it at the same time.
        sharing: Sharing,
        /// What a new one is filled with.
        from: Option<String>,
        /// Path in there.
        source: Option<String>,
        /// Cannot be written.
        read_only: bool,
        /// Of a new one.
        mode: Option<u32>,
        /// Of a new one.
        uid: Option<u32>,
        /// Of a new one.
        gid: Option<u32>,
    },
    /// Memory.
    Tmpfs {
        /// Bytes at most.
        size: Option<u64>,
    },
    /// A file or variable that the layer does not keep.
    Secret {
        /// Which; the target's last part by default.
        id: Option<String>,
        /// The variable that gets it.
        env: Option<String>,
        /// The build fails without it.
        required: bool,
        /// Of the file; 0400 by default.
        mode: Option<u32>,
        /// Of the file.
        uid: Option<u32>,
        /// Of the file.
        gid: Option<u32>,
    },
    /// An agent's socket.
    Ssh {
        /// Which; `default` by default.
        id: Option<String>,
        /// The build fails without it.
        required: bool,
        /// Of the socket; 0600 by default.
        mode: Option<u32>,
        /// Of the socket.
        uid: Option<u32>,
        /// Of the socket.
        gid: Option<u32>,
    },
}

/// Who may use a cache at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody.
    Shared,
    /// Whoever comes second gets another one.
    Private,
    /// Whoever comes second waits.
    Locked,
}

/// What may be meant by a key that is none.
const KEYS: [&str; 15] = [
    "type",
    "target",
    "source",
    "from",
    "id",
    "readonly",
    "readwrite",
    "sharing",
    "size",
    "mode",
    "uid",
    "gid",
    "required",
    "env",
    "destination",
];

/// The options as they were written, each taken once.
struct Options(Vec<(String, Option<String>)>);

impl RunMount {
    /// Reads the value of one `--mount`; `expand` replaces variables in a value. Keys that mean nothing for the type, but
    /// that BuildKit lets pass (`id` of a bind mount, say), are let pass.
    ///
    /// # Errors
    ///
    /// [`Problem::Other`] with BuildKit's words, and what `expand` returns.
    pub fn parse(
        text: &str,
        expand: impl Fn(&str) -> Result<String, Problem>,
    ) -> Result<RunMount, Problem> {
        let mut options = Options::split(text, expand)?;
        let kind = options
            .text(&["type"])?
            .map(|kind| kind.to_ascii_lowercase());
        let target = options.text(&["target", "dst", "destination"])?;
        let kind = match kind.as_deref() {
            None | Some("bind") => MountKind::Bind {
                from: options.text(&["from"])?,
                source: options.text(&["source", "src"])?,
                writable: options.writable()?.unwrap_or(false),
            },
            Some("cache") => MountKind::Cache {
                id: options.text(&["id"])?,
                sharing: options.sharing()?,
                from: options.text(&["from"])?,
                source: options.text(&["source", "src"])?,
                read_only: !options.writable()?.unwrap_or(true),
                mode: options.mode()?,
                uid: options.number("uid")?,
                gid: options.number("gid")?,
            },
            Some("tmpfs") => {
                options.discard(&["from", "source", "src", "rw", "readwrite", "ro", "readonly"]);
                MountKind::Tmpfs {
                    size: options.size()?,
                }
            }
            Some("secret") => MountKind::Secret {
                id: options.text(&["id", "source", "src"])?,
                env: options.text(&["env"])?,
                required: options.boolean(&["required"])?.unwrap_or(false),
                mode: options.mode()?,
                uid: options.number("uid")?,
                gid: options.number("gid")?,
            },
            Some("ssh") => MountKind::Ssh {
                id: options.text(&["id"])?,
                required: options.boolean(&["required"])?.unwrap_or(false),
                mode: options.mode()?,
                uid: options.number("uid")?,
                gid: options.number("gid")?,
            },
            Some(other) => {
                let kinds = ["bind", "cache", "tmpfs", "secret", "ssh"];
                return Err(invalid(format!(
                    "unsupported mount type {other:?}{}",
                    did_you_mean(nearest(other, kinds))
                )));
            }
        };
        options.discard(&["id", "env"]);
        if matches!(kind, MountKind::Secret { .. } | MountKind::Ssh { .. }) {
            options.discard(&["rw", "readwrite", "ro", "readonly"]);
        }
        options.none_left()?;
        let needs_target = match &kind {
            MountKind::Bind { .. } | MountKind::Cache { .. } | MountKind::Tmpfs { .. } => true,
            MountKind::Secret { id, .. } => id.is_none(),
            MountKind::Ssh { .. } => false,
        };
        if needs_target && target.as_deref().is_none_or(str::is_empty) {
            return Err(invalid("invalid mount: target is required".to_owned()));
        }
        Ok(RunMount { target, kind })
    }
}

impl Options {
    /// Splits at commas; a whole `"key=value"` may be quoted, as in CSV.
    fn split(
        text: &str,
        expand: impl Fn(&str) -> Result<String, Problem>,
    ) -> Result<Self, Problem> {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        for c in text.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().expect("never empty").push(c),
            }
        }
        if quoted {
            return Err(Problem::UnterminatedQuote("double-quote"));
        }
        let option = |field: String| match field.split_once('=') {
            Some((key, value)) if key.eq_ignore_ascii_case("from") && has_variable(value) => {
                Err(invalid(
                    "'from' doesn't support variable expansion, define alias stage instead"
                        .to_owned(),
                ))
            }
            Some((key, value)) => Ok((key.to_ascii_lowercase(), Some(expand(value)?))),
            None => Ok((field.to_ascii_lowercase(), None)),
        };
        Ok(Options(
            fields
                .into_iter()
                .map(option)
                .collect::<Result<_, Problem>>()?,
        ))
    }

    fn take(&mut self, names: &[&str]) -> Option<(String, Option<String>)> {
        // The last one counts, as in BuildKit.
        let at = self
            .0
            .iter()
            .rposition(|(key, _)| names.contains(&key.as_str()))?;
        let found = self.0.remove(at);
        self.0.retain(|(key, _)| !names.contains(&key.as_str()));
        Some(found)
    }

    fn discard(&mut self, names: &[&str]) {
        self.0.retain(|(key, _)| !names.contains(&key.as_str()));
    }

    fn text(&mut self, names: &[&str]) -> Result<Option<String>, Problem> {
        match self.take(names) {
            None => Ok(None),
            Some((_, Some(value))) => Ok(Some(value)),
            Some((key, None)) => Err(invalid(format!(
                "invalid field {key:?} must be a key=value pair"
            ))),
        }
    }

    fn boolean(&mut self, names: &[&str]) -> Result<Option<bool>, Problem> {
        match self.take(names) {
            None => Ok(None),
            Some((_, None)) => Ok(Some(true)),
            Some((key, Some(value))) => match value.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
                _ => Err(invalid(format!("invalid value for {key}: {value}"))),
            },
        }
    }

    fn writable(&mut self) -> Result<Option<bool>, Problem> {
        let writable = self.boolean(&["rw", "readwrite"])?;
        let read_only = self.boolean(&["ro", "readonly"])?;
        Ok(read_only.map(|ro| !ro).or(writable))
    }

    fn number(&mut self, name: &str) -> Result<Option<u32>, Problem> {
        let number = |value: String| {
            let wrong = |_| invalid(format!("invalid value {value} for {name}"));
            value.parse().map_err(wrong)
        };
        self.text(&[name])?.map(number).transpose()
    }

    fn mode(&mut self) -> Result<Option<u32>, Problem> {
        let mode = |value: String| match u32::from_str_radix(&value, 8) {
            Ok(mode) if mode <= 0o7777 => Ok(mode),
            _ => Err(invalid(format!("invalid value {value} for mode"))),
        };
        self.text(&["mode"])?.map(mode).transpose()
    }

    fn sharing(&mut self) -> Result<Sharing, Problem> {
        let sharing = self.text(&["sharing"])?;
        match sharing
            .map(|sharing| sharing.to_ascii_lowercase())
            .as_deref()
        {
            None | Some("shared") => Ok(Sharing::Shared),
            Some("private") => Ok(Sharing::Private),
            Some("locked") => Ok(Sharing::Locked),
            Some(other) => Err(invalid(format!("unsupported sharing value {other:?}"))),
        }
    }

    fn size(&mut self) -> Result<Option<u64>, Problem> {
        let size = |value: String| {
            let wrong = || invalid(format!("invalid value {value} for size"));
            let digits = value
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(value.len());
            let number: u64 = value[..digits].parse().map_err(|_| wrong())?;
            let unit = value[digits..].to_ascii_lowercase();
            let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
                "" => 0,
                "k" => 10,
                "m" => 20,
                "g" => 30,
                "t" => 40,
                _ => return Err(wrong()),
            };
            number.checked_mul(1 << shift).ok_or_else(wrong)
        };
        self.text(&["size"])?.map(size).transpose()
    }

    fn none_left(&self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(invalid(format!(
                "unexpected key {key:?} for this mount type{}",
                did_you_mean(nearest(key, KEYS))
            ))),
        }
    }
}

/// A dollar that is not the last character.
fn has_variable(value: &str) -> bool {
    value.find('$').is_some_and(|at| at + 1 < value.len())
}

fn invalid(words: String) -> Problem {
    Problem::Other(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RunMount, Problem> {
        RunMount::parse(text, |value| Ok(value.replace("$V", "v")))
    }

    #[test]
    fn kinds() {
        let mount = read("type=cache,target=/root/$V,sharing=locked,id=x,uid=5,mode=0755").unwrap();
        assert_eq!(mount.target.as_deref(), Some("/root/v"));
        let MountKind::Cache {
            sharing,
            uid,
            mode,
            read_only,
            ..
        } = mount.kind
        else {
            panic!()
        };
        assert_eq!(
            (sharing, uid, mode, read_only),
            (Sharing::Locked, Some(5), Some(0o755), false)
        );
        let bind = read("dst=/x,rw,from=base,src=/y").unwrap().kind;
        assert_eq!(
            bind,
            MountKind::Bind {
                from: Some("base".into()),
                source: Some("/y".into()),
                writable: true
            }
        );
        assert_eq!(
            read("type=tmpfs,target=/t,size=1m").unwrap().kind,
            MountKind::Tmpfs {
                size: Some(1 << 20)
            }
        );
        assert!(matches!(
            read("type=secret,id=a,required").unwrap().kind,
            MountKind::Secret { required: true, .. }
        ));
        assert!(matches!(
            read("type=ssh").unwrap().kind,
            MountKind::Ssh { id: None, .. }
        ));
        assert_eq!(
            read("type=bind,\"source=a,b\",target=/x").unwrap().kind,
            MountKind::Bind {
                from: None,
                source: Some("a,b".into()),
                writable: false
            }
        );
    }

    #[test]
    fn refused() {
        for bad in [
            "type=x,target=/a",
            "type=bind",
            "type=cache,target=/a,sharing=x",
            "type=tmpfs,target=/a,uid=1",
            "type=bind,from=$x,target=/a",
            "type=tmpf,target=/a",
            "type=secret,env=X",
            "type=secret,id=a,source=b,sharing=shared",
            "type=bind,target=/a,uid=1",
            "type=secret",
            "type=cache,target=/a,mode=9",
            "type=bind,target=/a,rw=maybe",
            "type=tmpfs,target=/x,size=1q",
            "target",
            "\"type=bind",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for (bad, hint) in [
            ("type=cache,targt=/a", "(did you mean target?)"),
            ("type=secret,requierd", "(did you mean required?)"),
        ] {
            let words = read(bad).unwrap_err().to_string();
            assert!(words.ends_with(hint), "{words}");
        }
    }
}

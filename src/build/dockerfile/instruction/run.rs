//! RUN.

use super::super::heredoc::{Heredoc, Opening};
use super::super::mount::RunMount;
use super::flags::Flags;
use super::{Command, Problem, Reader, Variables};

/// `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What runs.
    pub command: Command,
    /// Here-documents of the command.
    pub heredocs: Vec<Heredoc>,
    /// The command is one here-document and nothing else: that is the script to run.
    pub is_script: bool,
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

impl<V: Variables + ?Sized> Reader<'_, V> {
    pub(super) fn run(&self) -> Result<Run, Problem> {
        let flags = Flags::of(self.node, &["mount", "network", "security"])?;
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
        let is_script = match &command {
            Command::Shell(text) => {
                self.node.heredocs.len() == 1 && matches!(Opening::of_word(text), Ok(Some(_)))
            }
            Command::Exec(_) => false,
        };
        Ok(Run {
            command,
            is_script,
            heredocs: self.node.heredocs.clone(),
            mounts,
            network,
            insecure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Instruction;
    use super::super::tests::read;
    use super::*;

    fn run(text: &str) -> Run {
        match read(text) {
            Ok(Instruction::Run(run)) => *run,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn commands() {
        for (text, command, heredocs) in [
            ("RUN ls $TAG", Command::Shell("ls $TAG".into()), 0),
            (
                "RUN [\"ls\", \"<<EOF\"]",
                Command::Exec(vec!["ls".into(), "<<EOF".into()]),
                0,
            ),
            (
                "RUN [ -e /x ] && <<EOF\nEOF",
                Command::Shell("[ -e /x ] && <<EOF".into()),
                1,
            ),
            (
                "RUN <<'EOF' | python\nx\nEOF",
                Command::Shell("<<'EOF' | python".into()),
                1,
            ),
            (
                "RUN --mount=type=tmpfs,target=/x <<A 3<<B\nA\nB",
                Command::Shell("<<A 3<<B".into()),
                2,
            ),
        ] {
            let run = run(text);
            assert!(!run.is_script, "{text}");
            assert_eq!(
                (run.command, run.heredocs.len()),
                (command, heredocs),
                "{text}"
            );
        }
    }

    #[test]
    fn scripts() {
        for text in ["RUN <<E\nE", "RUN <<-'E'\nE", "RUN --network=none << E\nE"] {
            assert!(run(text).is_script, "{text}");
        }
    }

    #[test]
    fn flags() {
        let run = run("RUN --network=none --security=insecure --mount=type=cache,target=/$TAG x");
        assert_eq!((run.network, run.insecure), (RunNetwork::None, true));
        assert_eq!(run.mounts[0].target.as_deref(), Some("/3.9"));
        for bad in [
            "RUN",
            "RUN --network=x y",
            "RUN --security=x y",
            "RUN --mount=type=x,target=/a b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

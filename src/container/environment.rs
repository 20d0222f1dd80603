//! The environment of a container's processes.
//!
//! Three layers, each overriding the one before: what Docker always sets, what image and user say, and `-e` of an `exec`.
//! `HOME` comes last, if nobody has set it. Source: moby, container/env.go and `CreateDaemonEnvironment`.

/// Docker's default. Source: moby, daemon/pkg/oci/defaults.go.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the name of a variable.
fn name(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

/// Lets `overrides` replace entries of `env` in place or be added; an entry without `=` takes the variable away.
fn replace_or_append(env: &mut Vec<String>, overrides: &[String]) {
    for entry in overrides {
        let at = env.iter().position(|known| name(known) == name(entry));
        match (at, entry.contains('=')) {
            (Some(at), true) => env[at].clone_from(entry),
            (Some(at), false) => drop(env.remove(at)),
            (None, true) => env.push(entry.clone()),
            (None, false) => {}
        }
    }
}

/// Merges the user's entries with the image's: the user's first, then what the image has and the user has not said, as
/// Docker records it. Source: moby, daemon/commit.go, `merge`.
pub(super) fn merge<'i>(user: &[String], image: impl Iterator<Item = &'i str>) -> Vec<String> {
    let mut env: Vec<String> = Vec::new();
    for entry in user {
        // A later one wins, as in the process's environment.
        env.retain(|known| name(known) != name(entry));
        env.push(entry.clone());
    }
    for entry in image {
        if !env.iter().any(|known| name(known) == name(entry)) {
            env.push(entry.to_owned());
        }
    }
    // Those that only take something away have done so.
    env.retain(|entry| entry.contains('='));
    env
}

/// Returns the environment of a process: `config` is the container's, `extra` that of an exec.
pub(super) fn of_process(
    hostname: &str,
    tty: bool,
    config: &[String],
    extra: &[String],
    home: &str,
) -> Vec<String> {
    let mut env = vec![DEFAULT_PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if tty {
        env.push("TERM=xterm".to_owned());
    }
    replace_or_append(&mut env, config);
    replace_or_append(&mut env, extra);
    if !env.iter().any(|entry| name(entry) == "HOME") {
        env.push(format!("HOME={home}"));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(list: &[&str]) -> Vec<String> {
        list.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn users_words_win() {
        let image = ["PATH=/bin", "A=image", "B=image"];
        assert_eq!(
            merge(&owned(&["A=user", "C=1", "C=2", "B"]), image.into_iter()),
            ["A=user", "C=2", "PATH=/bin"]
        );
    }

    #[test]
    fn dockers_own_come_first() {
        let env = of_process(
            "web",
            true,
            &owned(&["PATH=/x", "TERM=vt100"]),
            &owned(&["E=1", "HOSTNAME"]),
            "/root",
        );
        assert_eq!(env, ["PATH=/x", "TERM=vt100", "E=1", "HOME=/root"]);
        assert_eq!(
            of_process("web", false, &owned(&["HOME=/h"]), &[], "/root"),
            [DEFAULT_PATH, "HOSTNAME=web", "HOME=/h"]
        );
    }
}

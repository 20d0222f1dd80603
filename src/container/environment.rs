//! The environment of a container's processes.
//!
//! Three layers, each overriding the one before: what Docker always sets, what image and user say, and `-e` of an `exec`.
//! `HOME` comes last, if nobody has set it. Source: moby, container/env.go and `CreateDaemonEnvironment`.

use std::collections::{HashMap, HashSet};

/// Docker's default. Source: moby, daemon/pkg/oci/defaults.go.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the name of a variable.
fn name(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

/// Lets `overrides` replace entries of `env` in place or be added; an entry without `=` takes the variable away.
///
/// An image may have a hundred thousand of them: each is looked up once.
fn replace_or_append(env: Vec<String>, overrides: &[String]) -> Vec<String> {
    let mut env: Vec<Option<String>> = env.into_iter().map(Some).collect();
    let mut places: HashMap<String, usize> = (env.iter().flatten().enumerate())
        .map(|(at, entry)| (name(entry).to_owned(), at))
        .collect();
    for entry in overrides {
        if !entry.contains('=') {
            if let Some(at) = places.remove(name(entry)) {
                env[at] = None;
            }
            continue;
        }
        let at = *places.entry(name(entry).to_owned()).or_insert(env.len());
        match env.get_mut(at) {
            Some(known) => *known = Some(entry.clone()),
            None => env.push(Some(entry.clone())),
        }
    }
    env.into_iter().flatten().collect()
}

/// Merges the user's entries with the image's: the user's first, then what the image has and the user has not said, as
/// Docker records it. Source: moby, daemon/commit.go, `merge`.
pub(super) fn merge<'i>(user: &'i [String], image: impl Iterator<Item = &'i str>) -> Vec<String> {
    let mut seen = HashSet::new();
    // A later one wins, as in the process's environment.
    let mut env: Vec<&str> = (user.iter().rev())
        .map(String::as_str)
        .filter(|entry| seen.insert(name(entry)))
        .collect();
    env.reverse();
    env.extend(image.filter(|entry| seen.insert(name(entry))));
    // Those that only take something away have done so.
    env.retain(|entry| entry.contains('='));
    env.into_iter().map(str::to_owned).collect()
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
    env = replace_or_append(env, config);
    env = replace_or_append(env, extra);
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
    fn the_last_of_equal_names_stands_where_the_first_did() {
        let all = owned(&["A=1", "B=1", "A=2", "B", "C=1", "B=2", "D"]);
        assert_eq!(
            replace_or_append(owned(&["X=0", "B=0"]), &all),
            ["X=0", "A=2", "C=1", "B=2"]
        );
    }

    #[test]
    fn many_are_not_compared_with_each_other() {
        let many: Vec<String> = (0..300_000).map(|at| format!("V{at}=")).collect();
        let begun = std::time::Instant::now();
        let env = merge(&many, many.iter().map(String::as_str));
        assert_eq!(of_process("web", false, &env, &many, "/").len(), 300_003);
        assert!(begun.elapsed() < std::time::Duration::from_secs(60));
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

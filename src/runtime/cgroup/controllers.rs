//! Controllers: their names, what they limit, and what is written to them; what of that both versions have in common.

use oci_spec::runtime::LinuxCpu;

use super::error::Error;

/// A controller that the specification's resources are about.
#[derive(Debug)]
pub(super) struct Controller {
    pub(super) controller: &'static str,
    /// What it limits, for messages.
    what: &'static str,
}

const fn known(controller: &'static str, what: &'static str) -> Controller {
    Controller { controller, what }
}

/// Those of which a limit can be asked for.
pub(super) const KNOWN: [Controller; 6] = [
    known("memory", "memory"),
    known("cpu", "CPU time"),
    known("cpuset", "the choice of CPUs"),
    known("pids", "the number of processes"),
    known("hugetlb", "huge pages"),
    known("io", "input and output"),
];

/// A file to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) controller: String,
    pub(super) file: String,
    pub(super) value: String,
}

/// What is written, in order.
#[derive(Debug, Default)]
pub(super) struct Settings(Vec<Setting>);

impl Settings {
    /// Adds one, if there is a value.
    pub(super) fn put(&mut self, controller: &str, file: &str, value: Option<impl ToString>) {
        self.0.extend(value.map(|value| Setting {
            controller: controller.to_owned(),
            file: file.to_owned(),
            value: value.to_string(),
        }));
    }

    /// Adds the choice of CPUs and memory nodes, whose files have the same names in both versions.
    pub(super) fn put_cpuset(&mut self, cpu: &LinuxCpu) {
        self.put("cpuset", "cpuset.cpus", text(cpu.cpus()));
        self.put("cpuset", "cpuset.mems", text(cpu.mems()));
    }

    pub(super) fn into_list(self) -> Vec<Setting> {
        self.0
    }
}

/// Refuses the first that is given of what `version` does not have.
///
/// # Errors
///
/// [`Error::Unsupported`].
pub(super) fn refuse(version: u8, given: &[(&'static str, bool)]) -> Result<(), Error> {
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Error::Unsupported { version, name }),
        None => Ok(()),
    }
}

/// Returns whether `cpu` has something about realtime scheduling, of which zero is "not given".
pub(super) fn is_realtime(cpu: &LinuxCpu) -> bool {
    cpu.realtime_period().unwrap_or(0) != 0 || cpu.realtime_runtime().unwrap_or(0) != 0
}

/// The beginning of a message about `needed`, which are controllers.
pub(super) fn attempt(needed: &[String]) -> String {
    let words: Vec<&str> = (needed.iter())
        .map(|name| {
            let found = KNOWN.iter().find(|known| known.controller == name);
            found.map_or(name.as_str(), |known| known.what)
        })
        .collect();
    match words.split_last() {
        None => "cannot make a cgroup for the container".to_owned(),
        Some((last, [])) => format!("cannot limit {last}"),
        Some((last, others)) => format!("cannot limit {} and {last}", others.join(", ")),
    }
}

/// A number where zero is "not given".
pub(super) fn number<N: Default + PartialEq>(value: Option<N>) -> Option<N> {
    value.filter(|value| *value != N::default())
}

/// A text where the empty one is "not given".
fn text(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_was_asked_for() {
        let words = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            attempt(&names)
        };
        assert_eq!(words(&[]), "cannot make a cgroup for the container");
        assert_eq!(words(&["memory"]), "cannot limit memory");
        assert_eq!(
            words(&["cpu", "memory", "pids"]),
            "cannot limit CPU time, memory and the number of processes"
        );
    }
}

//! Instructions that only change the image config.
//!
//! Reference: BuildKit, `frontend/dockerfile/dockerfile2llb/convert.go`, for what is normalised and how.

use serde_json::{Map, Value};

use super::dockerfile::Node;
use super::dockerfile::instruction::{Command, Healthcheck, Instruction};
use crate::container::signal;
use crate::image::config::{Config, Healthcheck as ConfigHealthcheck, ImageConfiguration};
use crate::network::{self, PortError};
use crate::secret::without_logins;

/// Docker's default for images that say nothing. Source: moby, daemon/pkg/oci/defaults.go.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The shell of shell forms where no SHELL has said otherwise.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Returns what `FROM scratch` begins with.
pub(super) fn scratch(platform: &crate::image::Platform) -> ImageConfiguration {
    ImageConfiguration {
        architecture: platform.architecture.clone(),
        variant: platform.variant.clone(),
        os: platform.os.clone(),
        config: Config {
            working_dir: "/".to_owned(),
            ..Config::default()
        },
        ..ImageConfiguration::default()
    }
}

/// Gives an image whose base says nothing of PATH (an imported one, say) Docker's default, so that `ENV PATH=/x:$PATH` adds
/// to something. Source: BuildKit, frontend/dockerfile/dockerfile2llb/convert.go, "make sure that PATH is always set".
pub(super) fn ensure_path(image: &mut ImageConfiguration) {
    let env = image.config.env.get_or_insert_default();
    if image.os != "windows" && !env.iter().any(|entry| entry.starts_with("PATH=")) {
        env.push(format!("PATH={DEFAULT_PATH}"));
    }
}

/// Returns the words that a command is run as.
pub(super) fn words(command: &Command, config: &Config) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(text) => {
            let mut words = shell(config);
            words.push(text.clone());
            words
        }
    }
}

fn shell(config: &Config) -> Vec<String> {
    match &config.shell {
        Some(words) if !words.is_empty() => words.clone(),
        _ => DEFAULT_SHELL.map(str::to_owned).to_vec(),
    }
}

/// Returns `path` below the working directory, cleaned: `.` and `..` are gone, a slash at the end is too.
pub(super) fn absolute(path: &str, working_dir: &str) -> String {
    let joined = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{working_dir}/{path}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Carries out an instruction that makes no layer. `cmd_set` is whether this stage has had a CMD.
///
/// # Errors
///
/// What is wrong with it, in words.
pub(super) fn apply(
    image: &mut ImageConfiguration,
    instruction: &Instruction,
    cmd_set: &mut bool,
) -> Result<(), String> {
    let config = &mut image.config;
    match instruction {
        Instruction::Env(pairs) => {
            let env = config.env.get_or_insert_default();
            for (name, value) in pairs {
                set_variable(env, name, value);
            }
        }
        Instruction::Label(pairs) => {
            let labels = config.labels.get_or_insert_default();
            labels.extend(pairs.iter().cloned());
        }
        Instruction::Maintainer(text) => image.author = Some(text.clone()),
        Instruction::Cmd(command) => {
            config.cmd = Some(words(command, config));
            config.args_escaped = None;
            *cmd_set = true;
        }
        Instruction::Entrypoint(command) => {
            config.entrypoint = Some(words(command, config));
            // An inherited CMD was meant for the inherited ENTRYPOINT.
            if !*cmd_set {
                config.cmd = None;
            }
        }
        Instruction::Shell(words) => config.shell = Some(words.clone()),
        Instruction::User(user) => config.user.clone_from(user),
        Instruction::Workdir(path) => config.working_dir = absolute(path, &config.working_dir),
        Instruction::Volume(paths) => {
            let volumes = config.volumes.get_or_insert_default();
            for path in paths {
                volumes.insert(path.clone(), Value::Object(Map::new()));
            }
        }
        Instruction::Expose(ports) => {
            let names = exposed(ports)?.into_iter();
            let exposed = config.exposed_ports.get_or_insert_default();
            exposed.extend(names.map(|name| (name, Value::Object(Map::new()))));
        }
        Instruction::StopSignal(name) => {
            signal::parse(name).map_err(|error| error.to_string())?;
            config.stop_signal = Some(name.clone());
        }
        Instruction::Healthcheck(check) => {
            config.healthcheck = Some(healthcheck(check.as_ref()));
        }
        Instruction::OnBuild(node) => {
            let mut trigger = node.text.clone();
            // As BuildKit's parser keeps them, so that they are read again with it.
            for document in &node.heredocs {
                trigger = format!("{trigger}\n{}{}", document.content, document.name);
            }
            config.on_build.get_or_insert_default().push(trigger);
        }
        _ => {}
    }
    Ok(())
}

/// Sets a variable in place or adds it.
pub(super) fn set_variable(env: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    let known = env.iter_mut().find(|known| {
        known
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    match known {
        Some(known) => *known = entry,
        None => env.push(entry),
    }
}

/// Returns the ports that `80`, `80/udp`, `7000-7005/tcp` mean, each as `80/tcp`.
fn exposed(ports: &[String]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for text in ports {
        let invalid = || format!("invalid containerPort: {text}");
        // An address or a port of the host, as in `-p`, has no meaning here.
        let inside = text.rsplit(':').next().unwrap_or(text);
        names.extend(network::parse_exposed(inside).map_err(|error| match error {
            PortError::Exposed(_) => invalid(),
            other => other.to_string(),
        })?);
    }
    Ok(names)
}

fn healthcheck(check: Option<&Healthcheck>) -> ConfigHealthcheck {
    let Some(check) = check else {
        return ConfigHealthcheck {
            test: Some(vec!["NONE".to_owned()]),
            ..ConfigHealthcheck::default()
        };
    };
    let test = match &check.command {
        Command::Exec(words) => [vec!["CMD".to_owned()], words.clone()].concat(),
        Command::Shell(text) => vec!["CMD-SHELL".to_owned(), text.clone()],
    };
    let nanoseconds = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    ConfigHealthcheck {
        test: Some(test),
        interval: nanoseconds(check.interval),
        timeout: nanoseconds(check.timeout),
        start_period: nanoseconds(check.start_period),
        start_interval: nanoseconds(check.start_interval),
        retries: check.retries.map(i64::from),
        ..ConfigHealthcheck::default()
    }
}

/// Returns how an instruction is told in the image's history.
pub(super) fn history_line(
    node: &Node,
    instruction: &Instruction,
    image: &ImageConfiguration,
) -> String {
    let json = |words: &[String]| serde_json::to_string(words).unwrap_or_default();
    let command =
        |word: &str, command: &Command| format!("{word} {}", json(&words(command, &image.config)));
    match instruction {
        Instruction::Cmd(it) => command("CMD", it),
        Instruction::Entrypoint(it) => command("ENTRYPOINT", it),
        Instruction::Env(pairs) => format!("ENV {}", assignments(pairs)),
        Instruction::Label(pairs) => format!("LABEL {}", assignments(pairs)),
        Instruction::Workdir(_) => format!("WORKDIR {}", image.config.working_dir),
        Instruction::User(user) => format!("USER {user}"),
        Instruction::Shell(words) => format!("SHELL {}", json(words)),
        Instruction::Volume(paths) => format!("VOLUME {}", json(paths)),
        Instruction::Expose(ports) => {
            let names = exposed(ports).unwrap_or_default();
            format!("EXPOSE [{}]", names.join(" "))
        }
        // What a registry shows everybody.
        Instruction::Copy(_) => without_logins(&node.text).into_owned(),
        _ => node.text.clone(),
    }
}

fn assignments(pairs: &[(String, String)]) -> String {
    let list: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    list.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::dockerfile::parse;

    #[test]
    fn paths() {
        assert_eq!(absolute("a/../b/", "/x"), "/x/b");
        assert_eq!(absolute("/a/./b", "/x"), "/a/b");
        assert_eq!(absolute("../../..", "/x"), "/");
    }

    #[test]
    fn ports() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let good: Vec<String> = list(&["80", "53/UDP", "7000-7002", "1/"]);
        assert_eq!(
            exposed(&good).unwrap(),
            [
                "80/tcp", "53/udp", "7000/tcp", "7001/tcp", "7002/tcp", "1/tcp"
            ]
        );
        for bad in ["", "x", "9-8", "80/xyz", "65536"] {
            assert!(exposed(&[bad.to_owned()]).is_err(), "{bad}");
        }
        let node = parse(b"EXPOSE 80 53/UDP").unwrap().nodes.remove(0);
        let expose = Instruction::Expose(list(&["80", "53/UDP"]));
        let image = ImageConfiguration::default();
        assert_eq!(
            history_line(&node, &expose, &image),
            "EXPOSE [80/tcp 53/udp]"
        );
    }
}

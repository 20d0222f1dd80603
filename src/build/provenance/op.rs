//! The instructions that change files, in the words of BuildKit's LLB: `Op` of solver/pb/ops.proto, as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::build::dockerfile::instruction::{Copy, Run};
use crate::build::dockerfile::mount::MountKind;
use crate::network::Mode;
use crate::secret::without_logins;

/// What a step reads: the files so far come first, if there are any, then what the instruction has used.
#[derive(Debug)]
pub(in crate::build) struct Inputs {
    /// Whether there are files so far.
    pub(super) has_below: bool,
    /// For each that was used its number among all inputs; `None` for what is empty, and so is no input.
    pub(super) used: Vec<Option<usize>>,
    /// All.
    pub(super) count: usize,
}

/// What stands for no input.
const NOTHING: i32 = -1;

impl Inputs {
    fn below(&self) -> Value {
        json!(if self.has_below { 0 } else { NOTHING })
    }

    /// The `n`-th that was used.
    fn used(&self, n: usize) -> Value {
        let number = self.used.get(n).copied().flatten();
        number.map_or(json!(NOTHING), |number| json!(number))
    }
}

/// What a command is run with.
#[derive(Debug)]
pub(in crate::build) struct Exec<'a> {
    pub(in crate::build) run: &'a Run,
    pub(in crate::build) args: &'a [String],
    /// Without secrets.
    pub(in crate::build) env: &'a [String],
    pub(in crate::build) cwd: &'a str,
    pub(in crate::build) user: &'a str,
    pub(in crate::build) network: &'a Mode,
}

/// COPY and ADD. `from` says for each source which of what the instruction has used it is in.
pub(in crate::build) fn copy(
    copy: &Copy,
    from: &[usize],
    destination: &str,
    inputs: Inputs,
) -> Value {
    let made = copy.inline.iter().map(|heredoc| {
        let name = heredoc.name.trim_start_matches('/');
        let path = match destination.ends_with('/') {
            true => format!("{destination}{name}"),
            false => destination.to_owned(),
        };
        let data = STANDARD.encode(&*without_logins(&heredoc.file_content()));
        let action = json!({"mkfile": {"path": path, "mode": 0o644, "data": data}});
        (json!(NOTHING), action)
    });
    let copied = copy.sources.iter().zip(from).map(|(source, from)| {
        let mut action = json!({"src": source, "dest": destination});
        for (name, value) in [("modeStr", &copy.chmod), ("owner", &copy.chown)] {
            if let Some(value) = value {
                action[name] = json!(value);
            }
        }
        if copy.is_add && copy.unpack != Some(false) {
            action["attemptUnpackDockerCompatibility"] = json!(true);
        }
        if !copy.exclude.is_empty() {
            action["excludePatterns"] = json!(copy.exclude);
        }
        (inputs.used(*from), json!({"copy": action}))
    });
    let actions = made
        .chain(copied)
        .enumerate()
        .map(|(number, (from, action))| {
            // What the action before has made is counted after all inputs.
            let input = match number {
                0 => inputs.below(),
                number => json!(inputs.count + number - 1),
            };
            json!({"Action": action, "input": input, "secondaryInput": from, "output": 0})
        });
    json!({"file": {"actions": actions.collect::<Vec<_>>()}})
}

/// WORKDIR.
pub(in crate::build) fn workdir(path: &str, inputs: Inputs) -> Value {
    let action = json!({"mkdir": {"path": path, "mode": 0o755, "makeParents": true}});
    let input = inputs.below();
    let action = json!({"Action": action, "input": input, "secondaryInput": NOTHING, "output": 0});
    json!({"file": {"actions": [action]}})
}

/// RUN.
pub(in crate::build) fn exec(exec: &Exec<'_>, inputs: Inputs) -> Value {
    let mut meta = json!({"args": exec.args, "env": exec.env, "cwd": exec.cwd});
    if !exec.user.is_empty() {
        meta["user"] = json!(exec.user);
    }
    let mut mounts = vec![json!({"input": inputs.below(), "dest": "/", "output": 0})];
    let mut secret_env = Vec::new();
    let mut numbers = 0..;
    let mut next = || inputs.used(numbers.next().unwrap_or_default());
    for mount in &exec.run.mounts {
        let dest = mount.target.as_deref().unwrap_or_default();
        let told = match &mount.kind {
            MountKind::Bind {
                source, writable, ..
            } => json!({
                "input": next(), "selector": source, "dest": dest, "output": NOTHING,
                "readonly": !writable,
            }),
            MountKind::Cache {
                id,
                from,
                source,
                read_only,
                ..
            } => json!({
                "input": from.as_ref().map_or(json!(NOTHING), |_| next()),
                "selector": source, "dest": dest, "output": NOTHING, "readonly": read_only,
                "mountType": "CACHE", "cacheOpt": {"ID": id.as_deref().unwrap_or(dest)},
            }),
            MountKind::Tmpfs { .. } => {
                json!({"input": NOTHING, "dest": dest, "output": NOTHING, "mountType": "TMPFS"})
            }
            MountKind::Secret {
                id, env, required, ..
            } => {
                let last = mount
                    .target
                    .as_deref()
                    .and_then(|path| path.rsplit('/').next());
                let id = id
                    .as_deref()
                    .or(last)
                    .or(env.as_deref())
                    .unwrap_or_default();
                if let Some(name) = env {
                    secret_env.push(json!({"ID": id, "name": name, "optional": !required}));
                    if mount.target.is_none() {
                        continue;
                    }
                }
                let place = format!("/run/secrets/{id}");
                json!({
                    "input": NOTHING, "dest": mount.target.as_deref().unwrap_or(&place), "output": NOTHING,
                    "mountType": "SECRET", "secretOpt": {"ID": id, "optional": !required},
                })
            }
            MountKind::Ssh { id, required, .. } => json!({
                "input": NOTHING, "dest": dest, "output": NOTHING, "mountType": "SSH",
                "SSHOpt": {"ID": id.as_deref().unwrap_or("default"), "optional": !required},
            }),
        };
        mounts.push(told);
    }
    let mut op = json!({"meta": meta, "mounts": mounts});
    match exec.network {
        Mode::None => op["network"] = json!("NONE"),
        Mode::Host => op["network"] = json!("HOST"),
        _ => {}
    }
    if exec.run.insecure {
        op["security"] = json!("INSECURE");
    }
    if !secret_env.is_empty() {
        op["secretenv"] = json!(secret_env);
    }
    json!({"exec": op})
}

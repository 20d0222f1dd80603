//! What `create`, `start`, `exec`, `logs` and `rm` are asked for, as data. `cli` fills these in; whatever the environment has
//! to say (`-e NAME` without a value, the current directory) has been looked up there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::device_mapping::DeviceMapping;
use super::etc_files::Names;
use super::record::{ExternalRootfs, LogConfig};
use super::resources::Resources;
use crate::image::Platform;
pub use crate::monitor::protocol::Wants as AttachOptions;

/// What to make a container of. `Default` is what Docker does without flags, but for [`CreateOptions::network`], which is
/// empty for `default`.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// Reference or ID of the image, as typed. Empty with `rootfs`.
    pub image: String,
    /// `--platform`.
    pub platform: Option<Platform>,
    /// `--rootfs DIR[:O]`, in place of an image.
    pub rootfs: Option<ExternalRootfs>,
    /// The words after the image.
    pub command: Vec<String>,
    /// `--entrypoint`: one word; empty takes the image's away.
    pub entrypoint: Option<String>,
    /// `--name`, without a leading slash or with.
    pub name: Option<String>,
    /// `-e` and `--env-file`, in order: `K=V`, or `K` alone to take the image's away.
    pub env: Vec<String>,
    /// `-l`.
    pub labels: BTreeMap<String, String>,
    /// `-w`.
    pub workdir: Option<String>,
    /// `-u`.
    pub user: Option<String>,
    /// `-h`.
    pub hostname: Option<String>,
    /// `-t`.
    pub tty: bool,
    /// `-i`.
    pub open_stdin: bool,
    /// Whether the client attaches to these (`-a`, or all without `-d`).
    pub attach_stdin: bool,
    /// See `attach_stdin`.
    pub attach_stdout: bool,
    /// See `attach_stdin`.
    pub attach_stderr: bool,
    /// Terminal's rows and columns to start with, for `inspect` (`ConsoleSize`).
    pub console_size: Option<(u16, u16)>,
    /// `--rm`.
    pub auto_remove: bool,
    /// `--read-only`.
    pub read_only: bool,
    /// `--init`.
    pub init: bool,
    /// `--privileged`.
    pub privileged: bool,
    /// `--cap-add`.
    pub cap_add: Vec<String>,
    /// `--cap-drop`.
    pub cap_drop: Vec<String>,
    /// `--security-opt`.
    pub security_opt: Vec<String>,
    /// `-v`, as typed.
    pub volumes: Vec<String>,
    /// `--mount`, as typed.
    pub mounts: Vec<String>,
    /// `--tmpfs`, as typed.
    pub tmpfs: Vec<String>,
    /// `--add-host`, `--dns`, `--no-hosts` and their like.
    pub names: Names,
    /// `--device`.
    pub devices: Vec<DeviceMapping>,
    /// `--domainname`.
    pub domainname: Option<String>,
    /// `--sysctl`, each as [`sysctls::parse`](super::sysctls::parse) takes it.
    pub sysctls: BTreeMap<String, String>,
    /// `--network`, as typed.
    pub network: String,
    /// `-p`, as typed.
    pub publish: Vec<String>,
    /// `-P`: exposed ports are published, too.
    pub publish_all: bool,
    /// `--expose`, as typed.
    pub expose: Vec<String>,
    /// `--stop-signal`.
    pub stop_signal: Option<String>,
    /// `--stop-timeout`, seconds; -1 waits forever.
    pub stop_timeout: Option<i64>,
    /// What it may use.
    pub resources: Resources,
    /// `--shm-size`, bytes; `None` for the default.
    pub shm_size: Option<u64>,
    /// `--oom-score-adj`.
    pub oom_score_adj: i32,
    /// `--cidfile`.
    pub cidfile: Option<PathBuf>,
    /// Log driver and options; `None` for the default.
    pub log: Option<LogConfig>,
    /// What relative paths (of `-v`, `--rootfs`, seccomp profiles) are relative to.
    pub base_dir: PathBuf,
}

/// What the client of a starting container wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct StartOptions {
    /// The streams to attach to; `None` for a detached start.
    pub attach: Option<AttachOptions>,
    /// Rows and columns of the client's terminal.
    pub size: Option<(u16, u16)>,
    /// Signals to the client are the process's: they wait from before it is started until
    /// [`Session::relay`](super::stream::Session::relay) passes them on.
    pub hold_signals: bool,
}

/// A further process in a running container.
#[derive(Debug, Clone, Default)]
pub struct ExecOptions {
    /// Command and arguments; never empty.
    pub command: Vec<String>,
    /// `-d`.
    pub detach: bool,
    /// `-i`.
    pub interactive: bool,
    /// `-t`.
    pub tty: bool,
    /// `-u`.
    pub user: Option<String>,
    /// `-w`.
    pub workdir: Option<String>,
    /// `-e`: `K=V`, or `K` alone to take it away.
    pub env: Vec<String>,
    /// `--privileged`.
    pub privileged: bool,
    /// Rows and columns of the client's terminal.
    pub size: Option<(u16, u16)>,
}

/// What of a log to show. Times are nanoseconds since 1970, inclusive.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// Go on until the container ends.
    pub follow: bool,
    /// Only the last lines; `None` for all.
    pub tail: Option<u64>,
    /// A time before each line.
    pub timestamps: bool,
    /// The container's attributes before each line.
    pub details: bool,
    /// Nothing before.
    pub since: Option<i128>,
    /// Nothing after.
    pub until: Option<i128>,
    /// Lines of standard output.
    pub stdout: bool,
    /// Lines of standard error.
    pub stderr: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            follow: false,
            tail: None,
            timestamps: false,
            details: false,
            since: None,
            until: None,
            stdout: true,
            stderr: true,
        }
    }
}

/// How to remove a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Kill it first.
    pub force: bool,
    /// Its anonymous volumes as well.
    pub volumes: bool,
}

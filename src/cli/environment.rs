//! Environment and global flags → [`Settings`].
//!
//! Root keeps everything under `/var/lib/ctr` and `/run/ctr`, whatever its session's environment says, so that a login, a
//! cron job and `sudo` see the same containers. A process that is root in name only (of a user namespace, say) and cannot
//! write there is treated as any other user.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use directories::BaseDirs;
use rustix::fs::Access;

use super::command::Flag;
use super::error::Failure;
use crate::settings::{Registries, Settings};

/// Flags before the command.
#[derive(Debug, Default, Args)]
pub(crate) struct Globals {
    /// Location of client config files (default: "$DOCKER_CONFIG" or "~/.docker")
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Show errors in full detail
    #[arg(short = 'D', long)]
    debug: bool,
    /// Set the logging level (default: info)
    #[arg(short, long, value_name = "LEVEL", hide_possible_values = true)]
    log_level: Option<LogLevel>,
    /// Keep images, containers and volumes in this directory (default: "~/.local/share/ctr", "/var/lib/ctr" for root)
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Keep sockets and process ids in this directory (default: "$XDG_RUNTIME_DIR/ctr", "/run/ctr" for root)
    #[arg(long, value_name = "DIR")]
    runroot: Option<PathBuf>,
    /// Print version information and quit
    #[arg(short, long)]
    pub(crate) version: bool,
    /// Print usage
    #[arg(long)]
    pub(crate) help: bool,
}

/// Global flags of Docker and podman that mean nothing yet.
pub(crate) const UNBUILT_GLOBALS: &[Flag] = &[
    Flag::value("host").short('H'),
    Flag::value("context").short('c'),
    Flag::switch("tls"),
    Flag::value("tlscacert"),
    Flag::value("tlscert"),
    Flag::value("tlskey"),
    Flag::switch("tlsverify"),
    Flag::value("storage-driver"),
    Flag::value("storage-opt"),
    Flag::value("cgroup-manager"),
    Flag::value("runtime"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Globals {
    /// Has errors shown in full, as `--debug` does.
    pub(crate) fn set_debug(&mut self) {
        self.debug = true;
    }

    /// Returns whether errors are shown in Rust's words, too.
    pub(crate) fn is_debug(&self) -> bool {
        self.debug || self.log_level == Some(LogLevel::Debug)
    }

    /// Returns whether warnings are shown.
    pub(crate) fn shows_warnings(&self) -> bool {
        self.log_level.is_none_or(|level| level < LogLevel::Error)
    }
}

/// Reads the environment.
///
/// # Errors
///
/// Where no home directory can be found and no flag says what to use instead.
pub(crate) fn settings(globals: &Globals) -> Result<Settings, Failure> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let system = uid == 0 && is_writable_root();
    let bases = BaseDirs::new();
    let base = |directory: fn(&BaseDirs) -> &Path, flag: &str| {
        bases.as_ref().map(directory).ok_or_else(|| {
            Failure::message("cannot find your home directory")
                .with_hint(format!("set HOME, or say where with {flag} DIR"))
        })
    };
    let session = session_dir(uid);
    let data_dir = match &globals.root {
        Some(directory) => absolute(directory)?,
        None if system => PathBuf::from("/var/lib/ctr"),
        None => base(BaseDirs::data_dir, "--root")?.join("ctr"),
    };
    let run_dir = match (&globals.runroot, &session) {
        (Some(directory), _) => absolute(directory)?,
        (None, _) if system => PathBuf::from("/run/ctr"),
        (None, Some(session)) => session.join("ctr"),
        (None, None) => PathBuf::from(format!("/tmp/ctr-{uid}")),
    };
    let config_home = bases.as_ref().map(BaseDirs::config_dir);
    let docker_config_dir = match (&globals.config, variable("DOCKER_CONFIG")) {
        (Some(directory), _) => absolute(directory)?,
        (None, Some(directory)) => PathBuf::from(directory),
        (None, None) => bases
            .as_ref()
            .map(|bases| bases.home_dir().join(".docker"))
            .unwrap_or_default(),
    };
    let login_file = variable("REGISTRY_AUTH_FILE").map(PathBuf::from);
    let auth_files = [
        login_file.clone(),
        session.as_ref().map(|dir| dir.join("containers/auth.json")),
        config_home.map(|dir| dir.join("containers/auth.json")),
    ];
    Ok(Settings {
        data_dir,
        run_dir,
        config_dir: config_home.map(|dir| dir.join("ctr")).unwrap_or_default(),
        docker_config_dir,
        auth_files: auth_files.into_iter().flatten().collect(),
        registries: Registries {
            login_file,
            ..Registries::default()
        },
        proxies: proxies(),
        session_dir: match (session, uid) {
            (_, 0) => PathBuf::from("/run"),
            (Some(session), _) => session,
            // Of a user without a session of their own: cron, `su`.
            (None, uid) => PathBuf::from(format!("/run/user/{uid}")),
        },
        path: text("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned()),
        user_name: user_name(uid),
        home_dir: bases.as_ref().map(|bases| bases.home_dir().to_owned()),
        uid,
        gid,
    })
}

/// Where helper programs are looked for when nobody says: the path of Debian's root.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the platform to pull for where no flag says: `DOCKER_DEFAULT_PLATFORM`.
pub(crate) fn default_platform() -> Option<String> {
    text("DOCKER_DEFAULT_PLATFORM")
}

/// Returns a variable of ctr's own environment, for `-e NAME`, even if it is empty.
pub(crate) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A variable that is set to some text.
fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn absolute(directory: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(directory)
        .map_err(|error| Failure::message(format!("cannot use directory {:?}: {error}", directory)))
}

/// Whether this root may write where root's files belong. In a user namespace it often may not.
fn is_writable_root() -> bool {
    let writable = |path: &str| rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK);
    writable("/var/lib/ctr").is_ok() || writable("/var/lib").is_ok()
}

/// `$XDG_RUNTIME_DIR`, if it is ours: `su` without `-` leaves the one of somebody else.
fn session_dir(uid: u32) -> Option<PathBuf> {
    let path = PathBuf::from(variable("XDG_RUNTIME_DIR")?);
    let status = std::fs::metadata(&path).ok()?;
    (path.is_absolute() && status.is_dir() && status.uid() == uid).then_some(path)
}

fn proxies() -> Vec<(String, String)> {
    const NAMES: [&str; 10] = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "FTP_PROXY",
        "ftp_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ];
    NAMES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text(name)?)))
        .collect()
}

/// The login name, which `/etc/subuid` knows the user by. The environment is believed only where `/etc/passwd` does not
/// know the uid (users of a directory service): after `su` or `setpriv` it may name somebody else.
fn user_name(uid: u32) -> String {
    if uid == 0 {
        return "root".to_owned();
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    known
        .or_else(|| text("USER"))
        .or_else(|| text("LOGNAME"))
        .unwrap_or_else(|| uid.to_string())
}

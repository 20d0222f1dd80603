//! What the command line and the environment decided, as data.
//!
//! Only `cli` reads the environment; everything below it is handed a [`Settings`].

use std::path::PathBuf;

/// Where things are and who asks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The persistent store: `$XDG_DATA_HOME/ctr`, `/var/lib/ctr` for root, or `--root`.
    pub data_dir: PathBuf,
    /// Sockets and process ids, gone after a reboot: `$XDG_RUNTIME_DIR/ctr`, or `--runroot`.
    pub run_dir: PathBuf,
    /// `$XDG_CONFIG_HOME/ctr`.
    pub config_dir: PathBuf,
    /// Docker's own directory of client settings: `$DOCKER_CONFIG` or `~/.docker`.
    pub docker_config_dir: PathBuf,
    /// Further files with registry logins, in order of preference (podman's `auth.json`).
    pub auth_files: Vec<PathBuf>,
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` and their lower-case forms, as found.
    pub proxies: Vec<(String, String)>,
    /// `$PATH`, to find helper programs by.
    pub path: String,
    /// Login name, to look up subordinate ids by; the decimal uid where there is no name.
    pub user_name: String,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

//! What the command line and the environment decided, as data.
//!
//! Only `cli` reads the environment; everything below it is handed a [`Settings`].

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::Access;

use crate::secret::Secret;

/// Where things are and who asks.
#[derive(Debug, Clone, Default)]
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
    /// What was said about registries for this command.
    pub registries: Registries,
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `FTP_PROXY`, `ALL_PROXY`, `NO_PROXY` and their lower-case forms, as found.
    pub proxies: Vec<(String, String)>,
    /// Where the service manager of this user listens, if there is one: `/run` for root, `$XDG_RUNTIME_DIR` or `/run/user/UID`.
    pub session_dir: PathBuf,
    /// `$PATH`, to find helper programs by.
    pub path: String,
    /// Login name, to look up subordinate ids by; the decimal uid where there is no name.
    pub user_name: String,
    /// The user's home directory; `None` where there is none.
    pub home_dir: Option<PathBuf>,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

/// How registries are talked to, where the user says so.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    /// The one file with logins that counts: `--authfile`.
    pub auth_file: Option<PathBuf>,
    /// Where logins are kept, if not with Docker's: `--authfile`, `$REGISTRY_AUTH_FILE`.
    pub login_file: Option<PathBuf>,
    /// User and password for every registry, whatever the files say: `--creds`.
    pub login: Option<(String, Secret)>,
    /// Any certificate will do, and plain HTTP where there is none: `--tls-verify=false`.
    pub insecure: bool,
    /// A directory of trust anchors (`*.crt`) and of client certificates (`*.cert`, `*.key`): `--cert-dir`.
    pub certificates: Option<PathBuf>,
    /// Retries after the first try: `--retry`.
    pub retries: Option<u32>,
    /// The pause before each: `--retry-delay`.
    pub retry_delay: Option<Duration>,
}

/// Finds the program called `name` in the directories of `path`, which is a [`Settings::path`]: the first regular file that
/// may be executed. Relative directories do not count, as a helper must not depend on where the user stands.
pub fn find_program(name: &str, path: &str) -> Option<PathBuf> {
    std::env::split_paths(OsStr::new(path))
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| rustix::fs::access(file, Access::EXEC_OK).is_ok() && file.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn programs_are_files_that_may_be_executed() {
        let dir = tempfile::tempdir().unwrap();
        let [wrong, right] = ["wrong", "right"].map(|name| dir.path().join(name));
        fs::create_dir_all(wrong.join("directory")).unwrap();
        fs::create_dir(&right).unwrap();
        for name in ["directory", "plain"] {
            fs::write(right.join(name), "").unwrap();
            fs::set_permissions(right.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(wrong.join("plain"), "").unwrap();
        fs::set_permissions(wrong.join("plain"), fs::Permissions::from_mode(0o644)).unwrap();
        let path = format!("/nonexistent:{}:{}", wrong.display(), right.display());
        for name in ["directory", "plain"] {
            assert_eq!(find_program(name, &path), Some(right.join(name)));
        }
        assert_eq!(find_program("missing", &path), None);
    }

    #[test]
    fn relative_directories_do_not_count() {
        assert_eq!(
            find_program("sh", "relative:/nonexistent:/bin"),
            Some("/bin/sh".into())
        );
        assert_eq!(find_program("sh", "bin:"), None);
    }
}

//! Reading what `docker login` and `podman login` left behind: `~/.docker/config.json`, podman's `auth.json`, and the
//! credential helpers they name.
//!
//! What the user typed (`--creds`) comes before any file, and a file that was named (`--authfile`) is the only one. Else the
//! first that knows the registry wins: each of [`Settings::auth_files`], then `config.json` in
//! [`Settings::docker_config_dir`]. Within a file: `credHelpers` for this registry, then `credsStore`, then `auths` (as
//! docker/cli `cli/config/configfile`, `GetAuthConfig`). Keys of `auths` may carry a scheme or a path; podman's may name
//! a repository, and the longest match wins (containers-auth.json(5)).
//!
//! Helpers (see `helper`) talk to the user's key ring, so they must be asked before the process enters a user namespace,
//! where it would seem to be root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::credentials::{CredentialError, Credentials};
use super::{helper, limits};
use crate::bounded;
use crate::content::Reference;
use crate::secret::Secret;
use crate::settings::Settings;

/// Under which docker.io's login is kept.
pub(super) const DOCKER_IO_KEY: &str = "https://index.docker.io/v1/";

#[derive(Deserialize, Default)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credsStore")]
    creds_store: Option<String>,
    #[serde(default, rename = "credHelpers")]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Auth {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
    #[serde(default)]
    registrytoken: Option<String>,
}

impl Credentials {
    /// Returns what the user's logins hold for the repository of `reference`.
    ///
    /// # Errors
    ///
    /// All of [`CredentialError`]. A file that is not there is no error.
    pub fn find(
        settings: &Settings,
        reference: &Reference,
    ) -> Result<Credentials, CredentialError> {
        Credentials::for_repository(settings, reference.registry(), reference.repository())
    }

    /// As [`Credentials::find`], for a registry as a whole.
    ///
    /// # Errors
    ///
    /// All of [`CredentialError`].
    pub fn for_registry(
        settings: &Settings,
        registry: &str,
    ) -> Result<Credentials, CredentialError> {
        Credentials::for_repository(settings, registry, "")
    }

    fn for_repository(
        settings: &Settings,
        registry: &str,
        repository: &str,
    ) -> Result<Credentials, CredentialError> {
        if let Some((user, password)) = &settings.registries.login {
            return Ok(Credentials::Password {
                user: user.clone(),
                password: password.clone(),
            });
        }
        let docker = settings.docker_config_dir.join("config.json");
        let files = match &settings.registries.auth_file {
            Some(file) => vec![file],
            None => settings.auth_files.iter().chain([&docker]).collect(),
        };
        for path in files {
            let Some(file) = ConfigFile::read(path)? else {
                continue;
            };
            let found = file.find(registry, repository, path, &settings.path)?;
            if found != Credentials::Anonymous {
                return Ok(found);
            }
        }
        Ok(Credentials::Anonymous)
    }

    /// Returns what the file that a login would go to holds for a registry as a whole.
    ///
    /// # Errors
    ///
    /// All of [`CredentialError`].
    pub fn of_registry(
        settings: &Settings,
        registry: &str,
    ) -> Result<Credentials, CredentialError> {
        let path = login_file(settings);
        match ConfigFile::read(&path)? {
            Some(file) => file.find(registry, "", &path, &settings.path),
            None => Ok(Credentials::Anonymous),
        }
    }
}

/// Returns the file that logins are kept in.
pub(super) fn login_file(settings: &Settings) -> PathBuf {
    let docker = || settings.docker_config_dir.join("config.json");
    settings
        .registries
        .login_file
        .clone()
        .unwrap_or_else(docker)
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Option<ConfigFile>, CredentialError> {
        let read = |source| CredentialError::Read {
            path: path.to_owned(),
            source,
        };
        let Some(text) = bounded::read_file(path, limits::CREDENTIAL_BYTES).map_err(read)? else {
            return Ok(None);
        };
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| CredentialError::Json {
                path: path.to_owned(),
                source,
            })
    }

    fn find(
        &self,
        registry: &str,
        repository: &str,
        path: &Path,
        search_path: &str,
    ) -> Result<Credentials, CredentialError> {
        let server = if registry == "docker.io" {
            DOCKER_IO_KEY
        } else {
            registry
        };
        if let Some(helper) = self
            .cred_helpers
            .get(server)
            .or_else(|| self.cred_helpers.get(registry))
        {
            return helper::get(helper, server, search_path);
        }
        if let Some(helper) = self.creds_store.as_deref().filter(|name| !name.is_empty()) {
            let found = helper::get(helper, server, search_path)?;
            if found != Credentials::Anonymous {
                return Ok(found);
            }
        }
        let Some((key, auth)) = self.best_key(registry, repository) else {
            return Ok(Credentials::Anonymous);
        };
        auth.credentials().ok_or_else(|| CredentialError::Auth {
            path: path.to_owned(),
            key: key.clone(),
        })
    }

    /// The longest key of `auths` that covers the repository.
    fn best_key(&self, registry: &str, repository: &str) -> Option<(&String, &Auth)> {
        let full = format!("{registry}/{repository}");
        let covers = |key: &str| {
            let key = bare_key(key);
            let rest = full.strip_prefix(key.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some(key.len())
        };
        self.auths
            .iter()
            .filter_map(|(key, auth)| Some((covers(key)?, key, auth)))
            .max_by_key(|(length, ..)| *length)
            .map(|(_, key, auth)| (key, auth))
    }
}

/// Returns a key of `auths` as `registry[/path]`: without scheme, without the API version, docker.io's old names resolved.
fn bare_key(key: &str) -> String {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key)
        .trim_end_matches('/');
    let key = ["/v1", "/v2"]
        .iter()
        .find_map(|version| key.strip_suffix(version))
        .unwrap_or(key);
    match key.split_once('/') {
        None if matches!(key, "index.docker.io" | "registry-1.docker.io") => "docker.io".into(),
        Some(("index.docker.io" | "registry-1.docker.io", rest)) => format!("docker.io/{rest}"),
        _ => key.to_owned(),
    }
}

impl Auth {
    /// `None` where `auth` is not what it should be.
    fn credentials(&self) -> Option<Credentials> {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Some(Credentials::Identity(Secret::new(token)));
        }
        if let Some(token) = given(&self.registrytoken) {
            return Some(Credentials::Registry(Secret::new(token)));
        }
        if let Some(auth) = given(&self.auth) {
            let auth = auth.trim();
            let bytes = STANDARD
                .decode(auth)
                .or_else(|_| STANDARD_NO_PAD.decode(auth))
                .ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (user, password) = text.split_once(':')?;
            // docker/cli trims NULs that old versions wrote.
            let password = password.trim_matches('\0');
            return Some(Credentials::from_pair(user, password));
        }
        match (given(&self.username), given(&self.password)) {
            (Some(user), Some(password)) => Some(Credentials::from_pair(&user, &password)),
            // `docker login` with a credsStore leaves an empty object behind.
            _ => Some(Credentials::Anonymous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn find(
        json: &str,
        reference: &str,
        search_path: &str,
    ) -> Result<Credentials, CredentialError> {
        let file: ConfigFile = serde_json::from_str(json).unwrap();
        let reference: Reference = reference.parse().unwrap();
        file.find(
            reference.registry(),
            reference.repository(),
            Path::new("config.json"),
            search_path,
        )
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::from_pair(user, password)
    }

    #[test]
    fn finds_a_login_by_every_key_docker_and_podman_write() {
        // user:pass
        let auth = r#"{"auth":"dXNlcjpwYXNz"}"#;
        for (key, reference, found) in [
            ("https://index.docker.io/v1/", "alpine", true),
            ("docker.io", "alpine", true),
            ("docker.io/library", "alpine", true),
            ("docker.io/other", "alpine", false),
            ("localhost:5000", "localhost:5000/x", true),
            ("http://localhost:5000", "localhost:5000/x", true),
            ("https://ghcr.io/v2/", "ghcr.io/a/b", true),
            ("ghcr.io/a", "ghcr.io/a/b", true),
            ("ghcr.io/a", "ghcr.io/ab/b", false),
            ("ghcr.io", "ghcr.io.example/a", false),
            ("example.com", "alpine", false),
        ] {
            let json = format!(r#"{{"auths":{{"{key}":{auth}}}}}"#);
            let expected = if found {
                password("user", "pass")
            } else {
                Credentials::Anonymous
            };
            assert_eq!(
                find(&json, reference, "").unwrap(),
                expected,
                "{key} {reference}"
            );
        }
    }

    #[test]
    fn takes_the_longest_key() {
        let json = r#"{"auths":{"q.io":{"auth":"YTph"},"q.io/x":{"auth":"Yjpi"}}}"#;
        assert_eq!(find(json, "q.io/x/y", "").unwrap(), password("b", "b"));
        assert_eq!(find(json, "q.io/z/y", "").unwrap(), password("a", "a"));
    }

    #[test]
    fn knows_tokens() {
        let json = r#"{"auths":{"q.io":{"auth":"YTph","identitytoken":"id"},"r.io":{"registrytoken":"rt"}}}"#;
        assert_eq!(
            find(json, "q.io/x", "").unwrap(),
            Credentials::Identity(Secret::new("id"))
        );
        assert_eq!(
            find(json, "r.io/x", "").unwrap(),
            Credentials::Registry(Secret::new("rt"))
        );
    }

    #[test]
    fn refuses_nonsense() {
        for auth in ["***", "bm9jb2xvbg=="] {
            let json = format!(r#"{{"auths":{{"q.io":{{"auth":"{auth}"}}}}}}"#);
            let error = find(&json, "q.io/x", "").unwrap_err();
            assert!(matches!(error, CredentialError::Auth { .. }), "{error:?}");
        }
        let empty = r#"{"auths":{"q.io":{}}}"#;
        assert_eq!(find(empty, "q.io/x", "").unwrap(), Credentials::Anonymous);
    }

    #[test]
    fn a_file_that_is_too_large_is_called_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(limits::CREDENTIAL_BYTES + 1).unwrap();
        match ConfigFile::read(&path) {
            Err(CredentialError::Read { source, .. }) => {
                assert_eq!(source.kind(), std::io::ErrorKind::FileTooLarge);
            }
            _ => panic!("it was read"),
        }
    }

    #[test]
    fn asks_helpers() {
        let dir = tempfile::tempdir().unwrap();
        let helper = dir.path().join("docker-credential-fake");
        let script = r#"#!/bin/sh
read -r server
case "$server" in
q.io) echo '{"ServerURL":"q.io","Username":"u","Secret":"p"}';;
t.io) echo '{"ServerURL":"t.io","Username":"<token>","Secret":"id"}';;
https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"h"}';;
bad.io) echo nonsense;;
*) echo credentials not found in native keychain; exit 1;;
esac
"#;
        std::fs::write(&helper, script).unwrap();
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
        let search = format!("/nonexistent:{}", dir.path().display());
        let store = r#"{"credsStore":"fake","auths":{"z.io":{"auth":"YTph"}}}"#;
        let one = r#"{"credHelpers":{"q.io":"fake"}}"#;
        for (json, reference, expected) in [
            (store, "q.io/x", password("u", "p")),
            (store, "alpine", password("hub", "h")),
            (store, "z.io/x", password("a", "a")),
            (store, "t.io/x", Credentials::Identity(Secret::new("id"))),
            (one, "q.io/x", password("u", "p")),
            (one, "t.io/x", Credentials::Anonymous),
        ] {
            assert_eq!(
                find(json, reference, &search).unwrap(),
                expected,
                "{reference}"
            );
        }
        for (reference, search) in [("bad.io/x", search.as_str()), ("q.io/x", "/nonexistent")] {
            let error = find(store, reference, search).unwrap_err();
            assert!(matches!(error, CredentialError::Helper { .. }), "{error:?}");
        }
    }
}

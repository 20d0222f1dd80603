//! A URL → a file. The network is used in a process of its own.

use std::collections::BTreeMap;
use std::fs::{File, FileTimes, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::git_url::decode;
use crate::build::apart;
use crate::build::error::{Error, failed};
use crate::content::{Algorithm, Digest, Hasher, limits};
use crate::registry::{self, FileFacts, Timing, WebFile};
use crate::secret::without_logins;
use crate::settings::Settings;

/// The mode of what was fetched. Source: BuildKit, source/http, `llb.HTTPInfo.Perm`.
const MODE: u32 = 0o600;

/// The secrets that say who we are to a host, each with its name behind, and what goes before their text; the last counts.
/// Source: BuildKit, source/http, `newHTTPRequest`.
const AUTHORIZATION: [(&str, &str); 2] =
    [("HTTP_AUTH_HEADER_", ""), ("HTTP_AUTH_TOKEN_", "Bearer ")];

/// The name of a file whose URL has none. Source: BuildKit, dockerfile2llb, `dispatchCopy`.
const UNNAMED: &str = "__unnamed__";

/// Returns the name that a file of this URL has: the last part of its path.
pub(crate) fn name_in_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let path = decode(path);
    let name = path.trim_end_matches('/').rsplit('/').next();
    match name.unwrap_or_default() {
        "" | "." | ".." => UNNAMED.to_owned(),
        name if name.contains('\0') => UNNAMED.to_owned(),
        name => name.to_owned(),
    }
}

/// Asks the server about a file.
///
/// # Errors
///
/// [`Error::Remote`] where the URL is none. A server that says nothing is no error yet.
pub(crate) fn facts(url: &str, settings: &Settings, secrets: &Secrets) -> Result<FileFacts, Error> {
    let facts = apart::run(|| {
        let file = open(url, settings, secrets)?;
        Ok::<_, WebError>(file.facts())
    });
    facts.map_err(about(url))
}

/// Secrets by id.
type Secrets = BTreeMap<String, Vec<u8>>;

/// Why a file could not be asked for.
#[derive(Debug, thiserror::Error)]
enum WebError {
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error("the secret {0} is no HTTP header")]
    Secret(String),
}

fn open(url: &str, settings: &Settings, secrets: &Secrets) -> Result<WebFile, WebError> {
    let mut file = WebFile::open(url, settings, Timing::default())?;
    for (id, prefix) in AUTHORIZATION {
        let id = format!("{id}{}", file.host());
        if let Some(secret) = secrets.get(&id) {
            let secret = String::from_utf8_lossy(secret);
            if !file.authorize(&format!("{prefix}{}", secret.trim_end())) {
                return Err(WebError::Secret(id));
            }
        }
    }
    Ok(file)
}

/// Fetches a file to `path`, where nothing is, as old as the server says; as old as 1970 where it does not.
///
/// # Errors
///
/// [`Error::Remote`], [`Error::Io`].
pub(crate) fn download(
    url: &str,
    settings: &Settings,
    secrets: &Secrets,
    path: &Path,
) -> Result<FileFacts, Error> {
    let mut file = File::create_new(path).map_err(failed("create", path))?;
    let facts = apart::run(|| {
        let web = open(url, settings, secrets)?;
        let facts = web.download(&mut file, limits::MAX_LAYER_BYTES)?;
        Ok::<_, WebError>(facts)
    });
    let facts = facts.map_err(about(url))?;
    file.set_permissions(Permissions::from_mode(MODE))
        .map_err(failed("change", path))?;
    let seconds = u64::try_from(facts.modified.unwrap_or_default()).unwrap_or_default();
    let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(seconds));
    file.set_times(times)
        .map_err(failed("set the times of", path))?;
    Ok(facts)
}

/// Hashes a file.
///
/// # Errors
///
/// [`Error::Io`].
pub(crate) fn hash(path: &Path, algorithm: Algorithm) -> Result<Digest, Error> {
    let file = File::open(path).map_err(failed("open", path))?;
    hash_open(file, path, algorithm)
}

/// Hashes a file that is open; `path` is for errors.
///
/// # Errors
///
/// [`Error::Io`].
pub(crate) fn hash_open(
    mut file: File,
    path: &Path,
    algorithm: Algorithm,
) -> Result<Digest, Error> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).map_err(failed("read", path))? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn about(url: &str) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Error {
    let url = without_logins(url).into_owned();
    move |source| Error::Remote { url, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (url, name) in [
            ("https://h/a/b.tar.gz?x=/y#z", "b.tar.gz"),
            ("https://h/a%20b", "a b"),
            ("https://h/a%2Fb", "b"),
            ("https://h/a/", "a"),
            ("https://h/", UNNAMED),
            ("https://h", UNNAMED),
            ("https://h/%2E%2E", UNNAMED),
            ("https://h/..", UNNAMED),
        ] {
            assert_eq!(name_in_url(url), name, "{url}");
        }
    }
}

//! Keeping and forgetting logins, where Docker does: in the helper that `config.json` names for the registry, else in
//! `config.json` itself; or in the file of that form that the user has named.
//!
//! The file is somebody else's as well: what is in it is kept, in its order; a symbolic link stays one; whoever reads it
//! meanwhile sees the old one or the new one. Two logins at once wait for each other at the lock of the directory that it
//! lies in.
//!
//! Source: docker/cli, `cli/config/configfile`, `cli/config/credentials`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::FlockOperation;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::auth_files::{DOCKER_IO_KEY, login_file};
use super::credentials::{CredentialError, TOKEN_USER};
use super::{Secret, helper, limits};
use crate::bounded;
use crate::settings::Settings;

/// Links that are followed to the file.
const MAX_LINKS: usize = 40;

/// A registry as a login means it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    registry: String,
}

impl Server {
    /// Reads what a user types: `host[:port]`, also with a scheme or a path, which do not count. Nothing means docker.io.
    pub fn parse(text: Option<&str>) -> Server {
        let text = text.unwrap_or_default();
        let bare = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .unwrap_or(text);
        let host = bare.split('/').next().unwrap_or_default();
        let registry = match host {
            "" | "index.docker.io" | "registry-1.docker.io" => "docker.io",
            host => host,
        };
        Server {
            registry: registry.to_owned(),
        }
    }

    /// Returns the registry's name: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the host and port that serves its API.
    pub fn endpoint(&self) -> &str {
        match self.is_docker_io() {
            true => "registry-1.docker.io",
            false => &self.registry,
        }
    }

    /// Returns the key that its login is kept under.
    pub fn key(&self) -> &str {
        match self.is_docker_io() {
            true => DOCKER_IO_KEY,
            false => &self.registry,
        }
    }

    /// Whether it is the one that is meant where none is named.
    pub fn is_docker_io(&self) -> bool {
        self.registry == "docker.io"
    }

    /// Every key that a login may have been kept under.
    fn keys(&self) -> Vec<String> {
        let mut keys = vec![self.key().to_owned()];
        if !self.is_docker_io() {
            // As Docker: its oldest versions wrote these.
            keys.extend(["http://", "https://"].map(|scheme| format!("{scheme}{}", self.registry)));
        }
        keys
    }
}

/// Where a login is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In this file, for everybody to read who can read it.
    Plainly(PathBuf),
    /// By a helper.
    ByHelper,
}

/// Keeps a login.
///
/// # Errors
///
/// [`CredentialError`]; the file is then as it was.
pub fn store(
    settings: &Settings,
    server: &Server,
    user: &str,
    secret: &Secret,
) -> Result<Kept, CredentialError> {
    let mut file = LockedFile::open(settings)?;
    let helper = file.helper(server.key());
    let entry = match &helper {
        Some(name) => {
            helper::store(name, server.key(), user, secret.reveal(), &settings.path)?;
            // Docker's sign that there is a login.
            json!({})
        }
        None if user == TOKEN_USER => json!({"identitytoken": secret.reveal()}),
        None => json!({"auth": STANDARD.encode(format!("{user}:{}", secret.reveal()))}),
    };
    let auths = file.auths()?;
    if auths.get(server.key()) != Some(&entry) {
        auths.insert(server.key().to_owned(), entry);
        file.write()?;
    }
    Ok(match helper {
        Some(_) => Kept::ByHelper,
        None => Kept::Plainly(file.path),
    })
}

/// Forgets the logins for a registry; fine if there is none.
///
/// # Errors
///
/// [`CredentialError`].
pub fn erase(settings: &Settings, server: &Server) -> Result<(), CredentialError> {
    // Nothing is made to be forgotten in.
    if !login_file(settings).exists() {
        return Ok(());
    }
    let mut file = LockedFile::open(settings)?;
    let erased = match file.helper(server.key()) {
        Some(name) => helper::erase(&name, server.key(), &settings.path),
        None => Ok(()),
    };
    let auths = file.auths()?;
    let before = auths.len();
    for key in server.keys() {
        // The order of the others is theirs.
        auths.shift_remove(&key);
    }
    if auths.len() != before {
        file.write()?;
    }
    erased
}

/// Forgets all logins.
///
/// # Errors
///
/// [`CredentialError`], the first one; what could be forgotten is.
pub fn erase_all(settings: &Settings) -> Result<(), CredentialError> {
    if !login_file(settings).exists() {
        return Ok(());
    }
    let mut file = LockedFile::open(settings)?;
    let keys: Vec<String> = file.auths()?.keys().cloned().collect();
    let mut erased = Ok(());
    for key in keys {
        if let Some(name) = file.helper(&key) {
            erased = erased.and(helper::erase(&name, &key, &settings.path));
        }
    }
    file.auths()?.clear();
    file.write()?;
    erased
}

/// The file, locked against others who would write it.
struct LockedFile {
    /// As the user knows it.
    path: PathBuf,
    /// Where it lies.
    place: PathBuf,
    content: Map<String, Value>,
    _lock: File,
}

impl LockedFile {
    fn open(settings: &Settings) -> Result<LockedFile, CredentialError> {
        let path = login_file(settings);
        let failed = |source| CredentialError::Write {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir_of(&path))
            .map_err(failed)?;
        let place = follow(&path).map_err(failed)?;
        // Where the file lies: others may know it by other links.
        let lock = File::open(dir_of(&place)).map_err(failed)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)
            .map_err(|errno| failed(errno.into()))?;
        let read = |source| CredentialError::Read {
            path: path.clone(),
            source,
        };
        let text = bounded::read_file(&place, limits::CREDENTIAL_BYTES).map_err(read)?;
        let text = text.unwrap_or_default();
        let content = match text.trim_ascii() {
            [] => Map::new(),
            text => match serde_json::from_slice(text) {
                Ok(Value::Object(content)) => content,
                Ok(_) => {
                    return Err(CredentialError::Shape {
                        path,
                        field: "the content",
                    });
                }
                Err(source) => return Err(CredentialError::Json { path, source }),
            },
        };
        Ok(LockedFile {
            path,
            place,
            content,
            _lock: lock,
        })
    }

    /// The helper that keeps the logins of this key.
    fn helper(&self, key: &str) -> Option<String> {
        let own = self.content.get("credHelpers").and_then(|all| all.get(key));
        let name = own.or_else(|| self.content.get("credsStore"))?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn auths(&mut self) -> Result<&mut Map<String, Value>, CredentialError> {
        let auths = self.content.entry("auths").or_insert_with(|| json!({}));
        if auths.is_null() {
            *auths = json!({});
        }
        auths.as_object_mut().ok_or_else(|| CredentialError::Shape {
            path: self.path.clone(),
            field: "\"auths\"",
        })
    }

    /// Replaces the file.
    fn write(&self) -> Result<(), CredentialError> {
        self.replace().map_err(|source| CredentialError::Write {
            path: self.path.clone(),
            source,
        })
    }

    fn replace(&self) -> io::Result<()> {
        // Docker's own form.
        let mut text = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut out = serde_json::Serializer::with_formatter(&mut text, format);
        self.content.serialize(&mut out)?;
        let mut name = self.place.file_name().unwrap_or_default().to_owned();
        name.push(".ctr-new");
        let beside = self.place.with_file_name(name);
        // Left by a login that was killed; the lock is ours.
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        let written = (|| {
            file.write_all(&text)?;
            if let Ok(before) = fs::metadata(&self.place) {
                // Where root writes a user's file, it stays the user's; nobody else can give files away.
                let _ = chown(&beside, Some(before.uid()), Some(before.gid()));
            }
            file.sync_data()?;
            fs::rename(&beside, &self.place)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

fn dir_of(file: &Path) -> &Path {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Follows symbolic links to where the file is, or will be.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&place) {
            Ok(target) => place = place.parent().unwrap_or(Path::new("/")).join(target),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidInput
                ) =>
            {
                return Ok(place);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::Credentials;
    use super::*;

    fn settings(dir: &Path) -> Settings {
        Settings {
            data_dir: PathBuf::new(),
            run_dir: PathBuf::new(),
            config_dir: PathBuf::new(),
            docker_config_dir: dir.join("docker"),
            auth_files: Vec::new(),
            registries: Default::default(),
            proxies: Vec::new(),
            session_dir: PathBuf::new(),
            path: dir.display().to_string(),
            home_dir: None,
            user_name: String::new(),
            uid: 0,
            gid: 0,
        }
    }

    fn login(settings: &Settings, server: &str, user: &str, password: &str) -> Kept {
        let server = Server::parse(Some(server));
        store(settings, &server, user, &Secret::new(password)).unwrap()
    }

    #[test]
    fn keeps_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let path = settings.docker_config_dir.join("config.json");
        assert_eq!(
            login(&settings, "https://q.io/v2/", "joe", "a:b"),
            Kept::Plainly(path.clone())
        );
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "{\n\t\"auths\": {\n\t\t\"q.io\": {\n\t\t\t\"auth\": \"am9lOmE6Yg==\"\n\t\t}\n\t}\n}"
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let theirs = "{\"zeta\":1,\"auths\":{\"a.io\":{\"auth\":\"x\",\"more\":2}},\"HttpHeaders\":{\"b\":\"c\"}}";
        fs::write(&path, theirs).unwrap();
        login(&settings, "docker.io", "joe", "word");
        let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["zeta", "auths", "HttpHeaders"]);
        assert_eq!(value["auths"]["a.io"]["more"], 2);
        let found = Credentials::of_registry(&settings, "docker.io").unwrap();
        assert_eq!(found, Credentials::from_pair("joe", "word"));
        erase(&settings, &Server::parse(None)).unwrap();
        let after: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(after, serde_json::from_str::<Value>(theirs).unwrap());
        assert_eq!(
            fs::read_dir(&settings.docker_config_dir).unwrap().count(),
            1
        );
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        fs::create_dir_all(&settings.docker_config_dir).unwrap();
        fs::create_dir(dir.path().join("dotfiles")).unwrap();
        let path = settings.docker_config_dir.join("config.json");
        symlink("../dotfiles/docker.json", &path).unwrap();
        login(&settings, "q.io", "joe", "word");
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert!(dir.path().join("dotfiles/docker.json").is_file());
        fs::remove_file(&path).unwrap();
        symlink("config.json", &path).unwrap();
        let looped = store(&settings, &Server::parse(None), "a", &Secret::new("b"));
        assert!(matches!(looped, Err(CredentialError::Write { .. })));
    }

    #[test]
    fn logins_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let there = settings(dir.path());
        fs::create_dir_all(&there.docker_config_dir).unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        let path = there.docker_config_dir.join("config.json");
        fs::write(&path, "{\"more\":1}").unwrap();
        symlink("../docker/config.json", dir.path().join("home/link.json")).unwrap();
        let mut linked = settings(dir.path());
        linked.registries.login_file = Some(dir.path().join("home/link.json"));
        std::thread::scope(|scope| {
            for (n, settings) in [&there, &linked, &there, &linked].into_iter().enumerate() {
                scope.spawn(move || {
                    for round in 0..8 {
                        let (keeps, goes) = (format!("keeps{n}-{round}"), format!("goes{n}"));
                        login(settings, &keeps, "joe", "word");
                        login(settings, &goes, "joe", "word");
                        erase(settings, &Server::parse(Some(&goes))).unwrap();
                    }
                });
            }
            // Whoever reads meanwhile sees a whole file.
            for _ in 0..100 {
                Credentials::of_registry(&linked, "q.io").unwrap();
            }
        });
        let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(value["more"], 1);
        assert_eq!(value["auths"].as_object().unwrap().len(), 32);
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        fs::create_dir_all(&settings.docker_config_dir).unwrap();
        let path = settings.docker_config_dir.join("config.json");
        for wrong in ["{", "[]", "{\"auths\":[]}"] {
            fs::write(&path, wrong).unwrap();
            assert!(store(&settings, &Server::parse(None), "a", &Secret::new("b")).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
        }
    }

    #[test]
    fn helpers_keep_and_forget() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let ring = dir.path().join("ring");
        let script = format!(
            "#!/bin/sh\necho \"$1 $(cat)\" >> {0}\ncase $1 in erase) exit 0;; esac\n",
            ring.display()
        );
        let program = dir.path().join("docker-credential-ring");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        // `cat` is found by the shell itself.
        fs::create_dir_all(&settings.docker_config_dir).unwrap();
        let path = settings.docker_config_dir.join("config.json");
        fs::write(&path, "{\"credHelpers\":{\"q.io\":\"ring\"}}").unwrap();
        assert_eq!(login(&settings, "q.io", "joe", "word"), Kept::ByHelper);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("auth\""), "{text}");
        erase(&settings, &Server::parse(Some("q.io"))).unwrap();
        let said = fs::read_to_string(&ring).unwrap();
        assert_eq!(
            said,
            "store {\"ServerURL\":\"q.io\",\"Username\":\"joe\",\"Secret\":\"word\"}\nerase q.io\n"
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("auths\": {\n\t\t\"q.io"), "{text}");
    }

    #[test]
    fn understands_what_users_type() {
        for (typed, key, endpoint) in [
            (None, DOCKER_IO_KEY, "registry-1.docker.io"),
            (Some("docker.io"), DOCKER_IO_KEY, "registry-1.docker.io"),
            (
                Some("https://index.docker.io/v1/"),
                DOCKER_IO_KEY,
                "registry-1.docker.io",
            ),
            (Some("ghcr.io"), "ghcr.io", "ghcr.io"),
            (
                Some("http://localhost:5000/v2/"),
                "localhost:5000",
                "localhost:5000",
            ),
        ] {
            let server = Server::parse(typed);
            assert_eq!((server.key(), server.endpoint()), (key, endpoint));
        }
    }
}

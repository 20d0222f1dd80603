//! `RUN --mount`: what a command sees beside its layers.
//!
//! Reference: BuildKit, `frontend/dockerfile/docs/reference.md`, "RUN --mount".

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{Mount, MountBuilder};
use rustix::fs::FileType;

use crate::build::cache::Key;
use crate::build::cache::mounts::{CacheMount, take};
use crate::build::config::absolute;
use crate::build::dockerfile::mount::{MountKind, RunMount, Sharing};
use crate::build::error::{Error, failed, refused};
use crate::build::event::Event;
use crate::build::ignore::Ignore;
use crate::build::stage::Worker;
use crate::build::tree::{self, CopyOptions, Item, LastLink, Manner, Target};
use crate::image::layer::{OwnerWriter, Owners};

/// A mount that is known well enough to ask the cache.
pub(super) struct Prepared {
    target: String,
    what: What,
}

enum What {
    /// Files, copied: the command may not see what `.dockerignore` hides, nor change what is there.
    Files {
        files: Files,
        writable: bool,
    },
    Cache {
        id: String,
        sharing: Sharing,
        read_only: bool,
        mode: u32,
        owner: (u32, u32),
        files: Option<Files>,
    },
    Tmpfs {
        size: Option<u64>,
    },
    Secret {
        value: Vec<u8>,
        mode: u32,
        owner: (u32, u32),
        variable: Option<String>,
        is_file: bool,
    },
    Agent(PathBuf),
    /// Neither there nor required.
    Nothing,
}

/// What a mount begins with.
struct Files {
    items: Vec<Item>,
    /// Files of the host are nobody's here, as those that COPY takes.
    of_host: bool,
}

impl Files {
    fn add_to(&self, key: &mut Key, worker: &mut Worker<'_>) -> Result<(), Error> {
        let options = self.options();
        for item in &self.items {
            item.add_to(key, &mut worker.hashes, &options)?;
        }
        Ok(())
    }

    /// Returns what becomes of them.
    fn options(&self) -> CopyOptions {
        CopyOptions {
            owner: self.of_host.then_some((0, 0)),
            mode: None,
            xattrs: !self.of_host,
        }
    }
}

/// A mount in use; what it needs is given back when this is dropped.
pub(super) struct Active {
    /// For the process.
    pub mount: Option<Mount>,
    /// Whether it shows what the step's key says.
    pub is_as_listed: bool,
    _cache: Option<CacheMount>,
}

impl Prepared {
    /// A program that is given in the Dockerfile.
    pub(super) fn script(target: String, content: String) -> Prepared {
        let what = What::Secret {
            value: content.into_bytes(),
            mode: 0o755,
            owner: (0, 0),
            variable: None,
            is_file: true,
        };
        Prepared { target, what }
    }

    /// Returns the variable that a secret is given in.
    pub(super) fn variable(&self) -> Option<String> {
        match &self.what {
            What::Secret {
                variable: Some(name),
                value,
                ..
            } => Some(format!("{name}={}", String::from_utf8_lossy(value))),
            What::Agent(_) => Some(format!("SSH_AUTH_SOCK={}", self.target)),
            _ => None,
        }
    }
}

/// Finds out what is mounted; what the result depends on goes into `key`. Neither the content of caches nor secrets do.
///
/// # Errors
///
/// [`Error::Invalid`] for a required secret that was not given, a missing target; those of the sources.
pub(super) fn prepare(
    worker: &mut Worker<'_>,
    mount: &RunMount,
    key: &mut Key,
) -> Result<Prepared, Error> {
    let working_dir = worker.image.config.working_dir.clone();
    let target = mount
        .target
        .as_deref()
        .map(|target| absolute(target, &working_dir));
    let required = || {
        target
            .clone()
            .ok_or_else(|| Error::Invalid("a mount needs a target".to_owned()))
    };
    // As the Dockerfile has them: a variable's name, an id, a mode can all decide what a command does.
    let options = format!("{:?}", mount.kind);
    let (target, what) = match &mount.kind {
        MountKind::Bind {
            from,
            source,
            writable,
        } => {
            let target = required()?;
            let files = files(worker, from.as_deref(), source.as_deref())?;
            key.field("bind", &target)
                .field("writable", [u8::from(*writable)]);
            files.add_to(key, worker)?;
            let writable = *writable;
            (target, What::Files { files, writable })
        }
        MountKind::Cache {
            id,
            sharing,
            from,
            source,
            read_only,
            mode,
            uid,
            gid,
        } => {
            let target = required()?;
            let files = match from {
                Some(from) => Some(files(worker, Some(from), source.as_deref())?),
                None => None,
            };
            key.field("cache", &target).field("options", &options);
            if let Some(files) = &files {
                files.add_to(key, worker)?;
            }
            let id = id.clone().unwrap_or_else(|| target.clone());
            worker.used.mounts.push(id.clone());
            let what = What::Cache {
                id,
                sharing: *sharing,
                read_only: *read_only,
                mode: mode.unwrap_or(0o755),
                owner: (uid.unwrap_or(0), gid.unwrap_or(0)),
                files,
            };
            (target, what)
        }
        MountKind::Tmpfs { size } => {
            let target = required()?;
            key.field("tmpfs", &target).field("options", &options);
            (target, What::Tmpfs { size: *size })
        }
        MountKind::Secret {
            id,
            env,
            required,
            mode,
            uid,
            gid,
        } => {
            let last = target
                .as_deref()
                .and_then(|target| target.rsplit('/').next());
            let id = (id.as_deref().or(last).or(env.as_deref())).unwrap_or_default();
            let place = target
                .clone()
                .unwrap_or_else(|| format!("/run/secrets/{id}"));
            key.field("secret", &place).field("options", &options);
            worker.witness.secret(id, !required);
            let what = match worker.request.secrets.get(id) {
                Some(value) => What::Secret {
                    value: value.clone(),
                    mode: mode.unwrap_or(0o400),
                    owner: (uid.unwrap_or(0), gid.unwrap_or(0)),
                    variable: env.clone(),
                    is_file: env.is_none() || target.is_some(),
                },
                None if *required => {
                    return Err(Error::Invalid(format!("secret {id}: not found")));
                }
                None => What::Nothing,
            };
            (place, what)
        }
        MountKind::Ssh { id, required, .. } => {
            let id = id.as_deref().unwrap_or("default");
            let place = target
                .clone()
                .unwrap_or_else(|| "/run/buildkit/ssh_agent.0".to_owned());
            key.field("ssh", &place).field("options", &options);
            worker.witness.agent(id, !required);
            let what = match worker.request.agents.get(id) {
                Some(socket) => What::Agent(socket.clone()),
                None if *required => {
                    return Err(Error::Invalid(format!(
                        "unset ssh forward key {id}: use --ssh {id}"
                    )));
                }
                None => What::Nothing,
            };
            (place, what)
        }
    };
    Ok(Prepared { target, what })
}

fn files(worker: &mut Worker<'_>, from: Option<&str>, path: Option<&str>) -> Result<Files, Error> {
    let of_host = worker.is_of_host(from);
    let source = worker.source(from)?;
    let mut items = Vec::new();
    let path = tree::literal(path.unwrap_or("/"));
    for mut selection in source.select(&path, LastLink::Follow)? {
        if of_host && selection.path.as_os_str().is_empty() {
            // The directory that holds a context is no part of it.
            selection.stat.st_mode = FileType::Directory.as_raw_mode() | 0o755;
        }
        items.extend(source.list(&selection, &Ignore::default())?);
    }
    Ok(Files { items, of_host })
}

/// Makes the mount ready, in the step's directory `dir`. `number` is which of the step's mounts it is.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn activate(
    worker: &Worker<'_>,
    prepared: Prepared,
    dir: &Path,
    number: usize,
) -> Result<Active, Error> {
    let target = &prepared.target;
    let plain = |mount: Mount| Active {
        mount: Some(mount),
        is_as_listed: true,
        _cache: None,
    };
    Ok(match prepared.what {
        What::Nothing => Active {
            mount: None,
            is_as_listed: true,
            _cache: None,
        },
        What::Files { files, writable } => {
            let place = dir.join(format!("bind-{number}"));
            fs::create_dir(&place).map_err(failed("create", &place))?;
            let is_as_listed = copy_into(worker.owners, &files, &place)?;
            let source = match files.items.first() {
                Some(item) if item.kind() != FileType::Directory => place.join("file"),
                _ => place,
            };
            let access = if writable { "rw" } else { "ro" };
            Active {
                mount: Some(bind(&source, target, &["rbind", "rprivate", access])?),
                is_as_listed,
                _cache: None,
            }
        }
        What::Cache {
            id,
            sharing,
            read_only,
            mode,
            owner,
            files,
        } => {
            let cache = take(&worker.engine.store, &id, sharing, |path| {
                let mut warnings = Vec::new();
                let warn = &mut |text| warnings.push(text);
                let (engine, owners) = (worker.engine, worker.owners);
                let is_full = (worker.imported).fill_mount(&id, path, engine, owners, warn);
                for text in warnings {
                    worker.send(Event::Warning { text })?;
                }
                let files = files.as_ref().filter(|_| !is_full);
                fill(worker, files, path, owner, mode)
            })?;
            let access = if read_only { "ro" } else { "rw" };
            Active {
                mount: Some(bind(&cache.path, target, &["rbind", "rprivate", access])?),
                is_as_listed: true,
                _cache: Some(cache),
            }
        }
        What::Tmpfs { size } => {
            let mut options = vec![
                "nosuid".to_owned(),
                "nodev".to_owned(),
                "mode=1777".to_owned(),
            ];
            options.extend(size.map(|bytes| format!("size={bytes}")));
            plain(mount("tmpfs", Path::new("tmpfs"), target, options)?)
        }
        What::Secret { is_file: false, .. } => Active {
            mount: None,
            is_as_listed: true,
            _cache: None,
        },
        What::Secret {
            value, mode, owner, ..
        } => {
            // Not in the store: the run directory is memory on most systems.
            let path = secret_file(worker, number, &value, mode, owner)?;
            plain(bind(&path, target, &["rbind", "rprivate", "ro"])?)
        }
        What::Agent(socket) => plain(bind(&socket, target, &["rbind", "rprivate"])?),
    })
}

fn bind(source: &Path, target: &str, options: &[&str]) -> Result<Mount, Error> {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    mount("bind", source, target, options)
}

/// Returns a mount as runtime-spec has it.
///
/// # Errors
///
/// [`Error::Invalid`] where the specification's own types refuse something.
pub(super) fn mount(
    kind: &str,
    source: &Path,
    target: &str,
    options: Vec<String>,
) -> Result<Mount, Error> {
    MountBuilder::default()
        .destination(target)
        .typ(kind)
        .source(source)
        .options(options)
        .build()
        .map_err(|error| Error::Invalid(error.to_string()))
}

/// Copies what a mount shows into the empty directory `place`, by reflink where the filesystem can. Returns whether it is
/// what was listed.
fn copy_into(owners: Owners, from: &Files, place: &Path) -> Result<bool, Error> {
    let options = from.options();
    let Some(first) = from.items.first() else {
        return Ok(true);
    };
    let to = match first.kind() {
        FileType::Directory => "",
        _ => "file",
    };
    let time = tree::implicit(first, &options).time;
    let mut files = Target::new(place, None, owners, time)?;
    tree::copy(
        &from.items,
        &mut files,
        Path::new(to),
        &options,
        Manner::Copy,
    )?;
    let is_as_listed = files.is_as_listed();
    files.finish()?;
    if first.kind() == FileType::Directory {
        // COPY takes what is in a directory; a mount shows the directory itself.
        let owner = options.owner.unwrap_or_else(|| first.owner());
        describe(owners, place, owner, first.stat.st_mode & 0o7777)?;
    }
    Ok(is_as_listed)
}

/// Gives the directory or file `path` its owner and then its mode.
fn describe(owners: Owners, path: &Path, owner: (u32, u32), mode: u32) -> Result<(), Error> {
    let file = fs::File::open(path).map_err(failed("open", path))?;
    (OwnerWriter::new(owners).set(file.as_fd(), owner.0, owner.1))
        .map_err(failed("change the owner of", path))?;
    (file.set_permissions(fs::Permissions::from_mode(mode))).map_err(failed("change", path))
}

fn fill(
    worker: &Worker<'_>,
    files: Option<&Files>,
    path: &Path,
    owner: (u32, u32),
    mode: u32,
) -> Result<(), Error> {
    if let Some(files) = files {
        copy_into(worker.owners, files, path)?;
    }
    describe(worker.owners, path, owner, mode)
}

fn secret_file(
    worker: &Worker<'_>,
    number: usize,
    value: &[u8],
    mode: u32,
    owner: (u32, u32),
) -> Result<PathBuf, Error> {
    let dir = worker.secrets_dir()?;
    let path = dir.join(format!("{}-{number}", worker.step.step));
    fs::write(&path, value).map_err(failed("write", &path))?;
    if owner != (0, 0) && worker.owners != Owners::Single {
        let uid = rustix::fs::Uid::from_raw(owner.0);
        let gid = rustix::fs::Gid::from_raw(owner.1);
        rustix::fs::chown(&path, Some(uid), Some(gid)).map_err(refused("change", &path))?;
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        .map_err(failed("change", &path))?;
    Ok(path)
}

//! What a build has made, on its way out: an image of the store, or its files alone, in a directory or as a tar.
//!
//! The files are those that a container of the image would see: the layers as one directory, which nobody has to unpack.

use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use rustix::fs::{AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::error::{Error, failed, refused};
use super::ignore::Ignore;
use super::image::{self, Built};
use super::provenance::Facts;
use super::remote::hash_open;
use super::request::Request;
use super::schedule::Outcome;
use super::tree::{self, CopyOptions, LastLink, Manner, Source, Target};
use crate::container::Engine;
use crate::content::{Algorithm, Reference};
use crate::image::Platform;
use crate::image::attestation::{Attested, Subject};
use crate::image::layer::{self, Owners};
use crate::monitor;
use crate::rootfs;
use crate::store::{Lease, ScratchDir};
use crate::sys::rights::as_caller;

/// The mode of a statement beside files. Source: BuildKit, exporter/local, `CreateFS`.
const STATEMENT_MODE: u32 = 0o600;

/// The result of a build. What it consists of stays in the store for as long as this lives, and longer where it gets a name.
#[derive(Debug)]
pub struct Product<'a> {
    request: &'a Request,
    engine: &'a Engine,
    owners: Owners,
    outcome: Outcome,
    /// When the build began, and when it had ended.
    times: (Timestamp, Timestamp),
    lease: Lease,
    built: Option<Built>,
}

impl<'a> Product<'a> {
    pub(super) fn new(
        request: &'a Request,
        engine: &'a Engine,
        owners: Owners,
        outcome: Outcome,
        started: Timestamp,
        lease: Lease,
    ) -> Product<'a> {
        Product {
            request,
            engine,
            owners,
            outcome,
            times: (started, Timestamp::now()),
            lease,
            built: None,
        }
    }

    /// Returns what it was made for.
    pub(super) fn platform(&self) -> Platform {
        self.outcome.result.image.platform()
    }

    /// Returns whether its manifest is Docker's.
    pub(super) fn has_docker_format(&self) -> bool {
        self.request.docker_format
    }

    /// Makes the image's documents, which have no name yet.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn image(&mut self) -> Result<Built, Error> {
        if let Some(built) = &self.built {
            return Ok(built.clone());
        }
        let built = image::put(
            self.request,
            self.engine,
            &self.outcome.result,
            &mut self.lease,
        )?;
        self.built = Some(built.clone());
        Ok(built)
    }

    /// Gives the image its names; without any it is an image that only its ID leads to.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn name(&mut self, names: &[Reference]) -> Result<Built, Error> {
        let built = self.image()?;
        super::image::give_names(&self.engine.store, &built, names)?;
        Ok(built)
    }

    /// Puts the files into `dir`, which is made where it is missing. They belong to whoever builds; others of these names
    /// are replaced, and the rest stays. Directories that are there are written to with the caller's own rights. Source:
    /// BuildKit, exporter/local.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where something is in the way; [`Error::Io`].
    pub fn write_files(&self, dir: &Path) -> Result<(), Error> {
        as_caller(|| std::fs::create_dir_all(dir)).map_err(failed("create", dir))?;
        let statement = self.statement_beside_files()?;
        self.with_root(statement.as_ref(), |root| {
            let source = Source::new(root, Ignore::default());
            let options = CopyOptions {
                owner: Some((0, 0)),
                mode: None,
                xattrs: true,
            };
            for selection in source.select("/", LastLink::Follow)? {
                let items = source.list(&selection, &Ignore::default())?;
                let mut target = Target::outside(dir, self.owners)?;
                tree::copy(&items, &mut target, Path::new(""), &options, Manner::Copy)?;
                target.finish()?;
            }
            Ok(())
        })
    }

    /// Writes the files as a tar that is the same for the same files. They have the owners they have in the image.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`], of which [`layer::Error::Read`] is about `out`.
    pub fn write_tar(&self, out: impl Write) -> Result<(), Error> {
        let statement = self.statement_beside_files()?;
        self.with_root(statement.as_ref(), |root| {
            let path = format!("/proc/self/fd/{}", root.as_raw_fd());
            layer::write(Path::new(&path), self.owners, out)?;
            Ok(())
        })
    }

    /// Returns what is attested of the image where it goes, which is called `names` there. Only a registry gets what is for
    /// registries alone, unless there is an index anyway.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an image in Docker's format; [`Error::Store`].
    pub(super) fn attested(
        &mut self,
        names: &[Reference],
        also_inline_only: bool,
    ) -> Result<Option<Attested>, Error> {
        let Some(asked) = &self.request.provenance else {
            return Ok(None);
        };
        if asked.options.is_inline_only && !also_inline_only {
            return Ok(None);
        }
        if self.has_docker_format() {
            // BuildKit's words.
            return Err(Error::Invalid(
                "cannot export attestations with \"oci-mediatypes=false\": leave --format out"
                    .to_owned(),
            ));
        }
        let attestations = vec![asked.attestation(&self.facts())];
        Ok(Some(Attested {
            manifest: self.image()?.manifest,
            names: names.to_vec(),
            attestations,
        }))
    }

    fn facts(&self) -> Facts<'_> {
        let epoch = self.request.epoch;
        let epoch = epoch.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let (started, finished) = self.times;
        Facts {
            witnesses: &self.outcome.witnesses,
            target: self.request.target,
            started: epoch.unwrap_or(started),
            finished: epoch.unwrap_or(finished),
        }
    }

    /// Returns a directory with the statement about the files, where there is one: something to lie above the layers.
    fn statement_beside_files(&self) -> Result<Option<ScratchDir>, Error> {
        let asked = self.request.provenance.as_ref();
        let Some(asked) = asked.filter(|asked| !asked.options.is_inline_only) else {
            return Ok(None);
        };
        let (mut subjects, mut root_stat) = (Vec::new(), None);
        let name = &asked.options.file_name;
        self.with_root(None, |root| {
            if rustix::fs::statat(&root, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                return Err(Error::Invalid(format!(
                    "the result has a file /{name} of its own: give the statement another name with --provenance=filename=NAME"
                )));
            }
            root_stat = Some(rustix::fs::fstat(&root).map_err(refused("read", "/"))?);
            subjects = subjects_of(root)?;
            Ok(())
        })?;
        let facts = self.facts();
        let statement = asked.attestation(&facts).statement(&subjects);
        let dir = self.engine.store.scratch_dir("provenance")?;
        let path = dir.path().join(name);
        let write = || -> io::Result<()> {
            let mut file = (File::options().write(true).create_new(true))
                .mode(STATEMENT_MODE)
                .open(&path)?;
            file.write_all(format!("{statement:#}").as_bytes())?;
            let time = SystemTime::from(facts.finished);
            file.set_times(FileTimes::new().set_modified(time))
        };
        write().map_err(failed("write", &path))?;
        // What lies above decides how the root directory looks.
        if let Some(stat) = root_stat {
            look_like(dir.path(), &stat).map_err(refused("change", dir.path()))?;
        }
        Ok(Some(dir))
    }

    /// Does something with the layers, and `above` above them, as one directory.
    fn with_root(
        &self,
        above: Option<&ScratchDir>,
        work: impl FnOnce(OwnedFd) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Engine {
            store, settings, ..
        } = self.engine;
        let scratch = store.scratch_dir("output")?;
        let mut stack = rootfs::select(store, settings)?.stack(scratch.path().to_owned());
        let layers = self.outcome.result.layers.iter();
        let dirs = layers.map(|layer| layer.dir.clone());
        let dirs: Vec<PathBuf> = (dirs.chain(above.map(|dir| dir.path().to_owned()))).collect();
        work(stack.open(&dirs)?)
    }
}

/// Gives a directory the owner, the mode and the time of another.
fn look_like(dir: &Path, stat: &Stat) -> Result<(), Errno> {
    let owner = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    rustix::fs::chown(dir, Some(owner.0), Some(owner.1))?;
    rustix::fs::chmod(dir, Mode::from_raw_mode(stat.st_mode))?;
    let time = Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec as _,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(rustix::fs::CWD, dir, &times, AtFlags::empty())
}

/// Returns the files below a root directory, as what a statement is about. Source: BuildKit, exporter/local, `CreateFS`.
fn subjects_of(root: OwnedFd) -> Result<Vec<Subject>, Error> {
    let source = Source::new(root, Ignore::default());
    let mut subjects = Vec::new();
    for selection in source.select("/", LastLink::Follow)? {
        for item in source.list(&selection, &Ignore::default())? {
            if item.kind() == FileType::RegularFile {
                let file = item.open().map_err(refused("open", &item.place))?;
                subjects.push(Subject {
                    name: item.place.to_string_lossy().into_owned(),
                    digest: hash_open(file.into(), &item.place, Algorithm::Sha256)?,
                });
            }
        }
    }
    Ok(subjects)
}

impl Drop for Product<'_> {
    fn drop(&mut self) {
        settle_in_background(self.engine);
    }
}

/// Waits for the disk in a process that nobody waits for. Where it cannot be had the next build's does it, or the layers
/// are made again after a power cut.
pub(super) fn settle_in_background(engine: &Engine) {
    let _ = monitor::fork_apart(&[], || {
        let _ = monitor::leave_standard_streams();
        let _ = engine.store.settle();
    });
}

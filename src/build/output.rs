//! What a build has made, on its way out: an image of the store, or its files alone, in a directory or as a tar.
//!
//! The files are those that a container of the image would see: the layers as one directory, which nobody has to unpack.

use std::io::Write;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use super::error::{Error, failed};
use super::ignore::Ignore;
use super::image::{self, Built};
use super::message::StageResult;
use super::request::Request;
use super::tree::{self, CopyOptions, Manner, Source, Target};
use crate::container::Engine;
use crate::content::Reference;
use crate::image::Platform;
use crate::image::layer::{self, Owners};
use crate::monitor;
use crate::rootfs;
use crate::store::Lease;
use crate::sys::rights::as_caller;

/// The result of a build. What it consists of stays in the store for as long as this lives, and longer where it gets a name.
#[derive(Debug)]
pub struct Product<'a> {
    request: &'a Request,
    engine: &'a Engine,
    owners: Owners,
    result: StageResult,
    lease: Lease,
    built: Option<Built>,
}

impl<'a> Product<'a> {
    pub(super) fn new(
        request: &'a Request,
        engine: &'a Engine,
        owners: Owners,
        result: StageResult,
        lease: Lease,
    ) -> Product<'a> {
        Product {
            request,
            engine,
            owners,
            result,
            lease,
            built: None,
        }
    }

    /// Returns what it was made for.
    pub(super) fn platform(&self) -> Platform {
        self.result.image.platform()
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
        let built = image::put(self.request, self.engine, &self.result, &mut self.lease)?;
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
        self.with_root(|root| {
            let source = Source::new(root, Ignore::default());
            let options = CopyOptions {
                owner: Some((0, 0)),
                mode: None,
                xattrs: true,
            };
            for selection in source.select("/")? {
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
        self.with_root(|root| {
            let path = format!("/proc/self/fd/{}", root.as_raw_fd());
            layer::write(Path::new(&path), self.owners, out)?;
            Ok(())
        })
    }

    /// Does something with the layers as one directory.
    fn with_root(&self, work: impl FnOnce(OwnedFd) -> Result<(), Error>) -> Result<(), Error> {
        let Engine {
            store, settings, ..
        } = self.engine;
        let scratch = store.scratch_dir("output")?;
        let mut stack = rootfs::select(store, settings)?.stack(scratch.path().to_owned());
        let layers = self.result.layers.iter();
        let dirs: Vec<PathBuf> = layers.map(|layer| layer.dir.clone()).collect();
        work(stack.open(&dirs)?)
    }
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

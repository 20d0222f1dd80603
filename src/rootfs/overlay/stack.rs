//! A growing stack: an overlay for each layer that is written, above those that are there.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{EMPTY, make_dir, marks, merged, topmost_once};
use crate::rootfs::levels::Levels;
use crate::rootfs::stack::{Place, Stack, Upper};
use crate::rootfs::{Copy, Driver, Error, ROOT_MODE, Root, failed};

/// Layers, and a directory of its own.
#[derive(Debug)]
pub(super) struct OverlayStack {
    scratch: PathBuf,
    /// Directories for mounts that were made.
    made: usize,
    /// The last of them, and what it has. Nobody writes to it: the next layer with the same places takes it again.
    places: Option<(PathBuf, Vec<Place>)>,
    /// What is below the layer that is being written.
    lower: Option<Levels>,
    /// Where not even an overlay for reading can be mounted here.
    copied: Option<Box<dyn Stack>>,
}

impl OverlayStack {
    pub(super) fn new(scratch: PathBuf) -> OverlayStack {
        OverlayStack {
            scratch,
            made: 0,
            places: None,
            lower: None,
            copied: None,
        }
    }

    /// Places for mounts, below all layers: so the upper directory holds nothing but what was written.
    fn places(&mut self, wanted: &[Place]) -> Result<PathBuf, Error> {
        match &self.places {
            Some((path, places)) if places == wanted => Ok(path.clone()),
            _ => {
                self.made += 1;
                let path = self.scratch.join(format!("places-{}", self.made));
                make_places(&path, wanted)?;
                self.places = Some((path.clone(), wanted.to_vec()));
                Ok(path)
            }
        }
    }
}

impl Stack for OverlayStack {
    fn open(&mut self, layers: &[PathBuf]) -> Result<OwnedFd, Error> {
        let empty = self.scratch.join(EMPTY);
        make_dir(&empty)?;
        if let Some(copied) = &mut self.copied {
            return copied.open(layers);
        }
        match merged::open(&topmost_once(layers), &empty) {
            // A container's root, say, who may not mount in the container's own namespace. What is run for her may have an
            // overlay in its own all the same.
            Err(Error::Io { source, .. }) if is_refusal(&source) => {
                let copied = Copy.stack(self.scratch.clone());
                self.copied.insert(copied).open(layers)
            }
            opened => opened,
        }
    }

    fn begin(
        &mut self,
        layers: &[PathBuf],
        upper: Upper<'_>,
        places: &[Place],
    ) -> Result<Root, Error> {
        let below = self.places(places)?;
        let mut lowerdirs = topmost_once(layers);
        let mut lower = Levels::new(false);
        for layer in lowerdirs.iter().rev() {
            (lower.add(layer)).map_err(|errno| failed("open", layer)(errno.into()))?;
        }
        self.lower = Some(lower);
        lowerdirs.push(below);
        Ok(Root::Overlay {
            lowerdirs,
            upperdir: upper.dir.to_owned(),
            workdir: upper.work.to_owned(),
            volatile: true,
        })
    }

    fn end(&mut self, upper: &Path) -> Result<(), Error> {
        if let Some(lower) = self.lower.take() {
            let dir = fs::File::open(upper).map_err(failed("open", upper))?;
            marks::drop_idle(dir.as_fd(), lower)
                .map_err(|(path, fault)| fault.at("unmark", upper, &path))?;
        }
        Ok(())
    }
}

/// Whether it says that nobody may mount this here, rather than that something is wrong with it.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(libc::ENODEV)
}

/// Makes a directory with all places that something is mounted on.
fn make_places(root: &Path, places: &[Place]) -> Result<(), Error> {
    let make_dir = |path: &Path| fs::create_dir_all(path).map_err(failed("create", path));
    make_dir(root)?;
    let mode = fs::Permissions::from_mode(ROOT_MODE);
    fs::set_permissions(root, mode).map_err(failed("change", root))?;
    for place in places {
        let path = root.join(place.path.strip_prefix("/").unwrap_or(&place.path));
        match (place.is_file, path.parent()) {
            (true, Some(parent)) => {
                make_dir(parent)?;
                fs::write(&path, b"").map_err(failed("create", &path))?;
            }
            _ => make_dir(&path)?,
        }
    }
    Ok(())
}

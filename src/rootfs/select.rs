//! Which driver a store uses: found by trying, once.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use rustix::mount::{MountFlags, UnmountFlags};

use super::{Copy, Driver, Error, Overlay, failed};
use crate::settings::Settings;
use crate::store::Store;
use crate::sys::child::in_child;
use crate::sys::namespace::unshare;

/// Where the answer is kept, below the store's root.
const REMEMBERED: &str = "driver";

/// Returns the driver of `store`. The first time it tries, in a child process; afterwards it reads one small file.
///
/// The calling process must have one thread.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Store`].
pub fn select(store: &Store, settings: &Settings) -> Result<&'static dyn Driver, Error> {
    let path = store.root().join(REMEMBERED);
    match fs::read(&path) {
        Ok(name) if name.starts_with(b"overlay") => return Ok(&Overlay),
        Ok(name) if name.starts_with(b"copy") => return Ok(&Copy),
        // A power cut may leave an empty file.
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read", &path)(error)),
    }
    let driver: &'static dyn Driver = match try_overlay(store, settings)? {
        Attempt::Works => &Overlay,
        Attempt::Refused => &Copy,
        // No container can be started here at all, or not now; that is no reason to copy images from now on.
        Attempt::Unknown => return Ok(&Overlay),
    };
    store.replace_shared_file(&path, format!("{}\n", driver.name()).as_bytes())?;
    Ok(driver)
}

enum Attempt {
    Works,
    Refused,
    Unknown,
}

/// Mounts an overlay on directories of the store, as the runtime does, looks whether its marks are obeyed, and writes a
/// file through it.
fn try_overlay(store: &Store, settings: &Settings) -> Result<Attempt, Error> {
    let scratch = store.scratch_dir("driver")?;
    let dir = scratch.path();
    for name in [
        "lower/opaque",
        "lower/gone",
        "upper/opaque",
        "work",
        "merged",
    ] {
        let path = dir.join(name);
        fs::create_dir_all(&path).map_err(failed("create", &path))?;
    }
    let code = in_child(|| {
        if enter_namespace(settings).is_err() {
            return 2;
        }
        match mount(dir) {
            Ok(()) => 0,
            // Says nothing about overlayfs.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => 2,
            Err(_) => 1,
        }
    })
    .map_err(failed("try overlayfs in", dir))?;
    Ok(match code {
        0 => Attempt::Works,
        2 => Attempt::Unknown,
        _ => Attempt::Refused,
    })
}

/// One id is enough to find out whether the filesystem can do it.
fn enter_namespace(settings: &Settings) -> io::Result<()> {
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
    fs::write("/proc/self/uid_map", format!("0 {} 1", settings.uid))?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("0 {} 1", settings.gid))
}

fn mount(dir: &Path) -> io::Result<()> {
    // Relative names, since the option string has no way to quote a comma that every kernel understands.
    std::env::set_current_dir(dir)?;
    fs::write("lower/opaque/hidden", "")?;
    let mark = "user.overlay.opaque";
    rustix::fs::setxattr("upper/opaque", mark, b"y", XattrFlags::empty())?;
    let kind = FileType::CharacterDevice;
    rustix::fs::mknodat(CWD, "upper/gone", kind, Mode::empty(), 0)?;
    rustix::mount::mount(
        "overlay",
        "merged",
        "overlay",
        MountFlags::empty(),
        Some(c"userxattr,lowerdir=lower,upperdir=upper,workdir=work"),
    )?;
    let written = fs::write("merged/probe", "").and_then(|()| fs::remove_file("merged/probe"));
    let obeyed = !fs::exists("merged/opaque/hidden")? && !fs::exists("merged/gone")?;
    rustix::mount::unmount("merged", UnmountFlags::DETACH)?;
    written?;
    if obeyed {
        Ok(())
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

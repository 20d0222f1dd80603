//! The image of most scenarios: a root file system made of the distribution's static busybox.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use tar::{Builder, EntryType, Header};

use super::needs::find_program;

static TAR: LazyLock<Result<Vec<u8>, String>> = LazyLock::new(make_rootfs_tar);

/// The root file system as a tar archive, the same bytes each time; or why it cannot be made here.
pub(crate) fn rootfs_tar() -> Result<&'static [u8], &'static str> {
    TAR.as_deref().map_err(String::as_str)
}

/// Makes the archive: busybox under all its names, `/etc/passwd`, `/etc/group` and the usual empty directories.
///
/// There is a user `app` (1000:1000, home `/home/app`) beside root, and a group `staff` (50) it also belongs to.
pub(crate) fn make_rootfs_tar() -> Result<Vec<u8>, String> {
    let program = static_busybox()?;
    let applets = Command::new(&program)
        .arg("--list")
        .output()
        .map_err(|error| format!("busybox --list: {error}"))?;
    let applets =
        String::from_utf8(applets.stdout).map_err(|error| format!("busybox --list: {error}"))?;
    let busybox =
        std::fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;

    let mut tar = RootfsTar::new();
    for (path, mode) in [
        ("bin/", 0o755),
        ("dev/", 0o755),
        ("etc/", 0o755),
        ("home/", 0o755),
        ("proc/", 0o755),
        ("root/", 0o700),
        ("sys/", 0o755),
        ("tmp/", 0o1777),
        ("usr/", 0o755),
        ("var/", 0o755),
    ] {
        tar.add(path, EntryType::Directory, mode, (0, 0), b"");
    }
    tar.add("home/app/", EntryType::Directory, 0o755, (1000, 1000), b"");
    tar.add("bin/busybox", EntryType::Regular, 0o755, (0, 0), &busybox);
    for applet in applets
        .lines()
        .filter(|name| *name != "busybox" && !name.is_empty())
    {
        tar.link(&format!("bin/{applet}"), "/bin/busybox");
    }
    tar.add(
        "etc/passwd",
        EntryType::Regular,
        0o644,
        (0, 0),
        b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n",
    );
    tar.add(
        "etc/group",
        EntryType::Regular,
        0o644,
        (0, 0),
        b"root:x:0:\nstaff:x:50:app\napp:x:1000:\n",
    );
    Ok(tar.finish())
}

/// The distribution's busybox, which must not need a C library from inside the image.
fn static_busybox() -> Result<std::path::PathBuf, String> {
    let program = find_program("busybox")?;
    let ldd = Command::new("ldd")
        .arg(&program)
        .output()
        .map_err(|error| format!("ldd: {error}"))?;
    if ldd.status.success() {
        return Err(format!(
            "{} is not static (Debian: busybox-static)",
            program.display()
        ));
    }
    Ok(program)
}

/// A tar archive under construction, with fixed times and owners.
pub(crate) struct RootfsTar(Builder<Vec<u8>>);

impl RootfsTar {
    pub(crate) fn new() -> RootfsTar {
        RootfsTar(Builder::new(Vec::new()))
    }

    /// Adds an entry with `owner` (uid, gid).
    pub(crate) fn add(
        &mut self,
        path: &str,
        kind: EntryType,
        mode: u32,
        owner: (u64, u64),
        content: &[u8],
    ) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_mtime(1_600_000_000);
        header.set_size(content.len() as u64);
        self.0
            .append_data(&mut header, Path::new(path), content)
            .expect("a tar in memory");
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_mode(0o777);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_600_000_000);
        header.set_size(0);
        self.0
            .append_link(&mut header, path, target)
            .expect("a tar in memory");
    }

    /// The archive's bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("a tar in memory")
    }
}

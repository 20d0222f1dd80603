//! What an inode remembers about itself: an owner that it could not be given, a device that it stands for.
//!
//! | inode | where |
//! |---|---|
//! | regular file, directory | xattr `user.ctr.owner`: `UID:GID` |
//! | device node that cannot be made | an empty regular file with that xattr and `user.ctr.device`: `c MAJOR:MINOR` |
//! | symbolic link, FIFO, socket | xattr `security.capability`, see [`encode_special`] |
//!
//! The memory travels with the inode: through renames, links, and overlayfs's copying up.
//!
//! Nothing but regular files and directories can have `user.*` attributes, see `xattr(7)`. All can have file capabilities,
//! which only ever mean something on a program that is executed, and whose bits the kernel keeps as they are given; whoever
//! is root in a user namespace may set them. Sixteen bytes of them are free for use.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};

use rustix::fs::{FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use super::owner;

/// [`owner::OWNER_XATTR`] for system calls.
const OWNER: &CStr = c"user.ctr.owner";

/// Name of the xattr of what stands for a device node.
pub(super) const DEVICE_XATTR: &str = "user.ctr.device";
const DEVICE: &CStr = c"user.ctr.device";
const CAPABILITY: &CStr = c"security.capability";

/// `VFS_CAP_REVISION_2` of linux/capability.h, without the flag that would make the capabilities effective.
const REVISION_2: u32 = 0x0200_0000;

/// Stands where the capabilities from 32 on would, of which there are but a few: no true value is like it.
const MARK: [u32; 2] = [0x6f72_7463, 0x7265_6e77];

/// The longest value there is: two numbers of ten digits, and what stands between them.
const MAX_VALUE: usize = 64;

/// Bytes of names of attributes that are looked through; who has more may remember something.
const NAMES: usize = 512;

/// `XATTR_LIST_MAX` of linux/limits.h.
const MAX_NAMES: usize = 64 << 10;

/// What an inode remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Its owner.
    pub(crate) uid: u64,
    /// Its group.
    pub(crate) gid: u64,
    /// The device that a regular file stands for.
    pub(crate) device: Option<Device>,
}

/// A device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Device {
    /// Not a character device.
    pub(crate) block: bool,
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

/// Returns a path that leads to the open file itself, be it an `O_PATH` one or a symbolic link. `proc` is where this
/// process's procfs is.
pub(crate) fn path_of(proc: &str, fd: BorrowedFd<'_>) -> CString {
    CString::new(format!("{proc}/self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
}

/// Returns what the inode at `path` ([`path_of`]), which is a `kind`, remembers.
pub(crate) fn recall(path: &CStr, kind: FileType) -> Option<Memory> {
    let mut buffer = [0; MAX_VALUE];
    let mut get = |name| -> Option<Vec<u8>> {
        let size = rustix::fs::getxattr(path, name, &mut buffer[..]).ok()?;
        buffer.get(..size).map(<[u8]>::to_vec)
    };
    if !carries_user_xattrs(kind) {
        let (uid, gid) = decode_special(&get(CAPABILITY)?)?;
        return Some(Memory {
            uid: uid.into(),
            gid: gid.into(),
            device: None,
        });
    }
    let (uid, gid) = owner::decode(&get(OWNER)?)?;
    let device = match kind {
        FileType::RegularFile => get(DEVICE).as_deref().and_then(decode_device),
        _ => None,
    };
    Some(Memory { uid, gid, device })
}

/// Returns whether the inode at `path` may remember something. For what surely does, ask [`recall`].
pub(crate) fn remembers(path: &CStr, follow: bool) -> bool {
    let mut buffer = [0_u8; NAMES];
    // All names at once, for nearly every inode has none.
    let listed = match follow {
        true => rustix::fs::listxattr(path, &mut buffer),
        false => rustix::fs::llistxattr(path, &mut buffer),
    };
    let is_memory = |name: &[u8]| name == OWNER.to_bytes() || name == CAPABILITY.to_bytes();
    match listed {
        Ok(size) => buffer[..size].split(|byte| *byte == 0).any(is_memory),
        Err(errno) => errno == Errno::RANGE,
    }
}

/// Returns the names of the attributes of the inode at `path` ([`path_of`]) that are no memory, each with a NUL at its end.
///
/// # Errors
///
/// The errno of `listxattr(2)`.
pub(crate) fn other_names(path: &CStr, kind: FileType) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; MAX_NAMES];
    let size = rustix::fs::listxattr(path, &mut buffer)?;
    let is_other = |name: &&[u8]| {
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        match carries_user_xattrs(kind) {
            true => name != OWNER.to_bytes() && name != DEVICE.to_bytes(),
            // Nothing but a memory is kept there.
            false => name != CAPABILITY.to_bytes(),
        }
    };
    let names = buffer[..size].split_inclusive(|byte| *byte == 0);
    Ok(names.filter(is_other).flatten().copied().collect())
}

/// Has the inode at `path` ([`path_of`]), which is a `kind`, remember `memory`.
///
/// # Errors
///
/// The errno of `setxattr(2)`: `EOPNOTSUPP` where the filesystem has no such attributes.
pub(crate) fn remember(path: &CStr, kind: FileType, memory: &Memory) -> Result<(), Errno> {
    let set = |name, value: &[u8]| rustix::fs::setxattr(path, name, value, XattrFlags::empty());
    if !carries_user_xattrs(kind) {
        let id = |id: u64| u32::try_from(id).map_err(|_| Errno::INVAL);
        return set(
            CAPABILITY,
            &encode_special(id(memory.uid)?, id(memory.gid)?),
        );
    }
    set(OWNER, owner::encode(memory.uid, memory.gid).as_bytes())?;
    match &memory.device {
        Some(device) => set(DEVICE, encode_device(device).as_bytes()),
        None => Ok(()),
    }
}

/// Has `name` in the directory `at` remember its owner. Not for what `chown(2)` is still to be done to: that takes it away.
///
/// # Errors
///
/// As [`remember`].
pub(crate) fn remember_at(
    at: BorrowedFd<'_>,
    name: &CStr,
    uid: u64,
    gid: u64,
) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(at, name, flags, Mode::empty())?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
    let memory = Memory {
        uid,
        gid,
        device: None,
    };
    remember(&path_of("/proc", fd.as_fd()), kind, &memory)
}

/// Has the inode at `path`, which is a `kind`, forget its owner.
///
/// # Errors
///
/// The errno of `removexattr(2)`.
pub(crate) fn forget(path: &CStr, kind: FileType) -> Result<(), Errno> {
    let name = match carries_user_xattrs(kind) {
        true => OWNER,
        false => CAPABILITY,
    };
    match rustix::fs::removexattr(path, name) {
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
        other => other,
    }
}

fn carries_user_xattrs(kind: FileType) -> bool {
    matches!(kind, FileType::RegularFile | FileType::Directory)
}

/// Writes an owner as file capabilities: as permitted ones the user, as inheritable ones the group. See `struct
/// vfs_cap_data` of linux/capability.h.
fn encode_special(uid: u32, gid: u32) -> [u8; 20] {
    let mut value = [0; 20];
    let words = [REVISION_2, uid, gid, MARK[0], MARK[1]];
    for (slot, word) in value.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    value
}

/// Reads what [`encode_special`] wrote; revision 3 adds the user namespace's root at the end.
fn decode_special(value: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| {
        let bytes = value.get(4 * at..4 * at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    ([word(3)?, word(4)?] == MARK).then_some((word(1)?, word(2)?))
}

fn encode_device(device: &Device) -> String {
    let letter = if device.block { 'b' } else { 'c' };
    format!("{letter} {}:{}", device.major, device.minor)
}

/// Reads the value of [`DEVICE_XATTR`].
pub(super) fn decode_device(value: &[u8]) -> Option<Device> {
    let (block, numbers) = match value.split_first_chunk()? {
        (b"c ", numbers) => (false, numbers),
        (b"b ", numbers) => (true, numbers),
        _ => return None,
    };
    let (major, minor) = owner::decode(numbers)?;
    Some(Device {
        block,
        major: u32::try_from(major).ok()?,
        minor: u32::try_from(minor).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_there_and_back() {
        assert_eq!(
            decode_special(&encode_special(5, 70_000)),
            Some((5, 70_000))
        );
        // As revision 3, with the namespace's root.
        let longer = [&encode_special(5, 6)[..], &[9, 0, 0, 0]].concat();
        assert_eq!(decode_special(&longer), Some((5, 6)));
        // cap_net_raw=ep
        let true_capabilities = [
            1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(decode_special(&true_capabilities), None);
        assert_eq!(decode_special(b""), None);
        for device in [
            Device {
                block: false,
                major: 1,
                minor: 3,
            },
            Device {
                block: true,
                major: 259,
                minor: 1_048_575,
            },
        ] {
            assert_eq!(
                decode_device(encode_device(&device).as_bytes()),
                Some(device)
            );
        }
        for bad in ["", "c", "c 1", "x 1:3", "c 1:4294967296"] {
            assert_eq!(decode_device(bad.as_bytes()), None, "{bad:?}");
        }
    }
}

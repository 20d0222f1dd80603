//! Owners the id map does not have: given to the nearest id there is, and remembered.
//!
//! - A regular file or a directory remembers in its own xattr `user.ctr.owner`, as `UID:GID` in decimal.
//! - Everything else (links, FIFOs) cannot have such an xattr, and device nodes may not even be there. They are remembered
//!   in the file `diff.unapplied` beside the layer's `diff/`: one record for each, ended by a NUL,
//!   `KIND UID:GID MODE MAJOR:MINOR MTIME PATH`, with KIND one of `l p c b`, MODE in octal, MTIME as seconds and
//!   nanoseconds (`S:N`), and PATH relative to `diff/`. The file is there only if it has a record.
//!
//! What a build changes later is remembered in the inode itself, whatever it is; see [`super::memory`].
//!
//! All this counts only for as long as the owner on disk is what the memory was made into: a later `chown` has the last word.

use std::path::{Path, PathBuf};

use super::Error;
use super::pax::Time;

/// Name of the xattr.
pub(super) const OWNER_XATTR: &str = "user.ctr.owner";

/// Docker gives what it cannot map to nobody on nearly every host.
const NOBODY: u64 = 65_534;

/// Which owners a file can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// Only the user, who is root inside: every other owner is remembered.
    Single,
    /// Ids below these limits.
    Below {
        /// First user id that does not exist.
        uids: u64,
        /// First group id that does not exist.
        gids: u64,
    },
}

impl Owners {
    /// Returns the owner that `uid:gid` of a tar gets.
    pub(super) fn apply(self, uid: u64, gid: u64) -> (u32, u32) {
        match self {
            Owners::Single => (0, 0),
            Owners::Below { uids, gids } => (clamp(uid, uids), clamp(gid, gids)),
        }
    }
}

/// Ids above the map become nobody, or the map's last id where even that is above it.
fn clamp(id: u64, limit: u64) -> u32 {
    // 2³²-1 is no id but "leave it" to chown(2).
    let limit = limit.clamp(1, u64::from(u32::MAX));
    let id = if id < limit {
        id
    } else {
        NOBODY.min(limit - 1)
    };
    id as u32
}

/// Writes the value of [`OWNER_XATTR`].
pub(super) fn encode(uid: u64, gid: u64) -> String {
    format!("{uid}:{gid}")
}

/// Reads the value of [`OWNER_XATTR`].
pub(super) fn decode(value: &[u8]) -> Option<(u64, u64)> {
    let (uid, gid) = std::str::from_utf8(value).ok()?.split_once(':')?;
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

/// One record of `diff.unapplied`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unapplied {
    /// `l`, `p`, `c`, `b`.
    pub(super) kind: u8,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) mode: u32,
    pub(super) device: (u32, u32),
    pub(super) mtime: Time,
    pub(super) path: Vec<u8>,
}

impl Unapplied {
    /// Writes the records of the layer directory `dir`, if there are any.
    pub(super) fn write_all(records: &[Unapplied], dir: &Path) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for record in records {
            record.write(&mut bytes);
        }
        let path = unapplied_path(dir);
        std::fs::write(&path, bytes).map_err(|source| Error::Write {
            action: "write",
            path: path.display().to_string(),
            source,
        })
    }

    /// Appends the record to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (major, minor) = self.device;
        out.extend_from_slice(
            format!(
                "{} {}:{} {:o} {major}:{minor} {}:{} ",
                char::from(self.kind),
                self.uid,
                self.gid,
                self.mode,
                self.mtime.seconds,
                self.mtime.nanoseconds,
            )
            .as_bytes(),
        );
        out.extend_from_slice(&self.path);
        out.push(0);
    }

    fn parse(record: &[u8]) -> Option<Unapplied> {
        let mut parts = record.splitn(6, |b| *b == b' ');
        let kind = match parts.next()? {
            [kind @ (b'l' | b'p' | b'c' | b'b')] => *kind,
            _ => return None,
        };
        let (uid, gid) = decode(parts.next()?)?;
        let mode = u32::from_str_radix(std::str::from_utf8(parts.next()?).ok()?, 8).ok()?;
        let (major, minor) = decode(parts.next()?)?;
        let (seconds, nanoseconds) = std::str::from_utf8(parts.next()?).ok()?.split_once(':')?;
        Some(Unapplied {
            kind,
            uid,
            gid,
            mode,
            device: (u32::try_from(major).ok()?, u32::try_from(minor).ok()?),
            mtime: Time {
                seconds: seconds.parse().ok()?,
                nanoseconds: nanoseconds.parse().ok().filter(|n| *n < 1_000_000_000)?,
            },
            path: parts.next()?.to_vec(),
        })
    }

    /// Reads all records; a broken one is left out.
    pub(super) fn parse_all(file: &[u8]) -> Vec<Unapplied> {
        file.split(|b| *b == 0)
            .filter_map(Unapplied::parse)
            .collect()
    }
}

/// Returns where the records of the layer directory `dir` are.
pub(super) fn unapplied_path(dir: &Path) -> PathBuf {
    dir.with_extension("unapplied")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps() {
        let owners = Owners::Below {
            uids: 65_537,
            gids: 1000,
        };
        assert_eq!(owners.apply(0, 0), (0, 0));
        assert_eq!(owners.apply(65_536, 999), (65_536, 999));
        assert_eq!(owners.apply(65_537, 1000), (65_534, 999));
        assert_eq!(owners.apply(u64::MAX, u64::MAX), (65_534, 999));
        assert_eq!(Owners::Single.apply(33, 33), (0, 0));
        let all = Owners::Below {
            uids: 1 << 32,
            gids: 0,
        };
        assert_eq!(all.apply(u64::from(u32::MAX), 5), (65_534, 0));
    }

    #[test]
    fn records() {
        let record = Unapplied {
            kind: b'c',
            uid: 3,
            gid: 4_294_967_296,
            mode: 0o660,
            device: (1, 3),
            mtime: Time {
                seconds: -2,
                nanoseconds: 5,
            },
            path: b"dev/nu ll\n".to_vec(),
        };
        let mut file = Vec::new();
        record.write(&mut file);
        record.write(&mut file);
        file.extend_from_slice(b"x garbage\0");
        assert_eq!(Unapplied::parse_all(&file), [record.clone(), record]);
        assert_eq!(decode(b"1:2:3"), None);
        assert_eq!(decode(b""), None);
    }
}

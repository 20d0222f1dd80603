//! What is in a tar, and where, without unpacking it: for archives of images.

use std::io::Read;

use super::Error;
use super::stream::{Kind, Stream};
use crate::content::limits;

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Member {
    /// As it stands there.
    pub(in crate::image) path: Vec<u8>,
    pub(in crate::image) content: Content,
}

/// What an entry of an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) enum Content {
    /// A file: so many bytes, from this byte of the archive on.
    File { offset: u64, size: u64 },
    /// A link to what this path names, seen from where the link is.
    Symlink(Vec<u8>),
    /// Another name of what this path of the archive names.
    HardLink(Vec<u8>),
}

/// Lists the files and links of an archive, and reads it to its end.
///
/// # Errors
///
/// [`Error::Read`], [`Error::Entry`], [`Error::TooMuch`].
pub(in crate::image) fn members(reader: impl Read) -> Result<Vec<Member>, Error> {
    let mut stream = Stream::new(reader, limits::MAX_LAYER_BYTES);
    let mut members = Vec::new();
    while let Some(entry) = stream.next()? {
        let content = match entry.kind {
            // The bytes of a sparse file do not lie there as they are; nobody packs images so.
            Kind::File if entry.segments.is_none() => Content::File {
                offset: stream.position(),
                size: entry.size,
            },
            Kind::Symlink => Content::Symlink(entry.link),
            Kind::HardLink => Content::HardLink(entry.link),
            _ => continue,
        };
        if members.len() == limits::MAX_ARCHIVE_MEMBERS {
            return Err(Error::TooMuch {
                what: "files",
                limit: limits::MAX_ARCHIVE_MEMBERS as u64,
            });
        }
        members.push(Member {
            path: entry.path,
            content,
        });
    }
    stream.drain()?;
    Ok(members)
}

//! ADD of archives: tar, plain or compressed with gzip or zstd, is unpacked.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustix::fs::FileType;

use crate::build::error::{Error, failed, refused};
use crate::build::ignore::Ignore;
use crate::build::stage::Worker;
use crate::build::tree::{self, CopyOptions, Item, Source, Target};
use crate::content::limits;
use crate::image::decompress::Decompress;
use crate::image::layer::{self, UnpackOptions};

/// Bytes that tell a tar: its magic is at 257.
const BLOCK: usize = 512;

/// Returns whether the file is an archive that can be unpacked.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::Invalid`] for archives that Docker unpacks and this program cannot.
pub(crate) fn is_archive(items: &[Item]) -> Result<bool, Error> {
    let Some(item) = items
        .first()
        .filter(|item| item.kind() == FileType::RegularFile)
    else {
        return Ok(false);
    };
    let open = || item.open().map_err(refused("open", &item.place));
    let mut head = [0; 6];
    let read = File::from(open()?)
        .read(&mut head)
        .map_err(failed("read", &item.place))?;
    let head = &head[..read];
    if head.starts_with(b"\xfd7zXZ\0") || head.starts_with(b"BZh") {
        return Err(Error::Invalid(
            "ADD of archives that are compressed with xz or bzip2 is not supported yet".to_owned(),
        ));
    }
    // What cannot be decompressed is a file like any other.
    let Ok(mut reader) = Decompress::detect(File::from(open()?)) else {
        return Ok(false);
    };
    let mut block = [0; BLOCK];
    Ok(reader.read_exact(&mut block).is_ok() && is_tar_header(&block))
}

/// Whether the checksum of a header is right.
fn is_tar_header(block: &[u8; BLOCK]) -> bool {
    let field = &block[148..156];
    let digits = field.iter().filter(|b| b.is_ascii_digit());
    let stated = digits.fold(0_u32, |sum, b| {
        sum.wrapping_mul(8).wrapping_add(u32::from(b - b'0'))
    });
    let sum = (block.iter().enumerate())
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum::<u32>();
    stated != 0 && stated == sum
}

/// Unpacks the archive and puts its files into `destination`. Owners are the archive's unless the options say otherwise.
///
/// # Errors
///
/// [`Error::Layer`] for what is wrong with the archive; those of [`tree::copy`].
pub(crate) fn unpack(
    worker: &Worker<'_>,
    items: &[Item],
    target: &mut Target,
    destination: &Path,
    options: &CopyOptions,
) -> Result<(), Error> {
    let Some(item) = items.first() else {
        return Ok(());
    };
    let dir = worker.engine.store.stage_layer()?;
    let file = File::from(item.open().map_err(refused("open", &item.place))?);
    let bytes = u64::try_from(item.stat.st_size).unwrap_or_default();
    let reader = Decompress::detect(file).map_err(failed("read", &item.place))?;
    let unpack_options = UnpackOptions {
        owners: worker.owners,
        max_bytes: limits::MAX_LAYER_BYTES,
    };
    layer::unpack(reader, dir.dir(), &unpack_options.max_bytes_for_blob(bytes))?;
    let source = Source::directory(dir.dir(), Ignore::default())?;
    let implicit = tree::implicit(item, options);
    target.ensure_directory(destination, implicit)?;
    let owner = options.owner.filter(|owner| *owner != (0, 0));
    let options = CopyOptions {
        owner,
        mode: options.mode.clone(),
    };
    for selection in source.select("/")? {
        let items = source.list(&selection, &Ignore::default())?;
        tree::copy(&items, target, destination, &options)?;
    }
    Ok(())
}

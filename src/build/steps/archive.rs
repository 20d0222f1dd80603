//! ADD of archives: tar, plain or compressed, is unpacked.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::FileType;

use crate::build::error::{Error, failed, refused};
use crate::build::ignore::Ignore;
use crate::build::inflate::Inflate;
use crate::build::stage::Worker;
use crate::build::tree::{self, CopyOptions, Item, LastLink, Manner, Source, Target};
use crate::content::limits;
use crate::image::layer::{self, UnpackOptions};

/// Bytes that tell a tar: its magic is at 257.
const BLOCK: usize = 512;

/// Returns whether the file is an archive that can be unpacked.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::Invalid`] where the program is missing that could tell.
pub(crate) fn is_archive(worker: &Worker<'_>, items: &[Item]) -> Result<bool, Error> {
    let Some(item) = items
        .first()
        .filter(|item| item.kind() == FileType::RegularFile)
    else {
        return Ok(false);
    };
    let open = || item.open().map_err(refused("open", &item.place));
    let mut reader = match Inflate::detect(File::from(open()?), &worker.engine.settings.path) {
        Ok(reader) => reader,
        Err(error @ Error::Invalid(_)) => return Err(error),
        // What cannot be decompressed is a file like any other.
        Err(_) => return Ok(false),
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
    let again = file.try_clone().map_err(failed("read", &item.place))?;
    let bytes = u64::try_from(item.stat.st_size).unwrap_or_default();
    let reader = Inflate::detect(file, &worker.engine.settings.path)?;
    let unpack_options = UnpackOptions {
        owners: worker.owners,
        max_bytes: limits::MAX_LAYER_BYTES,
    };
    layer::unpack(reader, dir.dir(), &unpack_options.max_bytes_for_blob(bytes))?;
    target.note_source(item, again.as_fd());
    let source = Source::directory(dir.dir(), Ignore::default())?;
    let implicit = tree::implicit(item, options);
    target.ensure_directory(destination, implicit)?;
    let owner = options.owner.filter(|owner| *owner != (0, 0));
    let options = CopyOptions {
        owner,
        mode: options.mode.clone(),
        xattrs: true,
    };
    for selection in source.select("/", LastLink::Follow)? {
        let items = source.list(&selection, &Ignore::default())?;
        let manner = match options.owner.is_none() && options.mode.is_none() {
            true => Manner::Move,
            false => Manner::Copy,
        };
        tree::copy(&items, target, destination, &options, manner)?;
    }
    Ok(())
}

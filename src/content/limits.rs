//! Bounds for everything an image brings from outside.
//!
//! An image is hostile input: no number in it is believed before it has been compared with one of these.

/// Bytes of a manifest or index. containerd and Docker read no more than 4 MiB of either.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Bytes of an image config. Docker's own limit for what it reads whole.
pub const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// Layers of an image. Docker's overlay2 driver stops at 128 with the container's own (`maxDepth`).
pub const MAX_LAYERS: usize = 127;

/// Manifests in an index. The largest in use (one per Windows build and architecture) have a few dozen.
pub const MAX_INDEX_ENTRIES: usize = 1024;

/// Indexes within indexes that are followed. image-spec allows nesting; nobody nests more than once.
pub const MAX_INDEX_DEPTH: usize = 4;

/// Manifests and indexes that one pull fetches on its way to the image: each comes with a round trip, and a manifest whose
/// entry does not say its platform with its config, too. Entries for other platforms are not fetched, so it is mostly two.
pub const MAX_FETCHED_DOCUMENTS: usize = 64;

/// Entries of a config's `history`. Empty layers count here, so it is more than [`MAX_LAYERS`].
pub const MAX_HISTORY: usize = 10_000;

/// Bytes of a path in a layer, `PATH_MAX` without its NUL.
pub const MAX_PATH_BYTES: usize = 4095;

/// Bytes of one component of a path, `NAME_MAX`.
pub const MAX_NAME_BYTES: usize = 255;

/// Bytes of one extended header (pax, GNU long name) of a layer. `archive/tar` of Go stops at 1 MiB, too.
pub const MAX_EXTENDED_HEADER_BYTES: u64 = 1 << 20;

/// Bytes of one extended attribute's value, the kernel's `XATTR_SIZE_MAX`.
pub const MAX_XATTR_BYTES: usize = 65_536;

/// Extended attributes of one entry.
pub const MAX_XATTRS: usize = 256;

/// Entries of one layer. The largest layers in use (whole SDKs) have about a million.
pub const MAX_LAYER_ENTRIES: u64 = 4_000_000;

/// Bytes that one layer may keep in memory until its end, a few kilobytes of tar being enough for two thousand directories
/// of four kilobytes' names: names of directories, their extended attributes, device nodes that cannot be made. A million
/// directories in use have about 100 MiB.
pub const MAX_LAYER_HELD_BYTES: u64 = 256 << 20;

/// Data segments of a sparse file.
pub const MAX_SPARSE_SEGMENTS: usize = 1 << 20;

/// Bytes of one layer's tar stream: 1 TiB. It stops a stream without an end; the disk's size stops everything else.
pub const MAX_LAYER_BYTES: u64 = 1 << 40;

/// How much larger than its compressed blob a layer may be, beyond [`FREE_LAYER_BYTES`]. Deflate itself ends at 1032:1,
/// zstd at far more; layers in use that are mostly zeroes reach about 200.
pub const MAX_EXPANSION: u64 = 1100;

/// Bytes a layer may have whatever the size of its blob: 1 GiB.
pub const FREE_LAYER_BYTES: u64 = 1 << 30;

/// Returns how many bytes may become of `bytes` compressed ones: more is a decompression bomb.
pub fn max_expanded(bytes: u64) -> u64 {
    bytes
        .saturating_mul(MAX_EXPANSION)
        .saturating_add(FREE_LAYER_BYTES)
        .min(MAX_LAYER_BYTES)
}

/// Files in an archive of images. One of a hundred images with a hundred layers each has ten thousand.
pub const MAX_ARCHIVE_MEMBERS: usize = 100_000;

/// Images in an archive.
pub const MAX_ARCHIVE_IMAGES: usize = 1024;

/// Links that are followed to a file of an archive. Docker wrote one where images shared a layer.
pub const MAX_ARCHIVE_LINKS: usize = 8;

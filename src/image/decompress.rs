//! From a blob to the tar in it: gzip, zstd, or nothing at all; and from an archive, which may be packed with xz, too.
//!
//! The media type says what a layer is packed with, and its first bytes have to agree. Docker believes the bytes alone;
//! we say which of the two is wrong instead of handing garbage to the tar reader.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::manifest::Compression;

/// Larger than what one `read(2)` of a pipe or socket gives.
const BUFFER: usize = 128 << 10;

/// zstd keeps a window of up to this many bytes (2²⁷) in memory: its own default bound for what the command line unpacks.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// xz keeps a dictionary of up to this many KiB in memory: as much as zstd; its highest level needs half of that.
const MAX_XZ_MEMORY_KIB: u32 = 129 << 10;

/// The uncompressed bytes of a blob.
pub struct Decompress<R: Read> {
    inner: Inner<BufReader<R>>,
}

enum Inner<R: BufRead> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, R>>),
    Xz(Box<lzma_rust2::XzReader<R>>),
}

impl<R: Read> std::fmt::Debug for Decompress<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.inner {
            Inner::Plain(_) => "Decompress(plain)",
            Inner::Gzip(_) => "Decompress(gzip)",
            Inner::Zstd(_) => "Decompress(zstd)",
            Inner::Xz(_) => "Decompress(xz)",
        })
    }
}

/// What the first bytes of a file say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Magic {
    Known(Compression),
    /// A compression that archives have and layers have not.
    Xz,
    /// A format that is not read here.
    Other(&'static str),
}

impl<R: Read> Decompress<R> {
    /// Unpacks `reader` as `compression` says.
    ///
    /// # Errors
    ///
    /// `InvalidData` where the first bytes are not of that format; whatever `reader` fails with. Reading from the result
    /// gives `InvalidData` or `UnexpectedEof` for broken content.
    pub fn new(reader: R, compression: Compression) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(BUFFER, reader);
        let found = magic(reader.fill_buf()?);
        let matches = match compression {
            Compression::None => matches!(found, Magic::Known(Compression::None)),
            // An empty blob is caught by the decoder itself.
            other => found == Magic::Known(other) || reader.buffer().is_empty(),
        };
        if !matches {
            return Err(invalid(format!(
                "the layer's media type says {}, its content is {}",
                name(Magic::Known(compression)),
                name(found)
            )));
        }
        Self::with(reader, compression)
    }

    /// Unpacks `reader` as its first bytes say.
    ///
    /// # Errors
    ///
    /// `InvalidData` naming the format where it is one that is not read here; whatever `reader` fails with.
    pub fn detect(reader: R) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(BUFFER, reader);
        match magic(reader.fill_buf()?) {
            Magic::Known(compression) => Self::with(reader, compression),
            Magic::Xz => {
                // `xz -T` makes one stream of many blocks, `cat` many streams.
                let xz = lzma_rust2::XzReader::new_mem_limit(reader, true, MAX_XZ_MEMORY_KIB);
                let inner = Inner::Xz(Box::new(xz));
                Ok(Decompress { inner })
            }
            Magic::Other(format) => Err(invalid(format!(
                "{format} archives cannot be read; unpack it first, e.g. with {format} -dc"
            ))),
        }
    }

    fn with(reader: BufReader<R>, compression: Compression) -> io::Result<Self> {
        let inner = match compression {
            Compression::None => Inner::Plain(reader),
            Compression::Gzip => Inner::Gzip(Box::new(MultiGzDecoder::new(reader))),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                Inner::Zstd(Box::new(decoder))
            }
        };
        Ok(Decompress { inner })
    }
}

impl<R: Read> Read for Decompress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(reader) => reader.read(buffer),
            Inner::Gzip(reader) => reader.read(buffer),
            Inner::Zstd(reader) => reader.read(buffer),
            Inner::Xz(reader) => reader
                .read(buffer)
                .map_err(|error| io::Error::new(error.kind(), format!("xz: {error}"))),
        }
    }
}

/// Returns how a file is packed that begins so; what is not known here counts as not packed.
pub(super) fn compression_of(start: &[u8]) -> Compression {
    match magic(start) {
        Magic::Known(compression) => compression,
        Magic::Xz | Magic::Other(_) => Compression::None,
    }
}

fn magic(start: &[u8]) -> Magic {
    let skippable =
        start.len() >= 4 && start[0] & 0xf0 == 0x50 && start[1..4] == [0x2a, 0x4d, 0x18];
    match start {
        [0x1f, 0x8b, ..] => Magic::Known(Compression::Gzip),
        // zstd:chunked and pzstd begin with a frame that decoders skip.
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Magic::Known(Compression::Zstd),
        _ if skippable => Magic::Known(Compression::Zstd),
        [b'B', b'Z', b'h', ..] => Magic::Other("bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Magic::Xz,
        [b'P', b'K', 3, 4, ..] => Magic::Other("zip"),
        _ => Magic::Known(Compression::None),
    }
}

fn name(magic: Magic) -> &'static str {
    match magic {
        Magic::Known(Compression::None) => "not compressed",
        Magic::Known(Compression::Gzip) => "gzip",
        Magic::Known(Compression::Zstd) => "zstd",
        Magic::Xz => "xz",
        Magic::Other(format) => format,
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(blob: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Decompress::new(blob, compression)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn reads_what_it_says() {
        let members = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(read(&members, Compression::Gzip).unwrap(), b"one two");
        let frames = [
            zstd::encode_all(&b"one "[..], 1).unwrap(),
            vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9],
            zstd::encode_all(&b"two"[..], 1).unwrap(),
        ]
        .concat();
        assert_eq!(read(&frames, Compression::Zstd).unwrap(), b"one two");
        assert_eq!(read(b"tar", Compression::None).unwrap(), b"tar");
    }

    #[test]
    fn refuses_what_it_does_not_say() {
        let error = read(b"tar", Compression::Gzip).unwrap_err().to_string();
        assert_eq!(
            error,
            "the layer's media type says gzip, its content is not compressed"
        );
        assert!(read(&gzip(b"x"), Compression::None).is_err());
        assert!(read(&gzip(b"x"), Compression::Zstd).is_err());
        let mut cut = gzip(&[7; 1000]);
        cut.truncate(cut.len() - 9);
        assert!(read(&cut, Compression::Gzip).is_err());
        assert!(read(b"", Compression::Gzip).is_err());
        let hint = Decompress::detect(&b"BZh"[..]).unwrap_err().to_string();
        assert!(hint.contains("bzip2 -dc"), "{hint}");
        // No layer has it.
        assert!(read(XZ, Compression::None).is_err());
    }

    /// `printf 'one ' | xz`.
    const XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
        0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x03, 0x6f, 0x6e, 0x65,
        0x20, 0x00, 0x5a, 0x8c, 0x83, 0xa3, 0x31, 0x35, 0xef, 0x7e, 0x00, 0x01, 0x1c, 0x04, 0x6f,
        0x2c, 0x9c, 0xc1, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];

    /// The same with `--lzma2=dict=1536MiB`.
    const TOO_LARGE: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
        0x01, 0x25, 0x00, 0x00, 0x00, 0x3b, 0x78, 0x7b, 0x41, 0x01, 0x00, 0x03, 0x6f, 0x6e, 0x65,
        0x20, 0x00, 0x5a, 0x8c, 0x83, 0xa3, 0x31, 0x35, 0xef, 0x7e, 0x00, 0x01, 0x1c, 0x04, 0x6f,
        0x2c, 0x9c, 0xc1, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];

    #[test]
    fn archives_may_have_xz() {
        let unpack = |blob: &[u8]| {
            let mut out = Vec::new();
            Decompress::detect(blob)?.read_to_end(&mut out)?;
            Ok::<_, io::Error>(out)
        };
        assert_eq!(unpack(&[XZ, XZ].concat()).unwrap(), b"one one ");
        for end in 6..XZ.len() {
            assert!(unpack(&XZ[..end]).is_err(), "{end}");
        }
        let error = unpack(TOO_LARGE).unwrap_err().to_string();
        assert!(error.contains("memory"), "{error}");
    }
}

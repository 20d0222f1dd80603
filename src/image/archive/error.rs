//! Why images could not be saved or loaded.

use std::io;
use std::path::PathBuf;

use crate::content::Digest;
use crate::image::{self, DocumentError, layer};
use crate::store;

/// Why images could not be saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An image of the store.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The archive cannot be written.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
    /// A file or directory of a layout cannot be written.
    #[error("cannot write {}", path.display())]
    WriteFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory that holds something else already.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The archive cannot be read.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// The archive is no tar.
    #[error("cannot read the archive")]
    Tar(#[source] layer::Error),
    /// Neither of the two kinds.
    #[error("not an archive of images: it has neither index.json nor manifest.json")]
    NoImages,
    /// A layout with several images, none of which has the tag that is asked for.
    #[error("the layout has no image with the tag {0:?}")]
    NoSuch(String),
    /// A file that is named but not there.
    #[error("the archive has no {0:?}")]
    Missing(String),
    /// A file that is larger than its kind may be.
    #[error("{path:?} in the archive is larger than the {limit} bytes allowed")]
    TooLarge {
        /// Which.
        path: String,
        /// The bound.
        limit: u64,
    },
    /// A file that is not what it should be.
    #[error("invalid {path:?} in the archive")]
    Json {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// More images than allowed.
    #[error("the archive has more than {0} images")]
    TooMany(usize),
    /// A document that is none.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A blob that does not hash to its name.
    #[error("blob verification failed for digest {expected}: content has digest {actual}")]
    Digest {
        /// Its name.
        expected: Digest,
        /// What it hashes to.
        actual: Digest,
    },
    /// A blob that is not as long as its descriptor says.
    #[error("blob {digest}: expected {expected} bytes, the archive has {actual}")]
    Size {
        /// Its name.
        digest: Digest,
        /// Of the descriptor.
        expected: u64,
        /// Of the file.
        actual: u64,
    },
    /// A layer's tar does not hash to its diff_id.
    #[error(
        "layers don't match image configuration: layer {layer} has the diff ID {actual}, not {expected}"
    )]
    DiffId {
        /// Digest of the blob.
        layer: Digest,
        /// Of the config.
        expected: Digest,
        /// Of the tar.
        actual: Digest,
    },
    /// A layer that cannot be unpacked or packed.
    #[error("failed to register layer {layer}")]
    Layer {
        /// Digest of the blob.
        layer: Digest,
        /// Why.
        #[source]
        source: layer::Error,
    },
    /// A layer whose blob is not in the store, and whose directory says it in other bytes.
    #[error("layer {0} cannot be saved: its blob is not in the store")]
    NoBlob(Digest),
    /// Nothing for the platform that was asked for.
    #[error("the archive has no image for {0}")]
    Platform(image::Platform),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl From<io::Error> for Error {
    /// Of what is written to the archive.
    fn from(source: io::Error) -> Error {
        Error::Write(source)
    }
}

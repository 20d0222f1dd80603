//! How a layer says that something of the layers below is gone: in a tar by names, on disk by overlayfs's xattrs too.
//!
//! Spec: image-spec, layer.md, "Whiteouts"; overlayfs.rst, "whiteouts and opaque directories", "Nesting overlayfs mounts".

use std::ffi::CStr;

/// What the name of a whiteout begins with.
pub const PREFIX: &[u8] = b".wh.";
/// The name of the whiteout of everything below a directory.
pub const OPAQUE: &[u8] = b".wh..wh..opq";

/// Says of a path why no layer can have it.
pub fn reserved(path: &str) -> String {
    format!("/{path}: a name that begins with .wh. means in a layer that something is deleted")
}

/// The xattr of an opaque directory; it counts if its value is [`OPAQUE_VALUE`].
pub const OPAQUE_XATTR: &CStr = c"user.overlay.opaque";
/// See [`OPAQUE_XATTR`].
pub const OPAQUE_VALUE: &[u8] = b"y";
/// The xattr of an empty regular file that is a whiteout.
pub const WHITEOUT_XATTR: &CStr = c"user.overlay.whiteout";

/// What the names of overlayfs's own xattrs begin with (`userxattr`).
pub const OVERLAY_XATTRS: &[u8] = b"user.overlay.";
/// What follows [`OVERLAY_XATTRS`] in the name of an xattr that a file shall *show* under such a name: overlayfs takes it
/// away and obeys nothing that has it.
pub const OVERLAY_ESCAPE: &[u8] = b"overlay.";

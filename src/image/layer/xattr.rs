//! Which extended attributes pass between a tar and a layer directory, and under which name.

use std::ffi::CString;

use crate::content::whiteout::{OVERLAY_ESCAPE, OVERLAY_XATTRS};

/// Prefixes that have a meaning on disk here. An attribute that comes from outside under such a name gets the last word of
/// the prefix once more (`user.overlay.x` → `user.overlay.overlay.x`), which overlayfs itself undoes when it shows the
/// file (overlayfs.rst, "Nesting overlayfs mounts"), and which it never obeys.
const ESCAPED: [(&[u8], &[u8]); 2] = [(OVERLAY_XATTRS, OVERLAY_ESCAPE), (b"user.ctr.", b"ctr.")];

/// File capabilities. See `capabilities(7)`, "File capability extended attribute versioning".
const CAPABILITY: &[u8] = b"security.capability";

/// Returns the name under which an attribute from a tar is kept on disk; `None` if it is dropped without a word.
pub(crate) fn name_on_disk(name: &[u8]) -> Option<CString> {
    // Labels are the host's business; no tool restores another host's.
    if name == b"security.selinux" || name.starts_with(b"trusted.overlay.") {
        return None;
    }
    let mut out = name.to_vec();
    for (prefix, word) in ESCAPED {
        if name.starts_with(prefix) {
            out = [prefix, word, &name[prefix.len()..]].concat();
        }
    }
    CString::new(out).ok()
}

/// Returns the name that an attribute on disk has in a tar; `None` if it is this program's or overlayfs's own, or the host's.
pub(crate) fn name_in_tar(name: &[u8]) -> Option<Vec<u8>> {
    if name == b"security.selinux"
        || name.starts_with(b"trusted.")
        || name.starts_with(b"system.nfs")
    {
        return None;
    }
    for (prefix, word) in ESCAPED {
        if let Some(rest) = name.strip_prefix(prefix) {
            return rest.strip_prefix(word).map(|rest| [prefix, rest].concat());
        }
    }
    Some(name.to_vec())
}

/// Returns the value to set. Capabilities of version 3 name the user namespace of whoever packed them; as version 2 they
/// mean "of this namespace", and the kernel adds ours.
pub(super) fn value_on_disk(name: &[u8], value: &[u8]) -> Vec<u8> {
    const REVISION_3: u32 = 0x0300_0000;
    const REVISION_2: u32 = 0x0200_0000;
    let mut value = value.to_vec();
    if name == CAPABILITY && value.len() == 24 {
        let magic = u32::from_le_bytes([value[0], value[1], value[2], value[3]]);
        if magic & 0xff00_0000 == REVISION_3 {
            let magic = (magic & 0x00ff_ffff) | REVISION_2;
            value[..4].copy_from_slice(&magic.to_le_bytes());
            value.truncate(20);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for (tar, disk) in [
            ("user.x", "user.x"),
            ("user.overlay.opaque", "user.overlay.overlay.opaque"),
            (
                "user.overlay.overlay.opaque",
                "user.overlay.overlay.overlay.opaque",
            ),
            ("user.ctr.owner", "user.ctr.ctr.owner"),
            ("security.capability", "security.capability"),
        ] {
            assert_eq!(
                name_on_disk(tar.as_bytes()).unwrap().to_bytes(),
                disk.as_bytes()
            );
            assert_eq!(name_in_tar(disk.as_bytes()).unwrap(), tar.as_bytes());
        }
        assert_eq!(name_in_tar(b"user.overlay.opaque"), None);
        assert_eq!(name_in_tar(b"user.ctr.owner"), None);
        assert_eq!(name_on_disk(b"trusted.overlay.opaque"), None);
    }

    #[test]
    fn capabilities_lose_their_namespace() {
        let mut v3 = vec![1, 0, 0, 3];
        v3.extend([7; 20]);
        let v2 = value_on_disk(CAPABILITY, &v3);
        assert_eq!((v2.len(), &v2[..4]), (20, &[1, 0, 0, 2][..]));
        assert_eq!(value_on_disk(b"user.x", &v3), v3);
    }
}

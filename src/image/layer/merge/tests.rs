use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{CWD, FileType, XattrFlags};

use super::*;
use crate::content::Digest;
use crate::content::whiteout::{OPAQUE_VALUE, OPAQUE_XATTR};
use crate::image::layer::{self, UnpackOptions};
use crate::rootfs::copy_tree;

/// Makes a layer: `dir/` is a directory, `-name` a whiteout, `!dir` an opaque directory, `a=b` another name of `b`, all else
/// a file with its own layer's name as content.
fn layer(root: &Path, name: &str, entries: &[&str]) -> PathBuf {
    let dir = root.join(name);
    fs::create_dir(&dir).unwrap();
    let make_parent = |path: &Path| fs::create_dir_all(path.parent().unwrap()).unwrap();
    for entry in entries {
        if let Some(path) = entry.strip_suffix('/') {
            fs::create_dir_all(dir.join(path)).unwrap();
        } else if let Some(path) = entry.strip_prefix('-') {
            let path = dir.join(path);
            make_parent(&path);
            let kind = FileType::CharacterDevice;
            rustix::fs::mknodat(CWD, &path, kind, Mode::empty(), 0).unwrap();
        } else if let Some(path) = entry.strip_prefix('!') {
            let path = dir.join(path);
            fs::create_dir_all(&path).unwrap();
            rustix::fs::setxattr(path, OPAQUE_XATTR, OPAQUE_VALUE, XattrFlags::empty()).unwrap();
        } else if let Some((path, first)) = entry.split_once('=') {
            fs::hard_link(dir.join(first), dir.join(path)).unwrap();
        } else {
            let path = dir.join(entry);
            make_parent(&path);
            fs::write(path, name).unwrap();
        }
    }
    dir
}

fn open_dir(path: &Path) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).unwrap()
}

/// What a stack shows: path, mode, number of names, content.
fn shown(root: &Path, name: &str, layers: &[PathBuf]) -> Vec<String> {
    fn list(dir: &Path, prefix: &str, lines: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                lines.push(format!("{path}/ {:o}", meta.mode()));
                list(&entry.path(), &path, lines);
            } else {
                let content = fs::read_to_string(entry.path()).unwrap();
                lines.push(format!(
                    "{path} {:o} {} {content}",
                    meta.mode(),
                    meta.nlink()
                ));
            }
        }
    }
    let tree = root.join(name);
    fs::create_dir(&tree).unwrap();
    for layer in layers {
        copy_tree(open_dir(layer).as_fd(), open_dir(&tree).as_fd()).unwrap();
    }
    let mut lines = Vec::new();
    list(&tree, "", &mut lines);
    lines.sort();
    lines
}

fn names_in(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[test]
fn a_merged_layer_shows_what_its_layers_show() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path();
    let probe = rustix::fs::setxattr(root, OPAQUE_XATTR, OPAQUE_VALUE, XattrFlags::empty());
    if probe == Err(Errno::OPNOTSUPP) {
        return;
    }
    let base = layer(
        root,
        "base",
        &[
            "kept",
            "gone",
            "d/a",
            "d/b",
            "again/x",
            "back/x",
            "f",
            "over/x",
            "r/s/x",
            "r/s/y",
            "named",
            "emptied/x",
        ],
    );
    let one = layer(
        root,
        "one",
        &[
            "-gone",
            "d/c",
            "!again",
            "again/y",
            "brief",
            "-back",
            "-f",
            "over",
            "r/s/z",
            "h",
            "i=h",
            "gone-again",
            ".wh.named",
            "emptied/.wh..wh..opq",
            "!fresh",
            "fresh/x",
        ],
    );
    let two = layer(
        root,
        "two",
        &[
            "gone/now-a-directory",
            "-brief",
            "back/y",
            "d/c",
            "-d/a",
            "f",
            "over/y",
            "-r/s",
            "i",
            "-gone-again",
            "emptied/y",
            "fresh/y",
        ],
    );
    let layers = [base.clone(), one.clone(), two.clone()];
    let wanted = shown(root, "wanted", &layers);
    let merge = |below: &[PathBuf], layers: &[PathBuf], name: &str| {
        let mut tar = Vec::new();
        let owners = Owners::Below {
            uids: 1 << 32,
            gids: 1 << 32,
        };
        let written = write(below, layers, owners, &mut tar).unwrap();
        assert_eq!(written.diff_id, Digest::sha256_of(&tar));
        let dir = root.join(name);
        fs::create_dir(&dir).unwrap();
        let options = UnpackOptions {
            owners,
            max_bytes: 1 << 30,
        };
        layer::unpack(&tar[..], &dir, &options).unwrap();
        // The same tar comes out of what was unpacked.
        let again = layer::write(&dir, owners, std::io::sink()).unwrap();
        assert_eq!(again, written);
        (dir, names_in(&tar))
    };
    // The root directory's own attributes aside, which `shown` does not list.
    let (all, names) = merge(&[], &layers, "all");
    assert!(!names.iter().any(|name| name.contains(".wh.")), "{names:?}");
    assert_eq!(shown(root, "of all", &[all]), wanted);

    let (new, names) = merge(std::slice::from_ref(&base), &[one, two], "new");
    assert_eq!(shown(root, "of new", &[base, new]), wanted);
    let marks: Vec<&str> = (names.iter().map(String::as_str))
        .filter(|name| name.contains(".wh."))
        .collect();
    assert_eq!(
        marks,
        [
            "again/.wh..wh..opq",
            "back/.wh..wh..opq",
            "d/.wh.a",
            "emptied/.wh..wh..opq",
            ".wh.named",
            "over/.wh..wh..opq",
            "r/.wh.s",
        ]
    );
    assert!(!names.iter().any(|name| name == "kept" || name == "brief"));
}

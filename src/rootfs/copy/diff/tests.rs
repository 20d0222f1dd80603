use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use rustix::fs::{OFlags, XattrFlags};

use super::*;
use crate::rootfs::Place;
use crate::rootfs::copy::copy_tree;

fn open(path: &Path) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).unwrap()
}

/// Lets `change` change what `fill` has made, and hands `look` what has become of the tree and the layer. The layer over the
/// tree as it was must be the tree as it is.
fn with_diff(
    fill: impl FnOnce(&Path),
    places: &[Place],
    change: impl FnOnce(&Path),
    look: impl FnOnce(&Path, &Path),
) {
    let temp = tempfile::tempdir().unwrap();
    let [tree, old, upper] = ["tree", "old", "upper"].map(|name| {
        let path = temp.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    fill(&tree);
    copy_tree(open(&tree).as_fd(), open(&old).as_fd()).unwrap();
    let fd = open(&tree);
    let places = Places::make(fd.as_fd(), places).unwrap();
    let noted = Noted::of(fd.as_fd()).unwrap();
    change(&tree);
    write(fd.as_fd(), &noted, &places, open(&upper).as_fd()).unwrap();
    places.remove().unwrap();
    copy_tree(open(&upper).as_fd(), open(&old).as_fd()).unwrap();
    assert_eq!(listing(&old), listing(&tree));
    look(&tree, &upper);
}

/// All that is in a directory: path, mode, time, content.
fn listing(dir: &Path) -> Vec<String> {
    fn list(dir: &Path, prefix: &str, lines: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
            let meta = entry.metadata().unwrap();
            let content = match meta.file_type() {
                kind if kind.is_file() => fs::read_to_string(entry.path()).unwrap(),
                kind if kind.is_symlink() => format!("{:?}", fs::read_link(entry.path()).unwrap()),
                _ => String::new(),
            };
            let (mode, time) = (meta.mode(), (meta.mtime(), meta.mtime_nsec()));
            lines.push(format!(
                "{path} {mode:o} {time:?} {} {content}",
                meta.nlink()
            ));
            if meta.is_dir() {
                list(&entry.path(), &path, lines);
            }
        }
    }
    let mut lines = Vec::new();
    list(dir, "", &mut lines);
    lines.sort();
    lines
}

fn paths(dir: &Path) -> Vec<String> {
    let first = |line: String| line.split(' ').next().unwrap().to_owned();
    listing(dir).into_iter().map(first).collect()
}

fn is_opaque(path: &Path) -> bool {
    xattr::get(open(path).as_fd(), OPAQUE_XATTR)
        .unwrap()
        .as_deref()
        == Some(OPAQUE_VALUE)
}

fn is_whiteout(path: &Path) -> bool {
    let meta = fs::symlink_metadata(path).unwrap();
    meta.mode() & libc::S_IFMT == libc::S_IFCHR && meta.rdev() == 0
}

#[test]
fn nothing_changed() {
    with_diff(
        |tree| {
            fs::create_dir_all(tree.join("a/b")).unwrap();
            fs::write(tree.join("a/b/c"), "c").unwrap();
        },
        &[],
        |tree| drop(fs::read(tree.join("a/b/c")).unwrap()),
        |_, upper| assert_eq!(paths(upper), [""; 0]),
    );
}

#[test]
fn changed_new_and_gone() {
    with_diff(
        |tree| {
            fs::create_dir_all(tree.join("dir/deep")).unwrap();
            for name in [
                "kept",
                "changed",
                "gone",
                "becomes-dir",
                "dir/kept",
                "dir/deep/x",
                "mode",
            ] {
                fs::write(tree.join(name), name).unwrap();
            }
            fs::create_dir(tree.join("dir/gone")).unwrap();
            fs::write(tree.join("dir/gone/x"), "").unwrap();
            let old = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
            fs::File::open(tree.join("changed"))
                .unwrap()
                .set_times(old)
                .unwrap();
            fs::set_permissions(tree.join("dir"), fs::Permissions::from_mode(0o1711)).unwrap();
        },
        &[],
        |tree| {
            // Neither the size nor the time tells.
            fs::write(tree.join("changed"), "CHANGED").unwrap();
            let old = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
            fs::File::open(tree.join("changed"))
                .unwrap()
                .set_times(old)
                .unwrap();
            fs::remove_file(tree.join("gone")).unwrap();
            fs::remove_dir_all(tree.join("dir/gone")).unwrap();
            fs::remove_file(tree.join("becomes-dir")).unwrap();
            fs::create_dir(tree.join("becomes-dir")).unwrap();
            fs::write(tree.join("dir/deep/new"), "").unwrap();
            symlink("/nowhere", tree.join("link")).unwrap();
            fs::set_permissions(tree.join("mode"), fs::Permissions::from_mode(0o4755)).unwrap();
        },
        |_, upper| {
            let list = [
                "/becomes-dir",
                "/changed",
                "/dir",
                "/dir/deep",
                "/dir/deep/new",
                "/dir/gone",
                "/gone",
                "/link",
                "/mode",
            ];
            assert_eq!(paths(upper), list);
            assert!(is_whiteout(&upper.join("gone")));
            assert!(is_whiteout(&upper.join("dir/gone")));
            assert!(!is_opaque(&upper.join("dir")));
        },
    );
}

#[test]
fn directories_in_the_place_of_others() {
    with_diff(
        |tree| {
            for dir in ["a", "b"] {
                fs::create_dir(tree.join(dir)).unwrap();
                fs::write(tree.join(dir).join(dir), dir).unwrap();
            }
        },
        &[],
        |tree| {
            fs::rename(tree.join("a"), tree.join("c")).unwrap();
            fs::rename(tree.join("b"), tree.join("a")).unwrap();
        },
        |_, upper| {
            assert_eq!(paths(upper), ["/a", "/a/b", "/b", "/c", "/c/a"]);
            assert!(is_opaque(&upper.join("a")));
            assert!(!is_opaque(&upper.join("c")));
            assert!(is_whiteout(&upper.join("b")));
        },
    );
}

#[test]
fn a_directory_that_was_made_anew_hides_the_old_one() {
    with_diff(
        |tree| {
            fs::create_dir(tree.join("dir")).unwrap();
            fs::write(tree.join("dir/x"), "").unwrap();
        },
        &[],
        |tree| {
            fs::remove_dir_all(tree.join("dir")).unwrap();
            // The filesystem is likely to give it the same inode number.
            fs::create_dir(tree.join("dir")).unwrap();
        },
        |_, upper| {
            assert_eq!(paths(upper), ["/dir"]);
            assert!(is_opaque(&upper.join("dir")));
        },
    );
}

#[test]
fn hard_links_stay_what_they_are() {
    with_diff(
        |tree| {
            fs::write(tree.join("one"), "1").unwrap();
            fs::hard_link(tree.join("one"), tree.join("two")).unwrap();
            fs::write(tree.join("alone"), "").unwrap();
        },
        &[],
        |tree| {
            fs::write(tree.join("one"), "both").unwrap();
            fs::hard_link(tree.join("alone"), tree.join("not")).unwrap();
        },
        |_, upper| {
            assert_eq!(paths(upper), ["/alone", "/not", "/one", "/two"]);
            let inode = |name: &str| fs::metadata(upper.join(name)).unwrap().ino();
            assert_eq!(inode("one"), inode("two"));
            assert_eq!(inode("alone"), inode("not"));
        },
    );
}

#[test]
fn places_for_mounts_leave_no_trace() {
    let place = |path: &str, is_file| Place {
        path: path.into(),
        is_file,
    };
    let places = [
        place("/proc", false),
        place("/etc/hosts", true),
        place("/used/deep/file", true),
        place("/link/inside", false),
        place("/out/outside", false),
        place("/there", true),
    ];
    with_diff(
        |tree| {
            fs::create_dir(tree.join("run")).unwrap();
            symlink("/run", tree.join("link")).unwrap();
            symlink("../../..", tree.join("out")).unwrap();
            fs::write(tree.join("there"), "it is").unwrap();
            let old = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
            for dir in [tree, &tree.join("run")] {
                fs::File::open(dir).unwrap().set_times(old).unwrap();
            }
        },
        &places,
        |tree| {
            assert!(tree.join("proc").is_dir());
            assert!(tree.join("run/inside").is_dir());
            // `/` is as high as it goes.
            assert!(tree.join("outside").is_dir());
            assert!(tree.join("used/deep/file").is_file());
            fs::write(tree.join("used/mine"), "").unwrap();
        },
        |tree, upper| {
            assert_eq!(paths(upper), ["/used", "/used/mine"]);
            assert!(!tree.join("used/deep").exists());
            assert_eq!(tree.join("run").metadata().unwrap().mtime(), 0);
        },
    );
}

#[test]
fn a_place_that_somebody_removed_is_no_loss() {
    let place = Place {
        path: "/opt/cache".into(),
        is_file: false,
    };
    with_diff(
        |_| {},
        &[place],
        |tree| fs::remove_dir_all(tree.join("opt")).unwrap(),
        |_, upper| assert_eq!(paths(upper), [""; 0]),
    );
}

#[test]
fn attributes_that_look_like_marks_are_none() {
    let name = c"user.overlay.opaque";
    with_diff(
        |_| {},
        &[],
        |tree| {
            fs::create_dir(tree.join("dir")).unwrap();
            rustix::fs::setxattr(tree.join("dir"), name, b"y", XattrFlags::empty()).unwrap();
            rustix::fs::setxattr(
                tree.join("dir"),
                c"user.ctr.owner",
                b"33:33",
                XattrFlags::empty(),
            )
            .unwrap();
        },
        |_, upper| {
            let dir = open(&upper.join("dir"));
            let get = |name| xattr::get(dir.as_fd(), name).unwrap();
            assert_eq!(get(name), None);
            assert_eq!(get(c"user.overlay.overlay.opaque").unwrap(), b"y");
            assert_eq!(get(c"user.ctr.owner").unwrap(), b"33:33");
        },
    );
}

/// A mark that a lower layer's directory has left goes with the directory's description.
#[test]
fn a_directory_is_described_by_its_topmost_layer() {
    let temp = tempfile::tempdir().unwrap();
    for name in ["lower", "upper"] {
        fs::create_dir_all(temp.path().join(name).join("dir")).unwrap();
    }
    let lower = temp.path().join("lower");
    rustix::fs::setxattr(
        lower.join("dir"),
        c"user.ctr.owner",
        b"33:33",
        XattrFlags::empty(),
    )
    .unwrap();
    copy_tree(
        open(&temp.path().join("upper")).as_fd(),
        open(&lower).as_fd(),
    )
    .unwrap();
    let dir = open(&lower.join("dir"));
    assert_eq!(xattr::get(dir.as_fd(), c"user.ctr.owner").unwrap(), None);
}

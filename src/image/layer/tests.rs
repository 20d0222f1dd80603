//! Layers unpacked on the real filesystem, as whoever runs the tests.

use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::*;

/// Writes tars, also such as no tool would.
#[derive(Default)]
struct Maker {
    bytes: Vec<u8>,
}

impl Maker {
    fn header(
        mut self,
        kind: u8,
        path: &str,
        link: &str,
        size: u64,
        set: impl FnOnce(&mut tar::Header),
    ) -> Self {
        let mut header = tar::Header::new_gnu();
        let bytes = header.as_mut_bytes();
        bytes[..path.len()].copy_from_slice(path.as_bytes());
        bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
        bytes[156] = kind;
        header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(size);
        set(&mut header);
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self
    }

    fn entry(self, kind: u8, path: &str, link: &str) -> Self {
        self.header(kind, path, link, 0, |_| {})
    }

    fn dir(self, path: &str) -> Self {
        self.entry(b'5', path, "")
    }

    fn data(mut self, data: &[u8]) -> Self {
        self.bytes.extend_from_slice(data);
        let padding = data.len().wrapping_neg() % 512;
        self.bytes.resize(self.bytes.len() + padding, 0);
        self
    }

    fn file(self, path: &str, data: &[u8]) -> Self {
        self.header(b'0', path, "", data.len() as u64, |_| {})
            .data(data)
    }

    fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (key, value) in records {
            let payload = key.len() + value.len() + 3;
            let mut length = payload + 1;
            while length != payload + length.to_string().len() {
                length += 1;
            }
            write!(data, "{length} {key}=").unwrap();
            data.extend_from_slice(value);
            data.push(b'\n');
        }
        self.header(b'x', "pax", "", data.len() as u64, |_| {})
            .data(&data)
    }

    fn unpack_to(mut self, dir: &Path, owners: Owners) -> Result<Unpacked, Error> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        let options = UnpackOptions {
            owners,
            max_bytes: 1 << 30,
        };
        unpack(&*self.bytes, dir, &options)
    }
}

fn temp() -> (tempfile::TempDir, std::path::PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("diff");
    std::fs::create_dir(&dir).unwrap();
    (temp, dir)
}

/// Unpacks as the user with one id: nothing has to be chowned, so every user can run these.
fn good(maker: Maker) -> (tempfile::TempDir, std::path::PathBuf, Unpacked) {
    let (temp, dir) = temp();
    let unpacked = maker.unpack_to(&dir, Owners::Single).unwrap();
    (temp, dir, unpacked)
}

fn problem(maker: Maker) -> String {
    let (temp, dir) = temp();
    let error = maker.unpack_to(&dir, Owners::Single).unwrap_err();
    // Nothing may be made beside the layer.
    let beside: Vec<_> = std::fs::read_dir(temp.path()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{error}");
    match error {
        Error::Read(source) => source.to_string(),
        other => other.to_string(),
    }
}

fn xattr_of(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut buffer = [0; 256];
    let size = rustix::fs::lgetxattr(path, name, &mut buffer[..]).ok()?;
    Some(buffer[..size].to_vec())
}

/// A tar of a few bytes, packed, must not fill the memory with what is only set at the end.
#[test]
fn what_is_kept_for_the_end_is_bounded() {
    let value = [b'x'; 60_000];
    let names: Vec<String> = (0..16)
        .map(|at| format!("SCHILY.xattr.user.{at}"))
        .collect();
    let records: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &value[..])).collect();
    let entry = Maker::default().pax(&records).dir("d/").bytes;
    let many = std::iter::repeat_n(&entry[..], 300);
    let reader = many.fold(
        Box::new(std::io::empty()) as Box<dyn std::io::Read>,
        |all, one| Box::new(std::io::Read::chain(all, one)),
    );
    let (_temp, dir) = temp();
    let options = UnpackOptions {
        owners: Owners::Single,
        max_bytes: 1 << 30,
    };
    let error = unpack(reader, &dir, &options).unwrap_err();
    assert!(matches!(error, Error::TooMuch { .. }), "{error}");
}

#[test]
fn files_directories_links() {
    let maker = Maker::default()
        .header(b'5', "./", "", 0, |h| h.set_mode(0o711))
        .header(b'5', "d/", "", 0, |h| h.set_mode(0o1777))
        .file("d/f", b"hello")
        .header(b'0', "d/run", "", 0, |h| h.set_mode(0o4755))
        .entry(b'1', "d/again", "d/f")
        .entry(b'1', "abs", "/d/f")
        .entry(b'2', "s", "/etc/passwd")
        .entry(b'6', "fifo", "")
        .file("implied/parents/x", b"!");
    let (_temp, dir, unpacked) = good(maker);
    assert_eq!(unpacked.size, 6);
    assert_eq!(unpacked.warnings, [""; 0]);
    let stat = |p: &str| std::fs::symlink_metadata(dir.join(p)).unwrap();
    assert_eq!(stat("").permissions().mode() & 0o7777, 0o711);
    assert_eq!(stat("d").permissions().mode() & 0o7777, 0o1777);
    assert_eq!(stat("d").mtime(), 1_000_000_000);
    assert_eq!(stat("d/f").mtime(), 1_000_000_000);
    assert_eq!(stat("d/f").permissions().mode() & 0o7777, 0o644);
    assert_eq!(stat("d/run").permissions().mode() & 0o7777, 0o4755);
    assert_eq!(stat("d/f").ino(), stat("d/again").ino());
    assert_eq!(stat("d/f").ino(), stat("abs").ino());
    assert_eq!(
        std::fs::read_link(dir.join("s")).unwrap(),
        Path::new("/etc/passwd")
    );
    assert_eq!(stat("s").mtime(), 1_000_000_000);
    assert!(stat("fifo").file_type().is_fifo());
    assert_eq!(stat("implied/parents").permissions().mode() & 0o7777, 0o755);
    assert_eq!(std::fs::read(dir.join("d/again")).unwrap(), b"hello");
}

#[test]
fn refuses_ways_out() {
    let refused = [
        (
            Maker::default().file("../x", b"x"),
            "leads out of the layer",
        ),
        (
            Maker::default().file("a/../../x", b"x"),
            "leads out of the layer",
        ),
        (Maker::default().dir(".."), "leads out of the layer"),
        (
            Maker::default().file("/etc/x", b"x"),
            "the path is absolute",
        ),
        (
            Maker::default().entry(b'2', "l", "/tmp").file("l/x", b"x"),
            "symbolic link",
        ),
        (
            Maker::default().entry(b'2', "l", "..").dir("l/x"),
            "symbolic link",
        ),
        (
            Maker::default()
                .entry(b'2', "l", ".")
                .entry(b'2', "l/l/m", "x"),
            "symbolic link",
        ),
        (
            Maker::default()
                .entry(b'2', "l", "..")
                .entry(b'1', "x", "l/y"),
            "symbolic link",
        ),
        (
            Maker::default().entry(b'1', "x", "../y"),
            "not a path in the layer",
        ),
        (
            Maker::default().entry(b'1', "x", "/etc/passwd"),
            "no such file in this layer",
        ),
        (
            Maker::default().dir("d").entry(b'1', "x", "d"),
            "it is a directory",
        ),
        (
            Maker::default().file("x", b"").entry(b'1', "x", "x"),
            "the link itself",
        ),
        (
            Maker::default().file("f", b"").file("f/x", b""),
            "not a directory",
        ),
        (
            Maker::default().pax(&[("path", b"a\0b")]).file("x", b""),
            "NUL",
        ),
        (
            Maker::default()
                .pax(&[("path", &[b'a'; 5000])])
                .file("x", b""),
            "too long",
        ),
        (Maker::default().file(".wh.", b""), "hides nothing"),
        (Maker::default().file(".wh..", b""), "hides nothing"),
        (Maker::default().file("d/.wh...", b""), "hides nothing"),
        (Maker::default().file(".wh.d/x", b""), "through a whiteout"),
        (Maker::default().entry(b'2', "l", ""), "target is empty"),
        (Maker::default().file(".", b""), "root is not a directory"),
        (
            Maker::default().entry(b'V', "label", ""),
            "unsupported tar entry type 'V'",
        ),
        (
            Maker::default()
                .entry(b'2', "l", "/tmp")
                .file("l/.wh.x", b""),
            "symbolic link",
        ),
        (
            Maker::default()
                .entry(b'2', "l", "/tmp")
                .file("l/.wh..wh..opq", b""),
            "symbolic link",
        ),
    ];
    for (maker, expected) in refused {
        let text = problem(maker);
        assert!(text.contains(expected), "{text:?} should say {expected:?}");
    }
}

#[test]
fn refuses_broken_streams() {
    let file = || Maker::default().file("f", &[1; 2000]);
    let mut cut = file();
    cut.bytes.truncate(1000);
    let (_temp, dir) = temp();
    let options = UnpackOptions {
        owners: Owners::Single,
        max_bytes: 1 << 20,
    };
    assert!(unpack(&*cut.bytes, &dir, &options).is_err());
    let mut flipped = file();
    flipped.bytes[3] ^= 1;
    assert!(problem(flipped).contains("checksum"));
    let huge = Maker::default().header(b'0', "f", "", 1 << 50, |_| {});
    assert!(problem(huge).contains("bytes"));
    let pax_bomb = Maker::default().header(b'x', "f", "", 1 << 40, |_| {});
    assert!(problem(pax_bomb).contains("extended header"));
    let dangling = Maker::default().pax(&[("path", b"x")]);
    assert!(problem(dangling).contains("missing"));
    let bomb = Maker::default().file("f", &vec![0; 2 << 20]);
    let error = unpack(&*bomb.bytes, &dir, &options).unwrap_err();
    assert_eq!(error.to_string(), "the layer has more than 1048576 bytes");
}

#[test]
fn replaces_as_docker_does() {
    let maker = Maker::default()
        .file("a", b"1")
        .file("a", b"22")
        .dir("d")
        .file("d/x/y", b"3")
        .file("d", b"now a file")
        .file("f", b"4")
        .dir("f")
        .file("f/inside", b"5")
        .entry(b'2', "l", "/nowhere")
        .dir("l")
        .file("l/x", b"6");
    let (_temp, dir, _) = good(maker);
    let read = |p: &str| std::fs::read(dir.join(p)).unwrap();
    assert_eq!(read("a"), b"22");
    assert_eq!(read("d"), b"now a file");
    assert_eq!(read("f/inside"), b"5");
    assert_eq!(read("l/x"), b"6");
}

#[test]
fn whiteouts() {
    let maker = Maker::default()
        .file(".wh.gone", b"")
        .dir("opq")
        .file("opq/before", b"1")
        .file("opq/.wh..wh..opq", b"")
        .file("opq/after", b"2")
        .file(".wh.both", b"")
        .dir("both")
        .dir("other")
        .file(".wh.other", b"")
        .file("kept", b"3")
        .file(".wh.kept", b"")
        .file(".wh..wh.aufs", b"")
        .dir(".wh..wh.plnk");
    let (_temp, dir, _) = good(maker);
    let gone = std::fs::symlink_metadata(dir.join("gone")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    let opaque = |p: &str| xattr_of(&dir.join(p), "user.overlay.opaque");
    assert_eq!(opaque("opq").as_deref(), Some(&b"y"[..]));
    assert_eq!(opaque("both").as_deref(), Some(&b"y"[..]));
    assert_eq!(opaque("other").as_deref(), Some(&b"y"[..]));
    assert_eq!(std::fs::read(dir.join("opq/before")).unwrap(), b"1");
    assert_eq!(std::fs::read(dir.join("opq/after")).unwrap(), b"2");
    assert_eq!(std::fs::read(dir.join("kept")).unwrap(), b"3");
    assert!(!dir.join(".wh..wh.plnk").exists());
}

#[test]
fn attributes() {
    let maker = Maker::default()
        .pax(&[
            ("mtime", b"1000000000.123456789"),
            ("SCHILY.xattr.user.a", b"line\nline"),
            ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.user.ctr.owner", b"5:5"),
        ])
        .header(b'0', "f", "", 0, |h| {
            h.set_uid(33);
            h.set_gid(44);
        })
        .pax(&[
            ("SCHILY.xattr.user.overlay.opaque", b"y"),
            ("uid", b"7000000000"),
        ])
        .dir("d");
    let (_temp, dir, unpacked) = good(maker);
    let f = dir.join("f");
    assert_eq!(std::fs::metadata(&f).unwrap().mtime_nsec(), 123_456_789);
    assert_eq!(xattr_of(&f, "user.a").unwrap(), b"line\nline");
    assert_eq!(xattr_of(&f, "user.overlay.redirect"), None);
    assert_eq!(
        xattr_of(&f, "user.overlay.overlay.redirect").unwrap(),
        b"/etc"
    );
    assert_eq!(xattr_of(&f, "user.ctr.owner").unwrap(), b"33:44");
    assert_eq!(xattr_of(&dir.join("d"), "user.overlay.opaque"), None);
    assert_eq!(
        xattr_of(&dir.join("d"), "user.ctr.owner").unwrap(),
        b"7000000000:0"
    );
    assert_eq!(unpacked.warnings, [""; 0]);
}

#[test]
fn sparse_files_keep_their_holes() {
    const MIB: u64 = 1 << 20;
    let mut map = format!("2\n{}\n512\n{}\n4\n", 8 * MIB, 16 * MIB).into_bytes();
    map.resize(512, 0);
    let mut data = vec![b'A'; 512];
    data.extend_from_slice(b"tail");
    let size = (map.len() + data.len()) as u64;
    let old = |h: &mut tar::Header| {
        let gnu = h.as_gnu_mut().unwrap();
        gnu.set_real_size(16 * MIB + 4);
        gnu.sparse[0].set_offset(8 * MIB);
        gnu.sparse[0].set_length(512);
        gnu.sparse[1].set_offset(16 * MIB);
        gnu.sparse[1].set_length(4);
    };
    let real_size = (16 * MIB + 4).to_string();
    let flat = format!("{},512,{},4", 8 * MIB, 16 * MIB);
    let maker = Maker::default()
        .header(b'S', "old", "", 516, old)
        .data(&data)
        .pax(&[
            ("GNU.sparse.size", real_size.as_bytes()),
            ("GNU.sparse.map", flat.as_bytes()),
        ])
        .file("zero-one", &data)
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"one-zero"),
            ("GNU.sparse.realsize", real_size.as_bytes()),
        ])
        .header(b'0', "GNUSparseFile.0/one-zero", "", size, |_| {})
        .data(&[map, data.clone()].concat())
        .file("next", b"1");
    let (_temp, dir, _) = good(maker);
    for name in ["old", "zero-one", "one-zero"] {
        let stat = std::fs::metadata(dir.join(name)).unwrap();
        assert_eq!(stat.size(), 16 * MIB + 4, "{name}");
        assert!(stat.blocks() * 512 < MIB, "{name} has no holes");
        let content = std::fs::read(dir.join(name)).unwrap();
        assert_eq!(content[8 * MIB as usize..][..512], [b'A'; 512]);
        assert!(content.ends_with(b"\0tail"));
    }
    assert!(dir.join("next").exists());
    let lies = [
        ("0,1", "10"),
        ("0,2000", "10"),
        ("600,516", "700"),
        ("5,500,0,16", "600"),
        ("1,18446744073709551615", "600"),
        ("0", "600"),
    ];
    for (map, size) in lies {
        let maker = Maker::default()
            .pax(&[
                ("GNU.sparse.size", size.as_bytes()),
                ("GNU.sparse.map", map.as_bytes()),
            ])
            .file("x", &data);
        assert!(problem(maker).contains("sparse"), "{map}");
    }
}

#[test]
fn devices_that_cannot_be_made_are_remembered() {
    let maker = Maker::default().header(b'3', "dev/zero", "", 0, |h| {
        h.set_device_major(0).unwrap();
        h.set_device_minor(0).unwrap();
        h.set_mode(0o666);
    });
    let (temp, dir, unpacked) = good(maker);
    assert!(!dir.join("dev/zero").exists());
    assert_eq!(unpacked.warnings.len(), 1);
    let records = std::fs::read(temp.path().join("diff.unapplied")).unwrap();
    assert_eq!(records, b"c 0:0 666 0:0 1000000000:0 dev/zero\0");
}

#[test]
fn a_deep_tree_is_replaced_without_running_out_of_anything() {
    let deep = "d/".repeat(400);
    let maker = Maker::default()
        .pax(&[("path", format!("{deep}f").as_bytes())])
        .file("x", b"1")
        .file("d", b"2");
    let (_temp, dir, _) = good(maker);
    assert_eq!(std::fs::read(dir.join("d")).unwrap(), b"2");
}

#[test]
fn writing_gives_back_what_was_unpacked() {
    let long = "n".repeat(120);
    let maker = || {
        Maker::default()
            .header(b'5', "./", "", 0, |h| h.set_mode(0o755))
            .pax(&[("SCHILY.xattr.user.overlay.x", b"1\n2"), ("mtime", b"-1.5")])
            .header(b'0', "f", "", 3, |h| {
                h.set_uid(33);
                h.set_gid(1_000_000_000);
            })
            .data(b"abc")
            .entry(b'1', "g", "f")
            .header(b'2', "l", "target", 0, |h| h.set_uid(1000))
            .pax(&[("path", format!("d/{long}").as_bytes())])
            .file("x", b"")
            .file("d/.wh..wh..opq", b"")
            .file("d/.wh.gone", b"")
            .header(b'3', "dev/zero", "", 0, |h| {
                h.set_device_major(0).unwrap();
                h.set_device_minor(0).unwrap();
            })
            .header(b'6', "pipe", "", 0, |h| h.set_mode(0o600))
    };
    let tar_of = |dir: &Path, owners| {
        let mut tar = Vec::new();
        let written = write(dir, owners, &mut tar).unwrap();
        assert_eq!(written.size, tar.len() as u64);
        assert_eq!(written.diff_id, Digest::sha256_of(&tar));
        tar
    };
    let (_temp, dir, _) = good(maker());
    let first = tar_of(&dir, Owners::Single);
    let (_temp, again, _) = good(Maker {
        bytes: first[..first.len() - 1024].to_vec(),
    });
    assert_eq!(tar_of(&again, Owners::Single), first);
    assert_eq!(
        std::fs::symlink_metadata(again.join("f")).unwrap().nlink(),
        2
    );

    let mut names: Vec<String> = Vec::new();
    for entry in tar::Archive::new(&*first).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        names.push(format!(
            "{path} {}:{}",
            header.uid().unwrap(),
            header.gid().unwrap()
        ));
    }
    let long = format!("d/{long} 0:0");
    let expected = [
        "./ 0:0",
        "d/ 0:0",
        "d/.wh..wh..opq 0:0",
        "d/.wh.gone 0:0",
        &long,
        "dev/ 0:0",
        "dev/zero 0:0",
        "f 33:1000000000",
        "g 0:0",
        "l 1000:0",
        "pipe 0:0",
    ];
    assert_eq!(names, expected);

    // Every user writes the same tar. Only root can own files as she likes.
    if rustix::process::geteuid().is_root() {
        let (_temp, dir) = temp();
        let owners = Owners::Below {
            uids: 1 << 32,
            gids: 65_536,
        };
        let unpacked = maker().unpack_to(&dir, owners).unwrap();
        let f = std::fs::metadata(dir.join("f")).unwrap();
        assert_eq!((f.uid(), f.gid()), (33, 65_534));
        assert_eq!(
            std::fs::symlink_metadata(dir.join("l")).unwrap().uid(),
            1000
        );
        assert_eq!(unpacked.warnings.len(), 2, "{:?}", unpacked.warnings);
        assert_eq!(tar_of(&dir, owners), first);
        std::os::unix::fs::chown(dir.join("f"), Some(5), Some(5)).unwrap();
        assert_ne!(tar_of(&dir, owners), first);
    }
}

#[test]
fn chain_ids_hash_the_stack() {
    let digest = |c: &str| {
        format!("sha256:{}", c.repeat(64))
            .parse::<Digest>()
            .unwrap()
    };
    let chain = chain_ids(&[digest("a"), digest("b")]);
    assert_eq!(chain[0], digest("a"));
    let text = format!("{} {}", digest("a"), digest("b"));
    assert_eq!(chain[1], Digest::sha256_of(text.as_bytes()));
}

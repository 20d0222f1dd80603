//! `ctr save` and `ctr load`: what goes comes back, also by way of others.

use std::fs;

use crate::support::image::{Family, Packing, TestImage, index, noise};
use crate::support::pulling::refs;
use crate::support::registry::Registry;
use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(an_image_comes_back_as_it_was).needs(Need::Busybox),
        scenario!(a_pulled_image_keeps_its_digest),
        scenario!(several_images_and_their_names).needs(Need::Busybox),
        scenario!(packed_archives_and_pipes).needs(Need::Busybox),
        scenario!(archives_packed_with_xz)
            .needs(Need::Busybox)
            .needs(Need::Program("xz")),
        scenario!(a_name_that_moves).needs(Need::Busybox),
        scenario!(platforms_of_an_index),
        scenario!(loads_side_by_side),
        scenario!(what_cannot_be_saved),
        scenario!(an_interrupted_save_leaves_nothing).needs(Need::Busybox),
        scenario!(what_cannot_be_loaded),
        scenario!(by_way_of_skopeo)
            .needs(Need::Program("skopeo"))
            .needs(Need::Busybox),
        scenario!(by_way_of_podman)
            .needs(Need::Program("podman"))
            .needs(Need::Busybox)
            // podman cannot load files of other owners for the third kind.
            .only(&[Tier::Root, Tier::SubIds]),
    ]
}

fn import(env: &TestEnv, name: &str, message: &str) -> String {
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    env.ctr(["import", "-m", message, "-", name])
        .stdin(tar)
        .ok()
        .line()
}

fn id_of(env: &TestEnv, name: &str) -> String {
    env.ctr(["inspect", "-f", "{{.Id}}", name]).ok().line()
}

fn an_image_comes_back_as_it_was(env: &TestEnv) {
    let id = import(env, "box:1", "x");
    env.ctr("save -o a.tar box:1").ok().stdout("").stderr("");
    env.ctr("rmi box:1").ok();
    env.ctr("load -i a.tar")
        .ok()
        .stdout("Loaded image: box:1\n")
        .stderr("");
    assert_eq!(id_of(env, "box:1"), id);
    env.ctr("run --rm --network none box:1 echo works")
        .ok()
        .stdout("works\n");
    env.ctr("system check").ok();
    // The same images make the same archive.
    env.ctr("save -o b.tar box:1").ok();
    let read = |name| fs::read(env.work().join(name)).unwrap();
    assert!(read("a.tar") == read("b.tar"));
    // What our own writer made needs no blob beside its directory.
    let blobs = env.data().join("ctr/blobs/sha256");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 2);
    // What is there already is loaded as well.
    env.ctr("load -q -i a.tar")
        .ok()
        .stdout("Loaded image: box:1\n");
}

fn a_pulled_image_keeps_its_digest(env: &TestEnv) {
    let registry = Registry::start();
    let image = TestImage::new(Family::Docker)
        .file("gzip", &noise(10_000), Packing::Gzip)
        .file("zstd", b"zstd", Packing::Zstd)
        .file("plain", b"plain", Packing::Plain);
    registry.push("x", "1", &image);
    let name = registry.name("x:1");
    env.ctr(["pull", &name]).ok();
    env.ctr(["save", "-o", "x.tar", &name]).ok();
    env.ctr(["rmi", &name]).ok();
    assert_eq!(refs(env), [""; 0]);
    env.ctr("load -i x.tar")
        .ok()
        .stdout(&format!("Loaded image: {name}\n"));
    assert_eq!(id_of(env, &name), image.config_blob().digest());
    let elsewhere = Registry::start();
    let far = elsewhere.name("x:1");
    env.ctr(["tag", &name, &far]).ok();
    env.ctr(["push", &far]).ok();
    assert_eq!(elsewhere.manifest("x", "1").unwrap(), image.manifest());
    env.ctr("system check").ok();
}

fn several_images_and_their_names(env: &TestEnv) {
    let one = import(env, "one:1", "one");
    let two = import(env, "two:1", "two");
    env.ctr("tag one:1 one:other").ok();
    env.ctr(["save", "-o", "all.tar", "one", "two:1", &two])
        .ok();
    env.ctr(["save", "-o", "nameless.tar", &one]).ok();
    env.ctr("rmi one:1 one:other two:1").ok();
    env.ctr("load -i all.tar")
        .ok()
        .stdout("Loaded image: one:1\nLoaded image: one:other\nLoaded image: two:1\n");
    assert_eq!(id_of(env, "one:other"), one);
    env.ctr("rmi one:1 one:other").ok();
    env.ctr("load -i nameless.tar")
        .ok()
        .stdout(&format!("Loaded image ID: {one}\n"));
    env.ctr("images -q --no-trunc -f dangling=true")
        .ok()
        .stdout(&format!("{one}\n"));
    env.ctr("save --format oci-dir -o layout two:1").ok();
    assert!(env.work().join("layout/oci-layout").is_file());
    env.ctr("save --format oci-dir -o layout two:1")
        .run()
        .exits(1)
        .stderr_has("layout is not empty");
}

fn packed_archives_and_pipes(env: &TestEnv) {
    let id = import(env, "box:1", "x");
    let archive = env.ctr("save --format oci-archive box:1").ok();
    let archive = archive.bytes().to_vec();
    let gzip = {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&archive).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(&archive[..], 1).unwrap();
    for packed in [archive, gzip, zstd] {
        env.ctr("rmi box:1").ok();
        env.ctr("load")
            .stdin(packed)
            .ok()
            .stdout("Loaded image: box:1\n");
        assert_eq!(id_of(env, "box:1"), id);
    }
}

fn archives_packed_with_xz(env: &TestEnv) {
    let id = import(env, "box:1", "x");
    env.ctr("save -o box.tar box:1").ok();
    for (name, flags) in [
        ("levels", "-9"),
        ("threads", "-T2 --block-size=64KiB"),
        ("sum", "-C sha256"),
    ] {
        env.ctr("rmi box:1").ok();
        env.script(&format!("xz {flags} -c box.tar > {name}.tar.xz"))
            .ok();
        env.ctr(["load", "-i", &format!("{name}.tar.xz")]).ok();
        assert_eq!(id_of(env, "box:1"), id);
    }
    // A root file system, too; xz itself is not asked.
    env.script("mkdir root && echo in > root/f && tar -C root -cJf root.tar.xz .")
        .ok();
    env.ctr("import root.tar.xz files")
        .env("PATH", "/nonexistent")
        .ok();
    let cut = env
        .script("head -c 5000 levels.tar.xz | {ctr} load")
        .run()
        .exits(1);
    cut.stderr_has("xz: ");
    env.ctr("system check").ok();
}

fn a_name_that_moves(env: &TestEnv) {
    let old = import(env, "box:1", "old");
    env.ctr("save -o old.tar box:1").ok();
    let new = import(env, "box:1", "new");
    assert_ne!(old, new);
    env.ctr("load -i old.tar").ok().stdout(&format!(
        "The image box:1 already exists, renaming the old one with ID {new} to empty string\n\
         Loaded image: box:1\n"
    ));
    assert_eq!(id_of(env, "box:1"), old);
}

fn platforms_of_an_index(env: &TestEnv) {
    let registry = Registry::start();
    let ours = TestImage::new(Family::Oci).file("ours", b"ours", Packing::Gzip);
    registry.push("x", "", &ours);
    let all = index(Family::Oci, &[&ours]);
    registry.put_manifest("x", "all", &all);
    let name = registry.name("x:all");
    env.ctr(["pull", &name]).ok();
    env.ctr(["save", "-o", "x.tar", &name]).ok();
    env.ctr(["rmi", &name]).ok();
    env.ctr("load --platform linux/mips64le -i x.tar")
        .run()
        .exits(1)
        .stderr_has("the archive has no image for linux/mips64le");
    env.ctr("load -i x.tar").ok();
    let elsewhere = Registry::start();
    let far = elsewhere.name("x:all");
    env.ctr(["tag", &name, &far]).ok();
    env.ctr(["push", &far]).ok();
    assert_eq!(elsewhere.manifest("x", "all").unwrap(), all);
    env.ctr(["save", "--platform", "linux/mips64le", "-o", "y.tar", &name])
        .run()
        .exits(1)
        .stderr_has("does not provide the specified platform");
    assert!(!env.work().join("y.tar").exists());
}

fn what_cannot_be_saved(env: &TestEnv) {
    env.ctr("save nosuch")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("No such image: nosuch:latest");
    env.ctr("save -o no/such/x.tar nosuch")
        .run()
        .exits(1)
        .stderr_has("invalid output path: directory \"no/such\" does not exist");
    env.ctr("save -o . nosuch")
        .run()
        .exits(1)
        .stderr_has("must be a regular file");
    env.ctr("save -o x.tar nosuch").run().exits(1);
    let left: Vec<_> = fs::read_dir(env.work()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let mut terminal = env.ctr("save nosuch").terminal();
    terminal.expect("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    assert_eq!(terminal.wait(), 1);
}

fn what_cannot_be_loaded(env: &TestEnv) {
    env.ctr("load -i nosuch.tar")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("open nosuch.tar: no such file or directory");
    let tar = crate::support::image::TestImage::new(Family::Oci)
        .file("f", b"f", Packing::Plain)
        .tars[0]
        .clone();
    env.ctr("load")
        .stdin(tar)
        .run()
        .exits(1)
        .stderr_has("not an archive of images")
        .stderr_has("ctr import");
    env.ctr("load")
        .stdin(&b"BZh"[..])
        .run()
        .exits(1)
        .stderr_has("bzip2 archives cannot be read");
    let cut = env.ctr("load").stdin(&b"\xfd7zXZ\0"[..]).run().exits(1);
    cut.stderr_has("xz: ");
    env.ctr("images -aq").ok().stdout("");
    let mut terminal = env.ctr("load").terminal();
    terminal.expect("requested load from stdin, but stdin is empty");
    assert_eq!(terminal.wait(), 1);
}

fn by_way_of_skopeo(env: &TestEnv) {
    let id = import(env, "box:1", "x");
    env.ctr("save -o ours.tar box:1").ok();
    for (from, to) in [
        (
            "docker-archive:ours.tar:box:1",
            "docker-archive:theirs.tar:box:1",
        ),
        ("oci-archive:ours.tar", "oci-archive:theirs.tar:box:1"),
    ] {
        let _ = fs::remove_file(env.work().join("theirs.tar"));
        env.program("skopeo", ["--insecure-policy", "copy", "-q", from, to])
            .ok();
        env.ctr("rmi box:1").ok();
        env.ctr("load -i theirs.tar")
            .ok()
            .stdout("Loaded image: box:1\n");
        assert_eq!(id_of(env, "box:1"), id, "{from} {to}");
    }
}

fn by_way_of_podman(env: &TestEnv) {
    let id = import(env, "localhost/box:1", "x");
    env.ctr("save -o ours.tar localhost/box:1").ok();
    let podman = |arguments: &str| {
        let root = env.work().join("podman");
        let words = format!(
            "--root {0} --runroot {0}.run --storage-driver vfs --cgroup-manager cgroupfs --events-backend none {arguments}",
            root.display()
        );
        env.program("podman", words.as_str())
    };
    podman("load -q -i ours.tar").ok();
    for format in ["docker-archive", "oci-archive"] {
        let _ = fs::remove_file(env.work().join("theirs.tar"));
        podman(&format!(
            "save -q --format {format} -o theirs.tar localhost/box:1"
        ))
        .ok();
        env.ctr("rmi localhost/box:1").ok();
        env.ctr("load -i theirs.tar")
            .ok()
            .stdout("Loaded image: localhost/box:1\n");
        assert_eq!(id_of(env, "localhost/box:1"), id, "{format}");
    }
}

fn loads_side_by_side(env: &TestEnv) {
    let registry = Registry::start();
    let mut image = TestImage::new(Family::Oci);
    for layer in 0..8_u8 {
        let mut content = noise(1 << 20);
        content[0] = layer;
        image = image.file("noise", &content, Packing::Plain);
    }
    registry.push("x", "1", &image);
    let name = registry.name("x:1");
    env.ctr(["pull", &name]).ok();
    env.ctr(["save", "-o", "x.tar", &name]).ok();
    env.ctr(["rmi", &name]).ok();
    let loads = [0; 4].map(|_| env.ctr("load -i x.tar").spawn());
    for load in loads {
        load.wait()
            .exits(0)
            .stdout(&format!("Loaded image: {name}\n"));
    }
    env.ctr("system check").ok();
    assert_eq!(id_of(env, &name), image.config_blob().digest());
}

fn an_interrupted_save_leaves_nothing(env: &TestEnv) {
    use nix::sys::signal::Signal;
    env.image("busybox");
    let dockerfile = "FROM busybox\nRUN dd if=/dev/zero of=/much bs=1M count=300\n";
    env.ctr("build -q -t much -").stdin(dockerfile).ok();
    env.file("out/kept", "");
    let out = env.work().join("out");
    let much = out.join("much.tar");
    // Whether it was interrupted while it wrote, and not only after it had ended.
    let is_interrupted = |signal: Signal| {
        let save = env
            .ctr(["save", "-o", much.to_str().unwrap(), "much"])
            .spawn();
        let process = format!("/proc/{}", save.pid());
        env.until(|| {
            let entries = fs::read_dir(format!("{process}/fd")).into_iter().flatten();
            let mut open = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            let has_ended = fs::read_link(format!("{process}/exe")).is_err();
            has_ended || open.any(|file| file.starts_with(&out))
        });
        save.signal(signal);
        let code = save.wait().code();
        assert!([0, 128 + signal as i32].contains(&code), "{signal}: {code}");
        if code == 0 {
            fs::remove_file(&much).unwrap();
        }
        code != 0
    };
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        env.until(|| is_interrupted(signal));
        let names: Vec<_> = (std::fs::read_dir(&out).unwrap())
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["kept"], "after {signal}");
    }
}

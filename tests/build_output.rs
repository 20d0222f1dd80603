//! `build --output`: files, tars, archives, registries.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::support::pulling::refs;
use crate::support::registry::Registry;
use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(writes_files),
        scenario!(writes_tars),
        scenario!(writes_archives).needs(Need::Busybox),
        scenario!(pushes),
        // Root may write everywhere.
        scenario!(writes_where_the_caller_may).only(&[Tier::SubIds, Tier::NoSubIds]),
        scenario!(refuses),
        scenario!(says_no_wrong_id),
        scenario!(names_frontends_that_do_not_run),
        scenario!(hands_documents_to_those_who_build_on_it).needs(Need::Busybox),
    ]
}

/// A build with two layers, the second of which removes, replaces and adds.
const TEXT: &str = "FROM scratch AS base\n\
     COPY --chmod=640 <<a <<b /d/\n1\na\n1\nb\n\
     FROM base\n\
     COPY --chown=7:8 <<a /d/\n2\na\n\
     COPY --chmod=4755 <<s /bin/s\ns\n";

fn context(env: &TestEnv, text: &str) -> String {
    env.file("context/Dockerfile", text);
    let text = "FROM scratch\nCOPY . /\n";
    env.file("other/Dockerfile", text);
    env.work().join("context").display().to_string()
}

fn writes_files(env: &TestEnv) {
    let dir = context(env, TEXT);
    env.ctr(["build", "-q", "-o", "out/below", &dir])
        .ok()
        .stdout("");
    let out = env.work().join("out/below");
    assert_eq!(fs::read(out.join("d/a")).unwrap(), b"2\n");
    assert_eq!(fs::read(out.join("d/b")).unwrap(), b"1\n");
    let suid = fs::metadata(out.join("bin/s")).unwrap();
    assert_eq!(suid.permissions().mode() & 0o7777, 0o4755);
    for path in ["d", "d/a", "bin/s"] {
        let meta = fs::metadata(out.join(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (env.user().uid, env.user().gid));
    }
    // No image is stored, and what else is there stays.
    assert_eq!(refs(env), [""; 0]);
    env.file("out/below/mine", "mine");
    env.ctr(["build", "-o", "type=local,dest=out/below", &dir])
        .ok();
    assert_eq!(fs::read(out.join("mine")).unwrap(), b"mine");
    // A link in the way does not lead out.
    fs::remove_dir_all(out.join("d")).unwrap();
    std::os::unix::fs::symlink("/tmp", out.join("d")).unwrap();
    env.ctr(["build", "-o", "out/below", &dir])
        .run()
        .exits(1)
        .stderr_has("non-directory");
}

fn writes_where_the_caller_may(env: &TestEnv) {
    let dir = context(env, TEXT);
    let denied = |args: &[&str]| {
        let said = env.ctr(args).run().exits(1).err();
        assert!(
            said.to_lowercase().contains("permission denied"),
            "{args:?}: {said}"
        );
    };
    env.file("closed/old", "old");
    env.file("closed/d/old", "old");
    env.ctr(["build", "-q", "-t", "it", &dir]).ok();
    let closed = env.work().join("closed");
    let set = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    // Above, everything may be written; below, not.
    set(&closed.join("d"), 0o555);
    denied(&["build", "-o", "closed", &dir]);
    set(&closed, 0o555);
    set(&closed.join("old"), 0o444);
    for flags in [
        ["-o", "closed"],
        ["-o", "closed/new"],
        ["-o", "type=tar,dest=closed/f.tar"],
        ["-o", "type=oci,dest=closed/f.tar"],
        ["-o", "type=oci,tar=false,dest=closed/image"],
        ["--iidfile", "closed/id"],
        ["--metadata-file", "closed/metadata"],
        ["--metadata-file", "closed/old"],
        ["--cache-to", "type=local,dest=closed/cache"],
    ] {
        denied(&["build", flags[0], flags[1], &dir]);
    }
    denied(&["save", "-o", "closed/f.tar", "it"]);
    denied(&["save", "--format", "oci-dir", "-o", "closed/image", "it"]);
    let mut left: Vec<_> = fs::read_dir(&closed)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["bin", "d", "old"]);
    assert_eq!(fs::read(closed.join("old")).unwrap(), b"old");
    set(&closed, 0o755);
    set(&closed.join("d"), 0o755);
    env.ctr(["build", "-o", "closed", &dir]).ok();
}

fn writes_tars(env: &TestEnv) {
    let dir = context(env, TEXT);
    let tar = env.ctr(["build", "-o", "-", &dir]).ok();
    let list = env
        .program("tar", ["tvf", "-", "--numeric-owner"])
        .stdin(tar.bytes())
        .ok()
        .out();
    assert!(list.contains("-rw-r----- 0/0"), "{list}");
    assert!(list.contains("-rw-r--r-- 7/8"), "{list}");
    assert!(list.contains("-rwsr-xr-x 0/0"), "{list}");
    assert_eq!(list.matches("d/a").count(), 1, "{list}");
    env.ctr(["build", "-o", "type=tar,dest=f.tar", "-o", "copy", &dir])
        .ok();
    assert_eq!(fs::read(env.work().join("f.tar")).unwrap(), tar.bytes());
    assert!(env.work().join("copy/d/b").exists());
    assert_eq!(refs(env), [""; 0]);
    env.ctr(["build", "-o", "type=tar,dest=/dev/full", &dir])
        .run()
        .exits(1)
        .stderr_has("cannot write /dev/full: no space left");
    // A device is written, not replaced.
    env.ctr(["build", "-o", "type=tar,dest=/dev/null", &dir])
        .ok();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

fn writes_archives(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, "FROM busybox\nCOPY <<f /f\nx\nf\n");
    for kind in ["docker", "oci"] {
        let output = format!("type={kind},dest=a.tar,name=saved:1");
        env.ctr(["build", "-o", &output, &dir]).ok();
        env.ctr("image inspect saved:1").run().exits(1);
        let loaded = env.ctr("load -i a.tar").ok();
        loaded.stdout_has("Loaded image: saved:1");
        env.ctr("run --rm saved:1 cat /f").ok().stdout("x\n");
        env.ctr("rmi saved:1").ok();
    }
    let output = "type=oci,dest=layout,tar=false";
    env.ctr(["build", "-t", "here", "-o", output, &dir]).ok();
    assert!(env.work().join("layout/index.json").exists());
    env.ctr("image inspect here").run().exits(1);
    env.ctr(["build", "-o", "type=docker,name=here", &dir]).ok();
    env.ctr("image inspect here").ok();
    let tar = env.ctr(["build", "-q", "-o", "type=oci", &dir]).ok();
    env.ctr("load").stdin(tar.bytes()).ok();
}

fn pushes(env: &TestEnv) {
    let registry = Registry::start();
    let dir = context(env, TEXT);
    let name = registry.name("a:1");
    env.ctr([
        "build",
        "--push",
        "-t",
        &name,
        "--metadata-file",
        "metadata",
        &dir,
    ])
    .ok();
    let manifest = registry.manifest("a", "1").expect("a manifest");
    // What is signed and deployed is what the registry has.
    let metadata = fs::read(env.work().join("metadata")).unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).unwrap();
    assert_eq!(
        metadata["containerimage.digest"],
        manifest.digest().to_string()
    );
    assert_eq!(metadata["containerimage.descriptor"], manifest.descriptor());
    assert_eq!(metadata["image.name"], name);
    let here = env.ctr(["image", "inspect", &name]).ok().json();
    assert_eq!(
        here[0]["RepoDigests"][0],
        registry.name(&format!("a@{}", manifest.digest()))
    );
    let output = format!("type=registry,name={},compression=zstd", registry.name("b"));
    env.ctr([
        "build",
        "-o",
        &output,
        "-o",
        "files",
        "--annotation=org.x=y",
        &dir,
    ])
    .ok();
    let manifest = registry.manifest("b", "latest").expect("a manifest");
    let value: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap();
    assert_eq!(value["annotations"]["org.x"], "y");
    let media_type = value["layers"][0]["mediaType"].as_str().unwrap();
    assert!(media_type.ends_with("zstd"), "{media_type}");
    assert!(env.work().join("files/d/a").exists());
}

fn refuses(env: &TestEnv) {
    let dir = context(env, TEXT);
    for (args, words) in [
        (vec!["--push"], "tag is needed when pushing to registry"),
        (vec!["-o", "x", "--push"], "--push is about an image"),
        (vec!["-o", "type=nope"], "unsupported output type"),
        (vec!["-o", "type=tar,x=y"], "x=y is not supported"),
        (vec!["-o", "-", "-o", "type=oci"], "only one output"),
        (vec!["--annotation", "index:a=b"], "type index"),
    ] {
        let args = [vec!["build"], args, vec![&dir]].concat();
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        env.ctr(args).run().exits(1).stderr_has(words);
    }
    let mut terminal = env.ctr(["build", "-o", "-", &dir]).terminal();
    terminal.expect("refusing to write to console");
    // What fails leaves nothing half-written behind.
    let failing = context(env, "FROM scratch\nRUN [\"/none\"]\n");
    env.ctr(["build", "-o", "type=tar,dest=f.tar", &failing])
        .run()
        .exits(1);
    let names: Vec<_> = fs::read_dir(env.work())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().contains("tar")),
        "{names:?}"
    );
}

fn says_no_wrong_id(env: &TestEnv) {
    let stale = env.file("id", "sha256:old");
    let dir = context(env, TEXT);
    let args = ["build", "--iidfile", "id", "--target", "nope", &dir];
    env.ctr(args).run().exits(1);
    assert!(!stale.exists());
    // Nor is a violated rule told without the line.
    let dir = context(env, "# check=error=true\nFROM scratch as x\nCOPY a /\n");
    env.ctr(["build", &dir])
        .run()
        .exits(1)
        .stderr_has("lint violation found for rules: FromAsCasing")
        .stderr_has("(line 2)");
}

fn names_frontends_that_do_not_run(env: &TestEnv) {
    let text = format!("# syntax=example.org/x:1\n{TEXT}");
    let dir = context(env, &text);
    let warning = "the frontend example.org/x:1 is not run";
    env.ctr(["build", &dir]).ok().stderr_has(warning);
    let syntax = "BUILDKIT_SYNTAX=docker.io/docker/dockerfile:1.7-labs";
    let quiet = env.ctr(["build", "--build-arg", syntax, &dir]).ok().err();
    assert!(!quiet.contains("frontend"), "{quiet}");
}

fn hands_documents_to_those_who_build_on_it(env: &TestEnv) {
    env.image("busybox");
    let dir = context(
        env,
        "FROM busybox\nONBUILD COPY <<-a <<b /d/\n\t1\na\n2\nb\n",
    );
    env.ctr(["build", "-t", "base", &dir]).ok();
    let dir = context(
        env,
        "FROM base\nRUN test \"$(cat /d/a /d/b | tr '\\n' ' ')\" = '1 2 '\n",
    );
    env.ctr(["build", &dir]).ok();
}

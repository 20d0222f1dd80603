//! Volumes: `volume …`, what `-v` makes of its argument, and what a new volume holds.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use serde_json::json;
use tar::EntryType;

use crate::support::busybox::RootfsTar;
use crate::support::image::{Packing, TestImage};
use crate::support::registry::Registry;
use crate::support::{Need, Scenario, TestEnv, Tier, scenario};

/// Where the claims about Docker come from.
const MOBY: &str = "moby 28: volume/service, volume/mounts/linux_parser.go, daemon/create_unix.go";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let docker = [
        scenario!(commands),
        scenario!(a_volume_in_use_stays),
        scenario!(prune_takes_anonymous_ones),
        scenario!(bind_sources),
        scenario!(mounts_by_key_and_value),
        scenario!(filled_from_the_image),
        scenario!(volumes_of_the_image),
        scenario!(a_volume_at_etc_keeps_dockers_files),
    ];
    let own = [scenario!(start_finishes_what_create_began)];
    let docker = docker.map(|scenario| scenario.claimed_of_docker(MOBY));
    (docker.into_iter().chain(own))
        .map(|scenario| scenario.needs(Need::Busybox))
        .collect()
}

fn commands(env: &TestEnv) {
    env.ctr("volume create --label a=b data")
        .ok()
        .stdout("data\n");
    env.ctr("volume create data").ok().stdout("data\n");
    env.ctr("volume create a/b")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("create a/b: \"a/b\" includes invalid characters for a local volume name");
    let anonymous = env.ctr("volume create").ok().line();
    assert_eq!(anonymous.len(), 64, "{anonymous}");
    env.ctr("volume ls -q -f name=data").ok().stdout("data\n");
    env.ctr("volume ls -q -f label=a=b").ok().stdout("data\n");
    env.ctr("volume ls -f name=data")
        .ok()
        .stdout("DRIVER    VOLUME NAME\nlocal     data\n");
    let volume = env.ctr("volume inspect data").ok().json();
    for (pointer, value) in [
        ("/0/Name", json!("data")),
        ("/0/Driver", json!("local")),
        ("/0/Scope", json!("local")),
        ("/0/Labels/a", json!("b")),
    ] {
        assert_eq!(volume.pointer(pointer), Some(&value), "{pointer}");
    }
    let mountpoint = volume
        .pointer("/0/Mountpoint")
        .and_then(|path| path.as_str());
    assert!(mountpoint.is_some_and(|path| path.ends_with("/volumes/data/_data")));
    env.ctr(["volume", "rm", "data", &anonymous])
        .ok()
        .stdout(&format!("data\n{anonymous}\n"));
    env.ctr("volume rm data")
        .run()
        .exits(1)
        .stderr_has("get data: no such volume");
    env.ctr("volume inspect data").run().exits(1).stdout("[]\n");
    env.ctr("volume create a/b")
        .run()
        .exits(1)
        .stderr_has("\"a/b\" includes invalid characters for a local volume name");
    env.ctr("volume ls -q").ok().stdout("");
}

fn a_volume_in_use_stays(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("create --name box -v data:/data busybox true")
        .ok()
        .line();
    env.ctr("volume rm data")
        .run()
        .exits(1)
        .stderr_has(&format!("remove data: volume is in use - [{id}]"));
    env.ctr("volume prune -a -f").ok();
    env.ctr("volume ls -q").ok().stdout("data\n");
    // A named volume outlives its containers, whatever is said to `rm`.
    env.ctr("rm -v box").ok();
    env.ctr("volume rm data").ok().stdout("data\n");
}

fn prune_takes_anonymous_ones(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "--name",
        "box",
        "--network",
        "none",
        "-v",
        "/scratch",
        "-v",
        "named:/data",
        "busybox",
        "sh",
        "-c",
        "head -c 5000 /dev/zero > /scratch/x",
    ])
    .ok();
    assert!(env.ctr("volume ls -q").ok().lines().len() >= 2);
    env.ctr("rm box").ok();
    env.ctr("volume prune -f")
        .ok()
        .stdout_has("Deleted Volumes:\n")
        .stdout_has("Total reclaimed space: 5kB");
    env.ctr("volume ls -q").ok().stdout("named\n");
    env.ctr("volume prune -a -f").ok().stdout_has("named");
    // `--rm` and `rm -v` take them along.
    env.ctr("run --rm --network none -v /scratch busybox true")
        .ok();
    env.ctr("run --name box --network none -v /scratch busybox true")
        .ok();
    env.ctr("rm -v box").ok();
    env.ctr("volume ls -q").ok().stdout("");
}

fn bind_sources(env: &TestEnv) {
    env.image("busybox");
    env.file("here/file", "content");
    env.ctr("run --rm --network none -v ./here:/x:ro busybox cat /x/file")
        .ok()
        .stdout("content");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        "./here:/x:ro",
        "busybox",
        "touch",
        "/x/new",
    ])
    .run()
    .exits(1)
    .stderr_has("Read-only file system");
    env.ctr("run --rm --network none -v ./here/file:/etc/one busybox cat /etc/one")
        .ok()
        .stdout("content");
    // Docker makes a missing source; here it is the user's.
    let made = env.work().join("not/there");
    let mount = format!("{}:/x", made.display());
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &mount,
        "busybox",
        "touch",
        "/x/f",
    ])
    .ok();
    if !env.is_peer() {
        assert_eq!(fs::metadata(made.join("f")).unwrap().uid(), env.user().uid);
    }
    env.ctr("run --rm -v /a:/x -v /b:/x busybox true")
        .run()
        .exits(125)
        .stderr_has("Duplicate mount point: /x");
}

fn mounts_by_key_and_value(env: &TestEnv) {
    env.image("busybox");
    env.file("a,b/file", "content");
    let run = |mount: &str, script: &str| {
        let flags = ["run", "--rm", "--network", "none", "--mount", mount];
        let command = ["busybox", "sh", "-c", script];
        let args: Vec<&str> = flags.into_iter().chain(command).collect();
        env.ctr(args.as_slice()).run()
    };
    run(
        "type=bind,\"source=./a,b\",target=/x,readonly",
        "cat /x/file; touch /x/new",
    )
    .exits(1)
    .stdout("content")
    .stderr_has("Read-only file system");
    run("source=data,dst=/data", "touch /data/one").exits(0);
    run("src=data,dst=/data,ro", "ls /data; touch /data/two")
        .exits(1)
        .stdout("one\n");
    run(
        "type=tmpfs,dst=/t,tmpfs-size=64k,tmpfs-mode=0700",
        "stat -c %a /t; grep ' /t ' /proc/mounts",
    )
    .exits(0)
    .stdout_has("700\n")
    .stdout_has("size=64k");
    for (mount, words) in [
        (
            "type=bind,src=/no/such/place,dst=/x",
            "invalid mount config for type \"bind\": bind source path does not exist: /no/such/place",
        ),
        ("type=bind,dst=/x", "field Source must not be empty"),
        ("typ=bind", "unexpected key 'typ' in 'typ=bind'"),
    ] {
        run(mount, "true").exits(125).stderr_has(words);
    }
}

/// Two layers: a directory with a file that the upper one removes and one that it adds, behind a link.
fn with_content() -> TestImage {
    let mut lower = RootfsTar::new();
    lower.add("srv/", EntryType::Directory, 0o755, (0, 0), b"");
    lower.add("srv/data/", EntryType::Directory, 0o750, (1000, 1000), b"");
    lower.add("srv/data/gone", EntryType::Regular, 0o644, (0, 0), b"");
    lower.add(
        "srv/data/own",
        EntryType::Regular,
        0o640,
        (1000, 50),
        b"own\n",
    );
    lower.link("link", "/srv");
    let mut upper = RootfsTar::new();
    upper.add("srv/data/", EntryType::Directory, 0o750, (1000, 1000), b"");
    upper.add("srv/data/.wh.gone", EntryType::Regular, 0o644, (0, 0), b"");
    upper.add("srv/data/new", EntryType::Regular, 0o644, (0, 0), b"new\n");
    TestImage::busybox()
        .layer(&lower.finish(), Packing::Gzip)
        .layer(&upper.finish(), Packing::Gzip)
}

const LIST: &str = "cd /link/data; stat -c '%n %u:%g %a' . *; cat *";
const LISTED: &str = ". 1000:1000 750\nnew 0:0 644\nown 1000:50 640\nnew\nown\n";

fn filled_from_the_image(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &with_content());
    let image = registry.name("x");
    env.ctr(["pull", "-q", &image]).ok();
    let run = |volume: &str, script: &str| {
        env.ctr([
            "run",
            "--rm",
            "--network",
            "none",
            "-v",
            volume,
            &image,
            "sh",
            "-c",
            script,
        ])
        .ok()
    };
    // A link on the way leads where it leads in the image.
    let full = run("full:/link/data", LIST);
    if env.user().tier != Tier::NoSubIds {
        full.stdout(LISTED);
    } else {
        full.stdout_has("new\nown\n");
    }
    // Only while it is empty.
    run(
        "full:/link/data",
        "echo changed > /link/data/own; rm /link/data/new",
    );
    run("full:/link/data", "ls /link/data; cat /link/data/own").stdout("own\nchanged\n");
    run("bare:/link/data:nocopy", "ls /link/data").stdout("");
    // Where the image has nothing there is nothing to fill it with.
    run("other:/new/place", "ls /new/place").stdout("");
}

fn volumes_of_the_image(env: &TestEnv) {
    let registry = Registry::start();
    let mut image = with_content();
    image.config["Volumes"] = json!({ "/srv/data": {} });
    registry.push("x", "latest", &image);
    let image = registry.name("x");
    env.ctr(["pull", "-q", &image]).ok();
    env.ctr([
        "run",
        "--name",
        "box",
        "--network",
        "none",
        &image,
        "cat",
        "/srv/data/new",
    ])
    .ok()
    .stdout("new\n");
    let mounts = env
        .ctr([
            "inspect",
            "-f",
            "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}",
            "box",
        ])
        .ok();
    mounts.stdout("volume /srv/data true\n");
    assert_eq!(env.ctr("volume ls -q").ok().line().len(), 64);
    env.ctr("rm -v box").ok();
    env.ctr("volume ls -q").ok().stdout("");
    // Something else at its place comes instead.
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        "mine:/srv/data",
        &image,
        "true",
    ])
    .ok();
    env.ctr("volume ls -q").ok().stdout("mine\n");
}

fn a_volume_at_etc_keeps_dockers_files(env: &TestEnv) {
    env.image("busybox");
    let own = env.file("own/hostname", "mine\n");
    let own = format!("{}:/etc/hostname", own.display());
    let script = "cat /etc/hostname; grep -c localhost /etc/hosts; test -e /etc/resolv.conf && cat /etc/group";
    let run = |further: &[&str]| {
        let flags = ["run", "--rm", "--network", "none", "-h", "box"];
        let flags = flags.into_iter().chain(["-v", "conf:/etc"]);
        let command = ["busybox", "sh", "-c", script];
        let args: Vec<&str> = (flags.chain(further.iter().copied()).chain(command)).collect();
        env.ctr(args.as_slice()).ok().out()
    };
    let seen = run(&[]);
    assert!(seen.starts_with("box\n2\nroot:x:0:"), "{seen}");
    // Unless the user mounts them, too, in whatever order.
    let seen = run(&["-v", &own]);
    assert!(seen.starts_with("mine\n2\n"), "{seen}");
}

/// `create` was killed after the container had come about, and before its volumes were filled.
fn start_finishes_what_create_began(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &with_content());
    let image = registry.name("x");
    env.ctr(["pull", "-q", &image]).ok();
    let create = |volume: &str| {
        let flags = ["create", "--name", "box", "--network", "none", "-v", volume];
        let args = (flags.into_iter()).chain([image.as_str(), "ls", "/srv/data"]);
        env.ctr(args.collect::<Vec<_>>().as_slice()).ok();
    };
    // As it is when it is made.
    let volume = env.data().join("ctr/volumes/early");
    let empty = || {
        let script = "cd \"$1\" && mv _data old.$$ && mkdir _data";
        let args = ["-c", script, "sh", volume.to_str().unwrap()];
        env.program("sh", args).ok();
    };
    // Before it began to,
    create("early:/srv/data");
    empty();
    env.ctr("start -a box").ok().stdout("new\nown\n");
    // which is no reason to fill again what the container has emptied since,
    empty();
    env.ctr("start -a box").ok().stdout("");
    // and in the middle of it, whenever that is found out.
    let mark = volume.join("filling");
    env.program("touch", [mark.to_str().unwrap()]).ok();
    env.ctr("start -a box").ok().stdout("new\nown\n");
    assert!(!mark.exists());
    env.ctr("rm box").ok();
    for nocopy in ["bare:/srv/data:nocopy", "bare:/srv/data"] {
        env.ctr("volume create bare").ok();
        create(nocopy);
        let filled = env.ctr("start -a box").ok().out();
        assert_eq!(filled.is_empty(), nocopy.ends_with("nocopy"), "{nocopy}");
        env.ctr("rm box").ok();
    }
}

//! `build` with a time of its own: the same input gives the same image wherever, whenever and by whomever it is built.

use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use tar::EntryType;

use crate::support::busybox::RootfsTar;
use crate::support::{Need, Scenario, TestEnv, scenario};

/// The time of the builds, before that of any file here but those of archives.
const TIMESTAMP: &str = "--timestamp 1000000000";

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(nothing_around_the_build_matters).needs(Need::Busybox),
        scenario!(mounted_contexts_belong_to_root).needs(Need::Busybox),
        scenario!(the_image_is_the_one_of_other_machines),
    ]
}

/// Every kind of thing that a layer can hold, by every instruction that can put it there.
const EVERYTHING: &str = r#"
FROM busybox AS one
ARG TEXT=text
WORKDIR /work/one
RUN mkdir -p d/e && echo 1 > file && ln -s file link && ln file hard && mkfifo fifo && chmod 4755 file && chown 7:8 d
RUN <<SCRIPT
for i in $(seq 1 50); do echo $i > d/n$i; done
rm -r d/e d/n50; mkdir d/e; mv d/n1 d/renamed
SCRIPT
RUN --mount=type=bind,source=sub,target=/s cp -a /s /work/s
RUN --mount=type=bind,target=/c cp -a /c/. /work/c
FROM busybox
COPY --from=one /work /work
COPY --chown=3:4 . /all/
COPY --chmod=u=rwX,go=rX sub /modes
COPY --link a.txt /linked/dir/
COPY --parents sub/deep /parents/
COPY <<END /heredoc
text
END
USER 1000
RUN umask > /tmp/umask; id -u >> /tmp/umask; env | sort >> /tmp/umask
ENV A=1
VOLUME /all
"#;

const FILES: [(&str, &str); 4] = [
    ("Dockerfile", EVERYTHING),
    ("a.txt", "a\n"),
    ("sub/b.sh", "#!/bin/sh\n"),
    ("sub/deep/c", ""),
];

/// Writes the context `name`. What other programs would have made another way, they make another way in `reverse`.
fn write_context(env: &TestEnv, name: &str, reverse: bool) -> String {
    let mut files = FILES.to_vec();
    if reverse {
        files.reverse();
    }
    for (file, text) in files {
        let path = env.file(&format!("{name}/{file}"), text);
        let mode = if file.ends_with(".sh") { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    let dir = env.work().join(name);
    symlink("../a.txt", dir.join("sub/link")).expect("a link");
    dir.display().to_string()
}

fn nothing_around_the_build_matters(env: &TestEnv) {
    env.image("busybox");
    let one = write_context(env, "one", false);
    let two = write_context(env, "two", true);
    let future = "find two -exec touch -h -d '2035-01-02 03:04:05.678' {} +; chmod 700 two";
    env.script(future).ok();
    if env.user().uid == 0 {
        for path in ["two/a.txt", "two/sub", "two/sub/b.sh"] {
            chown(env.work().join(path), Some(1234), Some(5678)).expect("an owner");
        }
    }
    let build = |around: &str, dir: &str, more: &str| {
        let build = format!("{{ctr}} build -q --no-cache {TIMESTAMP} -t built {more} {dir}");
        let id = env.script(&format!("{around} {build}")).ok().line();
        let archive = env.ctr("save built").ok();
        (id, archive.bytes().to_vec())
    };
    let (id, archive) = build("", &one, "");
    for (around, dir, more) in [
        ("", &two, ""),
        ("umask 077;", &one, ""),
        ("umask 000;", &one, "--jobs 1"),
        ("TZ=Asia/Kolkata LC_ALL=C.UTF-8 LANG=de_DE", &one, ""),
        ("cd /;", &two, ""),
    ] {
        let (other, other_archive) = build(around, dir, more);
        assert_eq!(other, id, "{around} {dir} {more}");
        assert!(other_archive == archive, "save: {around} {dir} {more}");
    }
}

/// As with BuildKit, which takes owners and attributes away when it takes a context over.
fn mounted_contexts_belong_to_root(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\n\
        RUN --mount=target=/c --mount=source=sub,target=/s --mount=source=file,target=/f \
        --mount=type=cache,target=/k,from=other,uid=5,gid=6,mode=0711 \
        stat -c '%n %u:%g %a' /c /c/file /s /f /k /k/in > /r\n";
    env.file("context/Dockerfile", text);
    let modes = [("context/file", 0o640), ("context/sub", 0o2711)];
    env.file("context/file", "");
    env.file("context/sub/in", "");
    env.file("other/in", "");
    for (path, mode) in modes {
        let path = env.work().join(path);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        if env.user().uid == 0 {
            chown(&path, Some(1234), Some(5678)).expect("an owner");
            // Which took the bit.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
    }
    let other = env.work().join("other");
    let build = "umask 077; {ctr} build -q -t built --build-context";
    env.script(&format!("{build} other={} context", other.display()))
        .ok();
    let shown = env.ctr("run --rm built cat /r").ok();
    shown.stdout(
        "/c 0:0 755\n/c/file 0:0 640\n/s 0:0 2711\n/f 0:0 640\n/k 5:6 711\n/k/in 0:0 644\n",
    );
}

/// The ID was found on other machines, by other users, with another driver.
fn the_image_is_the_one_of_other_machines(env: &TestEnv) {
    let dockerfile = "FROM scratch AS files\nCOPY --chown=1000:50 --chmod=640 sub /sub/\nADD archive.tar /x/\n\
        FROM scratch\nWORKDIR /w\nCOPY --from=files / .\nCOPY a.txt /link/\nENV A=1\nCMD [\"/none\"]\n";
    let context = write_context(env, "context", false);
    env.file("context/Dockerfile", dockerfile);
    env.file("context/archive.tar", some_tar());
    let build = format!("build -q --platform linux/amd64 {TIMESTAMP} {context}");
    assert_eq!(
        env.ctr(build).ok().line(),
        "sha256:489d62f3e56caa8d5741b4a737694ef94dce7a67e6721aac246be5e5db8f3ee1"
    );
}

/// An archive with files of several kinds and owners, one of them beyond what users with subordinate ids mostly have.
fn some_tar() -> Vec<u8> {
    let mut tar = RootfsTar::new();
    tar.add("d/", EntryType::Directory, 0o1770, (33, 34), b"");
    tar.add("d/file", EntryType::Regular, 0o4711, (33, 34), b"text\n");
    tar.add("d/fifo", EntryType::Fifo, 0o600, (70_000, 0), b"");
    tar.link("d/soft", "/else/where");
    tar.finish()
}

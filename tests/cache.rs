//! The build cache: what it holds, what prunes take of it.

use crate::support::registry::Registry;
use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(an_export_is_shown_and_says_what_it_lacks),
        scenario!(is_listed_and_pruned),
        scenario!(a_mount_in_use_stays),
        scenario!(system_prune_takes_it_too),
        scenario!(refuses_what_it_does_not_understand),
        scenario!(travels_in_a_directory),
        scenario!(travels_by_registry),
        scenario!(travels_in_the_image),
        scenario!(what_was_changed_on_the_way_is_not_used),
        scenario!(builds_without_it_fill_it),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Builds `dockerfile` without a context.
fn build(env: &TestEnv, flags: &str, dockerfile: &str) {
    env.ctr(format!("build -q {flags} -"))
        .stdin(dockerfile)
        .ok();
}

/// The descriptions of the items, those used last first.
fn listed(env: &TestEnv) -> Vec<String> {
    env.ctr(["builder", "du", "--format", "{{.Description}}"])
        .ok()
        .lines()
}

fn is_listed_and_pruned(env: &TestEnv) {
    env.image("busybox");
    env.ctr("builder du")
        .ok()
        .stdout("ID        RECLAIMABLE   SIZE      LAST ACCESSED\nReclaimable:\t0B\nTotal:\t0B\n");
    build(
        env,
        "-t one",
        "FROM busybox\nRUN echo 1 > /one\nRUN echo 2 > /two\n",
    );
    build(
        env,
        "",
        "FROM busybox\nRUN --mount=type=cache,target=/c echo 3 | tee /c/f > /three\n",
    );
    env.ctr("image prune -f").ok();
    let steps = [
        "RUN /bin/sh -c echo 3 | tee /c/f > /three",
        "RUN /bin/sh -c echo 1 > /one",
        "RUN /bin/sh -c echo 2 > /two",
        "cached mount /c",
    ];
    assert_eq!(listed(env), steps);
    let template = "{{.Type}} {{.Size}} {{.Shared}} {{.Mutable}} {{.Reclaimable}}";
    env.ctr(["buildx", "du", "--format", template])
        .ok()
        .stdout("regular 2B false false true\nregular 2B true false true\nregular 2B true false true\nexec.cachemount 2B false true true\n");
    env.ctr("builder du --verbose --filter type=exec.cachemount")
        .ok()
        .stdout_has("Description:\tcached mount /c\n")
        .stdout_has("Type:\texec.cachemount\n\nReclaimable:\t2B\nTotal:\t2B\n");
    // Nothing is that old.
    env.ctr("builder prune -af --filter until=1h")
        .ok()
        .stdout("Total:\t0B\n");
    env.ctr("builder prune").run().exits(1);
    assert_eq!(listed(env).len(), 4);
    // What the image has stays: without it the next build would not find what it has anyway.
    env.ctr("builder prune -f")
        .ok()
        .stdout_has("\nTotal:\t4B\n");
    assert_eq!(listed(env), steps[1..3]);
    let again = env
        .ctr("build --progress plain -")
        .stdin("FROM busybox\nRUN echo 1 > /one\n");
    again.ok().stderr_has("CACHED");
    env.ctr("builder prune -a -f")
        .ok()
        .stdout_has("\nTotal:\t0B\n");
    assert_eq!(listed(env), [""; 0]);
    env.ctr("run --rm one cat /one /two").ok().stdout("1\n2\n");
}

fn a_mount_in_use_stays(env: &TestEnv) {
    env.image("busybox");
    let dockerfile = "FROM busybox\nRUN --mount=type=cache,target=/c echo x > /c/f; \
                      while [ ! -e /c/go ]; do sleep 0.02; done; cat /c/f > /result\n";
    let running = env.ctr("build -q -t done -").stdin(dockerfile).spawn();
    env.until(|| {
        let in_use = [
            "builder",
            "du",
            "--filter",
            "inuse",
            "--format",
            "{{.Type}}",
        ];
        env.ctr(in_use).ok().out().contains("cachemount")
    });
    env.ctr("builder prune -a -f").ok().stdout("Total:\t0B\n");
    env.ctr("system prune -f").ok();
    // Another step that shares it sees the same files.
    build(
        env,
        "",
        "FROM scratch\nCOPY --from=busybox /bin /bin\nRUN --mount=type=cache,target=/c \
         while [ ! -s /c/f ]; do sleep 0.02; done; cat /c/f && touch /c/go\n",
    );
    running.wait().exits(0);
    env.ctr("run --rm done cat /result").ok().stdout("x\n");
    env.ctr("builder prune -f --filter type=exec.cachemount")
        .ok();
    let mounts = env.data().join("ctr/cache/mounts");
    assert_eq!(std::fs::read_dir(mounts).expect("a directory").count(), 0);
}

fn system_prune_takes_it_too(env: &TestEnv) {
    env.image("busybox");
    build(env, "-t kept", "FROM busybox\nRUN echo 1 > /one\n");
    build(env, "", "FROM busybox\nRUN echo 22 > /two\n");
    let row = [
        "system",
        "df",
        "--format",
        "{{.Type}} {{.TotalCount}} {{.Size}}",
    ];
    env.ctr(row).ok().stdout_has("Build Cache 2 0B\n");
    env.ctr("system prune -f")
        .ok()
        .stdout_has("Deleted build cache objects:\n");
    assert_eq!(listed(env), ["RUN /bin/sh -c echo 1 > /one"]);
    env.ctr("rmi kept").ok();
    env.ctr(row).ok().stdout_has("Build Cache 1 2B\n");
    env.ctr("system prune -f --filter until=1h").ok();
    assert_eq!(listed(env).len(), 1);
    env.ctr("system prune -f --filter until=0s").ok();
    assert_eq!(listed(env), [""; 0]);
}

fn refuses_what_it_does_not_understand(env: &TestEnv) {
    for filter in ["color=red", "id", "until=soon"] {
        env.ctr(["builder", "prune", "-f", "--filter", filter])
            .run()
            .exits(1)
            .stdout("")
            .stderr_has("filter");
    }
    env.ctr("builder prune -f --max-used-space many")
        .run()
        .exits(1)
        .stderr_has("--max-used-space");
}

/// Two stages, one of which is not in the result, and a cache mount.
const STAGES: &str = "FROM busybox AS made\nRUN --mount=type=cache,target=/c echo 1 > /one; echo kept > /c/f\n\
                      FROM busybox\nCOPY --from=made /one /\nRUN cat /one /one > /two; true\n";

/// Builds and returns the image ID and how many steps came from a cache.
#[track_caller]
fn build_counting(env: &TestEnv, flags: &str, dockerfile: &str) -> (String, usize) {
    let iid = env.work().join("iid");
    let command = format!(
        "build --progress plain --iidfile {} {flags} -",
        iid.display()
    );
    let words = env.ctr(command).stdin(dockerfile).ok().err();
    let id = std::fs::read_to_string(&iid).expect("the image ID");
    (id, words.matches("CACHED").count())
}

/// Another machine: nothing is left of the cache, and of images but the base.
#[track_caller]
fn forget(env: &TestEnv) {
    let images = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
    for name in env.ctr(images).ok().lines() {
        if name != "busybox:latest" && !name.contains('<') {
            env.ctr(["rmi", &name]).ok();
        }
    }
    env.ctr("image prune -f").ok();
    env.ctr("builder prune -a -f").ok();
    assert_eq!(listed(env), [""; 0]);
    let layers = std::fs::read_dir(env.data().join("ctr/layers"));
    assert_eq!(layers.expect("a directory").count(), 1);
}

fn travels_in_a_directory(env: &TestEnv) {
    env.image("busybox");
    let dir = env.work().join("cache").display().to_string();
    let to = format!("--cache-to type=local,dest={dir},mode=max,compression=zstd,mounts=true");
    let (id, _) = build_counting(env, &to, STAGES);
    let blobs = std::fs::read_dir(format!("{dir}/blobs/sha256"))
        .expect("a layout")
        .count();
    // Three layers, the mount, config and manifest.
    assert_eq!(blobs, 6);
    forget(env);
    let from = format!("--cache-from type=local,src={dir}");
    assert_eq!(
        build_counting(env, &format!("{from} -t x"), STAGES),
        (id, 3)
    );
    env.ctr("run --rm x cat /two").ok().stdout("1\n1\n");
    let look = "FROM busybox\nRUN --mount=type=cache,target=/c cat /c/f > /f\n";
    build(env, &format!("{from} -t y"), look);
    env.ctr("run --rm y cat /f").ok().stdout("kept\n");
    env.ctr("system check").ok();
    // The steps of the result alone.
    let small = env.work().join("small").display().to_string();
    build_counting(env, &format!("--cache-to type=local,dest={small}"), STAGES);
    forget(env);
    let (_, cached) = build_counting(env, &format!("--cache-from type=local,src={small}"), STAGES);
    // What is copied is hashed from the stage that has to be built again, and is the same.
    assert!((1..3).contains(&cached), "{cached}");
}

fn travels_by_registry(env: &TestEnv) {
    env.image("busybox");
    let registry = Registry::start();
    let name = registry.name("cache");
    let to = format!("--cache-to type=registry,ref={name},mode=max");
    let (id, _) = build_counting(env, &to, STAGES);
    // Nothing is packed or sent again.
    build_counting(env, &to, STAGES);
    forget(env);
    assert_eq!(
        build_counting(env, &format!("--cache-from {name}"), STAGES),
        (id, 3)
    );
    // A cache that is not there is no reason to fail.
    let missing = format!(
        "build --progress plain --cache-from {} -",
        registry.name("none")
    );
    let told = env.ctr(missing).stdin(STAGES).ok();
    let step = format!(
        "#1 importing cache manifest from {}\n#1 ERROR: ",
        registry.name("none:latest")
    );
    told.stderr_has(&step)
        .stderr_has("WARNING: cannot import the cache of");
    let refused = env
        .ctr("build -q --cache-to type=local,dest=/proc/none -")
        .stdin(STAGES);
    refused
        .run()
        .exits(1)
        .stderr_has("cannot export the cache to /proc/none");
    let ignored = "build -q --cache-to type=local,dest=/proc/none,ignore-error=true -";
    env.ctr(ignored).stdin(STAGES).ok();
}

fn travels_in_the_image(env: &TestEnv) {
    env.image("busybox");
    let registry = Registry::start();
    let name = registry.name("app");
    let text = "FROM busybox\nRUN echo 1 > /one\nENV A=B\nRUN echo 2 > /two\n";
    let flags = format!("--cache-to inline -t {name}");
    let (id, _) = build_counting(env, &flags, text);
    env.ctr(["push", "-q", &name]).ok();
    forget(env);
    let flags = format!("{flags} --cache-from {name}");
    assert_eq!(build_counting(env, &flags, text), (id, 2));
    env.ctr(["run", "--rm", &name, "cat", "/one", "/two"])
        .ok()
        .stdout("1\n2\n");
}

fn what_was_changed_on_the_way_is_not_used(env: &TestEnv) {
    env.image("busybox");
    let dir = env.work().join("cache");
    let text = "FROM busybox\nRUN echo right > /f\n";
    let place = format!("type=local,dest={}", dir.display());
    build_counting(
        env,
        &format!("--cache-to {place},compression=uncompressed"),
        text,
    );
    let from = format!("--cache-from type=local,src={}", dir.display());
    let blobs = dir.join("blobs/sha256");
    for entry in std::fs::read_dir(&blobs).expect("blobs").flatten() {
        let whole = std::fs::read(entry.path()).expect("a blob");
        let changed = match String::from_utf8_lossy(&whole).contains("right\n") {
            true => String::from_utf8_lossy(&whole)
                .replace("right", "wrong")
                .into_bytes(),
            false => whole[1..].to_vec(),
        };
        std::fs::write(entry.path(), changed).expect("a blob");
        forget(env);
        let build = env
            .ctr(format!("build --progress plain -t x {from} -"))
            .stdin(text)
            .ok();
        build.stderr_has("cannot");
        env.ctr("run --rm x cat /f").ok().stdout("right\n");
        std::fs::write(entry.path(), whole).expect("a blob");
    }
    for flag in ["type=local", "type=gha,scope=x", "type=local,src=x,y=z"] {
        env.ctr(["build", "--cache-from", flag, "-"])
            .stdin("FROM scratch\n")
            .run()
            .exits(1)
            .stderr_has("--cache-from");
    }
    for flag in [
        "type=inline,mode=max",
        "type=local,dest=x,mode=mid",
        "type=registry",
    ] {
        env.ctr(["build", "--cache-to", flag, "-"])
            .stdin("FROM scratch\n")
            .run()
            .exits(1)
            .stderr_has("--cache-to");
    }
}

/// What is hashed while it is copied is found by those who hash it first.
fn builds_without_it_fill_it(env: &TestEnv) {
    env.image("busybox");
    let large = "x".repeat(1 << 20);
    for (name, text) in [("d/a", "one"), ("d/large", &large), ("d/sub/b", "")] {
        env.file(&format!("context/{name}"), text);
    }
    let dir = env.work().join("context");
    std::fs::hard_link(dir.join("d/a"), dir.join("d/sub/a")).expect("a link");
    std::os::unix::fs::symlink("a", dir.join("d/link")).expect("a link");
    // The last two bring a file in the way of another, and a directory from another stage.
    env.file(
        "context/Dockerfile",
        "FROM busybox AS base\nWORKDIR /w\nCOPY d /to/d\nCOPY --chmod=4711 d/a d/sub /to/\n\
         FROM base\nCOPY d /to/d\nCOPY --from=base /to/ /from\nADD d/a d/large /w/\n",
    );
    let build = |flags: &str| {
        let command = format!("build --progress plain {flags} {}", dir.display());
        let words = env.ctr(command).ok().err();
        let layers = "image inspect -f {{.RootFS.Layers}} result";
        (words.matches("CACHED").count(), env.ctr(layers).ok().line())
    };
    let (_, first) = build("-t result --no-cache");
    assert_eq!(build("-t result"), (6, first.clone()));
    // What is there already goes, if not at once.
    assert_eq!(build("-t result --no-cache"), (0, first));
    env.until(|| {
        let left = std::fs::read_dir(env.data().join("ctr/tmp"));
        left.into_iter().flatten().count() == 0
    });
    env.file("context/d/sub/b", "changed");
    assert_eq!(build("-t result").0, 1);
}

fn an_export_is_shown_and_says_what_it_lacks(env: &TestEnv) {
    env.image("busybox");
    let stage = |name: &str| {
        let dirs: String = (0..65).map(|n| format!("WORKDIR /{name}{n}\n")).collect();
        format!("FROM busybox AS {name}\n{dirs}")
    };
    let text = stage("a") + &stage("b") + "COPY --from=a /etc/passwd /\n";
    let to = env.work().join("exported");
    let place = to.display();
    let built = env
        .ctr(format!(
            "build --progress plain --cache-to type=local,mode=max,dest={place} -"
        ))
        .stdin(text)
        .ok()
        .err();
    let step = format!(" exporting cache to {place}\n#");
    assert!(built.contains(&step), "{built}");
    let written = built.matches(" writing layer sha256:").count();
    assert_eq!(written, 127, "{built}");
    assert!(built.contains(" writing cache manifest sha256:"), "{built}");
    let warning = format!("WARNING: the cache in {place} lacks 4 layers: it has room for 127\n");
    assert!(built.contains(&warning), "{built}");
    // A failure is the step's.
    let failed = env
        .ctr("build --progress plain --cache-to type=local,dest=/proc/none -")
        .stdin("FROM busybox\nWORKDIR /x\n")
        .run()
        .exits(1);
    assert!(failed.err().contains("#3 ERROR: "), "{failed}");
}

//! `build --platform` for several platforms, `--manifest`, and what is told of base images for another one.

use std::fs;

use serde_json::Value;

use crate::support::registry::Registry;
use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(several_platforms_are_an_index),
        scenario!(all_platforms_are_those_of_the_base),
        scenario!(what_platforms_share_is_built_once).needs(Need::Busybox),
        scenario!(platforms_are_built_side_by_side).needs(Need::Busybox),
        scenario!(a_list_grows_build_by_build),
        scenario!(an_index_is_pushed),
        scenario!(a_foreign_command_needs_an_emulator),
        scenario!(a_base_of_another_platform_is_told).needs(Need::Busybox),
    ]
}

/// Says for what it was built, without running anything.
const TEXT: &str = "FROM scratch\nARG TARGETPLATFORM TARGETARCH\nCOPY <<x /built-for\n$TARGETPLATFORM\nx\nLABEL arch=$TARGETARCH\n";

const THREE: &str = "linux/mips64le,linux/arm/v7,linux/arm64/v8";

fn context(env: &TestEnv, dockerfile: &str) -> String {
    env.file("context/Dockerfile", dockerfile);
    env.work().join("context").display().to_string()
}

fn blob(env: &TestEnv, digest: &str) -> Value {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let path = env.data().join("ctr/blobs/sha256").join(hex);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The platforms of an index, each with the one that its image's config says.
fn platforms(env: &TestEnv, index: &str) -> Vec<(String, String)> {
    let show = |value: &Value| {
        let part = |name: &str| value[name].as_str().map(str::to_owned);
        let parts = [part("os"), part("architecture"), part("variant")];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    };
    let index = blob(env, index);
    let entries = index["manifests"].as_array().unwrap().clone();
    let one = |entry: &Value| {
        let manifest = blob(env, entry["digest"].as_str().unwrap());
        let config = blob(env, manifest["config"]["digest"].as_str().unwrap());
        (show(&entry["platform"]), show(&config))
    };
    entries.iter().map(one).collect()
}

fn target(env: &TestEnv, name: &str) -> String {
    let path = env.data().join("ctr/refs/docker.io/library").join(name);
    let text = fs::read_to_string(path.join(":latest")).unwrap();
    text.trim().to_owned()
}

fn several_platforms_are_an_index(env: &TestEnv) {
    let dir = context(env, TEXT);
    let metadata = env.work().join("metadata");
    let build = format!(
        "build -t three --platform {THREE} --progress plain --metadata-file {} {dir}",
        metadata.display()
    );
    let shown = env.ctr(build).ok().err();
    assert!(
        shown.contains("[linux/arm/v7 1/1] COPY <<x /built-for"),
        "{shown}"
    );
    let index = target(env, "three");
    let wanted = ["linux/mips64le", "linux/arm/v7", "linux/arm64"];
    let wanted: Vec<(String, String)> = (wanted.iter())
        .map(|platform| (platform.to_string(), platform.to_string()))
        .collect();
    assert_eq!(platforms(env, &index), wanted);
    let metadata: Value = serde_json::from_slice(&fs::read(metadata).unwrap()).unwrap();
    assert_eq!(
        metadata["containerimage.digest"],
        Value::from(index.as_str())
    );
    assert_eq!(metadata["containerimage.config.digest"], Value::Null);
    // Said twice is said once, and what is one is no index.
    let again = env.ctr(format!(
        "build -q -t one --platform linux/arm64,linux/arm64/v8 {dir}"
    ));
    let id = again.ok().line();
    assert_eq!(
        blob(env, &target(env, "one"))["config"]["digest"],
        id.as_str()
    );
    // Files of each have a directory of their own; there is no tar of several.
    let out = env.work().join("out");
    env.ctr(format!(
        "build -q --platform {THREE} -o {} {dir}",
        out.display()
    ))
    .ok();
    for (name, text) in [
        ("linux_mips64le", "linux/mips64le\n"),
        ("linux_arm_v7", "linux/arm/v7\n"),
        ("linux_arm64", "linux/arm64\n"),
    ] {
        let built_for = fs::read_to_string(out.join(name).join("built-for"));
        assert_eq!(built_for.unwrap(), text);
    }
    for output in ["type=tar,dest=t", "type=docker,dest=d"] {
        env.ctr(format!("build -q --platform {THREE} -o {output} {dir}"))
            .run()
            .exits(1);
    }
    env.ctr(format!(
        "build -q --platform {THREE} -o type=oci,dest=o {dir}"
    ))
    .ok();
    env.ctr("rmi three one").ok();
    env.ctr("load -q -i o").ok();
}

fn all_platforms_are_those_of_the_base(env: &TestEnv) {
    let dir = context(env, TEXT);
    env.ctr(format!("build -q -t base --platform {THREE} {dir}"))
        .ok();
    env.ctr(format!(
        "build -q -t other --platform linux/s390x,linux/arm64,linux/arm/v7 {dir}"
    ))
    .ok();
    let text = "FROM other AS other\nFROM base\nCOPY --from=other /built-for /other\n";
    let dir = context(env, text);
    env.ctr(format!("build -q -t all --all-platforms {dir}"))
        .ok();
    let found = platforms(env, &target(env, "all"));
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["linux/arm64", "linux/arm/v7"]);
    assert!(found.iter().all(|(entry, config)| entry == config));
    env.ctr(format!(
        "build --all-platforms --platform linux/arm64 {dir}"
    ))
    .run()
    .exits(125);
}

fn a_list_grows_build_by_build(env: &TestEnv) {
    let dir = context(env, TEXT);
    let build = |platform: &str| {
        env.ctr(format!(
            "build -q --manifest list --platform {platform} {dir}"
        ))
        .ok();
        let found = platforms(env, &target(env, "list"));
        let names = found.into_iter().map(|(platform, _)| platform);
        names.collect::<Vec<_>>()
    };
    assert_eq!(build("linux/arm64"), ["linux/arm64"]);
    assert_eq!(build("linux/mips64le"), ["linux/arm64", "linux/mips64le"]);
    assert_eq!(
        build("linux/arm64,linux/s390x"),
        ["linux/mips64le", "linux/arm64", "linux/s390x"]
    );
    // Nor does it lose what another build adds meanwhile.
    let at_once: Vec<_> = ["riscv64", "ppc64le", "386", "amd64", "mips64", "loong64"]
        .map(|architecture| {
            let flags = format!("--manifest list --platform linux/{architecture}");
            env.ctr(format!("build -q {flags} {dir}")).spawn()
        })
        .into_iter()
        .collect();
    for build in at_once {
        build.wait().exits(0);
    }
    assert_eq!(platforms(env, &target(env, "list")).len(), 9);
    // In the list it needs no name of its own.
    let images = env.ctr("images -q").ok().lines();
    assert_eq!(images.len(), 1, "{images:?}");
    env.ctr(format!("build -q -t image {dir}")).ok();
    env.ctr(format!("build -q --manifest image {dir}"))
        .run()
        .exits(1)
        .stderr_has("image:latest is an image, not a manifest list");
}

fn an_index_is_pushed(env: &TestEnv) {
    let registry = Registry::start();
    let dir = context(env, TEXT);
    let name = format!("{}/multi:1", registry.host());
    env.ctr(format!(
        "build -q --platform {THREE} --push -t {name} {dir}"
    ))
    .ok();
    env.ctr(format!("rmi {name}")).ok();
    env.ctr("image prune -f").ok();
    for (platform, architecture) in [("linux/mips64le", "mips64le"), ("linux/arm64", "arm64")] {
        env.ctr(format!("pull -q --platform {platform} {name}"))
            .ok();
        let shown = env.ctr(format!(
            "image inspect --format {{{{.Architecture}}}} {name}"
        ));
        assert_eq!(shown.ok().line(), architecture);
        env.ctr(format!("rmi {name}")).ok();
    }
}

fn a_foreign_command_needs_an_emulator(env: &TestEnv) {
    // An executable's head: 64 bits, big-endian, of a machine that nobody has.
    let mut program = b"\x7fELF\x02\x02\x01".to_vec();
    program.resize(64, 0);
    program[17] = 2;
    program[19] = 22;
    env.file("context/sh", &program);
    let dir = context(env, "FROM scratch\nCOPY --chmod=755 sh /bin/sh\nRUN true\n");
    env.ctr(format!("build --platform linux/s390x {dir}"))
        .run()
        .exits(1)
        .stderr_has("programs for linux/s390x cannot be executed on")
        .stderr_has("binfmt_misc");
}

fn a_base_of_another_platform_is_told(env: &TestEnv) {
    let dir = context(env, TEXT);
    env.ctr(format!("build -q --platform linux/s390x -t foreign {dir}"))
        .ok();
    let told = "InvalidBaseImagePlatform: Base image foreign was pulled with platform \"linux/s390x\", expected";
    let dir = context(env, "FROM foreign\nLABEL a=b\n");
    env.ctr(format!("build -t it {dir}")).ok().stderr_has(told);
    env.ctr(format!("build --check {dir}"))
        .run()
        .exits(1)
        .stdout_has("InvalidBaseImagePlatform");
    let dir = context(env, "# check=error=true\nFROM foreign\nLABEL a=b\n");
    env.ctr(format!("build {dir}"))
        .run()
        .exits(1)
        .stderr_has("lint violation found for rules: InvalidBaseImagePlatform");
    // Asked for by name it is no surprise; nor are the platforms' own variables.
    let dir = context(env, "FROM --platform=$BUILDPLATFORM busybox\nLABEL a=b\n");
    env.image("busybox");
    let quiet = env.ctr(format!("build {dir}")).ok().err();
    assert!(!quiet.contains("warning"), "{quiet}");
    let dir = context(env, "FROM foreign\nLABEL a=b\n");
    let quiet = env.ctr(format!("build --platform linux/s390x {dir}"));
    let quiet = quiet.ok().err();
    assert!(!quiet.contains("warning"), "{quiet}");
}

fn what_platforms_share_is_built_once(env: &TestEnv) {
    env.image("busybox");
    let dir = context(
        env,
        "FROM --platform=$BUILDPLATFORM busybox AS tool\nRUN head -c 16 /dev/urandom > /once\n\
         ARG TARGETARCH\nRUN echo $TARGETARCH > /arch\n\
         FROM scratch\nCOPY --from=tool /once /arch /\n",
    );
    let output = env.work().join("out");
    // Not by the cache.
    let build = format!(
        "build --no-cache --progress rawjson --platform linux/arm64,linux/s390x -o {} {dir}",
        output.display()
    );
    let shown = env.ctr(build).ok().err();
    let read = |platform: &str, name: &str| fs::read(output.join(platform).join(name)).unwrap();
    assert_eq!(read("linux_arm64", "once"), read("linux_s390x", "once"));
    assert_eq!(read("linux_arm64", "arch"), b"arm64\n");
    assert_eq!(read("linux_s390x", "arch"), b"s390x\n");
    let lines = shown
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let vertexes: std::collections::BTreeMap<String, String> = lines
        .flat_map(|line| line["vertexes"].as_array().cloned().unwrap_or_default())
        .map(|vertex| {
            let text = |field: &str| vertex[field].as_str().unwrap().to_owned();
            (text("digest"), text("name"))
        })
        .collect();
    let told = |part: &str| vertexes.values().filter(|name| name.contains(part)).count();
    assert_eq!(told("RUN head -c 16"), 1, "{vertexes:?}");
    assert_eq!(told("FROM docker.io/library/busybox"), 1, "{vertexes:?}");
    assert_eq!(told("RUN echo $TARGETARCH"), 2, "{vertexes:?}");
    for platform in ["linux/arm64", "linux/s390x"] {
        let name = format!("[{platform} stage-1 1/1] COPY --from=tool /once /arch /");
        assert_eq!(told(&name), 1, "{vertexes:?}");
    }
}

/// Each waits for what the other one writes.
fn platforms_are_built_side_by_side(env: &TestEnv) {
    env.image("busybox");
    let dir = context(
        env,
        "FROM --platform=$BUILDPLATFORM busybox\nARG TARGETARCH\n\
         RUN --mount=type=cache,target=/meet : > /meet/$TARGETARCH; \
         until test -e /meet/arm64 && test -e /meet/s390x; do echo; sleep 0.05; done | head -n 4000; \
         test -e /meet/arm64 -a -e /meet/s390x\n\
         FROM scratch\nCOPY --from=0 /etc/passwd /\n",
    );
    env.ctr(format!("build -q --platform linux/arm64,linux/s390x {dir}"))
        .ok();
}

//! `build`: flags of docker, podman and buildah about where things come from and what becomes of them.
//!
//! What is claimed of buildah stands in its docs/buildah-build.1.md, of podman in its docs/podman-build.1.md.in, of buildx in
//! its docs/reference/buildx_build.md and BuildKit's README, "Output".

use serde_json::Value;

use crate::support::image::{Family, Packing, TestImage};
use crate::support::registry::{Auth, Registry};
use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(when_base_images_are_pulled),
        scenario!(nothing_may_be_made).needs(Need::Busybox),
        scenario!(results_that_are_too_old).needs(Need::Busybox),
        scenario!(annotations_of_the_base_image),
        scenario!(a_format_from_the_environment),
        scenario!(what_goes_to_stderr_goes_to_a_file).needs(Need::Busybox),
        scenario!(builders_that_are_none),
        scenario!(a_platform_in_parts),
        scenario!(names_that_are_mistyped),
        scenario!(what_is_wrong_is_refused_with_its_flag),
        scenario!(what_is_not_done_is_refused_by_name),
    ]
}

/// Writes a Dockerfile and returns its directory.
fn context(env: &TestEnv, dockerfile: &str) -> String {
    let path = env.file("context/Dockerfile", dockerfile);
    path.parent().unwrap().display().to_string()
}

fn when_base_images_are_pulled(env: &TestEnv) {
    let registry = Registry::start();
    let image = TestImage::new(Family::Oci).file("old", b"1", Packing::Gzip);
    registry.push("base", "1", &image);
    let name = registry.name("base:1");
    let dir = context(env, &format!("FROM {name}\nCOPY Dockerfile /\n"));
    let build = |flag: &str| env.ctr(format!("build -q {flag} {dir}"));
    let words = format!("{name} is not here, and --pull=never keeps it from being pulled");
    for flag in ["--pull=never", "--pull-never"] {
        build(flag).run().exits(1).stderr_has(&words);
    }
    assert!(registry.take_requests().is_empty());
    let old = build("--pull=missing").ok().out();
    assert!(!registry.take_requests().is_empty());
    for flag in [
        "",
        "--pull=false",
        "--pull=missing",
        "--pull=ifmissing",
        "--pull=never",
    ] {
        assert_eq!(build(flag).ok().out(), old);
        assert!(registry.take_requests().is_empty(), "{flag}");
    }
    let image = TestImage::new(Family::Oci).file("new", b"2", Packing::Gzip);
    registry.push("base", "1", &image);
    let new = build("--pull=newer").ok().out();
    assert_ne!(new, old);
    registry.take_requests();
    for flag in [
        "--pull",
        "--pull=true",
        "--pull=always",
        "--pull=ifnewer",
        "--pull-always",
    ] {
        assert_eq!(build(flag).ok().out(), new);
        assert!(!registry.take_requests().is_empty(), "{flag}");
    }
    // The registry does not give it to everybody any more.
    registry.require(Auth::Basic("somebody", "else"));
    build("--pull").run().exits(1);
    let made = env.ctr(format!("build --progress plain --pull=newer {dir}"));
    made.ok()
        .stderr_has(&format!("{name} is taken as it is here: "));
    build("--pull=sometimes")
        .run()
        .exits(125)
        .stderr_has("unrecognized pull policy \"sometimes\"");
}

fn nothing_may_be_made(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, "FROM busybox\nRUN --network=none echo x > /x\n");
    let before = env.ctr("images -aq").ok().out();
    env.ctr(format!("build -q -t it -o type=cacheonly {dir}"))
        .ok()
        .stdout("");
    assert_eq!(env.ctr("images -aq").ok().out(), before);
    let again = env.ctr(format!("build --progress plain -t it {dir}"));
    again.ok().stderr_has("CACHED");
}

fn results_that_are_too_old(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, "FROM busybox\nRUN --network=none echo x > /x\n");
    for epoch in ["", "--timestamp 1000000000"] {
        let build = |flags: &str| {
            let line = format!("build --progress plain {epoch} {flags} {dir}");
            env.ctr(line).ok().err().contains("CACHED")
        };
        assert!(!build(""), "{epoch}");
        assert!(build("--cache-ttl 1h"), "{epoch}");
        assert!(!build("--cache-ttl 1ns"), "{epoch}");
        // A life of nothing is no cache.
        assert!(!build("--cache-ttl=0"), "{epoch}");
        assert!(build(""), "{epoch}");
    }
    env.ctr(format!("build --cache-ttl soon {dir}"))
        .run()
        .exits(125)
        .stderr_has("invalid duration \"soon\"");
}

/// Builds what the Dockerfile says and returns the manifest of the image.
fn manifest(env: &TestEnv, dockerfile: &str, flags: &str, variables: &[(&str, &str)]) -> Value {
    let dir = context(env, dockerfile);
    let metadata = env.work().join("metadata").display().to_string();
    let mut build = env.ctr(format!("build -q --metadata-file {metadata} {flags} {dir}"));
    for (name, value) in variables {
        build = build.env(name, value);
    }
    build.ok();
    let parse = |path: &std::path::Path| -> Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let metadata = parse(metadata.as_ref());
    let digest = metadata["containerimage.digest"].as_str().unwrap();
    let hex = digest.strip_prefix("sha256:").unwrap();
    parse(&env.data().join("ctr/blobs/sha256").join(hex))
}

fn annotations_of_the_base_image(env: &TestEnv) {
    let annotations = |dockerfile: &str, flags: &str| -> Value {
        manifest(env, dockerfile, flags, &[])["annotations"].clone()
    };
    let scratch = "FROM scratch\nCOPY Dockerfile /\n";
    let made = annotations(scratch, "-t base --annotation a=1 --annotation b=2");
    assert_eq!(made, serde_json::json!({"a": "1", "b": "2"}));
    let twice = "FROM base AS one\nCOPY Dockerfile /x\nFROM one\nCOPY Dockerfile /y\n";
    for flags in ["", "--inherit-annotations=false"] {
        assert_eq!(annotations(twice, flags), Value::Null);
    }
    let flags = "--inherit-annotations --unsetannotation a --annotation c=3";
    let made = annotations(twice, flags);
    assert_eq!(made, serde_json::json!({"b": "2", "c": "3"}));
}

fn a_format_from_the_environment(env: &TestEnv) {
    let docker = [("BUILDAH_FORMAT", "docker")];
    for (flag, family) in [("", "docker.distribution"), ("--format=oci", "oci.image")] {
        let manifest = manifest(env, "FROM scratch\nCOPY Dockerfile /\n", flag, &docker);
        let kind = manifest["mediaType"].as_str().unwrap();
        assert!(
            kind.starts_with(&format!("application/vnd.{family}.manifest.v")),
            "{kind}"
        );
    }
}

fn what_goes_to_stderr_goes_to_a_file(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, "FROM busybox\nRUN --network=none echo said\n");
    let log = env.work().join("log");
    let build = format!("build --no-cache --logfile {} {dir}", log.display());
    env.ctr(&build).ok().stdout("").stderr("");
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains(" said\n"), "{text}");
    assert!(text.contains("writing image sha256:"), "{text}");
    context(env, "FROM busybox\nRUN --network=none exit 3\n");
    // What it fails with is told.
    let told = env.ctr(&build).run().exits(1).stdout("").err();
    assert!(told.starts_with("Error: "), "{told}");
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.contains(" said\n"), "{text}");
    assert!(text.contains(">>> RUN --network=none exit 3"), "{text}");
    env.ctr(format!("build --logfile /nonexistent/log {dir}"))
        .run()
        .exits(1)
        .stderr_has("/nonexistent/log");
}

fn builders_that_are_none(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /\n");
    let build = |flags: &str| env.ctr(format!("{flags} {dir}"));
    let words = "no builder \"ci\" found";
    for line in ["build -q --builder ci", "buildx --builder=ci build -q"] {
        build(line).run().exits(1).stdout("").stderr_has(words);
    }
    build("build -q").env("BUILDX_BUILDER", "ci").run().exits(1);
    for line in ["buildx du --builder ci", "builder prune -f --builder ci"] {
        env.ctr(line).run().exits(1).stderr_has(words);
    }
    build("build -q --builder default").ok();
    env.ctr("buildx create --name ci").ok();
    build("build -q --builder ci").ok();
    build("build -q").env("BUILDX_BUILDER", "ci").ok();
    env.ctr("buildx du --builder ci").ok();
}

fn a_platform_in_parts(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /\n");
    let build = |flags: &str| env.ctr(format!("build -q -t it {flags} {dir}"));
    for (flags, platform) in [
        ("--arch arm64", "linux/arm64/"),
        ("--os linux --arch arm --variant v6", "linux/arm/v6"),
    ] {
        build(flags).ok();
        let image = env.ctr("image inspect it").ok().json()[0].clone();
        let part = |name: &str| image[name].as_str().unwrap_or_default().to_owned();
        let parts = [part("Os"), part("Architecture"), part("Variant")];
        assert_eq!(parts.join("/"), platform);
    }
    build("--arch arm64 --platform linux/amd64")
        .run()
        .exits(1)
        .stderr_has("--platform may not be used with --os, --arch, or --variant");
}

/// BuildKit suggests stages and a few images, too (`frontend/dockerfile/dockerfile2llb/convert.go`).
fn names_that_are_mistyped(env: &TestEnv) {
    // Nobody listens there.
    let unreachable = |line: String| env.ctr(line).env("HTTPS_PROXY", "http://127.0.0.1:1");
    for (last, flags, words) in [
        ("FROM biuld", "", "(did you mean build?)"),
        ("FROM alpin", "", "(did you mean alpine?)"),
        (
            "FROM scratch\nCOPY --from=bulid /a /b",
            "",
            "(did you mean build?)",
        ),
        (
            "FROM build",
            "--target buidl",
            "target stage \"buidl\" could not be found (did you mean build?)",
        ),
    ] {
        let text = format!("FROM scratch AS build\nCOPY Dockerfile /a\n{last}\n");
        let dir = context(env, &text);
        let failed = unreachable(format!("build --retry 0 {flags} {dir}")).run();
        failed.exits(1).stderr_has(words);
    }
    // Nothing is like it.
    let dir = context(env, "FROM scratch AS build\nFROM something-else\n");
    let failed = unreachable(format!("build --retry 0 {dir}")).run();
    assert!(!failed.exits(1).err().contains("did you mean"));
}

fn what_is_wrong_is_refused_with_its_flag(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /\n");
    for (flags, code, words) in [
        ("-t good -t a:b:c", 1, "invalid tag \"a:b:c\": invalid"),
        (
            "-t Bad",
            1,
            "invalid tag \"Bad\": invalid reference format: repository name (Bad)",
        ),
        (
            "--shm-size x",
            125,
            "invalid argument \"x\" for \"--shm-size\" flag: invalid size: 'x'",
        ),
        (
            "--allow network",
            1,
            "unknown entitlement \"network\": use network.host or security.insecure",
        ),
        (
            "--timestamp now",
            1,
            "invalid --timestamp: \"now\" is no number of seconds",
        ),
        (
            "--source-date-epoch now",
            1,
            "invalid --timestamp: \"now\" is no number of seconds",
        ),
        (
            "--build-arg SOURCE_DATE_EPOCH=now",
            1,
            "invalid SOURCE_DATE_EPOCH: \"now\" is no number of seconds",
        ),
        (
            "--provenance=mode=all",
            1,
            "invalid mode \"all\" of provenance: use min or max",
        ),
    ] {
        let refused = env.ctr(format!("build {flags} {dir}")).run();
        refused.exits(code).stdout("").stderr_has(words);
    }
}

fn what_is_not_done_is_refused_by_name(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /\n");
    for flag in [
        "--hooks-dir=/x",
        "--cw=type=sev",
        "--sbom-scanner-image=x",
        "--userns-uid-map=0:0:1",
        "--runtime=runc",
        "--cpp-flag=-DX",
        "--sign-by=me",
        "--stdin",
        "--logsplit",
        "--save-stages",
    ] {
        let name = flag.split('=').next().unwrap();
        env.ctr(format!("build {flag} {dir}"))
            .run()
            .exits(125)
            .stderr_has(&format!("{name} is not supported yet"));
    }
    // Without effect here.
    for flag in ["-D", "--disable-compression=false", "--layer-label a=b"] {
        env.ctr(format!("build -q {flag} {dir}")).ok();
    }
}

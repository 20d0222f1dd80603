//! `ctr push` to a registry in this process: what it sends, what it does not, what it says.

use serde_json::Value;

use crate::support::image::{Family, Packing, TestImage, digest, index, noise};
use crate::support::pulling::{docker_config, large, login, refs};
use crate::support::registry::{Auth, Registry};
use crate::support::{Need, Scenario, TestEnv, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(a_pulled_image_keeps_its_digest),
        scenario!(an_imported_image_is_packed_the_same_each_time).needs(Need::Busybox),
        scenario!(a_repository_of_the_registry_lends_its_layers),
        scenario!(what_was_pushed_from_here_is_up_to_date),
        scenario!(all_tags_and_quiet),
        scenario!(zstd_and_levels).needs(Need::Busybox),
        scenario!(an_index_as_far_as_it_is_here),
        scenario!(a_blob_that_another_image_brought),
        scenario!(names_that_are_not_there),
        scenario!(asks_for_what_it_needs),
        scenario!(a_pushed_image_outlives_a_prune).needs(Need::Busybox),
        once!(the_test_registry_takes_a_foreign_client).needs(Need::Program("skopeo")),
    ]
}

/// Imports the test image as `name`; returns its ID.
fn import(env: &TestEnv, name: &str) -> String {
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    env.ctr(["import", "-", name]).stdin(tar).ok().line()
}

/// The manifest that a tag means.
fn manifest(registry: &Registry, repository: &str, tag: &str) -> Value {
    let content = registry.manifest(repository, tag).expect("a manifest");
    serde_json::from_slice(&content.bytes).unwrap()
}

fn layer_digest(manifest: &Value) -> String {
    manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
}

fn a_pulled_image_keeps_its_digest(env: &TestEnv) {
    let registry = Registry::start();
    let image = TestImage::new(Family::Docker)
        .file("gzip", &noise(100_000), Packing::Gzip)
        .file("zstd", &noise(3 << 20), Packing::Zstd)
        .file("plain", b"plain", Packing::Plain);
    let pulled = registry.push("from", "1", &image);
    let (from, to) = (registry.name("from:1"), registry.name("to/there:2"));
    env.ctr(["pull", &from]).ok();
    env.ctr(["tag", &from, &to]).ok();
    // Another registry, as it were: nothing of it is there yet.
    let elsewhere = Registry::start();
    let far = elsewhere.name("to/there:2");
    env.ctr(["tag", &from, &far]).ok();
    let id = &digest(&image.tars[1])[7..19];
    env.ctr(["push", &far])
        .ok()
        .stderr_has(&format!(
            "The push refers to repository [{}]\n",
            elsewhere.name("to/there")
        ))
        .stderr_has(&format!("{id}: Preparing\n"))
        .stderr_has(&format!("{id}: Pushed\n"))
        .stdout(&format!(
            "2: digest: {pulled} size: {}\n",
            image.manifest().bytes.len()
        ));
    let there = elsewhere.manifest("to/there", "2").unwrap();
    assert_eq!(there, image.manifest());
    for layer in &image.layers {
        assert!(elsewhere.blob(&layer.digest()).unwrap() == layer.bytes);
    }
    elsewhere.take_requests();
    env.ctr(["push", &far])
        .ok()
        .stderr_has(&format!("{id}: Layer already exists\n"));
    assert_eq!(elsewhere.count("POST"), 0);
    assert_eq!(elsewhere.count("PATCH"), 0);
    // Where it has been pushed to is one more name of it.
    assert!(refs(env).contains(&format!("@{pulled}")));
}

fn an_imported_image_is_packed_the_same_each_time(env: &TestEnv) {
    let registry = Registry::start();
    let name = registry.name("box:1");
    let id = import(env, &name);
    let line = env.ctr(["push", &name]).ok().line();
    let first = manifest(&registry, "box", "1");
    assert!(line.starts_with("1: digest: sha256:"), "{line}");
    assert_eq!(first["config"]["digest"], id.as_str());
    assert_eq!(
        first["layers"][0]["mediaType"],
        "application/vnd.oci.image.layer.v1.tar+gzip"
    );
    // What became of it is known, so it is not packed to find out.
    let again = env.ctr(["push", &name]).ok();
    assert!(!again.err().contains("Compressing"), "{again}");
    assert!(again.err().contains("Layer already exists"), "{again}");
    assert_eq!(again.line(), line);
    // Where nobody knows anything, it becomes the same blob.
    let other = Registry::start();
    let far = other.name("box:1");
    env.ctr(["tag", &name, &far]).ok();
    env.ctr(["push", &far]).ok();
    assert_eq!(manifest(&other, "box", "1"), first);
    // Also when all that is left of it is what the registry says of it, without its blob.
    env.ctr(["pull", &far]).ok();
    let third = Registry::start();
    let farther = third.name("box:1");
    env.ctr(["tag", &far, &farther]).ok();
    env.ctr(["rmi", &name]).ok();
    env.ctr(["push", &farther]).ok();
    assert_eq!(manifest(&third, "box", "1"), first);
    env.ctr(["rmi", &farther]).ok();
    // And it is an image that can be run.
    env.ctr(["rmi", &far]).ok();
    env.ctr(["pull", &far]).ok();
    env.ctr(["run", "--rm", "--network", "none", &far, "echo", "works"])
        .ok()
        .stdout("works\n");
    let inspected = env.ctr(["inspect", "-f", "{{.Id}}", &far]).ok().line();
    assert_eq!(inspected, id);
}

fn a_repository_of_the_registry_lends_its_layers(env: &TestEnv) {
    let registry = Registry::start();
    let elsewhere = Registry::start();
    elsewhere.push("x", "1", &large(2 << 20));
    let from = elsewhere.name("x:1");
    env.ctr(["pull", &from]).ok();
    for name in ["a/first:1", "b/second:1"] {
        env.ctr(["tag", &from, &registry.name(name)]).ok();
    }
    env.ctr(["push", &registry.name("a/first:1")]).ok();
    registry.take_requests();
    env.ctr(["push", &registry.name("b/second:1")])
        .ok()
        .stderr_has(&format!(": Mounted from {}\n", registry.name("a/first")));
    assert_eq!(registry.count("PATCH"), 0);
    assert_eq!(registry.count("from=a%2Ffirst"), 1);
    assert_eq!(
        registry.manifest("a/first", "1"),
        registry.manifest("b/second", "1")
    );
}

fn what_was_pushed_from_here_is_up_to_date(env: &TestEnv) {
    let registry = Registry::start();
    let name = registry.name("own:1");
    let id = import(env, &name);
    env.ctr(["push", &name]).ok();
    // The first sees another manifest, the second the one it knows by then.
    for _ in 0..2 {
        let pulled = env.ctr(["pull", &name]).ok();
        pulled.stderr_has(&format!("Status: Image is up to date for {name}\n"));
    }
    let now = env.ctr(["image", "inspect", "-f", "{{.Id}}", &name]).ok();
    assert_eq!(now.line(), id);
}

fn all_tags_and_quiet(env: &TestEnv) {
    let registry = Registry::start();
    let elsewhere = Registry::start();
    elsewhere.push("x", "1", &large(100));
    let from = elsewhere.name("x:1");
    env.ctr(["pull", &from]).ok();
    for tag in ["one", "two"] {
        env.ctr(["tag", &from, &registry.name(&format!("x:{tag}"))])
            .ok();
    }
    let lines = env.ctr(["push", "-a", &registry.name("x")]).ok().lines();
    assert!(lines[0].starts_with("one: digest: "), "{lines:?}");
    assert!(lines[1].starts_with("two: digest: "), "{lines:?}");
    env.ctr(["push", "-a", &registry.name("x:one")])
        .run()
        .exits(1)
        .stderr_has("tag can't be used with --all-tags/-a");
    let name = registry.name("x:one");
    env.ctr(["push", "-q", "--disable-content-trust", &name])
        .ok()
        .stdout(&format!("{name}\n"))
        .stderr("");
    env.ctr(["push", "--digestfile", "digest", &name]).ok();
    let written = std::fs::read_to_string(env.work().join("digest")).unwrap();
    assert_eq!(written, registry.manifest("x", "one").unwrap().digest());
}

fn zstd_and_levels(env: &TestEnv) {
    let registry = Registry::start();
    let name = registry.name("box:1");
    import(env, &name);
    let push = |arguments: &[&str]| {
        let words: Vec<&str> = ["push"]
            .iter()
            .chain(arguments)
            .copied()
            .chain([name.as_str()])
            .collect();
        env.ctr(&words[..]).ok();
        let manifest = manifest(&registry, "box", "1");
        let size = manifest["layers"][0]["size"].as_u64().unwrap();
        (manifest["layers"][0]["mediaType"].clone(), size)
    };
    let (media_type, quick) = push(&["--compression-level", "1"]);
    assert_eq!(media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
    let (media_type, _) = push(&["--compression-format", "zstd"]);
    assert_eq!(media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
    assert!(quick > 0);
    // Without a wish it is gzip again, and it is there.
    let (media_type, again) = push(&[]);
    assert_eq!(media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_eq!(again, quick, "what is there is not packed anew");
    for wrong in [
        ["--compression-format", "lzma"],
        ["--compression-level", "10"],
    ] {
        env.ctr(["push", wrong[0], wrong[1], &name])
            .run()
            .exits(1)
            .stderr_has("compression");
    }
    // A layer that came as gzip is packed anew where somebody wants zstd; Docker's manifest becomes an OCI one for it.
    let image = TestImage::new(Family::Docker).file("f", &noise(1000), Packing::Gzip);
    registry.push("pulled", "1", &image);
    let pulled = registry.name("pulled:1");
    env.ctr(["pull", &pulled]).ok();
    env.ctr(["push", "--compression-format", "zstd", &pulled])
        .ok();
    let anew = manifest(&registry, "pulled", "1");
    assert_eq!(
        anew["mediaType"],
        "application/vnd.oci.image.manifest.v1+json"
    );
    let blob = registry.blob(&layer_digest(&anew)).unwrap();
    assert!(zstd::decode_all(&blob[..]).unwrap() == image.tars[0]);
}

fn an_index_as_far_as_it_is_here(env: &TestEnv) {
    let registry = Registry::start();
    let ours = TestImage::new(Family::Oci).file("ours", b"ours", Packing::Gzip);
    let theirs = TestImage::new(Family::Oci)
        .file("theirs", b"theirs", Packing::Gzip)
        .for_platform("linux/mips64le");
    registry.push("x", "", &ours);
    registry.push("x", "", &theirs);
    let both = index(Family::Oci, &[&theirs, &ours]);
    registry.put_manifest("x", "both", &both);
    let alone = index(Family::Oci, &[&ours]);
    registry.put_manifest("x", "alone", &alone);
    let elsewhere = Registry::start();
    for tag in ["both", "alone"] {
        let name = registry.name(&format!("x:{tag}"));
        env.ctr(["pull", &name]).ok();
        env.ctr(["tag", &name, &elsewhere.name(&format!("x:{tag}"))])
            .ok();
    }
    env.ctr(["push", &elsewhere.name("x:both")])
        .ok()
        .stderr_has("only the available single-platform image was pushed")
        .stderr_has(&format!(
            "{} -> {}",
            both.digest(),
            ours.manifest().digest()
        ));
    assert_eq!(elsewhere.manifest("x", "both").unwrap(), ours.manifest());
    env.ctr(["push", &elsewhere.name("x:alone")]).ok();
    assert_eq!(elsewhere.manifest("x", "alone").unwrap(), alone);
    env.ctr([
        "push",
        "--platform",
        "linux/mips64le",
        &elsewhere.name("x:both"),
    ])
    .run()
    .exits(1)
    .stderr_has("does not provide the specified platform");
}

/// The pull of the second image finds its layer here already, so its own blob never comes.
fn a_blob_that_another_image_brought(env: &TestEnv) {
    let registry = Registry::start();
    let tar = large(5000).tars[0].clone();
    let one = TestImage::new(Family::Oci).layer(&tar, Packing::Gzip);
    let two = TestImage::new(Family::Oci).layer(&tar, Packing::Zstd);
    registry.push("one", "1", &one);
    registry.push("two", "1", &two);
    let elsewhere = Registry::start();
    for name in ["one:1", "two:1"] {
        env.ctr(["pull", &registry.name(name)]).ok();
    }
    let far = elsewhere.name("x:1");
    env.ctr(["tag", &registry.name("two:1"), &far]).ok();
    env.ctr(["push", &far]).ok();
    let pushed = manifest(&elsewhere, "x", "1");
    assert_eq!(layer_digest(&pushed), one.layers[0].digest());
    assert_eq!(
        pushed["layers"][0]["mediaType"],
        "application/vnd.oci.image.layer.v1.tar+gzip"
    );
    assert_eq!(
        pushed["config"]["digest"],
        two.config_blob().digest().as_str()
    );
    // The registry it came from has the blob, so the image is what it was.
    let near = registry.name("three:1");
    env.ctr(["tag", &registry.name("two:1"), &near]).ok();
    env.ctr(["push", &near]).ok();
    assert_eq!(registry.manifest("three", "1").unwrap(), two.manifest());
}

fn names_that_are_not_there(env: &TestEnv) {
    let registry = Registry::start();
    env.ctr(["push", &registry.name("nosuch")])
        .run()
        .exits(1)
        .stdout("")
        .stderr_has(&format!(
            "An image does not exist locally with the tag: {}",
            registry.name("nosuch")
        ));
    registry.push("x", "1", &large(10));
    env.ctr(["pull", &registry.name("x:1")]).ok();
    env.ctr(["push", &registry.name("x:2")])
        .run()
        .exits(1)
        .stderr_has(&format!("tag does not exist: {}", registry.name("x:2")));
    let by_digest = registry.name(&format!("x@{}", large(10).manifest().digest()));
    env.ctr(["push", &by_digest])
        .run()
        .exits(1)
        .stderr_has("cannot push a digest reference");
}

fn asks_for_what_it_needs(env: &TestEnv) {
    let registry = Registry::start();
    let elsewhere = Registry::start();
    elsewhere.push("y", "1", &large(2 << 20));
    env.ctr(["pull", &elsewhere.name("y:1")]).ok();
    let name = registry.name("y:1");
    env.ctr(["tag", &elsewhere.name("y:1"), &name]).ok();
    registry.require(Auth::Bearer("joe", "word"));
    env.ctr(["push", &name])
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("unauthorized");
    docker_config(
        env,
        &serde_json::json!({ "auths": { registry.host(): login("joe", "word") } }),
    );
    registry.take_requests();
    env.ctr(["push", &name]).ok();
    let requests = registry.take_requests();
    let tokens: Vec<_> = requests
        .iter()
        .filter(|r| r.path.starts_with("/token"))
        .collect();
    assert_eq!(tokens.len(), 1, "one token serves all requests");
    assert!(
        tokens[0]
            .path
            .contains("scope=repository%3Ay%3Apull%2Cpush"),
        "{}",
        tokens[0].path
    );
}

fn a_pushed_image_outlives_a_prune(env: &TestEnv) {
    let registry = Registry::start();
    let name = registry.name("box:1");
    import(env, &name);
    env.ctr(["push", &name]).ok();
    // Without its age, which grows.
    let list = [
        "images",
        "--format",
        "{{.Repository}} {{.Tag}} {{.Digest}} {{.ID}}",
    ];
    let before = env.ctr(list).ok().out();
    assert!(before.contains("sha256:"), "{before}");
    env.ctr("image prune -f").ok();
    assert_eq!(env.ctr(list).ok().out(), before);
    env.ctr("system check").ok();
    // With its last tag it goes, digest and all.
    env.ctr(["rmi", &name]).ok().stdout_has("Untagged: ");
    assert_eq!(refs(env), [""; 0]);
    env.ctr("images -aq").ok().stdout("");
}

fn the_test_registry_takes_a_foreign_client() {
    let registry = Registry::start();
    let image = TestImage::new(Family::Oci).file("f", &noise(300_000), Packing::Gzip);
    let digest = registry.push("from", "1", &image);
    let status = std::process::Command::new("skopeo")
        .args([
            "copy",
            "-q",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
        ])
        .arg(format!("docker://{}", registry.name("from:1")))
        .arg(format!("docker://{}", registry.name("to:1")))
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(registry.manifest("to", "1").unwrap().digest(), digest);
}

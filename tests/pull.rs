//! `ctr pull` against a registry in this process: what it asks for, what it believes, what it says when things go wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::image::{
    Content, Family, Packing, TestImage, digest, foreign_architecture, host_architecture, index,
    noise,
};
use crate::support::registry::{Auth, Fault, Registry};
use crate::support::{Finished, Need, Scenario, TestEnv, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(by_tag_then_up_to_date_then_by_digest).needs(Need::Busybox),
        scenario!(a_moved_tag_is_pulled_again),
        scenario!(quiet_prints_the_reference_only),
        scenario!(every_packing_of_both_families),
        scenario!(layers_under_the_wrong_media_type),
        scenario!(the_platform_of_an_index),
        scenario!(an_index_in_an_index),
        scenario!(the_same_layer_twice),
        scenario!(basic_authentication),
        scenario!(bearer_tokens),
        scenario!(identity_tokens),
        scenario!(tokens_that_expire_meanwhile),
        scenario!(logins_of_podman_and_of_helpers),
        scenario!(credentials_stay_with_their_registry),
        scenario!(a_cut_download_goes_on),
        scenario!(a_cut_download_goes_on_in_a_later_run),
        scenario!(a_server_that_ignores_range),
        scenario!(a_partial_file_that_went_bad),
        scenario!(a_killed_pull_goes_on),
        scenario!(transient_answers_are_waited_out),
        scenario!(a_long_retry_after_is_not_waited_for),
        scenario!(wrong_content_is_refused),
        scenario!(wrong_sizes_are_refused),
        scenario!(wrong_diff_ids_are_refused),
        scenario!(manifests_that_are_none),
        scenario!(unknown_names_in_dockers_words),
        scenario!(what_a_registry_says_is_made_printable),
        scenario!(two_pulls_share_the_work),
        scenario!(a_full_disk_leaves_no_image),
        scenario!(a_loopback_registry_may_speak_tls),
        scenario!(https_through_a_proxy_by_trusted_certificates_only),
        once!(a_stalled_download_goes_on),
        once!(the_test_registry_serves_a_foreign_client),
    ]
}

/// Names of everything under `refs/`.
fn refs(env: &TestEnv) -> Vec<String> {
    fn walk(directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&env.data().join("ctr/refs"), &mut found);
    found.sort();
    found
}

/// A file of the unpacked layer whose tar is `tar`.
fn in_layer(env: &TestEnv, tar: &[u8], path: &str) -> PathBuf {
    let diff_id = digest(tar);
    let hex = diff_id.strip_prefix("sha256:").expect("a sha256 digest");
    let layer = env.data().join("ctr/layers").join(hex).join("diff");
    layer.join(path)
}

#[track_caller]
fn assert_unpacked(env: &TestEnv, image: &TestImage) {
    for tar in &image.tars {
        let directory = in_layer(env, tar, "");
        assert!(directory.is_dir(), "{} is missing", directory.display());
    }
}

/// An image of one layer that does not compress, so that its blob is about as large as said.
fn large(bytes: usize) -> TestImage {
    TestImage::new(Family::Oci).file("noise", &noise(bytes), Packing::Gzip)
}

fn blob_of(image: &TestImage) -> String {
    format!("blobs/{}", image.layers[0].digest())
}

/// Writes `~/.docker/config.json`.
fn docker_config(env: &TestEnv, config: &Value) {
    user_file(
        env,
        &env.home().join(".docker/config.json"),
        &config.to_string(),
        0o600,
    );
}

fn user_file(env: &TestEnv, path: &Path, content: &str, mode: u32) {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let parent = path.parent().expect("a file in a directory");
    fs::create_dir_all(parent).expect("a directory of the user");
    fs::write(path, content).expect("a file of the user");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of ours");
    for path in [parent, path] {
        // Where the tests are not root, it is the user's already.
        let _ = chown(path, Some(env.user().uid), Some(env.user().gid));
    }
}

fn login(user: &str, password: &str) -> Value {
    json!({ "auth": STANDARD.encode(format!("{user}:{password}")) })
}

#[track_caller]
fn pull_fails(env: &TestEnv, name: &str, words: &str) -> Finished {
    let finished = env.ctr(["pull", name]).run().exits(1).stdout("");
    let finished = finished.stderr_has(words);
    assert_eq!(refs(env), [""; 0], "a failed pull left a name");
    finished
}

fn by_tag_then_up_to_date_then_by_digest(env: &TestEnv) {
    let registry = Registry::start();
    let image = TestImage::busybox();
    let digest = registry.push("box", "1", &image);
    let name = registry.name("box:1");
    let layer = &image.layers[0].digest()[7..19];
    env.ctr(["pull", &name])
        .ok()
        .stdout(&format!("{name}\n"))
        .stderr_has("1: Pulling from box\n")
        .stderr_has(&format!("{layer}: Pulling fs layer\n"))
        .stderr_has(&format!("{layer}: Pull complete\n"))
        .stderr_has(&format!("Digest: {digest}\n"))
        .stderr_has(&format!("Status: Downloaded newer image for {name}\n"));
    assert_unpacked(env, &image);
    assert_eq!(refs(env), [":1".to_owned(), format!("@{digest}")]);

    registry.take_requests();
    env.ctr(["pull", &name])
        .ok()
        .stdout(&format!("{name}\n"))
        .stderr_has(&format!("Status: Image is up to date for {name}\n"));
    let asked = registry.take_requests();
    let asked: Vec<_> = asked
        .iter()
        .map(|r| (r.method.as_str(), r.path.as_str()))
        .collect();
    assert_eq!(asked, [("HEAD", "/v2/box/manifests/1")]);

    let by_digest = registry.name(&format!("box@{digest}"));
    env.ctr(["pull", &by_digest])
        .ok()
        .stdout(&format!("{by_digest}\n"))
        .stderr_has("Image is up to date");
    // Content has no other name than its digest; there is nothing to ask.
    assert_eq!(registry.take_requests().len(), 0);
}

fn a_moved_tag_is_pulled_again(env: &TestEnv) {
    let registry = Registry::start();
    let base = TestImage::new(Family::Oci).file("base", b"base", Packing::Gzip);
    registry.push("x", "latest", &base);
    env.ctr(["pull", &registry.name("x")])
        .ok()
        .stderr_has("Using default tag: latest\n");
    registry.take_requests();
    let newer = base.clone().file("more", b"more", Packing::Gzip);
    registry.push("x", "latest", &newer);
    env.ctr(["pull", &registry.name("x")])
        .ok()
        .stderr_has("Downloaded newer image")
        .stderr_has(&format!(
            "{}: Already exists",
            &base.layers[0].digest()[7..19]
        ));
    assert_unpacked(env, &newer);
    assert_eq!(
        registry.count(&blob_of(&base)),
        0,
        "a known layer was fetched"
    );
}

fn quiet_prints_the_reference_only(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(10));
    let name = registry.name("x");
    env.ctr(["pull", "-q", &name])
        .ok()
        .stdout(&format!("{name}:latest\n"))
        .stderr("");
}

fn every_packing_of_both_families(env: &TestEnv) {
    let registry = Registry::start();
    for (family, name) in [(Family::Oci, "oci"), (Family::Docker, "docker")] {
        let image = TestImage::new(family)
            .file("plain", name.as_bytes(), Packing::Plain)
            .file("gzip", name.as_bytes(), Packing::Gzip)
            .file("zstd", name.as_bytes(), Packing::Zstd);
        registry.push(name, "v", &image);
        env.ctr(["pull", &registry.name(&format!("{name}:v"))]).ok();
        for (tar, file) in image.tars.iter().zip(["plain", "gzip", "zstd"]) {
            let content = fs::read(in_layer(env, tar, file)).unwrap();
            assert_eq!(content, name.as_bytes());
        }
    }
}

/// Docker and podman look at the content (moby pkg/archive, DetectCompression), and such layers are about.
fn layers_under_the_wrong_media_type(env: &TestEnv) {
    let registry = Registry::start();
    let mut image = TestImage::new(Family::Docker)
        .file("a", b"a", Packing::Zstd)
        .file("b", b"b", Packing::Plain);
    for layer in &mut image.layers {
        layer.media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip".into();
    }
    registry.push("x", "latest", &image);
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
}

fn the_platform_of_an_index(env: &TestEnv) {
    let registry = Registry::start();
    let foreign = format!("linux/{}", foreign_architecture());
    for family in [Family::Oci, Family::Docker] {
        let ours = TestImage::new(family).file("ours", b"ours", Packing::Gzip);
        let theirs = TestImage::new(family)
            .file("theirs", b"theirs", Packing::Gzip)
            .for_platform(&foreign);
        let name = format!("{family:?}").to_lowercase();
        registry.push(&name, "", &ours);
        registry.push(&name, "", &theirs);
        let index = index(family, &[&theirs, &ours]);
        registry.put_manifest(&name, "latest", &index);
        registry.take_requests();
        env.ctr(["pull", &registry.name(&name)])
            .ok()
            .stderr_has(&format!("Digest: {}", index.digest()));
        assert_unpacked(env, &ours);
        let wanted = format!("manifests/{}", theirs.manifest().digest());
        assert_eq!(registry.count(&wanted), 0);

        env.ctr(["pull", "--platform", &foreign, &registry.name(&name)])
            .ok();
        assert_unpacked(env, &theirs);
        assert_eq!(registry.count(&wanted), 1);
        env.ctr([
            "pull",
            "--platform",
            "linux/mips64le",
            &registry.name(&name),
        ])
        .run()
        .exits(1)
        .stderr_has("no matching manifest for linux/mips64le in the manifest list entries");
    }
    registry.push("single", "latest", &large(100));
    env.ctr(["pull", "--platform", &foreign, &registry.name("single")])
        .run()
        .exits(1)
        .stderr_has("does not match the specified platform")
        .stderr_has(&format!("actual: linux/{}", host_architecture()));
}

fn an_index_in_an_index(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(100);
    registry.push("x", "", &image);
    let mut document = index(Family::Oci, &[&image]);
    for _ in 0..3 {
        registry.put_manifest("x", "latest", &document);
        let outer = json!({
            "schemaVersion": 2,
            "mediaType": document.media_type,
            "manifests": [document.descriptor()],
        });
        document.bytes = outer.to_string().into_bytes();
    }
    registry.put_manifest("x", "latest", &document);
    env.ctr(["pull", &registry.name("x")]).ok();
    for depth in 0..10 {
        let outer = json!({
            "schemaVersion": 2,
            "mediaType": document.media_type,
            "manifests": [document.descriptor()],
        });
        document.bytes = outer.to_string().into_bytes();
        registry.put_manifest("x", &format!("deep{depth}"), &document);
    }
    env.ctr(["pull", &registry.name("x:deep9")])
        .run()
        .exits(1)
        .stderr_has("nested deeper than");
}

fn the_same_layer_twice(env: &TestEnv) {
    let registry = Registry::start();
    let image = TestImage::new(Family::Oci)
        .file("a", b"a", Packing::Gzip)
        .file("b", b"b", Packing::Gzip)
        .file("a", b"a", Packing::Gzip);
    registry.push("x", "latest", &image);
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_eq!(registry.count(&blob_of(&image)), 1);
}

fn basic_authentication(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(100);
    registry.push("x", "latest", &image);
    registry.require(Auth::Basic("joe", "secret:word"));
    let name = registry.name("x");
    pull_fails(env, &name, "no basic auth credentials");
    docker_config(
        env,
        &json!({ "auths": { registry.host(): login("joe", "wrong-word") } }),
    );
    let failed = pull_fails(env, &name, "unauthorized: authentication required");
    assert!(!failed.err().contains("wrong-word"), "{failed}");
    docker_config(
        env,
        &json!({ "auths": { registry.host(): login("joe", "secret:word") } }),
    );
    env.ctr(["pull", &name]).ok();
    assert_unpacked(env, &image);
}

fn bearer_tokens(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(100);
    registry.push("x", "latest", &image);
    let name = registry.name("x");
    registry.require(Auth::Bearer("joe", "word"));
    pull_fails(env, &name, "unauthorized: incorrect username or password");
    docker_config(
        env,
        &json!({ "auths": { registry.host(): login("joe", "word") } }),
    );
    registry.take_requests();
    env.ctr(["pull", &name]).ok();
    let requests = registry.take_requests();
    let tokens: Vec<_> = requests
        .iter()
        .filter(|r| r.path.starts_with("/token"))
        .collect();
    assert_eq!(tokens.len(), 1, "one token serves all requests");
    for part in ["service=test", "scope=repository%3Ax%3Apull", "account=joe"] {
        assert!(tokens[0].path.contains(part), "{}", tokens[0].path);
    }

    registry.push("y", "latest", &image);
    registry.require(Auth::BearerAnonymous);
    docker_config(env, &json!({}));
    env.ctr(["pull", &registry.name("y")]).ok();
}

fn identity_tokens(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(100));
    registry.require(Auth::BearerIdentity("refresh-me"));
    let mut auth = login("00000000-0000-0000-0000-000000000000", "");
    auth["identitytoken"] = "refresh-me".into();
    docker_config(env, &json!({ "auths": { registry.host(): auth } }));
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_eq!(registry.count("POST /token"), 1);
}

fn tokens_that_expire_meanwhile(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(1000);
    registry.push("x", "latest", &image);
    registry.require(Auth::BearerAnonymous);
    registry.fail(&blob_of(&image), 1, Fault::ForgetTokens);
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_eq!(registry.count("/token"), 2);
}

fn logins_of_podman_and_of_helpers(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(100);
    registry.require(Auth::Basic("joe", "word"));
    for name in ["podman", "helper", "store"] {
        registry.push(name, "latest", &image);
    }
    let podman = env.runtime().join("containers/auth.json");
    let auths = json!({ "auths": { registry.name("podman"): login("joe", "word") } });
    user_file(env, &podman, &auths.to_string(), 0o600);
    env.ctr(["pull", &registry.name("podman")]).ok();
    // The login is for that repository only.
    env.ctr(["pull", &registry.name("helper")])
        .run()
        .exits(1)
        .stderr_has("no basic auth credentials");

    let script = "#!/bin/sh\nread -r server; echo \"$1 $server\" >&2\n\
        echo '{\"ServerURL\":\"x\",\"Username\":\"joe\",\"Secret\":\"word\"}'\n";
    let programs = env.work().join("bin");
    user_file(env, &programs.join("docker-credential-fake"), script, 0o755);
    let path = format!("{}:/usr/bin:/bin", programs.display());
    for (name, config) in [
        (
            "helper",
            json!({ "credHelpers": { registry.host(): "fake" } }),
        ),
        ("store", json!({ "credsStore": "fake" })),
    ] {
        docker_config(env, &config);
        env.ctr(["pull", &registry.name(name)])
            .env("PATH", &path)
            .ok()
            .stderr_has(&format!("get {}\n", registry.host()));
    }
    docker_config(env, &json!({ "credsStore": "nosuch" }));
    registry.push("third", "latest", &image);
    env.ctr(["pull", &registry.name("third")])
        .run()
        .exits(1)
        .stderr_has("docker-credential-nosuch")
        .stderr_has("executable file not found in $PATH");
}

/// Blobs live elsewhere for many registries, and elsewhere is not told the password.
fn credentials_stay_with_their_registry(env: &TestEnv) {
    let (registry, storage) = (Registry::start(), Registry::start());
    let image = large(100_000);
    registry.push("x", "latest", &image);
    storage.put_blob(&image.layers[0]);
    registry.require(Auth::Basic("joe", "word"));
    docker_config(
        env,
        &json!({ "auths": { registry.host(): login("joe", "word") } }),
    );
    let there = format!("http://{}/v2/y/{}?key=k", storage.host(), blob_of(&image));
    registry.fail(
        &blob_of(&image),
        1,
        Fault::Answer(307, vec![("Location", there)], String::new()),
    );
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
    let requests = storage.take_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("authorization"), "");

    // Nor does a storage server that asks for it get it.
    registry.push("z", "latest", &large(200_000));
    let other = large(200_000);
    storage.put_blob(&other.layers[0]);
    storage.require(Auth::Basic("joe", "word"));
    let there = format!("http://{}/v2/y/{}?key=k", storage.host(), blob_of(&other));
    registry.fail(
        &blob_of(&other),
        9,
        Fault::Answer(307, vec![("Location", there)], String::new()),
    );
    let failed = env.ctr(["pull", &registry.name("z")]).run().exits(1);
    assert!(
        !failed.err().contains("key=k"),
        "the query is a key\n{failed}"
    );
    for request in storage.take_requests() {
        assert_eq!(request.header("authorization"), "");
    }

    let loops = format!("/v2/x/{}", blob_of(&other));
    registry.heal();
    registry.fail(
        &blob_of(&other),
        99,
        Fault::Answer(307, vec![("Location", loops)], String::new()),
    );
    env.ctr(["pull", &registry.name("z")])
        .run()
        .exits(1)
        .stderr_has("too many redirects");
}

fn a_cut_download_goes_on(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(3_000_000);
    registry.push("x", "latest", &image);
    registry.fail(&blob_of(&image), 1, Fault::CutAfter(1_000_000));
    registry.fail(&blob_of(&image), 1, Fault::Hangup);
    env.ctr(["pull", &registry.name("x")])
        .ok()
        .stderr_has("Retrying in");
    assert_unpacked(env, &image);
    let requests = registry.take_requests();
    let ranges: Vec<_> = requests
        .iter()
        .filter(|request| request.path.contains(&blob_of(&image)))
        .map(|request| request.header("range"))
        .collect();
    assert_eq!(ranges, ["", "bytes=1000000-", "bytes=1000000-"]);
}

/// Lets a pull fail after so many bytes of its layer.
#[track_caller]
fn leave_partial(env: &TestEnv, registry: &Registry, image: &TestImage, bytes: usize) {
    registry.fail(&blob_of(image), 1, Fault::CutAfter(bytes));
    registry.fail(
        &blob_of(image),
        1,
        Fault::Answer(403, Vec::new(), String::new()),
    );
    pull_fails(env, &registry.name("x"), "pull access denied");
    registry.heal();
    registry.take_requests();
}

fn a_cut_download_goes_on_in_a_later_run(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(3_000_000);
    registry.push("x", "latest", &image);
    leave_partial(env, &registry, &image, 2_000_000);
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
    let requests = registry.take_requests();
    let blob = requests
        .iter()
        .find(|request| request.path.contains(&blob_of(&image)));
    assert_eq!(blob.unwrap().header("range"), "bytes=2000000-");
    let left = fs::read_dir(env.data().join("ctr/tmp")).unwrap().count();
    assert_eq!(left, 0, "something is left in tmp/");
}

fn a_server_that_ignores_range(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(3_000_000);
    registry.push("x", "latest", &image);
    leave_partial(env, &registry, &image, 2_000_000);
    registry.fail(&blob_of(&image), 9, Fault::IgnoreRange);
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
}

fn a_partial_file_that_went_bad(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(3_000_000);
    registry.push("x", "latest", &image);
    leave_partial(env, &registry, &image, 2_000_000);
    let partial = format!("blob-sha256-{}", &image.layers[0].digest()[7..]);
    let partial = env.data().join("ctr/tmp").join(partial);
    let mut bytes = fs::read(&partial).unwrap();
    bytes[1_000_000] ^= 1;
    fs::write(&partial, bytes).unwrap();
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
    let requests = registry.take_requests();
    let ranges: Vec<_> = requests
        .iter()
        .filter(|request| request.path.contains(&blob_of(&image)))
        .map(|request| request.header("range"))
        .collect();
    assert_eq!(
        ranges,
        ["bytes=2000000-", ""],
        "read on, found wrong, read again"
    );
}

fn a_killed_pull_goes_on(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(4_000_000);
    registry.push("x", "latest", &image);
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        registry.fail(&blob_of(&image), 1, Fault::StallAfter(2_000_000));
        let running = env.ctr(["pull", &registry.name("x")]).spawn();
        let partial = format!("blob-sha256-{}", &image.layers[0].digest()[7..]);
        let partial = env.data().join("ctr/tmp").join(partial);
        let start = Instant::now();
        while fs::metadata(&partial).map_or(0, |file| file.len()) < 2_000_000 {
            assert!(start.elapsed() < Duration::from_secs(30), "nothing comes");
            std::thread::sleep(Duration::from_millis(5));
        }
        running.signal(signal);
        let finished = running.wait();
        assert_ne!(finished.code(), 0);
        assert_eq!(refs(env), [""; 0]);
        registry.take_requests();
        if signal == Signal::SIGINT {
            break;
        }
    }
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
    let requests = registry.take_requests();
    let blob = requests
        .iter()
        .find(|request| request.path.contains(&blob_of(&image)));
    assert_eq!(blob.unwrap().header("range"), "bytes=2000000-");
}

fn transient_answers_are_waited_out(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(1000);
    registry.push("x", "latest", &image);
    let after = |seconds: &str| vec![("Retry-After", seconds.to_owned())];
    registry.fail(
        "manifests/latest",
        1,
        Fault::Answer(429, after("1"), String::new()),
    );
    registry.fail(
        "manifests/latest",
        1,
        Fault::Answer(503, Vec::new(), String::new()),
    );
    registry.fail(
        &blob_of(&image),
        1,
        Fault::Answer(500, Vec::new(), String::new()),
    );
    registry.fail(
        &blob_of(&image),
        1,
        Fault::Answer(429, Vec::new(), String::new()),
    );
    let start = Instant::now();
    env.ctr(["pull", &registry.name("x")]).ok();
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "Retry-After was not honoured"
    );
    assert_eq!(registry.count("manifests/latest"), 3);
    assert_eq!(registry.count(&blob_of(&image)), 3);
}

fn a_long_retry_after_is_not_waited_for(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(1000));
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}"#;
    let after = vec![("Retry-After", "21600".to_owned())];
    registry.fail(
        "manifests/latest",
        99,
        Fault::Answer(429, after, body.to_owned()),
    );
    pull_fails(
        env,
        &registry.name("x"),
        "toomanyrequests: You have reached your pull rate limit",
    );
    assert_eq!(registry.count("manifests/latest"), 1);
}

fn wrong_content_is_refused(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(100_000);
    let manifest = registry.push("x", "latest", &image);
    let layer = image.layers[0].digest();
    registry.fail(&blob_of(&image), 9, Fault::FlipBit(50_000));
    pull_fails(
        env,
        &registry.name("x"),
        &format!("filesystem layer verification failed for digest {layer}"),
    );
    let left = fs::read_dir(env.data().join("ctr/tmp")).unwrap().count();
    assert_eq!(left, 0, "wrong content was kept");
    registry.heal();

    // Content that is right for its digest, but no archive.
    let mut garbage = image.clone();
    garbage.layers[0].bytes = noise(1000);
    registry.push("garbage", "latest", &garbage);
    pull_fails(env, &registry.name("garbage"), &garbage.layers[0].digest());

    // An archive that is cut, with the right digest for that.
    let mut cut = image.clone();
    cut.layers[0].bytes.truncate(50_000);
    registry.push("cut", "latest", &cut);
    pull_fails(env, &registry.name("cut"), &cut.layers[0].digest());

    registry.fail("GET /v2/x/manifests", 9, Fault::Replace(b"{}".to_vec()));
    pull_fails(
        env,
        &registry.name(&format!("x@{manifest}")),
        &format!("manifest verification failed for digest {manifest}"),
    );
    registry.heal();
    let config = image.config_blob().digest();
    registry.fail(&config, 9, Fault::FlipBit(5));
    pull_fails(
        env,
        &registry.name("x"),
        &format!("image config verification failed for digest {config}"),
    );
    registry.heal();
    env.ctr(["pull", &registry.name("x")]).ok();
}

fn wrong_sizes_are_refused(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(100_000);
    registry.push("x", "latest", &image);
    for change in [-1_i64, 1, 1_000_000] {
        let mut manifest: Value = serde_json::from_slice(&image.manifest().bytes).unwrap();
        let size = image.layers[0].bytes.len() as i64;
        manifest["layers"][0]["size"] = (size + change).into();
        let manifest = Content {
            bytes: manifest.to_string().into_bytes(),
            ..image.manifest()
        };
        registry.put_manifest("x", "lies", &manifest);
        pull_fails(
            env,
            &registry.name("x:lies"),
            &format!("expected {} bytes, got {size}", size + change),
        );
    }
    // A body that is shorter than its own Content-Length is a cut one, and there is no more to be had.
    registry.fail(&blob_of(&image), 99, Fault::LongerLength(10));
    pull_fails(
        env,
        &registry.name("x"),
        &format!("got {}", image.layers[0].bytes.len() + 10),
    );
    registry.heal();
    env.ctr(["pull", &registry.name("x")]).ok();
}

fn wrong_diff_ids_are_refused(env: &TestEnv) {
    let registry = Registry::start();
    let mut image = large(1000);
    image.tars[0] = b"another tar".to_vec();
    registry.push("x", "latest", &image);
    pull_fails(
        env,
        &registry.name("x"),
        "layers from manifest don't match image configuration",
    );
    let mut image = large(1000);
    image.tars.push(b"one too many".to_vec());
    registry.push("y", "latest", &image);
    pull_fails(
        env,
        &registry.name("y"),
        "layers from manifest don't match image configuration: the manifest has 1, the configuration 2",
    );
    assert_eq!(
        registry.count(&blob_of(&image)),
        1,
        "asked for what cannot be right"
    );
}

fn manifests_that_are_none(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(1000);
    let good: Value = serde_json::from_slice(&image.manifest().bytes).unwrap();
    let with = |path: &str, value: Value| {
        let mut manifest = good.clone();
        *manifest.pointer_mut(path).unwrap() = value;
        manifest.to_string().into_bytes()
    };
    let many = vec![image.layers[0].descriptor(); 10_000];
    let mut large = good.to_string().into_bytes();
    large.resize(5 << 20, b' ');
    for (name, bytes, words) in [
        ("json", b"<html>".to_vec(), "invalid manifest"),
        ("list", b"[]".to_vec(), "invalid manifest"),
        (
            "schema1",
            with("/schemaVersion", 1.into()),
            "schema version 1",
        ),
        (
            "layers",
            with("/layers", many.into()),
            "10000 entries, more than the 127 allowed",
        ),
        (
            "digest",
            with("/layers/0/digest", "sha256:../..".into()),
            "layers[0].digest",
        ),
        (
            "size",
            with("/layers/0/size", (-1).into()),
            "layers[0].size",
        ),
        ("shape", with("/config", "x".into()), "config"),
        (
            "type",
            with("/layers/0/mediaType", "text/x-layer".into()),
            "unsupported layer media type",
        ),
        (
            "artifact",
            with("/config/mediaType", "application/x".into()),
            "not a container image",
        ),
        ("large", large, "larger than"),
    ] {
        let content = Content {
            bytes,
            ..image.manifest()
        };
        registry.put_manifest("bad", name, &content);
        pull_fails(env, &registry.name(&format!("bad:{name}")), words);
    }
    assert_eq!(
        registry.count("blobs/"),
        0,
        "something was fetched all the same"
    );
}

fn unknown_names_in_dockers_words(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(10));
    let name = registry.name("x:nosuch");
    pull_fails(
        env,
        &name,
        &format!("Error: manifest for {name} not found: manifest unknown"),
    );
    let body =
        r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    registry.fail(
        "/v2/secret/",
        9,
        Fault::Answer(401, Vec::new(), body.into()),
    );
    // Without a challenge there is no way to show anything.
    pull_fails(env, &registry.name("secret"), "no basic auth credentials");
    registry.heal();
    registry.fail(
        "/v2/secret/",
        9,
        Fault::Answer(403, Vec::new(), body.into()),
    );
    pull_fails(
        env,
        &registry.name("secret"),
        &format!(
            "pull access denied for {}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            registry.name("secret")
        ),
    );
    let host = registry.host();
    drop(registry);
    let start = Instant::now();
    pull_fails(env, &format!("{host}/x"), "Connection refused");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "a registry that is not there is waited for"
    );
    pull_fails(env, "Not/Valid", "invalid reference format");
}

fn what_a_registry_says_is_made_printable(env: &TestEnv) {
    let registry = Registry::start();
    let long = "x".repeat(100_000);
    for (at, body) in [
        (
            "a",
            json!({ "errors": [{ "code": "X", "message": "\u{1b}]0;title\u{7}\u{1b}[2Jline\nnext\u{202e}" }] }),
        ),
        (
            "b",
            json!({ "errors": [{ "code": long, "message": long }] }),
        ),
    ] {
        registry.fail(
            &format!("/v2/{at}/"),
            9,
            Fault::Answer(400, Vec::new(), body.to_string()),
        );
        let failed = env.ctr(["pull", &registry.name(at)]).run().exits(1);
        let text = failed.err();
        assert!(text.len() < 2000, "{} bytes of error", text.len());
        let odd = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(odd, None, "{failed}");
    }
}

fn two_pulls_share_the_work(env: &TestEnv) {
    let registry = Registry::start();
    let mut image = TestImage::new(Family::Oci);
    for layer in 0..6_u8 {
        let mut content = noise(1 << 20);
        content[0] = layer;
        image = image.file("noise", &content, Packing::Gzip);
    }
    registry.push("x", "latest", &image);
    registry.push("y", "latest", &image);
    registry.fail("blobs/", 99, Fault::Slow(Duration::from_millis(10)));
    let pulls = ["x", "x", "y", "x"].map(|name| env.ctr(["pull", &registry.name(name)]).spawn());
    for pull in pulls {
        pull.wait().exits(0);
    }
    assert_unpacked(env, &image);
    for layer in &image.layers {
        assert_eq!(
            registry.count(&layer.digest()),
            1,
            "a layer was fetched twice"
        );
    }
    let left = fs::read_dir(env.data().join("ctr/tmp")).unwrap().count();
    assert_eq!(left, 0, "something is left in tmp/");
}

/// In a mount namespace with a store of four megabytes.
fn a_full_disk_leaves_no_image(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("large", "latest", &large(6_000_000));
    registry.push("small", "latest", &large(1000));
    let unshare = if env.user().uid == 0 {
        "unshare -m"
    } else {
        "unshare -rm"
    };
    let script = format!(
        "exec {unshare} sh -c '
        mount -t tmpfs -o size=4m none \"$XDG_DATA_HOME\" || exit 77
        {{ctr}} pull -q {large} && exit 1
        test -z \"$(find \"$XDG_DATA_HOME/ctr/refs\" -type f)\" || exit 2
        rm -rf \"$XDG_DATA_HOME\"/ctr/tmp/*
        {{ctr}} pull -q {small} || exit 3'",
        large = registry.name("large"),
        small = registry.name("small"),
    );
    let finished = env.script(&script).run();
    if finished.code() == 77 {
        // No mount namespace for this user here; the other kinds of user show it.
        return;
    }
    finished.exits(0).stderr_has("No space left on device");
}

/// Docker takes loopback for insecure: either scheme, any certificate (moby registry/config.go, 127.0.0.0/8).
fn a_loopback_registry_may_speak_tls(env: &TestEnv) {
    let registry = Registry::start_tls();
    let image = large(100_000);
    registry.push("x", "latest", &image);
    registry.require(Auth::Basic("joe", "word"));
    docker_config(
        env,
        &json!({ "auths": { registry.host(): login("joe", "word") } }),
    );
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
}

fn https_through_a_proxy_by_trusted_certificates_only(env: &TestEnv) {
    let registry = Registry::start_tls();
    let image = large(100_000);
    registry.push("x", "latest", &image);
    let proxy = format!("http://{}", registry.host());
    let name = "registry.test/x";
    env.ctr(["pull", name])
        .env("HTTPS_PROXY", &proxy)
        .run()
        .exits(1)
        .stderr_has("invalid peer certificate: UnknownIssuer");
    assert_eq!(refs(env), [""; 0]);
    assert!(registry.count("CONNECT registry.test:443") > 0);
    assert_eq!(
        registry.count("GET"),
        0,
        "something was asked of a stranger"
    );

    let ca = include_str!("testfiles/tls/ca.crt");
    let trusted = env.file("ca.crt", ca);
    env.ctr(["pull", name])
        .env("https_proxy", &proxy)
        .env("SSL_CERT_FILE", &trusted)
        .ok()
        .stdout("registry.test/x:latest\n");
    assert_unpacked(env, &image);

    let newer = large(50_000);
    registry.push("x", "latest", &newer);
    let own = env.config().join("ctr/certs.d/registry.test/ca.crt");
    user_file(env, &own, ca, 0o644);
    env.ctr(["pull", name]).env("HTTPS_PROXY", &proxy).ok();
    assert_unpacked(env, &newer);

    // What NO_PROXY names is not asked of the proxy, and there is no such host.
    registry.take_requests();
    registry.push("x", "latest", &large(60_000));
    env.ctr(["pull", name])
        .env("HTTPS_PROXY", &proxy)
        .env("NO_PROXY", "example.com,.test")
        .run()
        .exits(1);
    assert_eq!(registry.take_requests().len(), 0);
}

/// Below the command line, where a time-out of 30 seconds can be made shorter.
fn a_stalled_download_goes_on() {
    use ctr::registry::{Credentials, Feed, Piece, Session, Timing, Wanted};
    let registry = Registry::start();
    let image = large(1_000_000);
    registry.push("x", "latest", &image);
    registry.fail(&blob_of(&image), 1, Fault::StallAfter(300_000));
    let nowhere = PathBuf::from("/nonexistent");
    let settings = ctr::settings::Settings {
        data_dir: nowhere.clone(),
        run_dir: nowhere.clone(),
        config_dir: nowhere.clone(),
        docker_config_dir: nowhere,
        auth_files: Vec::new(),
        proxies: Vec::new(),
        path: String::new(),
        user_name: String::new(),
        uid: 0,
        gid: 0,
    };
    let timing = Timing {
        stall: Duration::from_millis(300),
        ..Timing::default()
    };
    let reference = registry.name("x").parse().unwrap();
    let session = Session::open(&reference, Credentials::Anonymous, &settings, timing).unwrap();
    let wanted = [Wanted {
        digest: image.layers[0].digest().parse().unwrap(),
        size: image.layers[0].bytes.len() as u64,
    }];
    let came = std::sync::Mutex::new((Vec::new(), 0));
    let receive = |_: usize, mut feed: Feed| {
        feed.start(0);
        loop {
            let mut came = came.lock().unwrap();
            match feed.piece()? {
                Piece::Bytes(bytes) => came.0.extend_from_slice(&bytes),
                Piece::Retrying(_) => came.1 += 1,
                Piece::End => return Ok::<(), ctr::registry::Error>(()),
            }
        }
    };
    session.download(&wanted, &receive).unwrap();
    let (bytes, retries) = came.into_inner().unwrap();
    assert!(bytes == image.layers[0].bytes, "other bytes");
    assert_eq!(retries, 1);
}

/// The registry of these tests is tested by a client that knows nothing of it.
fn the_test_registry_serves_a_foreign_client() {
    use oci_client::client::{ClientConfig, ClientProtocol};
    use oci_client::secrets::RegistryAuth;
    // oci-client takes the provider of TLS from the process; somebody else may have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = Registry::start();
    let image = large(100_000);
    registry.push("x", "latest", &image);
    registry.require(Auth::Bearer("joe", "word"));
    let client = oci_client::Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let reference: oci_client::Reference = registry.name("x:latest").parse().unwrap();
    let auth = RegistryAuth::Basic("joe".into(), "word".into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let accepted = vec![image.layers[0].media_type.as_str()];
    let pulled = runtime.block_on(client.pull(&reference, &auth, accepted));
    let pulled = pulled.unwrap();
    assert!(pulled.layers[0].data[..] == image.layers[0].bytes[..]);
    assert_eq!(pulled.digest, Some(image.manifest().digest()));
}

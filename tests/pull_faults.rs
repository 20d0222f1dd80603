//! Pulls from a registry that fails or lies: what is tried again, what is resumed, what is refused.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::image::{Content, TestImage, noise};
use crate::support::pulling::{assert_unpacked, blob_of, in_layer, large, pull_fails, refs};
use crate::support::registry::{Fault, Registry};
use crate::support::{Scenario, TestEnv, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(a_cut_download_goes_on),
        scenario!(a_cut_download_goes_on_in_a_later_run),
        scenario!(a_server_that_ignores_range),
        scenario!(a_partial_file_that_went_bad),
        scenario!(a_stored_blob_that_went_bad),
        scenario!(a_killed_pull_goes_on),
        scenario!(a_pull_ends_with_the_run_that_wants_it),
        scenario!(transient_answers_are_waited_out),
        scenario!(a_long_retry_after_is_not_waited_for),
        scenario!(wrong_content_is_refused),
        scenario!(wrong_sizes_are_refused),
        scenario!(wrong_diff_ids_are_refused),
        scenario!(manifests_that_are_none),
        scenario!(what_a_registry_says_is_made_printable),
        scenario!(a_full_disk_leaves_no_image),
        once!(a_stalled_download_goes_on),
    ]
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

fn a_stored_blob_that_went_bad(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(3_000_000);
    registry.push("x", "latest", &image);
    env.ctr(["pull", &registry.name("x")]).ok();
    // The layer is gone, so that its blob is needed again; and the blob has changed under its name.
    let layer = in_layer(env, &image.tars[0], "");
    fs::remove_dir_all(layer.parent().unwrap()).unwrap();
    let hex = &image.layers[0].digest()[7..];
    let blob = env.data().join("ctr/blobs/sha256").join(hex);
    let right = fs::read(&blob).unwrap();
    let mut wrong = right.clone();
    wrong[1_000_000] ^= 1;
    fs::write(&blob, wrong).unwrap();
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
    assert_eq!(fs::read(&blob).unwrap(), right);
    assert_eq!(registry.count(&blob_of(&image)), 2);
}

fn a_killed_pull_goes_on(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(4_000_000);
    registry.push("x", "latest", &image);
    let partial = format!("blob-sha256-{}", &image.layers[0].digest()[7..]);
    let partial = env.data().join("ctr/tmp").join(partial);
    for (signal, bytes) in [(Signal::SIGKILL, 1_000_000), (Signal::SIGINT, 2_000_000)] {
        registry.fail(&blob_of(&image), 1, Fault::StallAfter(1_000_000));
        let running = env.ctr(["pull", &registry.name("x")]).spawn();
        env.until(|| fs::metadata(&partial).is_ok_and(|file| file.len() == bytes));
        running.signal(signal);
        let finished = running.wait();
        assert_ne!(finished.code(), 0);
        assert_eq!(refs(env), [""; 0]);
        registry.take_requests();
    }
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
    let requests = registry.take_requests();
    let blob = requests
        .iter()
        .find(|request| request.path.contains(&blob_of(&image)));
    assert_eq!(blob.unwrap().header("range"), "bytes=2000000-");
}

fn a_pull_ends_with_the_run_that_wants_it(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(4_000_000);
    registry.push("x", "latest", &image);
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        registry.fail(&blob_of(&image), 1, Fault::StallAfter(1_000_000));
        let running = env.ctr(["run", "--rm", &registry.name("x")]).spawn();
        env.until(|| registry.count(&blob_of(&image)) > 0);
        running.signal(signal);
        running.wait().exits(128 + signal as i32);
        env.until(|| env.processes().is_empty());
        registry.take_requests();
    }
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
    finished.exits(0).stderr_has("no space left on device");
}

/// Below the command line, where a time-out of 30 seconds can be made shorter.
fn a_stalled_download_goes_on() {
    use ctr::registry::{Access, Credentials, Feed, Piece, Session, Timing, Wanted};
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
        home_dir: None,
        auth_files: Vec::new(),
        registries: Default::default(),
        proxies: Vec::new(),
        session_dir: PathBuf::new(),
        path: String::new(),
        user_name: String::new(),
        uid: 0,
        gid: 0,
    };
    let timing = Timing {
        stall: Duration::from_secs(2),
        ..Timing::default()
    };
    let reference = registry.name("x").parse().unwrap();
    let session = Session::open(
        &reference,
        Access::Pull,
        Credentials::Anonymous,
        &settings,
        timing,
    )
    .unwrap();
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
    // On a busy machine an answer may come too late once more.
    assert!(retries >= 1, "it did not stall");
    assert!(registry.count("GET") >= 2);
}

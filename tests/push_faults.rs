//! `ctr push` to a registry that fails: what is tried again, what goes on where it was, what is given up.

use crate::support::image::{Family, Packing, TestImage, noise};
use crate::support::registry::{Auth, Fault, Registry};
use crate::support::{Finished, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(an_upload_that_is_cut_goes_on),
        scenario!(an_upload_that_is_forgotten_begins_anew),
        scenario!(what_passes_is_tried_again),
        scenario!(what_does_not_pass_is_not),
        scenario!(tokens_that_expire_meanwhile),
        scenario!(a_mount_that_is_refused_is_an_upload),
    ]
}

const SIZE: usize = 3 << 20;

/// An image in the store, named for `registry`.
fn prepare(env: &TestEnv, registry: &Registry) -> (String, TestImage) {
    let elsewhere = Registry::start();
    let image = TestImage::new(Family::Oci).file("noise", &noise(SIZE), Packing::Gzip);
    elsewhere.push("x", "1", &image);
    env.ctr(["pull", &elsewhere.name("x:1")]).ok();
    let name = registry.name("x:1");
    env.ctr(["tag", &elsewhere.name("x:1"), &name]).ok();
    (name, image)
}

#[track_caller]
fn arrives(env: &TestEnv, registry: &Registry, name: &str, image: &TestImage) -> Finished {
    let finished = env.ctr(["push", name]).ok();
    assert_eq!(registry.manifest("x", "1").unwrap(), image.manifest());
    let blob = registry.blob(&image.layers[0].digest()).unwrap();
    assert!(blob == image.layers[0].bytes, "other bytes");
    finished
}

fn an_upload_that_is_cut_goes_on(env: &TestEnv) {
    let registry = Registry::start();
    let (name, image) = prepare(env, &registry);
    registry.fail("PATCH", 2, Fault::CutUpload(1 << 20));
    arrives(env, &registry, &name, &image).stderr_has("Retrying in 1 second\n");
    let requests = registry.take_requests();
    let sent: Vec<_> = requests.iter().filter(|r| r.method == "PATCH").collect();
    let total = image.layers[0].bytes.len();
    let ranges: Vec<&str> = sent.iter().map(|r| r.header("content-range")).collect();
    let expected = [0, 1 << 20, 2 << 20].map(|at| match at {
        0 => String::new(),
        at => format!("{at}-{}", total - 1),
    });
    assert_eq!(ranges, expected);
    let bytes: usize = sent.iter().map(|r| r.body.len()).sum();
    assert_eq!(bytes, total, "something was sent twice");
}

fn an_upload_that_is_forgotten_begins_anew(env: &TestEnv) {
    let registry = Registry::start();
    let (name, image) = prepare(env, &registry);
    registry.fail("PATCH", 1, Fault::CutUpload(1 << 20));
    registry.fail("GET /v2/x/blobs/uploads", 1, Fault::ForgetUpload);
    arrives(env, &registry, &name, &image);
    assert_eq!(registry.count("POST /v2/x/blobs/uploads"), 3);
}

fn what_passes_is_tried_again(env: &TestEnv) {
    let registry = Registry::start();
    let (name, image) = prepare(env, &registry);
    let busy = |status| Fault::Answer(status, vec![("Retry-After", "0".into())], String::new());
    for request in [
        "HEAD",
        "POST",
        "PATCH",
        "PUT /v2/x/blobs",
        "PUT /v2/x/manifests",
    ] {
        registry.fail(request, 1, busy(503));
        registry.fail(request, 1, Fault::Hangup);
    }
    registry.fail("PUT /v2/x/manifests", 1, busy(429));
    arrives(env, &registry, &name, &image);
}

fn what_does_not_pass_is_not(env: &TestEnv) {
    let registry = Registry::start();
    let (name, _) = prepare(env, &registry);
    let denied =
        r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    for (request, status, body, words) in [
        (
            "POST",
            403,
            denied,
            "denied: requested access to the resource is denied",
        ),
        ("PATCH", 413, "", "payload too large"),
        ("PUT /v2/x/manifests", 400, "", "bad request"),
    ] {
        registry.fail(request, 9, Fault::Answer(status, Vec::new(), body.into()));
        registry.take_requests();
        env.ctr(["push", &name])
            .run()
            .exits(1)
            .stdout("")
            .stderr_has(words);
        assert!(registry.count(request) <= 2, "{request} was tried again");
        assert!(registry.manifest("x", "1").is_none());
        registry.heal();
    }
}

fn tokens_that_expire_meanwhile(env: &TestEnv) {
    let registry = Registry::start();
    let (name, image) = prepare(env, &registry);
    registry.require(Auth::BearerAnonymous);
    registry.fail("PATCH", 1, Fault::ForgetTokens);
    registry.fail("PUT /v2/x/manifests", 1, Fault::ForgetTokens);
    arrives(env, &registry, &name, &image);
    assert_eq!(registry.count("/token"), 3);
}

fn a_mount_that_is_refused_is_an_upload(env: &TestEnv) {
    let registry = Registry::start();
    let (name, image) = prepare(env, &registry);
    env.ctr(["push", &name]).ok();
    let other = registry.name("other:1");
    env.ctr(["tag", &name, &other]).ok();
    registry.take_requests();
    registry.fail("mount=", 1, Fault::Answer(405, Vec::new(), String::new()));
    env.ctr(["push", &other]).ok().stderr_has(": Pushed\n");
    assert_eq!(registry.count("PATCH"), 1);
    assert_eq!(registry.manifest("other", "1").unwrap(), image.manifest());
}

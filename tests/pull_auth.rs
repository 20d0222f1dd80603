//! Who we are to a registry, and who it is to us: logins, tokens, TLS, proxies.

use serde_json::json;

use crate::support::pulling::{
    assert_unpacked, blob_of, docker_config, large, login, pull_fails, refs, user_file,
};
use crate::support::registry::{Auth, Fault, Registry};
use crate::support::{Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(basic_authentication),
        scenario!(bearer_tokens),
        scenario!(identity_tokens),
        scenario!(tokens_that_expire_meanwhile),
        scenario!(logins_of_podman_and_of_helpers),
        scenario!(credentials_stay_with_their_registry),
        scenario!(a_loopback_registry_may_speak_tls),
        scenario!(https_through_a_proxy_by_trusted_certificates_only),
    ]
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

    // Where the service sends us on, the token is not taken along.
    registry.push("y", "latest", &large(200));
    let other = Registry::start();
    for status in [307, 308] {
        let there = format!("http://{}/token", other.host());
        let moved = Fault::Answer(status, vec![("Location", there)], String::new());
        registry.fail("/token", 1, moved);
        env.ctr(["pull", &registry.name("y")])
            .run()
            .exits(1)
            .stderr_has(&status.to_string());
    }
    assert!(other.take_requests().is_empty());
    env.ctr(["pull", &registry.name("y")]).ok();
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
    env.executable("bin/docker-credential-fake", script);
    let path = format!("{}:/usr/bin:/bin", env.work().join("bin").display());
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

//! podman's flags about registries: `--authfile`, `--creds`, `--tls-verify`, `--cert-dir`, `--retry`, `--retry-delay`.

use serde_json::{Value, json};

use crate::support::pulling::{docker_config, large, login};
use crate::support::registry::{Auth, Fault, Registry};
use crate::support::{Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(a_name_and_a_password_on_the_command_line),
        scenario!(a_named_file_is_the_only_one),
        scenario!(logins_are_kept_in_a_named_file),
        scenario!(certificates_need_not_be_trusted),
        scenario!(plain_http_where_it_is_allowed),
        scenario!(certificates_of_a_directory),
        scenario!(failures_are_tried_again_as_often_as_asked),
    ]
}

/// Writes a Dockerfile that begins with `base`; returns the context.
fn context(env: &TestEnv, base: &str) -> String {
    env.file("context/Dockerfile", format!("FROM {base}\nENV A=b\n"));
    env.work().join("context").display().to_string()
}

fn a_name_and_a_password_on_the_command_line(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(1000));
    registry.require(Auth::Basic("joe", "secret:word"));
    let (name, built) = (registry.name("x"), registry.name("built"));
    let dir = context(env, &name);
    let creds = "--creds=joe:secret:word";
    // What the files say does not count then.
    docker_config(
        env,
        &json!({ "auths": { registry.host(): login("joe", "wrong") } }),
    );
    env.ctr(["pull", &name]).run().exits(1);
    env.ctr(["build", &dir]).run().exits(1);
    env.ctr(["build", "--push", "-t", &built, creds, &dir]).ok();
    assert!(registry.manifest("built", "latest").is_some());
    env.ctr(["pull", creds, &name]).ok();
    env.ctr(["tag", &name, &registry.name("y")]).ok();
    env.ctr(["push", &registry.name("y")]).run().exits(1);
    env.ctr(["push", creds, &registry.name("y")]).ok();
    assert!(registry.manifest("y", "latest").is_some());
    for (creds, words) in [
        ("--creds=joe", "the password is missing"),
        ("--creds=:word", "username can't be empty"),
    ] {
        let failed = env.ctr(["pull", creds, &name]).run().exits(1);
        failed.stderr_has(words);
    }
}

fn a_named_file_is_the_only_one(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(1000));
    registry.require(Auth::Basic("joe", "word"));
    let name = registry.name("x");
    let dir = context(env, &name);
    let good = json!({ "auths": { registry.host(): login("joe", "word") } });
    let file = env
        .file("auth.json", good.to_string())
        .display()
        .to_string();
    let empty = env.file("empty.json", "{}").display().to_string();
    docker_config(env, &good);
    env.ctr(["pull", "--authfile", &empty, &name])
        .run()
        .exits(1)
        .stderr_has("no basic auth credentials");
    env.ctr(["build", "--authfile", &empty, &dir])
        .run()
        .exits(1);
    env.ctr(["pull", "--authfile", "/nonexistent", &name])
        .run()
        .exits(1)
        .stderr_has("credential file is not accessible: /nonexistent");
    docker_config(env, &json!({}));
    env.ctr(["pull", "--authfile", &file, &name]).ok();
    env.ctr(["push", "--authfile", &file, &name]).ok();
    env.ctr(["push", &name]).run().exits(1);
    env.ctr(["push", &name])
        .env("REGISTRY_AUTH_FILE", &file)
        .ok();
    env.ctr(["build", "--pull", "--authfile", &file, &dir]).ok();
    env.ctr(["build", "--pull", &dir]).run().exits(1);
    env.ctr(["build", "--pull", &dir])
        .env("REGISTRY_AUTH_FILE", &file)
        .ok();
}

fn logins_are_kept_in_a_named_file(env: &TestEnv) {
    let registry = Registry::start();
    registry.require(Auth::Basic("joe", "word"));
    let host = registry.host();
    let file = env.work().join("new/auth.json");
    let path = file.display().to_string();
    let kept = || -> Value { serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap() };
    let give = |flags: &[&str]| {
        let words = [
            &["login", "-u", "joe", "--password-stdin"],
            flags,
            &[&*host],
        ]
        .concat();
        env.ctr(words.as_slice()).stdin("word\n")
    };
    give(&["--authfile", &path])
        .ok()
        .stdout("Login Succeeded\n");
    assert_eq!(kept()["auths"][&host], login("joe", "word"));
    assert!(!env.home().join(".docker/config.json").exists());
    env.ctr(["login", "--get-login", "--authfile", &path, &host])
        .ok()
        .stdout("joe\n");
    env.ctr(["login", "--get-login", &host])
        .run()
        .exits(1)
        .stdout("")
        .stderr_has(&format!("not logged into {host}"));
    env.ctr(["logout", "--authfile", &path, &host]).ok();
    assert_eq!(kept()["auths"], json!({}));
    // podman's variable says the same.
    give(&[]).env("REGISTRY_AUTH_FILE", &path).ok();
    assert_eq!(kept()["auths"][&host], login("joe", "word"));
    assert!(!env.home().join(".docker/config.json").exists());
    env.ctr(["logout", "--all"])
        .env("REGISTRY_AUTH_FILE", &path)
        .ok()
        .stdout("Removed login credentials for all registries\n");
    assert_eq!(kept()["auths"], json!({}));
    env.ctr(["logout", "--all", &host]).run().exits(1);
}

fn certificates_need_not_be_trusted(env: &TestEnv) {
    let registry = Registry::start_tls();
    registry.push("x", "latest", &large(1000));
    registry.require(Auth::Basic("joe", "word"));
    let proxy = format!("http://{}", registry.host());
    let (name, creds) = ("registry.test/x", "--creds=joe:word");
    let call = |words: &[&str]| env.ctr(words).env("HTTPS_PROXY", &proxy);
    let dir = context(env, name);
    call(&["pull", creds, name])
        .run()
        .exits(1)
        .stderr_has("UnknownIssuer");
    call(&["pull", creds, "--tls-verify=true", name])
        .run()
        .exits(1);
    call(&["pull", creds, "--tls-verify=false", name]).ok();
    call(&["push", creds, name])
        .run()
        .exits(1)
        .stderr_has("UnknownIssuer");
    call(&["push", creds, "--tls-verify=false", name]).ok();
    call(&["build", "--pull", creds, &dir])
        .run()
        .exits(1)
        .stderr_has("UnknownIssuer");
    call(&["build", "--pull", creds, "--tls-verify=false", &dir]).ok();
    let login = ["login", "-u", "joe", "-p", "word", "registry.test"];
    call(&login).run().exits(1).stderr_has("UnknownIssuer");
    call(&[&login[..], &["--tls-verify=false"]].concat()).ok();
}

/// The proxy stands in for the network on which there is a registry without TLS.
fn plain_http_where_it_is_allowed(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(1000));
    registry.require(Auth::Bearer("joe", "word"));
    let proxy = format!("http://{}", registry.host());
    let (name, creds) = ("registry.test/x", "--creds=joe:word");
    let call = |words: &[&str]| env.ctr(words).env("HTTP_PROXY", &proxy);
    call(&["pull", creds, name]).run().exits(1);
    assert_eq!(
        registry.take_requests().len(),
        0,
        "plain HTTP was spoken unasked"
    );
    call(&["pull", creds, "--tls-verify=false", name]).ok();
    call(&["push", creds, "--tls-verify=false", name]).ok();
}

fn certificates_of_a_directory(env: &TestEnv) {
    let registry = Registry::start_tls_for_known_clients();
    registry.push("x", "latest", &large(1000));
    let proxy = format!("http://{}", registry.host());
    let dir = env.work().join("certs").display().to_string();
    let pull = || {
        let pull = ["pull", "--cert-dir", &dir, "registry.test/x"];
        env.ctr(pull).env("HTTPS_PROXY", &proxy)
    };
    pull().run().exits(1).stderr_has("no such directory");
    env.file("certs/ca.crt", include_bytes!("testfiles/tls/ca.crt"));
    // It is trusted, but does not know us.
    let failed = pull().run().exits(1).err();
    assert!(!failed.contains("UnknownIssuer"), "{failed}");
    env.file("certs/me.cert", include_bytes!("testfiles/tls/client.crt"));
    pull().run().exits(1).stderr_has("me.key");
    env.file("certs/me.key", include_bytes!("testfiles/tls/client.key"));
    pull().ok();
}

fn failures_are_tried_again_as_often_as_asked(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(1000));
    let name = registry.name("x");
    let later = || Fault::Answer(503, Vec::new(), String::new());
    registry.fail("GET /v2/x/manifests/latest", 1, later());
    env.ctr(["pull", "--retry", "0", &name]).run().exits(1);
    registry.heal();
    registry.fail("GET /v2/x/manifests/latest", 40, later());
    let begun = std::time::Instant::now();
    env.ctr(["pull", "--retry=40", "--retry-delay=20ms", &name])
        .ok();
    // Growing pauses would have taken nine minutes.
    assert!(begun.elapsed().as_secs() < 200);
    let wrong = env
        .ctr(["pull", "--retry-delay=often", &name])
        .run()
        .exits(1);
    wrong.stderr_has("invalid duration \"often\"");
}

//! `ctr login` and `ctr logout`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::pulling::{docker_config, large, login, user_file};
use crate::support::registry::{Auth, Registry};
use crate::support::{Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(a_login_is_checked_and_kept),
        scenario!(a_login_with_a_token_service),
        scenario!(prompts_do_not_show_the_password),
        scenario!(a_kept_login_is_tried_first),
        scenario!(docker_io_wants_a_name_and_a_password_or_a_token),
        scenario!(logout_forgets_this_one_only),
        scenario!(helpers_keep_logins),
        scenario!(logins_at_once_lose_nothing),
        scenario!(wrong_usage_in_dockers_words),
    ]
}

fn config(env: &TestEnv) -> Value {
    let text = fs::read(env.home().join(".docker/config.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn a_login_is_checked_and_kept(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(10));
    registry.require(Auth::Basic("joe", "secret:word"));
    let host = registry.host();
    let path = env.home().join(".docker/config.json");
    env.ctr(["login", "-u", "joe", "--password-stdin", &host])
        .stdin("wrong\n")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("unauthorized: authentication required")
        .stderr_has("Hint: check the user name and the password");
    assert!(!path.exists(), "a wrong login was kept");
    docker_config(env, &json!({ "auths": { &host: login("joe", "old") } }));
    for verb in ["pull", "push"] {
        let image = registry.name("x");
        if verb == "push" {
            env.file("Dockerfile", "FROM scratch\nLABEL a=b\n");
            env.ctr(["build", "-q", "-t", &image, "."]).ok();
        }
        env.ctr([verb, &image])
            .run()
            .exits(1)
            .stderr_has("Hint: the registry does not take the user name or the password");
    }
    fs::remove_file(&path).unwrap();
    env.ctr(["login", "-u", "joe", "--password-stdin", &host])
        .stdin("secret:word\n")
        .ok()
        .stdout("Login Succeeded\n")
        .stderr_has(&format!(
            "WARNING! Your credentials are stored unencrypted in '{}'.\n",
            path.display()
        ));
    let kept = config(env);
    assert_eq!(kept["auths"][&host], login("joe", "secret:word"));
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    env.ctr(["pull", &registry.name("x")]).ok();
    env.ctr(["push", &registry.name("x")]).ok();
    let shown = env
        .ctr(["login", "-u", "joe", "-p", "secret:word", &host])
        .ok()
        .stdout("Login Succeeded\n")
        .stderr_has("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    assert!(!shown.err().contains("secret:word"), "{shown}");
}

fn a_login_with_a_token_service(env: &TestEnv) {
    let registry = Registry::start();
    registry.require(Auth::Bearer("joe", "word"));
    let host = registry.host();
    env.ctr(["login", "-u", "joe", "--password-stdin", &host])
        .stdin("wrong")
        .run()
        .exits(1)
        .stderr_has("unauthorized: incorrect username or password");
    env.ctr(["login", "-u", "joe", "--password-stdin", &host])
        .stdin("word\r\n")
        .ok()
        .stdout("Login Succeeded\n");
    assert_eq!(config(env)["auths"][&host], login("joe", "word"));
}

fn logins_at_once_lose_nothing(env: &TestEnv) {
    let registries: Vec<Registry> = (0..6).map(|_| Registry::start()).collect();
    let hosts: Vec<String> = registries.iter().map(Registry::host).collect();
    let before = json!({
        "detachKeys": "ctrl-x",
        "auths": { "kept.test": login("ann", "a"), "gone-1.test": login("bob", "b"), "gone-2.test": login("bob", "b") },
        "of": {"somebody": ["else"]},
    });
    docker_config(env, &before);
    let path = env.home().join(".docker/config.json");
    let mut running = Vec::new();
    for host in &hosts {
        let login = env.ctr(["login", "-u", "joe", "--password-stdin", host]);
        running.push(login.stdin("word").spawn());
    }
    for gone in ["gone-1.test", "gone-2.test"] {
        running.push(env.ctr(["logout", gone]).spawn());
    }
    for one in running {
        // Whenever it is looked at it is whole.
        let text = fs::read(&path).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap();
        one.wait().exits(0);
    }
    let mut expected = before;
    let auths = expected["auths"].as_object_mut().unwrap();
    auths.retain(|name, _| name == "kept.test");
    for host in hosts {
        auths.insert(host, login("joe", "word"));
    }
    assert_eq!(config(env), expected);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["config.json"]);
}

fn prompts_do_not_show_the_password(env: &TestEnv) {
    let registry = Registry::start();
    registry.require(Auth::Basic("joe", "hunter2"));
    let host = registry.host();
    let mut terminal = env.ctr(["login", &host]).terminal();
    terminal.expect("Username: ");
    terminal.send("joe\n");
    terminal.expect("Password: ");
    terminal.send("huntx\u{7f}er2\n");
    terminal.expect("Login Succeeded");
    assert_eq!(terminal.wait(), 0);
    let shown = terminal.shown();
    assert!(!shown.contains("hunt"), "{shown}");
    assert_eq!(config(env)["auths"][&host], login("joe", "hunter2"));
    // Who gives up leaves nothing behind, and the terminal as it was.
    let mut terminal = env.ctr(["login", "-u", "ann", &host]).terminal();
    terminal.expect("Password: ");
    terminal.send("\u{3}");
    assert_eq!(terminal.wait(), 1);
    assert!(!terminal.is_raw());
    assert_eq!(config(env)["auths"][&host], login("joe", "hunter2"));
}

fn a_kept_login_is_tried_first(env: &TestEnv) {
    let registry = Registry::start();
    registry.require(Auth::Basic("joe", "word"));
    let host = registry.host();
    docker_config(env, &json!({ "auths": { &host: login("joe", "word") } }));
    env.ctr(["login", &host])
        .ok()
        .stdout_has("Authenticating with existing credentials... [Username: joe]\n")
        .stdout_has("Login Succeeded\n");
    docker_config(env, &json!({ "auths": { &host: login("joe", "old") } }));
    env.ctr(["login", &host])
        .run()
        .exits(1)
        .stderr_has("Login did not succeed with the stored credentials")
        .stderr_has("Cannot perform an interactive login from a non TTY device");
}

fn docker_io_wants_a_name_and_a_password_or_a_token(env: &TestEnv) {
    env.ctr("login").run().exits(1).stderr(
        "Error: Cannot perform an interactive login from a non TTY device\n\
        Hint: ctr login -u NAME --password-stdin < FILE, with a password or a personal access token in FILE: see \
        https://docs.docker.com/go/access-tokens/; there is no login by way of a web browser here\n",
    );
    let mut terminal = env.ctr("login").terminal();
    terminal.expect("Personal Access Token (PAT)");
    terminal.expect("makes a token there and enters it as the password.");
    terminal.expect("Username: ");
    terminal.send("\u{3}");
    terminal.wait();
}

fn logout_forgets_this_one_only(env: &TestEnv) {
    docker_config(
        env,
        &json!({
            "HttpHeaders": {"a": "b"},
            "auths": { "q.io": login("a", "b"), "r.io": login("c", "d"), "https://index.docker.io/v1/": {"auth": ""} },
        }),
    );
    env.ctr("logout q.io")
        .ok()
        .stdout("Removing login credentials for q.io\n")
        .stderr("");
    env.ctr("logout")
        .ok()
        .stdout("Removing login credentials for https://index.docker.io/v1/\n");
    env.ctr("logout never.io").ok();
    assert_eq!(
        config(env),
        json!({ "HttpHeaders": {"a": "b"}, "auths": { "r.io": login("c", "d") } })
    );
}

fn helpers_keep_logins(env: &TestEnv) {
    let registry = Registry::start();
    registry.require(Auth::Basic("joe", "word"));
    let host = registry.host();
    let ring = env.work().join("ring");
    let script = format!(
        "#!/bin/sh\ncase $1 in store) cat > {0};; erase) rm {0};; get) cat {0};; esac\n",
        ring.display()
    );
    env.executable("bin/docker-credential-test", &script);
    docker_config(env, &json!({ "credsStore": "test" }));
    let path = format!(
        "{}:/usr/bin:/bin:/usr/sbin:/sbin",
        env.work().join("bin").display()
    );
    env.ctr(["login", "-u", "joe", "--password-stdin", &host])
        .env("PATH", &path)
        .stdin("word")
        .ok()
        .stdout("Login Succeeded\n")
        .stderr("");
    assert_eq!(
        config(env),
        json!({ "credsStore": "test", "auths": { &host: {} } })
    );
    let kept: Value = serde_json::from_slice(&fs::read(&ring).unwrap()).unwrap();
    assert_eq!(kept["Secret"], "word");
    env.ctr(["login", &host])
        .env("PATH", &path)
        .ok()
        .stdout_has("[Username: joe]");
    env.ctr(["logout", &host]).env("PATH", &path).ok();
    assert!(!ring.exists());
    assert_eq!(config(env), json!({ "credsStore": "test", "auths": {} }));
    // More than a pipe takes.
    let open = Registry::start();
    env.ctr(["login", "-u", "joe", "--password-stdin", &open.host()])
        .env("PATH", &path)
        .stdin("x".repeat(100_000))
        .ok();
    assert!(fs::metadata(&ring).unwrap().len() > 100_000);
    env.ctr(["logout", &open.host()]).env("PATH", &path).ok();
    // A helper that is not there keeps nothing.
    env.ctr(["login", "-u", "joe", "--password-stdin", &host])
        .stdin("word")
        .run()
        .exits(1)
        .stderr_has("Error saving credentials")
        .stderr_has("docker-credential-test");
}

fn wrong_usage_in_dockers_words(env: &TestEnv) {
    for (arguments, words) in [
        (
            "login -u a q.io",
            "Cannot perform an interactive login from a non TTY device",
        ),
        (
            "login --password-stdin q.io",
            "Must provide --username with --password-stdin",
        ),
        (
            "login -u a -p b --password-stdin q.io",
            "--password and --password-stdin are mutually exclusive",
        ),
    ] {
        env.ctr(arguments)
            .run()
            .exits(1)
            .stdout("")
            .stderr_has(words);
    }
    // The file is somebody else's: what cannot be understood is not replaced.
    let registry = Registry::start();
    let path = env.home().join(".docker/config.json");
    user_file(env, &path, "{ not json", 0o600);
    env.ctr(["login", "-u", "a", "-p", "b", &registry.host()])
        .run()
        .exits(1)
        .stderr_has("invalid JSON in ");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{ not json");
}

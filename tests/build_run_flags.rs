//! `build`: the flags about what RUN gets, those of Docker, podman and buildah.
//!
//! What is claimed of buildah stands in its docs/buildah-build.1.md, of buildx in its docs/reference/buildx_build.md.

use crate::support::{Need, Scenario, TestEnv, outer_address, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(names_that_run_knows),
        scenario!(the_host_has_a_name).needs(Need::OuterAddress),
        scenario!(files_that_stay_the_image_s),
        scenario!(devices_of_the_host),
        scenario!(root_may_share_its_user_namespace),
        scenario!(proxies_of_the_caller),
        scenario!(wrong_values_are_told_before_anything_is_done),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Builds `it` of a Dockerfile.
fn build(env: &TestEnv, text: &str, flags: &str) {
    let file = env.file("context/Dockerfile", text);
    let dir = file.parent().unwrap().display().to_string();
    env.ctr(format!("build -q -t it {flags} {dir}")).ok();
}

/// Returns a file of `it`.
fn seen(env: &TestEnv, path: &str) -> String {
    env.ctr(format!("run --rm --network none --no-hosts it cat {path}"))
        .ok()
        .out()
}

fn names_that_run_knows(env: &TestEnv) {
    env.image("busybox");
    let look = "FROM busybox\nRUN cat /etc/hosts > /hosts; cat /etc/resolv.conf > /resolv\n";
    let hosts = "--add-host a:192.0.2.1 --add-host b=[::1] --add-host b:192.0.2.2";
    let dns = "--dns 192.0.2.9,2001:db8::9 --dns-search x.example --dns-option ndots:3";
    for network in ["none", "host"] {
        build(env, look, &format!("--network {network} {hosts} {dns}"));
        let hosts = seen(env, "/hosts");
        let lines = "\n192.0.2.1\ta\n::1\tb\n192.0.2.2\tb\n";
        assert!(hosts.ends_with(lines), "{network}: {hosts}");
        let conf =
            "nameserver 192.0.2.9\nnameserver 2001:db8::9\nsearch x.example\noptions ndots:3\n";
        assert_eq!(seen(env, "/resolv"), conf, "{network}");
    }
    build(env, look, "--network none --dns 192.0.2.9 --dns-search .");
    let conf = seen(env, "/resolv");
    assert!(!conf.contains("search"), "{conf}");
    assert!(conf.starts_with("nameserver 192.0.2.9\n"), "{conf}");
}

fn the_host_has_a_name(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN grep -w host /etc/hosts > /seen\n";
    build(env, text, "--network none --add-host host:host-gateway");
    let own = outer_address().unwrap();
    assert_eq!(seen(env, "/seen"), format!("{own}\thost\n"));
    let run = "run --rm --network none --add-host host=host-gateway --name box busybox";
    env.ctr(format!("{run} grep -w host /etc/hosts"))
        .ok()
        .stdout(&format!("{own}\thost\n"));
}

fn files_that_stay_the_image_s(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN for f in hosts hostname resolv.conf; do echo mine > /etc/$f; done\n\
                RUN cat /etc/hosts /etc/hostname /etc/resolv.conf > /seen\n";
    build(
        env,
        text,
        "--network none --no-hosts --no-hostname --dns none",
    );
    assert_eq!(seen(env, "/seen"), "mine\nmine\nmine\n");
    // They are part of the image then.
    assert_eq!(seen(env, "/etc/hosts"), "mine\n");
    let run = "run --rm --network none --no-hosts --no-hostname --dns none it";
    env.ctr(format!(
        "{run} cat /etc/hosts /etc/hostname /etc/resolv.conf"
    ))
    .ok()
    .stdout("mine\nmine\nmine\n");
    let bound = env.ctr("run --rm --network none it cat /etc/hosts").ok();
    assert!(!bound.out().contains("mine"));
}

fn devices_of_the_host(env: &TestEnv) {
    env.image("busybox");
    // It has no place of its own in a container, unless it is asked for.
    let look = "for f in /dev/nought /x/nought; do [ -c $f ] && head -c 3 $f | wc -c; done";
    let text =
        format!("FROM busybox\nRUN --network=none ({look}) > /seen; ls /x | wc -l > /dir; true\n");
    let flags = "--device /dev/zero:/dev/nought --device /dev/zero:/x/nought:rw";
    build(env, &text, "");
    assert_eq!(seen(env, "/seen"), "");
    for users in ["private", "host"] {
        build(env, &text, &format!("--userns {users} {flags}"));
        assert_eq!(seen(env, "/seen"), "3\n3\n");
        // They are no part of the image.
        env.ctr("run --rm --network none it ls /x").run().exits(1);
    }
    // Of a directory all those in it.
    let text = "FROM busybox\nRUN --network=none test -c /x/all/null && test -c /x/all/zero\n";
    build(env, text, "--device /dev:/x/all");
    env.ctr("run --rm --network none it ls /x").run().exits(1);
    let run = |flags: &str| {
        let words = format!("run --rm --network none {flags} busybox sh -c");
        let words: Vec<String> = (words.split_whitespace().chain([look]))
            .map(str::to_owned)
            .collect();
        env.ctr(words).run().out()
    };
    assert_eq!(run(""), "");
    assert_eq!(run(flags), "3\n3\n");
    // What the image has there is covered.
    for flag in ["--cap-drop=all", "--privileged"] {
        let words = "--device /dev/zero:/etc/passwd busybox test -c /etc/passwd";
        env.ctr(format!("run --rm --network none {flag} {words}"))
            .ok();
    }
    env.ctr(format!("create --name box {flags} busybox true"))
        .ok();
    let shown = env.ctr("inspect box").ok().json()[0]["HostConfig"]["Devices"].clone();
    let expected = serde_json::json!([
        {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/nought", "CgroupPermissions": "rwm"},
        {"PathOnHost": "/dev/zero", "PathInContainer": "/x/nought", "CgroupPermissions": "rw"},
    ]);
    assert_eq!(shown, expected);
    let refused = env.ctr("run --rm --network none --device /dev/nonexistent busybox true");
    let words =
        "error gathering device information while adding custom device \"/dev/nonexistent\"";
    refused.run().exits(125).stderr_has(words);
}

fn root_may_share_its_user_namespace(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN --network=none readlink /proc/self/ns/user > /seen; touch /made; chown 5:6 /made\n";
    let own = std::fs::read_link("/proc/self/ns/user").unwrap();
    let own = format!("{}\n", own.display());
    for mode in ["private", "auto", "container"] {
        build(env, text, &format!("--userns {mode}"));
        assert_ne!(seen(env, "/seen"), own, "{mode}");
    }
    build(env, text, "--userns host");
    assert_eq!(seen(env, "/seen") == own, env.user().uid == 0);
    let dir = env.work().join("context").display().to_string();
    env.ctr(format!("build --userns ns:/proc/1/ns/user {dir}"))
        .run()
        .exits(1)
        .stderr_has("not supported by build");
}

fn proxies_of_the_caller(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN --network=none env | grep -i _proxy | sort > /seen; true\n";
    let dir = env.file("context/Dockerfile", text);
    let dir = dir.parent().unwrap().display().to_string();
    for (flags, expected) in [
        ("", "FTP_PROXY=f\nhttp_proxy=p\n"),
        ("--http-proxy", "FTP_PROXY=f\nhttp_proxy=p\n"),
        ("--http-proxy=false", ""),
        (
            "--http-proxy=false --build-arg http_proxy=b",
            "http_proxy=b\n",
        ),
        ("--build-arg http_proxy=b", "FTP_PROXY=f\nhttp_proxy=b\n"),
    ] {
        let build = env.ctr(format!("build -q --no-cache -t it {flags} {dir}"));
        build.env("http_proxy", "p").env("FTP_PROXY", "f").ok();
        assert_eq!(seen(env, "/seen"), expected, "{flags}");
    }
    // They only carry the way out: what was made without them is the same.
    let again = env.ctr(format!("build --progress plain {dir}"));
    again.env("http_proxy", "other").ok().stderr_has("CACHED");
}

fn wrong_values_are_told_before_anything_is_done(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN --network=none true\n";
    build(env, text, "");
    let dir = env.work().join("context").display().to_string();
    for (flags, words) in [
        ("-m 1k", "Minimum memory limit allowed is 6MB"),
        ("--memory-swap 1g", "You should always set the Memory limit"),
        ("--cpuset-cpus 9999", "9999"),
        ("--cpu-period 1", "CPU cfs period"),
        ("--cgroup-parent relative", "relative"),
        ("--cap-add NOTHING", "NOTHING"),
        ("--security-opt nothing", "nothing"),
        ("--network nothing", "nothing"),
        ("--device /dev/nonexistent", "/dev/nonexistent"),
        ("--userns nothing", "nothing"),
        ("--secret id=a,src=/nonexistent", "/nonexistent"),
        ("--ssh default=/nonexistent", "/nonexistent"),
        ("--volume /nonexistent:/x", "/nonexistent"),
        ("--dns none --dns 192.0.2.1", "--dns=none may not be used"),
        (
            "--no-hosts --add-host a:192.0.2.1",
            "--no-hosts and --add-host",
        ),
    ] {
        let failed = env.ctr(format!("build {flags} {dir}")).run().exits(1);
        let told = failed.stdout("").stderr_has(words).err();
        assert!(!told.contains("CACHED"), "{flags}: {told}");
        assert!(!told.contains("FROM"), "{flags}: {told}");
    }
    for (flags, words) in [
        ("--shm-size much", "invalid size: 'much'"),
        ("--ulimit nothing=1", "invalid ulimit type: nothing"),
        ("--add-host a:b", "invalid IP address in add-host: \"b\""),
        ("--dns-search 1", "1 is not a valid domain"),
    ] {
        let failed = env.ctr(format!("build {flags} {dir}")).run().exits(125);
        failed.stdout("").stderr_has(words);
    }
}

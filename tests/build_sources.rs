//! `build --ignorefile` and `--volume`: which files a build sees, and which of the host its commands see.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(another_file_says_what_is_ignored),
        scenario!(every_run_sees_the_volumes),
        scenario!(an_overlay_forgets_what_is_written),
        scenario!(volumes_are_checked_first),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

fn context(env: &TestEnv, dockerfile: &str) -> String {
    env.file("context/Dockerfile", dockerfile);
    env.work().join("context").display().to_string()
}

fn another_file_says_what_is_ignored(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, "FROM busybox\nCOPY . /c\nRUN ls /c > /list\n");
    for name in ["a", "b", "c"] {
        env.file(&format!("context/{name}"), name);
    }
    env.file("context/.dockerignore", "a\nDockerfile\n");
    env.file(
        "context/Dockerfile.dockerignore",
        "a\nDockerfile\n.dockerignore\n",
    );
    let rules = env.file("rules", "*\n!b\n").display().to_string();
    let list = |flags: &str| {
        env.ctr(format!("build -q -t it {flags} {dir}")).ok();
        env.ctr("run --rm --network none it cat /list").ok().out()
    };
    assert_eq!(list(""), "Dockerfile.dockerignore\nb\nc\n");
    assert_eq!(list(&format!("--ignorefile {rules}")), "b\n");
    env.ctr(format!("build --ignorefile {rules}-not-there {dir}"))
        .run()
        .exits(1)
        .stderr_has("rules-not-there");
}

fn every_run_sees_the_volumes(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN cat /v/one > /seen; echo 1 >> /v/log\nRUN echo 2 >> /v/log; ! touch /file 2> /dev/null\n";
    let dir = context(env, text);
    let (one, file) = (env.file("volume/one", "one\n"), env.file("file", "file\n"));
    let volume = one.parent().unwrap().display().to_string();
    let flags = format!("-v {volume}:/v -v {}:/file:ro,z", file.display());
    let build = format!("build -q -t it {flags} {dir}");
    let first = env.ctr(&build).ok().out();
    let log = || std::fs::read_to_string(format!("{volume}/log")).unwrap();
    assert_eq!(log(), "1\n2\n");
    let look = "cat /seen; ls -d /v /file 2> /dev/null";
    let seen = env.ctr(["run", "--rm", "--network", "none", "it", "sh", "-c", look]);
    seen.run().stdout("one\n");
    // What they hold does not count, that they are there does.
    env.file("volume/one", "changed\n");
    assert_eq!(env.ctr(&build).ok().out(), first);
    assert_eq!(log(), "1\n2\n");
    let without = env.ctr(format!("build -q {dir}")).run();
    assert_eq!(without.code(), 1);
}

fn an_overlay_forgets_what_is_written(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN rm /v/one; echo 2 > /v/two; ls /v\nRUN ls /v > /list; stat -c %a /v >> /list\n";
    let dir = context(env, text);
    let one = env.file("volume/one", "one\n");
    let volume = one.parent().unwrap().display().to_string();
    env.ctr(format!("build -q -t it -v {volume}:/v:O {dir}"))
        .ok();
    assert_eq!(env.program("ls", [volume.as_str()]).ok().out(), "one\n");
    let mode = env
        .program("stat", ["-c", "%a", volume.as_str()])
        .ok()
        .out();
    (env.ctr("run --rm --network none it cat /list").ok()).stdout(&format!("one\n{mode}"));
}

fn volumes_are_checked_first(env: &TestEnv) {
    let dir = context(env, "FROM registry.invalid/not-asked-for\nRUN true\n");
    for (flag, words) in [
        ("./x:/x", "invalid host path, must be an absolute path"),
        ("/etc:x", "invalid container path, must be an absolute path"),
        ("/no/such:/x", "stat /no/such"),
        ("/etc:/x:U", "\"U\""),
    ] {
        env.ctr(format!("build -v {flag} {dir}"))
            .run()
            .exits(1)
            .stderr_has(words);
    }
}

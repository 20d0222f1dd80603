//! Which files a build sees: `--ignorefile`, links; and which of the host its commands see: `--volume`.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(another_file_says_what_is_ignored),
        scenario!(links_that_lead_nowhere_are_no_sources),
        scenario!(parents_keeps_links),
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

/// As BuildKit: a link that is named or matched is followed, and where that fails the build does; what a directory holds, or
/// `.dockerignore` takes away, is not looked at.
fn links_that_lead_nowhere_are_no_sources(env: &TestEnv) {
    let dir = context(env, "");
    env.file("context/file", "file\n");
    env.file("context/hidden", "hidden\n");
    env.file("context/d/file", "file\n");
    env.script(
        "cd context && ln -s nowhere dead && ln -s nowhere d/dead && ln -s loop loop && ln -s file live && \
         ln -s hidden to-hidden && ln -s nowhere hidden-dead && ln -s d link",
    )
    .ok();
    env.file("context/.dockerignore", "hidden*\n");
    let build = |lines: &str| {
        env.file("context/Dockerfile", format!("FROM scratch\n{lines}\n"));
        env.ctr(["build", "--no-cache", "-t", "it", &dir]).run()
    };
    let dead = "not found: it is a link that leads nowhere";
    for (line, words) in [
        ("COPY dead /", format!("\"dead\": {dead}")),
        ("COPY dea* /", format!("\"dead\": {dead}")),
        ("ADD [d]ead /", format!("\"dead\": {dead}")),
        ("COPY --exclude=dead dea* /", format!("\"dead\": {dead}")),
        ("COPY d/* /", format!("\"d/dead\": {dead}")),
        ("COPY link/* /", format!("\"link/dead\": {dead}")),
        ("COPY loo* /", format!("\"loop\": {dead}")),
        (
            "COPY to-* /",
            "\"to-hidden\": not found: it is a link to what .dockerignore excludes".to_owned(),
        ),
        (
            "COPY d /d/\nFROM scratch\nCOPY --from=0 d/d* /",
            format!("\"d/dead\": {dead}"),
        ),
    ] {
        build(line).exits(1).stderr_has(&words);
    }
    for line in [
        "COPY d /d/",
        "COPY hidden-* nothing* dead*/x d/f* /to/",
        "COPY liv* lin* /to/",
    ] {
        build(line).exits(0);
    }
}

/// As BuildKit, for which the sources are patterns then: they say what is copied of the whole, in which links are links.
fn parents_keeps_links(env: &TestEnv) {
    let dir = context(
        env,
        "FROM scratch AS first\nCOPY --parents a/dead a/./lin* b/* /\nFROM scratch\nCOPY --from=first --parents a ./b/*k /again/\n",
    );
    env.file("context/a/file", "file\n");
    env.file("context/b/c/file", "file\n");
    env.script("cd context && ln -s nowhere a/dead && ln -s file a/link && ln -s c b/link")
        .ok();
    for (target, expected) in [
        (
            "first",
            "./a/dead nowhere\n./b/c/file \n./b/link c\n./link file\n",
        ),
        ("1", "./again/a/dead nowhere\n./again/b/link c\n"),
    ] {
        let output = format!("{target}-out");
        env.ctr(["build", "--target", target, "-o", &output, &dir])
            .ok();
        let list = format!("cd {output} && find . ! -type d -printf '%p %l\\n' | sort");
        env.script(&list).ok().stdout(expected);
    }
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

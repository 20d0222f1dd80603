//! `build`: the command, its cache, its failures. What Dockerfiles mean is tested by the corpus.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(builds_runs_and_remembers),
        scenario!(fails_with_the_line),
        scenario!(stages_run_side_by_side),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Writes a context and returns its path.
fn context(env: &TestEnv, files: &[(&str, &str)]) -> String {
    for (name, text) in files {
        env.file(&format!("context/{name}"), text);
    }
    env.work().join("context").display().to_string()
}

fn builds_runs_and_remembers(env: &TestEnv) {
    env.image("busybox");
    let dir = context(
        env,
        &[
            (
                "Dockerfile",
                "FROM busybox\nARG WHO=nobody\nWORKDIR /app\nCOPY a sub ./\nRUN echo $WHO >> a; rm b\nENV X=1\nCMD cat a\n",
            ),
            ("a", "one\n"),
            ("sub/b", "two\n"),
        ],
    );
    let build = format!("build -q -t built --build-arg WHO=me {dir}");
    let first = env.ctr(&build).ok().out();
    assert!(first.starts_with("sha256:"), "{first}");
    env.ctr("run --rm built").ok().stdout("one\nme\n");
    env.ctr("run --rm built ls").ok().stdout("a\n");
    assert_eq!(env.ctr(&build).ok().out(), first);
    let again = env.ctr(&format!("build --progress plain {dir} --build-arg WHO=me"));
    let lines = again.ok().err();
    assert_eq!(lines.matches("CACHED").count(), 3, "{lines}");
}

fn fails_with_the_line(env: &TestEnv) {
    env.image("busybox");
    let dir = context(
        env,
        &[("Dockerfile", "FROM busybox\nRUN true\nRUN exit 42\n")],
    );
    let failed = env
        .ctr(&format!("build -t broken {dir}"))
        .run()
        .exits(1)
        .err();
    assert!(failed.contains("   3 | >>> RUN exit 42"), "{failed}");
    assert!(failed.contains("exit code: 42"), "{failed}");
    env.ctr("image inspect broken").run().exits(1);
}

fn stages_run_side_by_side(env: &TestEnv) {
    env.image("busybox");
    // Each waits for the other: one after the other they would never end.
    let wait = |mine: &str, other: &str| {
        format!(
            "RUN --mount=type=cache,target=/c touch /c/{mine}; while [ ! -e /c/{other} ]; do sleep 0.01; done; echo {mine} > /{mine}\n"
        )
    };
    let text = format!(
        "FROM busybox AS one\n{}FROM busybox AS two\n{}FROM busybox AS unused\nRUN exit 1\nFROM scratch\nCOPY --from=one /one /\nCOPY --from=two /two /\nCOPY --from=busybox /bin /bin\n",
        wait("one", "two"),
        wait("two", "one")
    );
    let dir = context(env, &[("Dockerfile", &text)]);
    env.ctr(&format!("build -t both {dir}")).ok();
    env.ctr("run --rm both cat /one /two")
        .ok()
        .stdout("one\ntwo\n");
}

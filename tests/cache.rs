//! The build cache: what it holds, what prunes take of it.

use std::time::Duration;

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(is_listed_and_pruned),
        scenario!(a_mount_in_use_stays),
        scenario!(system_prune_takes_it_too),
        scenario!(refuses_what_it_does_not_understand),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Builds `dockerfile` without a context.
fn build(env: &TestEnv, flags: &str, dockerfile: &str) {
    env.ctr(format!("build -q {flags} -"))
        .stdin(dockerfile)
        .ok();
}

/// The descriptions of the items, those used last first.
fn listed(env: &TestEnv) -> Vec<String> {
    env.ctr(["builder", "du", "--format", "{{.Description}}"])
        .ok()
        .lines()
}

fn is_listed_and_pruned(env: &TestEnv) {
    env.image("busybox");
    env.ctr("builder du")
        .ok()
        .stdout("ID        RECLAIMABLE   SIZE      LAST ACCESSED\nReclaimable:\t0B\nTotal:\t0B\n");
    build(
        env,
        "-t one",
        "FROM busybox\nRUN echo 1 > /one\nRUN echo 2 > /two\n",
    );
    build(
        env,
        "",
        "FROM busybox\nRUN --mount=type=cache,target=/c echo 3 | tee /c/f > /three\n",
    );
    env.ctr("image prune -f").ok();
    let steps = [
        "RUN /bin/sh -c echo 3 | tee /c/f > /three",
        "RUN /bin/sh -c echo 1 > /one",
        "RUN /bin/sh -c echo 2 > /two",
        "cached mount /c",
    ];
    assert_eq!(listed(env), steps);
    let template = "{{.Type}} {{.Size}} {{.Shared}} {{.Mutable}} {{.Reclaimable}}";
    env.ctr(["buildx", "du", "--format", template])
        .ok()
        .stdout("regular 2B false false true\nregular 2B true false true\nregular 2B true false true\nexec.cachemount 2B false true true\n");
    env.ctr("builder du --verbose --filter type=exec.cachemount")
        .ok()
        .stdout_has("Description:\tcached mount /c\n")
        .stdout_has("Type:\texec.cachemount\n\nReclaimable:\t2B\nTotal:\t2B\n");
    // Nothing is that old.
    env.ctr("builder prune -af --filter until=1h")
        .ok()
        .stdout("Total:\t0B\n");
    env.ctr("builder prune").run().exits(1);
    assert_eq!(listed(env).len(), 4);
    // What the image has stays: without it the next build would not find what it has anyway.
    env.ctr("builder prune -f")
        .ok()
        .stdout_has("\nTotal:\t4B\n");
    assert_eq!(listed(env), steps[1..3]);
    let again = env
        .ctr("build --progress plain -")
        .stdin("FROM busybox\nRUN echo 1 > /one\n");
    again.ok().stderr_has("CACHED");
    env.ctr("builder prune -a -f")
        .ok()
        .stdout_has("\nTotal:\t0B\n");
    assert_eq!(listed(env), [""; 0]);
    env.ctr("run --rm one cat /one /two").ok().stdout("1\n2\n");
}

fn a_mount_in_use_stays(env: &TestEnv) {
    env.image("busybox");
    let dockerfile = "FROM busybox\nRUN --mount=type=cache,target=/c echo x > /c/f; \
                      while [ ! -e /c/go ]; do sleep 0.02; done; cat /c/f > /result\n";
    let running = env.ctr("build -q -t done -").stdin(dockerfile).spawn();
    env.until(Duration::from_secs(20), || {
        let in_use = [
            "builder",
            "du",
            "--filter",
            "inuse",
            "--format",
            "{{.Type}}",
        ];
        env.ctr(in_use).ok().out().contains("cachemount")
    });
    env.ctr("builder prune -a -f").ok().stdout("Total:\t0B\n");
    env.ctr("system prune -f").ok();
    // Another step that shares it sees the same files.
    build(
        env,
        "",
        "FROM scratch\nCOPY --from=busybox /bin /bin\nRUN --mount=type=cache,target=/c cat /c/f && touch /c/go\n",
    );
    running.wait().exits(0);
    env.ctr("run --rm done cat /result").ok().stdout("x\n");
    env.ctr("builder prune -f --filter type=exec.cachemount")
        .ok();
    let mounts = env.data().join("ctr/cache/mounts");
    assert_eq!(std::fs::read_dir(mounts).expect("a directory").count(), 0);
}

fn system_prune_takes_it_too(env: &TestEnv) {
    env.image("busybox");
    build(env, "-t kept", "FROM busybox\nRUN echo 1 > /one\n");
    build(env, "", "FROM busybox\nRUN echo 22 > /two\n");
    let row = [
        "system",
        "df",
        "--format",
        "{{.Type}} {{.TotalCount}} {{.Size}}",
    ];
    env.ctr(row).ok().stdout_has("Build Cache 2 0B\n");
    env.ctr("system prune -f")
        .ok()
        .stdout_has("Deleted build cache objects:\n");
    assert_eq!(listed(env), ["RUN /bin/sh -c echo 1 > /one"]);
    env.ctr("rmi kept").ok();
    env.ctr(row).ok().stdout_has("Build Cache 1 2B\n");
    env.ctr("system prune -f --filter until=1h").ok();
    assert_eq!(listed(env).len(), 1);
    env.ctr("system prune -f --filter until=0s").ok();
    assert_eq!(listed(env), [""; 0]);
}

fn refuses_what_it_does_not_understand(env: &TestEnv) {
    for filter in ["color=red", "id", "until=soon"] {
        env.ctr(["builder", "prune", "-f", "--filter", filter])
            .run()
            .exits(1)
            .stdout("")
            .stderr_has("filter");
    }
    env.ctr("builder prune -f --max-used-space many")
        .run()
        .exits(1)
        .stderr_has("--max-used-space");
}

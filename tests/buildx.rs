//! `buildx`: what scripts call to have a builder; there is one, by as many names as they like.
//!
//! What is claimed of buildx stands in docker/buildx, `commands/` and `docs/reference`.

use crate::support::{Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(there_is_a_buildx),
        scenario!(names_are_given_and_taken_away),
        scenario!(names_are_listed),
        scenario!(other_builders_are_refused),
        scenario!(a_builder_may_be_named_before_the_command),
    ]
}

fn there_is_a_buildx(env: &TestEnv) {
    let version = env.ctr("buildx version").ok().line();
    // As docker's own actions look for it.
    let (name, rest) = version.split_once(' ').unwrap();
    assert_eq!(name, "github.com/docker/buildx");
    assert!(rest.starts_with('v'), "{version}");
    env.ctr("buildx install").ok().stdout("").stderr("");
    for command in ["bake", "imagetools inspect x", "history ls", "uninstall"] {
        let refused = env.ctr(format!("buildx {command}")).run().exits(1);
        refused.stdout("").stderr_has("is not supported yet");
    }
}

fn names_are_given_and_taken_away(env: &TestEnv) {
    env.ctr("buildx inspect ci")
        .run()
        .exits(1)
        .stderr_has("no builder \"ci\" found");
    env.ctr("buildx use ci")
        .run()
        .exits(1)
        .stderr_has("failed to find instance \"ci\"");
    env.ctr("buildx create --name CI --use")
        .ok()
        .stdout("ci\n")
        .stderr("");
    env.ctr("buildx create --name ci")
        .run()
        .exits(1)
        .stderr_has("existing instance for \"ci\" but no append mode");
    let shown = env.ctr("buildx inspect --bootstrap").ok().out();
    let begin = "Name:   ci\nDriver: docker-container\n\nNodes:\nName:             ci0\n";
    assert!(shown.starts_with(begin), "{shown}");
    assert!(shown.contains("\nPlatforms:        linux/"), "{shown}");
    env.ctr("buildx stop").ok();
    env.ctr("buildx use default").ok();
    let shown = env.ctr("buildx inspect").ok().out();
    assert!(
        shown.starts_with("Name:   default\nDriver: docker\n"),
        "{shown}"
    );
    let chosen = env.ctr("buildx inspect").env("BUILDX_BUILDER", "ci");
    assert!(chosen.ok().out().starts_with("Name:   ci\n"));
    // A made-up one.
    let other = env.ctr("buildx create --driver docker --use").ok().line();
    assert!(other.contains('_'), "{other}");
    env.ctr("buildx rm")
        .ok()
        .stderr(&format!("{other} removed\n"));
    let shown = env.ctr("buildx inspect").ok().out();
    assert!(shown.starts_with("Name:   default\n"), "{shown}");
    let failed = env
        .ctr("buildx rm -f default ci nobody")
        .run()
        .exits(1)
        .err();
    assert!(failed.contains("failed to remove default"), "{failed}");
    assert!(failed.contains("\nci removed\n"), "{failed}");
    assert!(
        failed.contains("failed to remove nobody: no builder \"nobody\" found"),
        "{failed}"
    );
    env.ctr("buildx rm --all-inactive --force").ok();
}

fn names_are_listed(env: &TestEnv) {
    let flags = "--name ci --node first --driver-opt network=host --buildkitd-flags --debug";
    let warned = env.ctr(format!("buildx create {flags}")).ok().err();
    assert!(
        warned.contains("--buildkitd-flags, --driver-opt without effect"),
        "{warned}"
    );
    let lines = env.ctr("buildx ls").ok().lines();
    assert!(lines[0].starts_with("NAME/NODE "), "{lines:?}");
    assert!(lines[1].starts_with("ci ") && lines[1].contains(" docker-container "));
    assert!(lines[2].starts_with(" \\_ first ") && lines[2].contains(" running "));
    assert!(lines[3].starts_with("default* "), "{lines:?}");
    assert!(lines[4].starts_with(" \\_ default "), "{lines:?}");
    let named = env
        .ctr(["buildx", "ls", "--format", "{{.Builder.Name}}: {{.Name}}"])
        .ok();
    assert_eq!(
        named.lines(),
        [
            "ci: ci",
            "ci: first",
            "default: default",
            "default: default"
        ]
    );
    let json = env.ctr("buildx ls --format json").ok().lines();
    let of = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    assert_eq!(of(&json[0])["Name"], "ci");
    assert_eq!(of(&json[0])["Current"], false);
    assert_eq!(of(&json[1])["Nodes"][0]["Status"], "running");
}

fn other_builders_are_refused(env: &TestEnv) {
    for (args, words) in [
        (
            "--driver kubernetes",
            "driver \"kubernetes\" is not supported yet",
        ),
        (
            "--driver remote tcp://h:1",
            "driver \"remote\" is not supported yet",
        ),
        (
            "ssh://me@there",
            "endpoint \"ssh://me@there\" is not supported yet",
        ),
        ("--name default", "default is a reserved name"),
        ("--name a/b", "invalid name a/b"),
    ] {
        env.ctr(format!("buildx create {args}"))
            .run()
            .exits(1)
            .stdout("")
            .stderr_has(words);
    }
    for flag in ["--append", "--leave"] {
        env.ctr(format!("buildx create --name x {flag}"))
            .run()
            .exits(125)
            .stderr_has(&format!("{flag} is not supported yet"));
    }
    assert_eq!(env.ctr("buildx ls").ok().lines().len(), 3);
}

fn a_builder_may_be_named_before_the_command(env: &TestEnv) {
    env.ctr("buildx create --name ci").ok();
    for args in [
        "--builder ci inspect",
        "--debug --builder=ci inspect",
        "inspect --builder ci",
    ] {
        let shown = env.ctr(format!("buildx {args}")).ok().out();
        assert!(shown.starts_with("Name:   ci\n"), "{shown}");
    }
    env.file("context/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let dir = env.work().join("context").display().to_string();
    let off = "--provenance=false --sbom=false --attest type=provenance,disabled=true --load";
    for build in [
        "buildx --builder ci build",
        "builder build",
        "image build",
        "build",
    ] {
        let built = env.ctr(format!("{build} -q {off} {dir}")).ok().line();
        assert!(built.starts_with("sha256:"), "{built}");
    }
    for (flag, name) in [("--sbom=true", "--sbom"), ("--attest=type=sbom", "--sbom")] {
        env.ctr(format!("build {flag} {dir}"))
            .run()
            .exits(125)
            .stderr_has(&format!("{name} is not supported yet"));
    }
}

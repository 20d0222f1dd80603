//! `build --call`: what a Dockerfile says, without building it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(checks_say_what_they_found),
        scenario!(outlines_say_what_can_be_given),
        scenario!(targets_are_listed),
        scenario!(what_cannot_be_called),
    ]
}

/// Nothing of it could be fetched or run.
const TEXT: &str = "ARG BASE=registry.invalid/base\n\
     FROM ${BASE} AS first\n\
     # WHO is greeted\n\
     ARG WHO=me\n\
     RUN --mount=type=secret,id=token,required=true --mount=type=ssh false\n\
     # app is the result\n\
     FROM --platform=$BUILDPLATFORM first AS app\n\
     ENV PASSWORD=x\n\
     FROM scratch\n\
     COPY --from=app / /\n";

fn context(env: &TestEnv, text: &str) -> String {
    env.file("context/Dockerfile", text);
    env.work().join("context").display().to_string()
}

fn checks_say_what_they_found(env: &TestEnv) {
    let dir = context(env, TEXT);
    let excerpt = "Dockerfile:8\n--------------------\n   6 |     # app is the result\n   7 |     FROM --platform=$BUILDPLATFORM first AS app\n   8 | >>> ENV PASSWORD=x\n   9 |     FROM scratch\n  10 |     COPY --from=app / /\n--------------------\n";
    let text = format!(
        "Check complete, 1 warning has been found!\n\n\
         WARNING: SecretsUsedInArgOrEnv - https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/\n\
         Do not use ARG or ENV instructions for sensitive data (ENV \"PASSWORD\")\n{excerpt}"
    );
    for flag in ["--check", "--call=check", "--call=lint,format=text"] {
        env.ctr(["build", flag, &dir]).run().exits(1).stdout(&text);
    }
    env.ctr(["build", "--call=check,ignorestatus=true", &dir])
        .ok()
        .stdout(&text);
    let json = env
        .ctr(["build", "--call=check,format=json", &dir])
        .run()
        .exits(1)
        .json();
    assert_eq!(json["warnings"][0]["ruleName"], "SecretsUsedInArgOrEnv");
    assert_eq!(
        json["warnings"][0]["location"]["ranges"][0]["start"]["line"],
        8
    );
    assert_eq!(json["sources"][0]["filename"], "Dockerfile");
    assert_eq!(json["sources"][0]["data"], STANDARD.encode(TEXT));
    let dir = context(env, "FROM scratch\nCOPY a\n");
    let failed = env
        .ctr(["build", "--call=check,format=json", &dir])
        .run()
        .exits(1);
    assert_eq!(
        failed.json()["buildError"]["location"]["ranges"][0]["start"]["line"],
        2
    );
    failed.stderr_has("COPY requires at least two arguments");
    let dir = context(env, "FROM scratch\n");
    let clean = env.ctr(["build", "--check", &dir]).ok();
    clean.stdout("Check complete, no warnings found.\n");
}

fn outlines_say_what_can_be_given(env: &TestEnv) {
    let dir = context(env, TEXT);
    let text = "TARGET:      app\nDESCRIPTION: is the result\n\n\
         BUILD ARG   VALUE                   DESCRIPTION\n\
         BASE        registry.invalid/base   \n\
         WHO         you                     is greeted\n\n\
         SECRET   REQUIRED\ntoken    true\n\n\
         SSH       REQUIRED\ndefault   \n\n";
    let args = [
        "build",
        "--call=outline",
        "--target=app",
        "--build-arg=WHO=you",
        &dir,
    ];
    env.ctr(args).ok().stdout(text).stderr("");
    let json = env
        .ctr(["build", "--call", "outline,format=json", &dir])
        .ok()
        .json();
    assert_eq!(json["name"], serde_json::Value::Null);
    assert_eq!(json["args"][1]["value"], "me");
    assert_eq!(json["args"][1]["location"]["ranges"][0]["end"]["line"], 4);
    assert_eq!(json["secrets"][0]["required"], true);
    assert_eq!(json["ssh"][0]["name"], "default");
    let missing = env
        .ctr(["build", "--call=outline", "--target=x", &dir])
        .run()
        .exits(1);
    missing.stderr_has("target stage \"x\" could not be found");
}

fn targets_are_listed(env: &TestEnv) {
    let dir = context(env, TEXT);
    env.ctr(["build", "--call=targets", &dir])
        .ok()
        .stdout("TARGET    DESCRIPTION\nfirst     \napp       is the result\n(default) \n");
    let json = env
        .ctr(["build", "--call=targets,format=json", &dir])
        .ok()
        .json();
    assert_eq!(json["targets"][0]["base"], "${BASE}");
    assert_eq!(json["targets"][1]["platform"], "$BUILDPLATFORM");
    assert_eq!(json["targets"][2]["default"], true);
}

fn what_cannot_be_called(env: &TestEnv) {
    let dir = context(env, TEXT);
    for (call, words) in [
        (
            "subrequests.describe",
            "--call subrequests.describe is not supported yet",
        ),
        (
            "outlines",
            "invalid --call \"outlines\": use build, check, outline or targets",
        ),
        ("check,outline", "invalid print value: check,outline"),
        ("check,format=xml", "invalid print field: format=xml"),
    ] {
        env.ctr(["build", "--call", call, &dir])
            .run()
            .exits(1)
            .stderr_has(words);
    }
}

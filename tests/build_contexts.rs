//! `build --build-context`: images and directories by names of one's own.

use crate::support::pulling::refs;
use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(an_image_of_a_layout).needs(Need::Busybox),
        scenario!(one_of_several_images_of_a_layout),
        scenario!(an_image_by_another_name).needs(Need::Busybox),
    ]
}

fn dockerfile(env: &TestEnv, name: &str, text: &str) -> String {
    env.file(&format!("{name}/Dockerfile"), text);
    env.work().join(name).display().to_string()
}

/// Where a blob of a layout is.
fn blob(digest: &str) -> String {
    format!("layout/blobs/{}", digest.replace(':', "/"))
}

fn an_image_of_a_layout(env: &TestEnv) {
    env.image("busybox");
    let dir = dockerfile(
        env,
        "base",
        "FROM busybox\nENV GREETING=hello\nCOPY <<f /f\nfile\nf\n",
    );
    let output = "type=oci,tar=false,dest=layout";
    env.ctr(["build", "-t", "base:1", "-o", output, &dir]).ok();
    env.ctr("rmi busybox").ok();
    env.ctr("builder prune -af").ok();
    let text = "FROM base\nRUN --mount=type=bind,from=base,target=/m test -e /m/f && echo $GREETING > /g\n\
         FROM scratch\nCOPY --from=base /f /\nCOPY --from=0 /g /\n";
    let dir = dockerfile(env, "context", text);
    let context = "--build-context=base=oci-layout://layout";
    env.ctr(["build", "-o", "out", context, &dir]).ok();
    let read = |name: &str| std::fs::read_to_string(env.work().join("out").join(name)).unwrap();
    assert_eq!(
        (read("f"), read("g")),
        ("file\n".to_owned(), "hello\n".to_owned())
    );
    // It is no image of the user's.
    assert_eq!(refs(env), [""; 0]);
    // What begins with it can be run when the layout has gone.
    let dir = dockerfile(env, "app", "FROM base\nCMD echo $GREETING\n");
    env.ctr(["build", "-t", "app", context, &dir]).ok();
    std::fs::rename(env.work().join("layout"), env.work().join("gone")).unwrap();
    env.ctr("image prune -f").ok();
    env.ctr("run --rm app").ok().stdout("hello\n");
    let missing = env.ctr(["build", context, &dir]).run().exits(1);
    missing.stderr_has("failed to get build context base: oci-layout://layout:");
}

fn one_of_several_images_of_a_layout(env: &TestEnv) {
    let dir = dockerfile(env, "one", "FROM scratch\nCOPY <<f /f\n1\nf\n");
    env.ctr(["build", "-t", "x:one", &dir]).ok();
    let dir = dockerfile(env, "two", "FROM scratch\nCOPY <<f /f\n2\nf\n");
    env.ctr(["build", "-t", "x:two", &dir]).ok();
    env.ctr("save -o both.tar x:one x:two").ok();
    env.file("layout/empty", "");
    env.program("tar", "-C layout -xf both.tar").ok();
    let index = std::fs::read(env.work().join("layout/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let second = index["manifests"][1]["digest"].as_str().unwrap();
    let dir = dockerfile(env, "context", "FROM base\n");
    let build = |name: &str| {
        let context = format!("--build-context=base=oci-layout://layout{name}");
        env.ctr(["build", "-o", "out", &context, &dir])
    };
    let file = || std::fs::read_to_string(env.work().join("out/f")).unwrap();
    build(":one").ok();
    assert_eq!(file(), "1\n");
    build(&format!("@{second}")).ok();
    assert_eq!(file(), "2\n");
    build(&format!(":one@{second}")).ok();
    build("")
        .run()
        .exits(1)
        .stderr_has("the layout has no image with the tag \"latest\"");
    build(":three")
        .run()
        .exits(1)
        .stderr_has("no image with the tag \"three\"");
    build(&format!("@sha256:{:064}", 0))
        .run()
        .exits(1)
        .stderr_has("oci-layout://");
    // Nothing in there is believed.
    env.ctr("rmi x:one x:two").ok();
    env.ctr("builder prune -af").ok();
    std::fs::remove_file(env.work().join(blob(second))).unwrap();
    env.file(&blob(second), "{}");
    build(":two").run().exits(1);
}

fn an_image_by_another_name(env: &TestEnv) {
    env.image("busybox");
    env.ctr("tag busybox pinned:1").ok();
    let dir = dockerfile(
        env,
        "context",
        "FROM alpine:3 AS a\nRUN true\nFROM a\nCOPY --from=tools /bin/busybox /b\n",
    );
    let contexts = [
        "--build-context=alpine:3=docker-image://pinned:1",
        "--build-context=tools=docker-image://busybox",
    ];
    env.ctr(["build", "-q", contexts[0], contexts[1], &dir])
        .ok();
    let unknown = "--build-context=tools=ftp://x";
    let refused = env
        .ctr(["build", contexts[0], unknown, &dir])
        .run()
        .exits(1);
    refused.stderr_has("ftp://x is not supported yet");
}

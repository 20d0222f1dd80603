//! `build --squash`, `--squash-all`, and what the layers of RUN hold of marks.

use std::io::Read as _;

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(new_layers_become_one),
        scenario!(all_layers_become_one),
        scenario!(nothing_new_is_nothing_to_squash),
        scenario!(an_inline_cache_needs_its_layers),
        scenario!(new_directories_have_no_marks),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Comes, goes, changes, takes away; links, owners, whole directories.
const STEPS: &str = "FROM busybox AS base
ENV A=1
RUN mkdir -p /d/e && echo 1 > /d/e/f && ln /d/e/f /d/e/g && chown -R 33:34 /d && ln -s f /d/e/l && chown -h 7:8 /d/e/l && echo x > /brief
FROM base
LABEL b=2
RUN rm -r /d/e/g /brief && rm -rf /tmp && mkdir /tmp && echo 2 > /tmp/two
RUN rm /bin/true && mkfifo /p && chown 9:9 /p && mkdir /d/n
CMD [\"sh\"]
";

const BUILD: &str = "build -q --timestamp 1000000000";

fn context(env: &TestEnv, dockerfile: &str) -> String {
    env.file("context/Dockerfile", dockerfile);
    env.work().join("context").display().to_string()
}

fn layers(env: &TestEnv, image: &str) -> Vec<String> {
    let ids = env.ctr(format!("image inspect {image}")).ok().json();
    let layers = ids[0]["RootFS"]["Layers"].as_array().unwrap().clone();
    layers
        .iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect()
}

/// The sizes and texts of the history, newest first.
fn history(env: &TestEnv, image: &str) -> Vec<(bool, String)> {
    let format = "{{json .Size}} {{.CreatedBy}}";
    let lines = env.ctr([
        "history",
        "--human=false",
        "--no-trunc",
        "--format",
        format,
        image,
    ]);
    let line = |line: String| {
        let (size, text) = line.split_once(' ').unwrap();
        (size.trim_matches('"') != "0", text.to_owned())
    };
    lines.ok().lines().into_iter().map(line).collect()
}

/// What the tar of the image's topmost layer has: `path uid:gid`, and of hard links what they lead to.
fn entries(env: &TestEnv, image: &str) -> Vec<String> {
    let file = env.work().join("saved.tar");
    env.ctr(format!("save -o {} {image}", file.display())).ok();
    let top = layers(env, image).pop().unwrap();
    let wanted = format!("blobs/sha256/{}", top.strip_prefix("sha256:").unwrap());
    let mut archive = tar::Archive::new(std::fs::File::open(file).unwrap());
    let mut blob = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().to_str() == Some(&wanted) {
            entry.read_to_end(&mut blob).unwrap();
        }
    }
    assert!(!blob.is_empty(), "{wanted} is not there");
    let mut lines = Vec::new();
    for entry in tar::Archive::new(&blob[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let (path, header) = (entry.path().unwrap(), entry.header());
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        lines.push(format!("{} {}:{}", path.display(), owner.0, owner.1));
    }
    lines
}

const LOOK: &str = "cd /; cat d/e/f tmp/two; readlink d/e/l; ls d d/e tmp; ls brief bin/true p";

fn new_layers_become_one(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, STEPS);
    env.ctr(format!("{BUILD} -t plain {dir}")).ok();
    let id = env.ctr(format!("{BUILD} --squash -t one {dir}")).ok().out();
    assert_eq!(layers(env, "plain").len(), 4);
    let squashed = layers(env, "one");
    assert_eq!(squashed.len(), 2);
    assert_eq!(squashed[0], layers(env, "busybox")[0]);
    let look = |image: &str| {
        let seen = env.ctr(["run", "--rm", "--network", "none", image, "sh", "-c", LOOK]);
        seen.run().out()
    };
    assert_eq!(look("one"), look("plain"));
    let entries = entries(env, "one");
    for line in [
        "d/ 33:34",
        "d/e/f 33:34",
        "d/e/l 7:8",
        "p 9:9",
        "bin/.wh.true 0:0",
    ] {
        assert!(
            entries.iter().any(|entry| entry == line),
            "{line}: {entries:?}"
        );
    }
    // What came and went leaves no trace; nor has what is new anything to hide.
    assert!(
        !entries.iter().any(|entry| entry.contains("brief")),
        "{entries:?}"
    );
    assert!(
        !entries
            .iter()
            .any(|entry| entry.starts_with("d/") && entry.contains(".wh."))
    );
    let history = history(env, "one");
    assert_eq!(history[0], (true, "CMD [\"sh\"]".to_owned()));
    assert_eq!(
        history.iter().filter(|(layer, _)| *layer).count(),
        2,
        "{history:?}"
    );
    assert!(history.iter().any(|(_, text)| text.starts_with("RUN ")));
    // The same again, from the cache and without it.
    let again = env.ctr(format!(
        "build --progress plain --timestamp 1000000000 --squash {dir}"
    ));
    let shown = again.ok().err();
    assert!(
        shown.contains("squashing 3 layers") && shown.matches("CACHED").count() == 4,
        "{shown}"
    );
    let anew = env.ctr(format!("{BUILD} --no-cache --squash {dir}"));
    assert_eq!(anew.ok().out(), id);
}

fn all_layers_become_one(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, STEPS);
    env.ctr(format!("{BUILD} --squash-all -t all {dir}")).ok();
    assert_eq!(layers(env, "all").len(), 1);
    let entries = entries(env, "all");
    assert!(
        !entries.iter().any(|entry| entry.contains(".wh.")),
        "{entries:?}"
    );
    assert!(
        entries.iter().any(|entry| entry == "d/e/f 33:34"),
        "{entries:?}"
    );
    let history = history(env, "all");
    assert_eq!(
        history.iter().filter(|(layer, _)| *layer).count(),
        1,
        "{history:?}"
    );
    let run = env.ctr(["run", "--rm", "--network", "none", "all", "sh", "-c", LOOK]);
    run.run().stdout_has("1\n2\nf\n");
}

fn nothing_new_is_nothing_to_squash(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, "FROM busybox\nENV A=1\n");
    env.ctr(format!("{BUILD} --squash -t same {dir}")).ok();
    assert_eq!(layers(env, "same"), layers(env, "busybox"));
    let dir = context(env, "FROM scratch\nENV A=1\n");
    env.ctr(format!("{BUILD} --squash-all -t nothing {dir}"))
        .ok();
    assert!(layers(env, "nothing").is_empty());
}

fn an_inline_cache_needs_its_layers(env: &TestEnv) {
    let dir = context(env, "FROM scratch\n");
    env.ctr(format!("build --squash --cache-to type=inline {dir}"))
        .run()
        .exits(1)
        .stderr_has("--cache-to type=inline");
}

fn new_directories_have_no_marks(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nRUN mkdir -p /old/x /old/y /kept && touch /file\n\
                RUN mkdir -p /new/deep /kept/new && rm -r /old && mkdir -p /old/x && mv /new/deep /kept/moved && rm /file && mkdir /file\n";
    let dir = context(env, text);
    env.ctr(format!("{BUILD} -t marks {dir}")).ok();
    let marks: Vec<String> = (entries(env, "marks").into_iter())
        .filter(|entry| entry.contains(".wh."))
        .collect();
    assert_eq!(marks, ["old/.wh..wh..opq 0:0"]);
}

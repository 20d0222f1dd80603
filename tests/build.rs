//! `build`: the command, its cache, its failures. What Dockerfiles mean is tested by the corpus.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(builds_runs_and_remembers),
        scenario!(a_base_without_a_path_gets_one),
        scenario!(triggers_take_from_stages),
        scenario!(steps_find_their_files_below_etc_as_the_first_did).needs(Need::Busybox),
        scenario!(fails_with_the_line),
        scenario!(mistakes_are_told_at_once),
        scenario!(quiet_builds_show_what_failed),
        scenario!(arguments_that_nothing_takes_are_named),
        scenario!(stages_run_side_by_side),
        scenario!(documents_are_scripts),
        scenario!(the_same_input_gives_the_same_image),
        scenario!(a_shell_opens_where_it_failed),
        scenario!(secrets_stay_out_of_the_image),
        scenario!(too_many_layers_are_refused),
        scenario!(layers_are_the_same_without_an_overlay),
        scenario!(builds_inside_a_container),
        scenario!(flags_change_the_result),
        scenario!(flags_of_buildah_change_the_result),
        scenario!(much_output_is_no_burden),
        scenario!(stages_are_built_one_by_one_and_all_of_them),
        scenario!(the_manifest_is_oci_s_or_docker_s),
        scenario!(progress_as_json).needs(Need::UserModeNetwork),
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
    let again = env.ctr(format!("build --progress plain {dir} --build-arg WHO=me"));
    let lines = again.ok().err();
    assert_eq!(lines.matches("CACHED").count(), 3, "{lines}");
}

/// Since Dockerfile 1.11. That a stage is needed shows only when the base image is there.
fn triggers_take_from_stages(env: &TestEnv) {
    env.image("busybox");
    let trigger = "FROM busybox\nONBUILD COPY --from=made /made /r\nONBUILD RUN --mount=from=made,target=/m cat /m/made >> /r\n";
    let dir = context(env, &[("Dockerfile", trigger)]);
    env.ctr(format!("build -q -t trigger {dir}")).ok();
    let made =
        "FROM busybox AS first\nRUN echo 1 > /made\nFROM first AS made\nRUN echo 2 >> /made\n";
    let build = |text: &str, options: &str| {
        let dir = context(env, &[("Dockerfile", text)]);
        env.ctr(format!("build -q --pull-never -t built {options} {dir}"))
    };
    // The one that waits is not counted.
    build(&format!("{made}FROM trigger\n"), "--jobs 1").ok();
    env.ctr("run --rm --network none built cat /r")
        .ok()
        .stdout("1\n2\n1\n2\n");
    for (text, words) in [
        (
            "FROM trigger AS made\n",
            "circular dependency detected on stage: made",
        ),
        // Those that come later have no meaning: it is an image.
        (
            "FROM trigger\nFROM busybox AS made\nCOPY --from=0 /r /\n",
            "made is not here",
        ),
        (
            "FROM nowhere AS made\nFROM trigger\n",
            "nowhere is not here",
        ),
        (
            "FROM --platform=a/b/c/d busybox AS made\nFROM trigger\n",
            "failed to parse platform",
        ),
        (
            "FROM busybox AS made\nRUN exit 7\nFROM trigger\n",
            "exit code: 7",
        ),
    ] {
        build(text, "").run().exits(1).stderr_has(words);
    }
}

fn a_base_without_a_path_gets_one(env: &TestEnv) {
    env.image("busybox");
    let variables = |image: &str| {
        let image = env.ctr(format!("image inspect {image}")).ok().json();
        image[0]["Config"]["Env"].clone()
    };
    assert!(variables("busybox").is_null());
    let text = "FROM busybox\nENV PATH=/mine:$PATH\nRUN true\n";
    let dir = context(env, &[("Dockerfile", text)]);
    env.ctr(format!("build -q -t built {dir}")).ok();
    let path = "PATH=/mine:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(variables("built"), serde_json::json!([path]));
}

fn steps_find_their_files_below_etc_as_the_first_did(env: &TestEnv) {
    env.image("busybox");
    let look = "RUN cat /etc/hosts /etc/hostname /etc/resolv.conf; stat -c '%n %a %u' /etc/host* /etc/resolv.conf";
    let text = format!(
        "FROM busybox\n{look} # 1\nRUN echo x >> /etc/hosts; echo y > /etc/resolv.conf; chmod 600 /etc/hostname\n\
         {look} # 2\nRUN --network=none true\n{look} # 3\n"
    );
    let dir = context(env, &[("Dockerfile", &text)]);
    let shown = env
        .ctr(format!("build --no-cache --progress plain {dir}"))
        .ok()
        .err();
    let of_step = |number: usize| -> Vec<String> {
        let start = format!("#{number} ");
        let lines = shown.lines().filter_map(|line| line.strip_prefix(&start));
        // Without its time.
        let printed = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        printed
            .filter_map(|line| Some(line.split_once(' ')?.1.to_owned()))
            .collect()
    };
    let first = of_step(2);
    assert!(
        first.iter().any(|line| line == "/etc/hosts 644 0"),
        "{shown}"
    );
    assert_eq!(of_step(4), first, "{shown}");
    assert_eq!(of_step(6), first, "{shown}");
}

fn fails_with_the_line(env: &TestEnv) {
    env.image("busybox");
    let dir = context(
        env,
        &[("Dockerfile", "FROM busybox\nRUN true\nRUN exit 42\n")],
    );
    let failed = env
        .ctr(format!("build -t broken {dir}"))
        .run()
        .exits(1)
        .err();
    assert!(failed.contains("   3 | >>> RUN exit 42"), "{failed}");
    assert!(failed.contains("exit code: 42"), "{failed}");
    env.ctr("image inspect broken").run().exits(1);
}

fn mistakes_are_told_at_once(env: &TestEnv) {
    let dockerfile = "FROM registry.invalid/not-asked-for\nRUN true\nCOPY alone\n";
    let dir = context(env, &[("Dockerfile", dockerfile)]);
    let failed = env.ctr(format!("build {dir}")).run().exits(1).err();
    assert!(failed.contains("   3 | >>> COPY alone"), "{failed}");
    assert!(!failed.contains("not-asked-for:"), "{failed}");
    // What is missing is shown as the step that misses it.
    env.image("busybox");
    let files = [
        ("Dockerfile", "FROM busybox\nCOPY a.md /\n"),
        (".dockerignore", "*.md\n"),
        ("a.md", "text\n"),
    ];
    let dir = context(env, &files);
    let failed = env.ctr(format!("build {dir}")).run().exits(1).err();
    let first = "#1 [1/2] FROM docker.io/library/busybox:latest\n";
    assert!(failed.contains(first), "{failed}");
    let step = "#2 [2/2] COPY a.md /\n#2 ERROR: failed to calculate checksum of \"a.md\": not found: .dockerignore excludes it\n";
    assert!(failed.contains(step), "{failed}");
    let dir = context(env, &[("Dockerfile", "")]);
    let failed = env.ctr(format!("build {dir}")).run().exits(1).err();
    assert!(failed.starts_with("Dockerfile:1\nError: "), "{failed}");
}

fn quiet_builds_show_what_failed(env: &TestEnv) {
    env.image("busybox");
    let dockerfile = "FROM busybox\nRUN echo fine\nRUN echo one; printf two >&2; exit 3\n";
    let dir = context(env, &[("Dockerfile", dockerfile)]);
    let failed = env.ctr(format!("build -q {dir}")).run().exits(1);
    let shown = failed.err();
    let lines: Vec<&str> = shown.lines().take(5).collect();
    let step = " > [3/3] RUN echo one; printf two >&2; exit 3:";
    assert_eq!([lines[0], lines[1], lines[4]], ["------", step, "------"]);
    // After the time.
    assert!(
        lines[2].ends_with(" one") && lines[3].ends_with(" two"),
        "{shown}"
    );
}

fn arguments_that_nothing_takes_are_named(env: &TestEnv) {
    env.image("busybox");
    let dockerfile =
        "ARG A\nFROM busybox AS unused\nARG B\nFROM busybox\nARG C=1 D\nONBUILD ARG E\n";
    let dir = context(env, &[("Dockerfile", dockerfile)]);
    let taken = "--build-arg A=1 --build-arg B=1 --build-arg C=1 --build-arg D=1 --build-arg HTTP_PROXY=x --build-arg TARGETARCH=x";
    let built = env.ctr(format!("build -t base {taken} {dir}"));
    let quiet = built.ok().err();
    assert!(!quiet.contains("WARNING"), "{quiet}");
    let dir = context(env, &[("Dockerfile", "FROM base\nENV E=2\n")]);
    let built = env.ctr(format!(
        "build --build-arg E=1 --build-arg F --build-arg G=1 {dir}"
    ));
    let warned = built.ok().err();
    let warning = "WARNING: One or more build-args [G] were not consumed\n";
    assert!(warned.contains(warning), "{warned}");
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
    env.ctr(format!("build -t both {dir}")).ok();
    env.ctr("run --rm both cat /one /two")
        .ok()
        .stdout("one\ntwo\n");
}

fn documents_are_scripts(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\n\
        RUN <<EOF\nx=1\necho $x > /shell\nEOF\n\
        RUN <<EOF\n#!/bin/cat\nwords\nEOF\n\
        RUN cat <<one > /one; cat <<-two > /two\n1\none\n\t2\ntwo\n\
        COPY <<a <<b /files/\nA\na\nB\nb\n";
    let dir = context(env, &[("Dockerfile", text)]);
    let built = env
        .ctr(format!("build --progress plain -t docs {dir}"))
        .ok();
    assert!(built.err().contains("words"), "{built}");
    env.ctr("run --rm docs cat /shell /one /two /files/a /files/b")
        .ok()
        .stdout("1\n1\n2\nA\nB\n");
}

fn the_same_input_gives_the_same_image(env: &TestEnv) {
    env.image("busybox");
    let files = [
        (
            "Dockerfile",
            "FROM busybox\nWORKDIR /w/x\nCOPY . .\nRUN mkdir /made; date > /made/file; rm /made/file; touch /made/y\n",
        ),
        ("a/b", "b"),
        ("a/c", "c"),
        ("d", "d"),
    ];
    let dirs: Vec<String> = ["one", "two"]
        .iter()
        .map(|name| {
            for (file, text) in files {
                env.file(&format!("{name}/{file}"), text);
            }
            env.work().join(name).display().to_string()
        })
        .collect();
    // The second directory is younger than the first; the second build does not use the first one's results.
    let build = |dir: &str, more: &str| {
        let id = env
            .ctr(format!("build -q --no-cache {more} {dir}"))
            .ok()
            .line();
        let layers = env.ctr(format!("image inspect -f {{{{.RootFS.Layers}}}} {id}"));
        let layers = layers.ok().out();
        (id, layers)
    };
    let epoch = "--timestamp 1000000000";
    assert_eq!(build(&dirs[0], epoch), build(&dirs[1], epoch));
    // And without a time of its own a build gives the same layers for the same files.
    env.file(
        "one/Dockerfile",
        "FROM busybox\nWORKDIR /w\nCOPY . /new/dir/\n",
    );
    let (_, first) = build(&dirs[0], "");
    let (_, again) = build(&dirs[0], "");
    assert_eq!(first, again);
}

fn a_shell_opens_where_it_failed(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\nENV NAME=value\nRUN --mount=type=tmpfs,target=/memory echo half > /made; exit 3\n";
    let dir = context(env, &[("Dockerfile", text)]);
    let mut terminal = env.ctr(format!("build --debug {dir}")).terminal();
    terminal.expect("/ # ");
    terminal.send("cat /made; echo $NAME-$(mount | grep -c /memory)\n");
    terminal.expect("half\r\nvalue-1\r\n");
    terminal.send("exit\n");
    terminal.expect("exit code: 3");
    assert_eq!(terminal.wait(), 1);
    assert!(!terminal.is_raw());
    env.ctr(format!("build --debug {dir}"))
        .run()
        .exits(1)
        .stderr_has("--debug needs a terminal");
    // Where there is none, the step's own failure is told.
    let text = "FROM busybox AS b\nFROM scratch\nCOPY --from=b /bin/busybox /sh\nRUN [\"/sh\", \"-c\", \"exit 3\"]\n";
    let dir = context(env, &[("Dockerfile", text)]);
    let mut terminal = env.ctr(format!("build --debug {dir}")).terminal();
    terminal.expect("WARNING: cannot open a shell: ");
    terminal.expect("exit code: 3");
    assert_eq!(terminal.wait(), 1);
    assert!(!terminal.is_raw());
}

fn secrets_stay_out_of_the_image(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox\n\
        RUN --mount=type=secret,id=token --mount=type=secret,id=word,env=WORD,required=true \
        cat /run/secrets/token > /seen; echo $WORD >> /seen; stat -c %a /run/secrets/token >> /seen\n\
        RUN test ! -e /run/secrets && test -z \"$WORD\"\n";
    let dir = context(env, &[("Dockerfile", text)]);
    let token = env.file("token", "hunter2\n");
    env.ctr(format!(
        "build -q -t secret --secret id=token,src={} --secret id=word,env=W {dir}",
        token.display()
    ))
    .env("W", "magic")
    .ok();
    env.ctr("run --rm secret cat /seen")
        .ok()
        .stdout("hunter2\nmagic\n400\n");
    env.ctr("run --rm secret ls /run/secrets").run().exits(1);
    env.ctr(format!("build -q {dir}"))
        .run()
        .exits(1)
        .stderr_has("secret word: not found");
}

fn too_many_layers_are_refused(env: &TestEnv) {
    env.image("busybox");
    // As many as an image can have, the base image's one included; the others make none.
    let many = |count: usize| format!("FROM busybox\nWORKDIR /\n{}", "COPY f /\n".repeat(count));
    let dir = context(env, &[("Dockerfile", &many(126)), ("f", "")]);
    let id = env.ctr(format!("build -q {dir}")).ok().line();
    env.ctr(format!("run --rm {id} ls /f")).ok().stdout("/f\n");
    env.file("context/Dockerfile", many(127));
    env.ctr(format!("build -q {dir}"))
        .run()
        .exits(1)
        .stderr_has("max depth exceeded");
}

/// Everything that overlayfs has a form of its own for.
const CHANGES: &str = r#"
FROM busybox AS one
RUN mkdir -p /data/d /gone/dir && echo 1 > /data/one && echo g > /gone/dir/f
RUN chown 33:34 /data/one && ln -s one /data/link && ln /data/one /data/hard && mkfifo /data/fifo
RUN rm -r /gone && mkdir /gone && echo new > /gone/x && rm /data/hard && chmod 4755 /data/one
COPY --chown=7:8 a sub /data/d/
WORKDIR /data/w/x
RUN --mount=type=cache,target=/cache/c --mount=type=tmpfs,target=/mnt/t --mount=target=/mnt/context \
    cat /mnt/context/a > a; touch /cache/c/x; echo > /cache/mine; mv /data/d /data/e
FROM busybox
COPY --from=one /data /data
COPY sub/ /etc/
RUN rm /data/link; mkdir -p /fresh/deep /data/fresh; test -e /data/e/b && test ! -e /cache && echo 2 > /data/two
"#;

fn layers_are_the_same_without_an_overlay(env: &TestEnv) {
    env.image("busybox");
    env.ctr("save -o busybox.tar busybox").ok();
    let copying = env.work().join("copying").display().to_string();
    env.ctr(format!("--root {copying} load -q -i busybox.tar"))
        .ok();
    env.file("copying/driver", "copy\n");
    let files = [("Dockerfile", CHANGES), ("a", "a\n"), ("sub/b", "b\n")];
    let dir = context(env, &files);
    let build = |root: &str, target: &str| {
        let built = format!(
            "{root} build -q -t built --build-arg SOURCE_DATE_EPOCH=1000000000 {target} {dir}"
        );
        env.ctr(built).ok();
        let layers = "image inspect --format {{.RootFS.Layers}} built";
        env.ctr(format!("{root} {layers}")).ok().line()
    };
    let copying = format!("--root {copying}");
    for target in ["--target one", ""] {
        assert_eq!(build("", target), build(&copying, target), "{target:?}");
    }
    let run = "run --rm built";
    (env.ctr(format!(
        "{copying} {run} cat /data/one /data/two /data/w/x/a /etc/b"
    ))
    .ok())
    .stdout("1\n2\na\nb\n");
    (env.ctr(format!("{copying} {run} stat -c %a /data/one"))
        .ok())
    .stdout("4755\n");
}

fn flags_change_the_result(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox AS base\nENV A=1 B=2\nLABEL one=1 two=2\nARG X\nRUN echo $X > /x\nFROM base AS last\n";
    let dir = context(env, &[("Dockerfile", text)]);
    let args = env.file("args", "X=from-file\n");
    env.ctr(format!(
        "build -q -t flags --env C=3 --unsetenv A --unsetlabel one --label three=3 --isolation oci \
         --build-arg-file {} --metadata-file {} --iidfile {} {dir}",
        args.display(),
        env.work().join("metadata").display(),
        env.work().join("id").display(),
    ))
    .ok();
    let config = env.ctr("image inspect flags").ok().json()[0]["Config"].clone();
    let variables: Vec<&str> = config["Env"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v.as_str())
        .collect();
    assert!(
        variables.contains(&"B=2") && variables.contains(&"C=3"),
        "{config}"
    );
    assert!(!variables.contains(&"A=1"), "{config}");
    assert_eq!(
        config["Labels"],
        serde_json::json!({"two": "2", "three": "3"})
    );
    env.ctr("run --rm flags cat /x").ok().stdout("from-file\n");
    let id = std::fs::read_to_string(env.work().join("id")).unwrap();
    let metadata = std::fs::read_to_string(env.work().join("metadata")).unwrap();
    assert!(metadata.contains(&id), "{metadata}");
    env.ctr(format!("build --call targets {dir}"))
        .ok()
        .stdout("TARGET         DESCRIPTION\nbase           \nlast (default) \n");
    env.ctr(format!("build --check {dir}"))
        .ok()
        .stdout("Check complete, no warnings found.\n");
    env.ctr(format!("build --isolation none {dir}"))
        .run()
        .exits(1)
        .stderr_has("--isolation none");
}

fn flags_of_buildah_change_the_result(env: &TestEnv) {
    env.image("busybox");
    let caps = "RUN sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status > /caps\n";
    let dir = context(env, &[("Dockerfile", "FROM busybox\nLABEL one=1\n")]);
    env.ctr(format!("build -q -t base {dir}")).ok();
    let text = format!("FROM registry.invalid/not-asked-for AS a\nLABEL two=2\nFROM a\n{caps}");
    let dir = context(env, &[("Dockerfile", text.as_str())]);
    let build = |flags: &str| {
        env.ctr(format!("build -q -t it --from base {flags} {dir}"))
            .ok();
        let config = env.ctr("image inspect it").ok().json()[0]["Config"].clone();
        let capabilities = env.ctr("run --rm --network none it cat /caps").ok().line();
        let capabilities = u64::from_str_radix(&capabilities, 16).unwrap();
        (config["Labels"].clone(), capabilities)
    };
    let (labels, default) = build("");
    assert_eq!(labels, serde_json::json!({"one": "1", "two": "2"}));
    let (labels, changed) = build("--inherit-labels=false --cap-add SYS_ADMIN --cap-drop chown");
    assert!(
        labels.is_null() || labels.as_object().unwrap().is_empty(),
        "{labels}"
    );
    assert_eq!(changed, (default | 1 << 21) & !1);
    assert_ne!(env.ctr("history -q it").ok().lines().len(), 0);
    build("--omit-history --identity-label=false");
    assert_eq!(env.ctr("history -q it").ok().lines().len(), 0);
}

/// Its root directory is an overlay, and so another one cannot be mounted in there.
fn builds_inside_a_container(env: &TestEnv) {
    env.image("busybox");
    env.ctr("save -o busybox.tar busybox").ok();
    let copy =
        "FROM busybox\nCOPY . /a\nFROM busybox\nCOPY --chown=7 --from=0 /a /b/\nWORKDIR /w\n";
    env.file("copy/Dockerfile", copy);
    let run = "RUN --network=none rm /b/Dockerfile; echo made > made; chown 33:34 made; cat made\n";
    env.file("run/Dockerfile", format!("{copy}{run}"));
    let volumes = format!(
        "-v {}:/work:ro -v {}:/ctr:ro",
        env.work().display(),
        env.binary().display()
    );
    let inside = |how: &str, script: &str| {
        let ctr = "alias ctr='/ctr --root /tmp/store --runroot /tmp/run'";
        let script = format!("{ctr}\nset -e\nctr load -q -i /work/busybox.tar\n{script}\n");
        env.file("script", script);
        env.ctr(format!("run --rm {how} {volumes} busybox sh /work/script"))
            .ok()
    };
    inside("", "ctr build -q /work/copy");
    // Docker's filter forbids what a RUN needs, and so says the error.
    let refused = "ctr build -q /work/run 2> /tmp/err && exit 9\ngrep -A 9 '^Error' /tmp/err";
    inside("", refused)
        .stdout_has("cannot create a user namespace: operation not permitted\nHint: user namespaces are forbidden here");
    // Without it the container's /proc is another's, where nothing can be set.
    inside(
        "--security-opt seccomp=unconfined",
        "ctr build -q -t built /work/run\nctr run --rm --network none built cat made",
    )
    .stdout_has("made\n");
    inside(
        "--privileged",
        "ctr build -q -t built /work/run\nctr run --rm --network none built cat made\ncat /tmp/store/driver",
    )
    .stdout_has("made\ncopy\n");
}

fn stages_are_built_one_by_one_and_all_of_them(env: &TestEnv) {
    env.image("busybox");
    let text = "FROM busybox AS one\nRUN echo 1 > /1\nFROM busybox AS unused\nRUN exit 9\nFROM one AS two\nRUN echo 2 > /2\n\
                FROM busybox\nCOPY --from=two /1 /2 /\n";
    let dir = context(env, &[("Dockerfile", text)]);
    env.ctr(format!("build -q --jobs 1 -t few {dir}")).ok();
    env.ctr("run --rm few cat /1 /2").ok().stdout("1\n2\n");
    env.ctr(format!("build -q --skip-unused-stages=false {dir}"))
        .run()
        .exits(1)
        .stderr_has("exit code: 9");
}

fn the_manifest_is_oci_s_or_docker_s(env: &TestEnv) {
    env.image("busybox");
    let dir = context(env, &[("Dockerfile", "FROM busybox\nWORKDIR /w\n")]);
    for (format, word) in [("oci", "vnd.oci.image"), ("docker", "vnd.docker.")] {
        let metadata = env.work().join("metadata");
        env.ctr(format!(
            "build -q --format {format} --metadata-file {} {dir}",
            metadata.display()
        ))
        .ok();
        let metadata = std::fs::read(&metadata).unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&metadata).unwrap();
        let digest = metadata["containerimage.digest"].as_str().unwrap();
        let hex = digest.strip_prefix("sha256:").unwrap();
        let manifest = env.data().join("ctr/blobs/sha256").join(hex);
        let manifest = std::fs::read_to_string(manifest).unwrap();
        // The manifest's own type, the config's, and those of two layers.
        assert_eq!(manifest.matches(word).count(), 4, "{manifest}");
    }
    env.ctr(format!("build --format v1 {dir}")).run().exits(1);
}

fn much_output_is_no_burden(env: &TestEnv) {
    env.image("busybox");
    let text =
        "FROM busybox\nRUN head -c 40000000 /dev/zero; echo; yes | head -n 1000000; echo end\n";
    let dir = context(env, &[("Dockerfile", text)]);
    let built = env.ctr(format!("build --progress plain {dir}")).ok().err();
    assert_eq!(built.matches(" y\n").count(), 1_000_000, "{}", built.len());
    assert!(built.contains(" end\n"));
}

fn progress_as_json(env: &TestEnv) {
    env.image("busybox");
    let dockerfile =
        "FROM busybox\nRUN echo to-stdout; echo to-stderr >&2\nENV PASSWORD=x\nRUN true\n";
    let dir = context(env, &[("Dockerfile", dockerfile)]);
    let objects = |text: &str| -> Vec<Json> {
        let lines = text.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{error} in {text}"))
    };
    let all = |objects: &[Json], field: &str| -> Vec<Json> {
        let lists = objects.iter().filter_map(|object| object[field].as_array());
        lists.flatten().cloned().collect()
    };
    let text = |value: &Json| String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap());
    let built = env
        .ctr(format!("build --progress rawjson -t told {dir}"))
        .ok();
    let shown = objects(&built.err());
    assert_eq!(built.out(), "");
    let vertexes = all(&shown, "vertexes");
    let of = |name: &str| -> Vec<&Json> {
        let named = vertexes
            .iter()
            .filter(|v| v["name"].as_str().unwrap().contains(name));
        named.collect()
    };
    let run = of("RUN echo");
    assert_eq!(run.len(), 2, "{vertexes:?}");
    assert!(run[0]["started"].is_string() && run[0]["completed"].is_null());
    assert!(run[1]["completed"].as_str() >= run[0]["started"].as_str());
    assert_eq!(run[0]["digest"], run[1]["digest"]);
    assert_eq!(of("RUN true")[0]["inputs"][0], run[0]["digest"]);
    let mut logs: Vec<(i64, String)> = all(&shown, "logs")
        .iter()
        .filter(|log| log["vertex"] == run[0]["digest"])
        .map(|log| (log["stream"].as_i64().unwrap(), text(&log["data"]).unwrap()))
        .collect();
    logs.sort();
    assert_eq!(
        logs,
        [(1, "to-stdout\n".to_owned()), (2, "to-stderr\n".to_owned())]
    );
    let warnings = all(&shown, "warnings");
    assert_eq!(
        text(&warnings[0]["short"]).unwrap(),
        "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV \"PASSWORD\") (line 3)"
    );
    assert_eq!(warnings[0]["range"][0]["start"]["line"], 3);
    assert_eq!(
        text(&warnings[0]["sourceInfo"]["data"]).unwrap(),
        dockerfile
    );
    let names = all(&shown, "statuses");
    assert!(
        names
            .iter()
            .any(|s| s["id"] == "naming to docker.io/library/told:latest"),
        "{names:?}"
    );
    // What is known already is cached, and so it says.
    let again = env
        .ctr(format!("build {dir}"))
        .env("BUILDKIT_PROGRESS", "rawjson")
        .ok()
        .err();
    let cached = all(&objects(&again), "vertexes");
    assert_eq!(
        cached.iter().filter(|v| v["cached"] == true).count(),
        2,
        "{cached:?}"
    );
    // What fails says why; the error itself is for people, as with buildx.
    let dir = context(env, &[("Dockerfile", "FROM busybox\nRUN exit 3\n")]);
    let failed = env
        .ctr(format!("build --progress=rawjson {dir}"))
        .run()
        .exits(1)
        .err();
    let lines: Vec<&str> = failed
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    let ended = all(&objects(&lines.join("\n")), "vertexes").pop().unwrap();
    assert!(
        ended["error"].as_str().unwrap().contains("exit code: 3"),
        "{ended}"
    );
    assert!(failed.contains("failed to solve"), "{failed}");
}

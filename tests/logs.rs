//! `logs`.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(keeps_the_streams_apart),
        scenario!(tail_and_timestamps),
        scenario!(since_and_until),
        scenario!(follow_ends_with_the_container),
        scenario!(spans_restarts),
        scenario!(long_lines_come_back_whole),
        scenario!(details_say_what_was_asked_for),
        scenario!(bad_values_are_1),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn run(env: &TestEnv, script: &str) {
    env.image("busybox");
    env.ctr([
        "run",
        "--name",
        "box",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ])
    .run();
}

fn keeps_the_streams_apart(env: &TestEnv) {
    run(env, "echo out; echo err >&2; printf end");
    env.ctr("logs box").ok().stdout("out\nend").stderr("err\n");
}

fn tail_and_timestamps(env: &TestEnv) {
    run(env, "for i in 1 2 3 4 5; do echo $i; done");
    env.ctr("logs -n 2 box").ok().stdout("4\n5\n");
    env.ctr("logs --tail 0 box").ok().stdout("");
    env.ctr("logs --tail all box")
        .ok()
        .stdout("1\n2\n3\n4\n5\n");
    env.ctr("logs --tail 99 box").ok().stdout("1\n2\n3\n4\n5\n");
    let line = env.ctr("logs -t -n 1 box").ok().line();
    let (time, text) = line.split_once(' ').unwrap();
    assert_eq!(text, "5");
    assert!(
        time.len() == 30 && time.starts_with("20") && time.ends_with('Z'),
        "{time}"
    );
}

fn since_and_until(env: &TestEnv) {
    run(env, "echo early; sleep 1.2; echo late");
    let lines = env.ctr("logs -t box").ok().lines();
    let late = lines[1].split_once(' ').unwrap().0.to_owned();
    env.ctr(["logs", "--since", &late, "box"])
        .ok()
        .stdout("late\n");
    env.ctr(["logs", "--until", &late, "box"])
        .ok()
        .stdout("early\nlate\n");
    env.ctr("logs --since 1h box").ok().stdout("early\nlate\n");
    env.ctr("logs --until 1h box").ok().stdout("");
}

fn follow_ends_with_the_container(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "-d",
        "--name",
        "box",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "echo one; sleep 1; echo two",
    ])
    .ok();
    env.ctr("logs -f box").ok().stdout("one\ntwo\n");
    env.ctr("logs -f box").ok().stdout("one\ntwo\n");
}

fn spans_restarts(env: &TestEnv) {
    run(env, "echo again");
    env.ctr("start -a box").ok().stdout("again\n");
    env.ctr("logs box").ok().stdout("again\nagain\n");
}

fn long_lines_come_back_whole(env: &TestEnv) {
    // Docker's json-file cuts at 16 KiB and puts together again when it is read.
    let size = 100_000;
    run(
        env,
        &format!("head -c {size} /dev/zero | tr '\\0' x; echo; echo end"),
    );
    let finished = env.ctr("logs box").ok();
    assert!(
        finished.out() == format!("{}\nend\n", "x".repeat(size)),
        "{finished}"
    );
}

fn details_say_what_was_asked_for(env: &TestEnv) {
    env.image("busybox");
    let run = |name: &str, options: &[&str]| {
        let mut args = vec!["run", "--name", name, "--network", "none"];
        args.extend([
            "--label",
            "tier=a b",
            "--label",
            "other=x",
            "-e",
            "WHO=me,you",
        ]);
        args.extend(options);
        args.extend(["busybox", "sh", "-c", "echo one; echo two >&2; echo three"]);
        env.ctr(&args[..]).ok();
    };
    run(
        "some",
        &[
            "--log-opt",
            "labels=tier,none",
            "--log-opt",
            "env-regex=^W",
            "--log-opt",
            "max-size=1m",
        ],
    );
    env.ctr("logs --details some")
        .ok()
        .stdout("WHO=me%2Cyou,tier=a+b one\nWHO=me%2Cyou,tier=a+b three\n")
        .stderr("WHO=me%2Cyou,tier=a+b two\n");
    env.ctr("logs some").ok().stdout("one\nthree\n");
    run("tagged", &["--log-opt", "tag={{.Name}}"]);
    let tagged = env.ctr("logs --details tagged").ok();
    tagged.stdout("tag=tagged one\ntag=tagged three\n");
    // Where nothing was asked for, a space.
    run("plain", &[]);
    env.ctr("logs --details plain")
        .ok()
        .stdout(" one\n three\n");
    run("nothing", &["--log-driver", "none"]);
    env.ctr("logs nothing")
        .run()
        .exits(1)
        .stderr_has("configured logging driver does not support reading");
    for (option, words) in [
        ("none=1", "unknown log opt 'none' for json-file log driver"),
        ("labels-regex=(", "invalid value for labels-regex"),
    ] {
        env.ctr(["create", "--log-opt", option, "busybox"])
            .run()
            .stderr_has(words);
    }
}

fn bad_values_are_1(env: &TestEnv) {
    run(env, "echo x");
    env.ctr("logs --since x box")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has(
            "invalid value for \"since\": failed to parse value as time or duration: \"x\"",
        );
    env.ctr("logs nosuch")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("No such container: nosuch");
}

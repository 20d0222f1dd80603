//! What containers and builds may use: `--ulimit`, `--shm-size`, `--oom-score-adj`, and `--security-opt` of builds.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(ulimits_are_the_process_s),
        scenario!(ulimits_and_security_options_of_builds),
        scenario!(shared_memory_and_oom_score),
        scenario!(wrong_limits_are_125),
    ]
    .map(|scenario| scenario.needs(Need::Busybox))
    .to_vec()
}

const SHOW_ULIMITS: &str = "ulimit -n; ulimit -Hn; ulimit -c";

fn ulimits_are_the_process_s(env: &TestEnv) {
    env.image("busybox");
    let flags = "--network none --ulimit core=1 --ulimit nofile=100:200 --ulimit core=0";
    let run = |program: &str| {
        let words = format!("run --rm {flags} busybox sh -c");
        let words = words.split(' ').chain([program]).map(str::to_owned);
        env.ctr(words.collect::<Vec<_>>()).ok()
    };
    run(SHOW_ULIMITS).stdout("100\n200\n0\n");
    env.ctr(format!("run -d --name limited {flags} busybox sleep 1000"))
        .ok();
    // Those who come later have them, too.
    env.ctr(["exec", "limited", "sh", "-c", SHOW_ULIMITS])
        .ok()
        .stdout("100\n200\n0\n");
    env.ctr(["inspect", "-f", "{{json .HostConfig.Ulimits}}", "limited"])
        .ok()
        .stdout("[{\"Name\":\"core\",\"Hard\":1,\"Soft\":1},{\"Name\":\"nofile\",\"Hard\":200,\"Soft\":100},{\"Name\":\"core\",\"Hard\":0,\"Soft\":0}]\n");
    env.ctr("rm -f limited").ok();
    // A limit that cannot be had is no limit.
    env.ctr("run --rm --network none --ulimit nofile=5:1000000000000 busybox true")
        .run()
        .exits(125)
        .stderr_has("error setting rlimit RLIMIT_NOFILE: soft 5, hard 1000000000000");
}

fn ulimits_and_security_options_of_builds(env: &TestEnv) {
    env.image("busybox");
    let text = format!(
        "FROM busybox\nRUN {SHOW_ULIMITS}; grep NoNewPrivs /proc/self/status; mkdir /x || true\n"
    );
    env.file("context/Dockerfile", text);
    env.file(
        "context/no-mkdir.json",
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22}]}"#,
    );
    let context = env.work().join("context").display().to_string();
    let build = |flags: &str| {
        let command = format!("build --progress plain --network none{flags} {context}");
        env.ctr(command).ok().err()
    };
    let plain = build("");
    assert!(plain.contains("NoNewPrivs:\t0\n"), "{plain}");
    assert!(!plain.contains("Invalid argument"), "{plain}");
    let flags = format!(
        " --ulimit nofile=100:200 --ulimit core=0 --security-opt no-new-privileges --security-opt seccomp={context}/no-mkdir.json"
    );
    // What was built without them is not what they give.
    let limited = build(&flags);
    for words in [
        " 100\n",
        " 200\n",
        " 0\n",
        "NoNewPrivs:\t1\n",
        "Invalid argument\n",
    ] {
        assert!(limited.contains(words), "{words}: {limited}");
    }
    for (flag, words) in [
        (
            "--security-opt nonsense",
            "invalid --security-opt: \"nonsense\"",
        ),
        ("--security-opt seccomp=/nonexistent", "/nonexistent"),
        ("--ulimit nofile", "invalid ulimit argument: nofile"),
    ] {
        let wrong = env.ctr(format!("build {flag} {context}")).run();
        assert_ne!(wrong.code(), 0, "{flag}");
        wrong.stderr_has(words);
    }
}

fn shared_memory_and_oom_score(env: &TestEnv) {
    env.image("busybox");
    let show = "cat /proc/self/oom_score_adj; df -k /dev/shm | tail -n 1 | awk '{print $2}'";
    let run = |more: &str| {
        let words = format!("run --rm --network none --shm-size 1m {more} busybox sh -c");
        let words = words.split(' ').chain([show]).map(str::to_owned);
        env.ctr(words.collect::<Vec<_>>()).ok()
    };
    run("--oom-score-adj 500").stdout("500\n1024\n");
    run("--oom-score-adj=0").stdout("0\n1024\n").stderr("");
}

fn wrong_limits_are_125(env: &TestEnv) {
    env.image("busybox");
    for (flags, words) in [
        (
            "--ulimit nofile=2:1",
            "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
        ),
        ("--ulimit files=1", "invalid ulimit type: files"),
        ("--shm-size x", "invalid size: 'x'"),
        (
            "--oom-score-adj 1001",
            "Invalid value 1001, range for oom score adj is [-1000, 1000]",
        ),
    ] {
        env.ctr(format!("run --rm --network none {flags} busybox true"))
            .run()
            .exits(125)
            .stdout("")
            .stderr_has(words);
    }
    env.ctr("ps -aq").ok().stdout("");
}

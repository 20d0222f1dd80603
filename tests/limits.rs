//! What containers and builds may use: their cgroups, `--ulimit`, `--shm-size`, `--oom-score-adj`, `--security-opt` of builds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Invocation, Need, Scenario, TestEnv, Tier, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let limits = |scenario: Scenario| scenario.needs(Need::Limits);
    [
        limits(scenario!(limits_are_the_kernel_s)),
        limits(scenario!(memory_that_is_too_much_kills)),
        limits(scenario!(forks_have_an_end)),
        limits(scenario!(who_joins_is_limited_too)),
        limits(scenario!(nothing_is_left_of_a_killed_monitor)),
        limits(scenario!(builds_are_limited_step_by_step)),
        scenario!(cgroups_go_where_they_are_told_to).only(&[Tier::Root]),
        scenario!(limits_that_cannot_be_had_are_refused).only(&[Tier::SubIds, Tier::NoSubIds]),
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
        ("-m 5m", "Minimum memory limit allowed is 6MB"),
        ("--memory-swap 9m", "You should always set the Memory limit"),
        ("-m x", "invalid size: 'x'"),
        ("--cpus 4096", "Range of CPUs is from 0.01 to "),
        ("--cpu-period 1", "CPU cfs period can not be less than 1ms"),
        ("--cpuset-cpus 65000", "Requested CPUs are not available"),
        ("--memory-swappiness 101", "range is 0-100"),
        ("--cgroup-parent x", "invalid cgroup parent"),
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

/// The program with the user's own session, where their service manager is, but for the containers' sockets.
fn ctr(env: &TestEnv, words: &str, more: &[&str]) -> Invocation {
    let mut all: Vec<String> = Vec::new();
    if env.user().tier != Tier::Root {
        let run = env.runtime().join("ctr").display().to_string();
        all.extend(["--runroot".to_owned(), run]);
    }
    all.extend(words.split_whitespace().map(str::to_owned));
    all.extend(more.iter().map(|word| (*word).to_owned()));
    env.ctr(all)
        .env("XDG_RUNTIME_DIR", format!("/run/user/{}", env.user().uid))
}

fn is_unified() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// The file of a container's cgroup: by its name in version 2, or by its controller and name in version 1.
fn cgroup_file(env: &TestEnv, container: &str, v2: &str, v1: (&str, &str)) -> PathBuf {
    let pid = ctr(env, "inspect -f {{.State.Pid}}", &[container])
        .ok()
        .out();
    let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", pid.trim())).unwrap();
    let (key, hierarchy, name) = match is_unified() {
        true => ("0::".to_owned(), PathBuf::from("/sys/fs/cgroup"), v2),
        false => {
            let (controller, name) = v1;
            let mount = Path::new("/sys/fs/cgroup").join(controller);
            (format!(":{controller}:"), mount, name)
        }
    };
    let line = cgroups.lines().find(|line| line.contains(&key)).unwrap();
    let path = line.rsplit(':').next().unwrap();
    hierarchy.join(path.trim_start_matches('/')).join(name)
}

fn value(file: &Path) -> String {
    fs::read_to_string(file).unwrap().trim().to_owned()
}

fn limits_are_the_kernel_s(env: &TestEnv) {
    env.image("busybox");
    let flags =
        "-m 32m --memory-swap 48m --memory-reservation 16m --pids-limit 50 --cpus 0.5 -c 512";
    let run = format!("run -d --name limited --network none {flags} busybox sleep 1000");
    ctr(env, &run, &[]).ok();
    let file = |v2, v1| cgroup_file(env, "limited", v2, v1);
    let memory = file("memory.max", ("memory", "memory.limit_in_bytes"));
    assert_eq!(value(&memory), "33554432");
    let swap = file("memory.swap.max", ("memory", "memory.memsw.limit_in_bytes"));
    let expected = if is_unified() { 16 << 20 } else { 48 << 20 };
    assert_eq!(value(&swap), expected.to_string());
    let low = file("memory.low", ("memory", "memory.soft_limit_in_bytes"));
    assert_eq!(value(&low), "16777216");
    assert_eq!(value(&file("pids.max", ("pids", "pids.max"))), "50");
    let cpu = file("cpu.max", ("cpu", "cpu.cfs_quota_us"));
    let expected = if is_unified() {
        "50000 100000"
    } else {
        "50000"
    };
    assert_eq!(value(&cpu), expected);
    // What podman 5.4 with crun 1.21 gives it.
    let expected = if is_unified() { "20" } else { "512" };
    let weight = file("cpu.weight", ("cpu", "cpu.shares"));
    assert_eq!(value(&weight), expected);
    let shown = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.MemoryReservation}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}}";
    ctr(env, "inspect limited -f", &[shown])
        .ok()
        .stdout("33554432 50331648 16777216 50 500000000 512\n");
    // From inside it is all there is.
    if is_unified() {
        ctr(env, "exec limited cat /sys/fs/cgroup/memory.max", &[])
            .ok()
            .stdout("33554432\n");
    }
    ctr(env, "rm -f limited", &[]).ok();
    // systemd takes its time.
    env.until(|| !memory.exists());
}

/// Takes 100 MB of memory: `tail` keeps what it may have to print.
const HOG: &str = "tail -c 100m /dev/zero";

fn memory_that_is_too_much_kills(env: &TestEnv) {
    env.image("busybox");
    let run = format!("run --name hog --network none -m 16m --memory-swap 16m busybox {HOG}");
    ctr(env, &run, &[]).run().exits(137).stdout("");
    let shown = "{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}";
    ctr(env, "inspect hog -f", &[shown])
        .ok()
        .stdout("true 137 exited\n");
    // The next run is another one.
    ctr(
        env,
        "run --name modest --network none -m 16m busybox true",
        &[],
    )
    .ok();
    ctr(env, "inspect modest -f", &[shown])
        .ok()
        .stdout("false 0 exited\n");
}

fn forks_have_an_end(env: &TestEnv) {
    env.image("busybox");
    let bomb = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; echo all";
    let run = "run --rm --network none --pids-limit 8 busybox sh -c";
    let ended = ctr(env, run, &[bomb]).run();
    assert_ne!(ended.code(), 0, "{ended}");
    assert!(!ended.out().contains("all"), "{ended}");
    ended.stderr_has("fork");
    let run = "run --rm --network none --pids-limit 80 busybox sh -c";
    ctr(env, run, &[bomb]).ok().stdout("all\n");
}

fn who_joins_is_limited_too(env: &TestEnv) {
    env.image("busybox");
    let run = "run -d --name joined --network none -m 16m --memory-swap 16m busybox sleep 1000";
    ctr(env, run, &[]).ok();
    ctr(env, &format!("exec joined {HOG}"), &[])
        .run()
        .exits(137);
    ctr(env, "exec joined echo fine", &[]).ok().stdout("fine\n");
    ctr(env, "rm -f joined", &[]).ok();
}

fn nothing_is_left_of_a_killed_monitor(env: &TestEnv) {
    env.image("busybox");
    let run = "run -d --name killed --network none -m 16m busybox sleep 1000";
    ctr(env, run, &[]).ok();
    let file = cgroup_file(
        env,
        "killed",
        "memory.max",
        ("memory", "memory.limit_in_bytes"),
    );
    assert!(file.exists());
    let pid = ctr(env, "inspect -f {{.State.Pid}} killed", &[]).ok().out();
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    let monitor = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    env.program("kill", ["-KILL", monitor.unwrap().trim()]).ok();
    env.until(|| ctr(env, "ps -a", &[]).ok().out().contains("Exited (137)"));
    // systemd takes its time.
    env.until(|| !file.exists());
    ctr(env, "start killed", &[]).ok();
    ctr(env, "rm -f killed", &[]).ok();
}

fn builds_are_limited_step_by_step(env: &TestEnv) {
    env.image("busybox");
    let look = match is_unified() {
        true => "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.weight".to_owned(),
        false => {
            "grep -cE '^[0-9]+:(memory|cpu):.*ctr-build-' /proc/1/cgroup || cat /proc/1/cgroup"
                .to_owned()
        }
    };
    env.file(
        "context/Dockerfile",
        format!("FROM busybox\nRUN {look}\nRUN echo second\nRUN {HOG}\n"),
    );
    let context = env.work().join("context").display().to_string();
    let build =
        format!("build --progress plain --network none -m 16m --memory-swap 16m -c 1024 {context}");
    let failed = ctr(env, &build, &[]).run().exits(1).err();
    assert!(failed.contains(" second\n"), "{failed}");
    assert!(failed.contains("exit code: 137"), "{failed}");
    if is_unified() {
        assert!(failed.contains(" 16777216\n"), "{failed}");
        assert!(failed.contains(" 39\n"), "{failed}");
    }
}

/// In the hierarchy of version 2, without any controller: wherever that is mounted.
fn cgroups_go_where_they_are_told_to(env: &TestEnv) {
    env.image("busybox");
    let mount = match is_unified() {
        true => "/sys/fs/cgroup",
        false => "/sys/fs/cgroup/unified",
    };
    if !Path::new(mount).join("cgroup.procs").exists() {
        return;
    }
    let parent = format!("/ctr-tests-{}", std::process::id());
    let run = format!(
        "run -d --name told --network none --cgroup-parent {parent}/deep busybox sleep 1000"
    );
    let id = env.ctr(run).ok().line();
    let cgroup = format!("{parent}/deep/ctr-{id}");
    let dir = Path::new(mount).join(cgroup.trim_start_matches('/'));
    let procs = || value(&dir.join("cgroup.procs")).lines().count();
    assert_eq!(procs(), 1);
    let exec = env.ctr("exec told sleep 1000").spawn();
    env.until(|| procs() == 2);
    env.ctr("kill told").ok();
    exec.wait().exits(137);
    env.until(|| !dir.exists());
    // A killed monitor leaves it to the next who looks.
    env.ctr("start told").ok();
    let pid = env.ctr("inspect -f {{.State.Pid}} told").ok().out();
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    let monitor = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    env.program("kill", ["-KILL", monitor.unwrap().trim()]).ok();
    env.until(|| env.ctr("ps -a").ok().out().contains("Exited (137)") && !dir.exists());
    env.ctr("rm told").ok();
    let top = Path::new(mount).join(parent.trim_start_matches('/'));
    fs::remove_dir(top.join("deep")).unwrap();
    fs::remove_dir(top).unwrap();
}

fn limits_that_cannot_be_had_are_refused(env: &TestEnv) {
    env.image("busybox");
    // Without a session there is no service manager.
    for (flag, words) in [
        ("-m 32m", "Error: cannot limit memory: "),
        (
            "--pids-limit 9",
            "Error: cannot limit the number of processes: ",
        ),
        ("--cpus 1", "Error: cannot limit CPU time: "),
    ] {
        let refused = env
            .ctr(format!("run --rm --network none {flag} busybox true"))
            .run();
        let words = refused.exits(125).stdout("").stderr_has(words).err();
        assert!(words.contains("\nHint: "), "{words}");
    }
    env.file("context/Dockerfile", "FROM busybox\nRUN true\n");
    let context = env.work().join("context").display().to_string();
    let build = format!("build --network none -m 32m {context}");
    let refused = env.ctr(build).run().exits(1);
    let words = refused.stderr_has("cannot limit memory: ").err();
    assert!(words.contains("\nHint: "), "{words}");
    env.ctr("ps -aq").ok().stdout("");
    env.ctr("info")
        .ok()
        .stderr_has("WARNING: No limits by --memory, ");
}

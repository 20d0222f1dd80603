//! `-t`: raw mode, window size, detach keys, and the terminal as it was before, whatever happened.

use std::time::Duration;

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(a_shell_is_interactive),
        scenario!(the_window_s_size_is_followed),
        scenario!(detach_keys_leave_it_running),
        scenario!(coming_back_draws_anew),
        scenario!(other_detach_keys),
        scenario!(exec_has_a_terminal_too),
        scenario!(the_terminal_is_restored_after_a_kill),
        scenario!(signals_are_passed_on_too),
        scenario!(without_t_there_is_none),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn a_shell_is_interactive(env: &TestEnv) {
    env.image("busybox");
    let mut terminal = env.ctr("run -it --rm --network none busybox sh").terminal();
    terminal.expect("/ # ");
    assert!(terminal.is_raw());
    terminal.send("echo $TERM-$((6 * 7)); test -t 0 -a -t 1 -a -t 2 && tty\n");
    terminal.expect("xterm-42\r\n");
    terminal.expect("/dev/pts/0\r\n");
    // Ctrl-C goes to the command, not to us.
    terminal.send("sh -c 'echo runn''ing; exec sleep 1000'\n");
    terminal.expect("running\r\n");
    terminal.send("\u{3}");
    terminal.expect("/ # ");
    terminal.send("exit 3\n");
    assert_eq!(terminal.wait(), 3);
    assert!(!terminal.is_raw());
}

fn the_window_s_size_is_followed(env: &TestEnv) {
    env.image("busybox");
    let mut terminal = env.ctr("run -it --rm --network none busybox sh").terminal();
    terminal.expect("/ # ");
    terminal.send("stty size\n");
    terminal.expect("24 80\r\n");
    terminal.resize(40, 100);
    terminal.send("until test \"$(stty size)\" = '40 100'; do sleep 0.1; done; echo follow''ed\n");
    terminal.expect("followed\r\n");
    terminal.send("exit\n");
    assert_eq!(terminal.wait(), 0);
}

fn detach_keys_leave_it_running(env: &TestEnv) {
    env.image("busybox");
    let mut terminal = env
        .ctr("run -it --name box --network none busybox sh")
        .terminal();
    terminal.expect("/ # ");
    terminal.send("\u{10}\u{11}");
    assert_eq!(terminal.wait(), 0);
    assert!(!terminal.is_raw());
    env.ctr(["inspect", "-f", "{{.State.Running}}", "box"])
        .ok()
        .stdout("true\n");
    // And back.
    let mut terminal = env.ctr("attach box").terminal();
    terminal.send("echo ba''ck\n");
    terminal.expect("back\r\n");
    terminal.send("exit 4\n");
    assert_eq!(terminal.wait(), 4);
    assert!(!terminal.is_raw());
}

fn coming_back_draws_anew(env: &TestEnv) {
    env.image("busybox");
    // As an editor or a pager does: only when it sees another size.
    let script = "trap draw WINCH; draw() { now=$(stty size); test \"$now\" = \"$last\" || echo \"size $now\"; last=$now; }
        draw; while :; do sleep 0.001; done";
    let run = [
        "run",
        "-it",
        "--name",
        "box",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    let mut terminal = env.ctr(run).terminal();
    terminal.expect("size 24 80\r\n");
    terminal.send("\u{10}\u{11}");
    assert_eq!(terminal.wait(), 0);
    // On a busy machine the script may be too slow to see the other size, as it may with Docker.
    env.until(|| {
        let mut terminal = env.ctr("attach box").terminal();
        // Before that the keys would not be the client's.
        env.until(|| terminal.is_raw());
        let is_drawn = terminal.shows("size 24 80\r\n", Duration::from_secs(1));
        terminal.send("\u{10}\u{11}");
        terminal.wait();
        is_drawn
    });
    env.ctr("rm -f box").ok();
}

fn other_detach_keys(env: &TestEnv) {
    env.image("busybox");
    let mut terminal = env
        .ctr("run -it --name box --detach-keys ctrl-a,x --network none busybox sh")
        .terminal();
    terminal.expect("/ # ");
    // A Ctrl-P is now the shell's, and half a sequence is handed on as well.
    terminal.send("echo a\u{1}\u{5}b\n");
    terminal.expect("ab\r\n");
    terminal.send("\u{1}x");
    assert_eq!(terminal.wait(), 0);
    env.ctr(["inspect", "-f", "{{.State.Running}}", "box"])
        .ok()
        .stdout("true\n");
}

fn exec_has_a_terminal_too(env: &TestEnv) {
    env.image("busybox");
    env.ctr("run -d --name box --network none busybox sleep 1000")
        .ok();
    let mut terminal = env.ctr("exec -it box sh").terminal();
    terminal.expect("/ # ");
    terminal.send("stty size; tty\n");
    terminal.expect("24 80\r\n");
    terminal.expect("/dev/pts/0\r\n");
    terminal.send("exit 5\n");
    assert_eq!(terminal.wait(), 5);
    assert!(!terminal.is_raw());
}

fn signals_are_passed_on_too(env: &TestEnv) {
    env.image("busybox");
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let run = [
        "run",
        "-it",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    let mut terminal = env.ctr(run).terminal();
    terminal.expect("ready\r\n");
    let client = nix::unistd::Pid::from_raw(terminal.pid() as i32);
    nix::sys::signal::kill(client, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(terminal.wait(), 9);
    assert!(!terminal.is_raw());
}

fn the_terminal_is_restored_after_a_kill(env: &TestEnv) {
    env.image("busybox");
    let mut terminal = env
        .ctr("run -it --name box --network none busybox sh")
        .terminal();
    terminal.expect("/ # ");
    env.ctr("kill box").ok();
    assert_eq!(terminal.wait(), 137);
    assert!(!terminal.is_raw());
}

fn without_t_there_is_none(env: &TestEnv) {
    env.image("busybox");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "test -t 0 || test -t 1 || test -t 2 || echo none",
    ])
    .ok()
    .stdout("none\n");
}

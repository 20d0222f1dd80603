//! `build`: what it shows while it works, and afterwards.

use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(warnings_come_last),
        scenario!(quiet_builds_show_no_warnings),
        scenario!(programs_do_not_drive_the_terminal),
        scenario!(files_get_what_was_written),
        scenario!(a_picture_is_drawn_on_a_terminal_of_any_size),
        scenario!(colours_can_be_chosen_and_left_out),
        scenario!(modes_are_those_of_buildx),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox))
    .collect()
}

/// Writes a context of nothing but a Dockerfile and returns its path.
fn context(env: &TestEnv, dockerfile: &str) -> String {
    env.image("busybox");
    env.file("context/Dockerfile", dockerfile);
    env.work().join("context").display().to_string()
}

fn warnings_come_last(env: &TestEnv) {
    let dir = context(env, "FROM busybox\nMAINTAINER me\nCMD echo hi\n");
    let two = "\n 2 warnings found (use ctr --debug to expand):\n \
        - MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)\n \
        - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 3)\n";
    let shown = env.ctr(["build", &dir]).ok().err();
    assert!(shown.ends_with(two), "{shown}");
    let shown = env.ctr(["--debug", "build", &dir]).ok().err();
    let one = "\n 2 warnings found:\n - MaintainerDeprecated: ";
    assert!(shown.contains(one), "{shown}");
    let lines = "   2 | >>> MAINTAINER me\n   3 |     CMD echo hi\n--------------------\n\n";
    assert!(shown.contains(lines), "{shown}");
    let mut terminal = env.ctr(["build", &dir]).terminal();
    assert_eq!(terminal.wait(), 0);
    let yellow = "\x1b[33m2 warnings found (use ctr --debug to expand):\x1b[0m\r\n";
    assert!(terminal.shown().contains(yellow), "{}", terminal.shown());
    // Before what has failed.
    let dir = context(env, "FROM busybox\nCMD echo hi\nRUN exit 3\n");
    let shown = env.ctr(["build", &dir]).run().exits(1).err();
    let place = |text: &str| {
        shown
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {shown}"))
    };
    assert!(place("#2 ERROR: ") < place("------\n > [2/2] RUN exit 3:\n------\n"));
    assert!(place("\n------\n") < place(" 1 warning found "));
    assert!(place(" 1 warning found ") < place("3 | >>> RUN exit 3"));
}

fn quiet_builds_show_no_warnings(env: &TestEnv) {
    let dir = context(env, "FROM busybox\nCMD echo hi\n");
    let warned = env.ctr(["build", "--cache-from", "type=local,src=none", &dir]);
    let warning = "WARNING: cannot import the cache of none: ";
    warned
        .ok()
        .stderr_has(warning)
        .stderr_has("1 warning found");
    for flag in ["-q", "--progress=quiet"] {
        let args = ["build", flag, "--cache-from", "type=local,src=none", &dir];
        let quiet = env.ctr(args).ok().stderr("");
        assert!(quiet.line().starts_with("sha256:"), "{}", quiet.line());
    }
    env.ctr(["build", "--progress=none", &dir])
        .ok()
        .stdout("")
        .stderr("");
}

/// Writes colours, and everything that a terminal should not be told.
const HOSTILE: &str = r"FROM busybox
RUN printf '\033]0;title\007\033[2J\033[?1049h\033[31mred\033[0m\n\033P1q\033\\\033[10Aup\n10%%\r20%%\n'; exit 3
";

fn programs_do_not_drive_the_terminal(env: &TestEnv) {
    let dir = context(env, HOSTILE);
    for mode in ["plain", "tty", "quiet"] {
        let args = ["build", "--progress", mode, &dir];
        let mut terminal = env.ctr(args).terminal();
        assert_eq!(terminal.wait(), 1);
        let shown = terminal.shown();
        for order in ["\x1b]", "\x1b[2J", "\x1b[?1049h", "\x1bP", "\x1b[10A"] {
            assert!(!shown.contains(order), "{mode}: {order:?} in {shown:?}");
        }
        for kept in [" \x1b[31mred\x1b[0m\x1b[0m\r\n", " up\r\n", " 20%\r\n"] {
            assert!(shown.contains(kept), "{mode}: {kept:?} not in {shown:?}");
        }
    }
}

fn files_get_what_was_written(env: &TestEnv) {
    let dir = context(env, HOSTILE);
    let shown = env.ctr(["build", &dir]).run().exits(1).err();
    let line = "\x1b]0;title\x07\x1b[2J\x1b[?1049h\x1b[31mred\x1b[0m\n";
    // As it comes, and in the end once more.
    assert_eq!(shown.matches(line).count(), 2, "{shown:?}");
    assert!(shown.contains(" 10%\r20%\n"), "{shown:?}");
}

/// How the last lines of a step's output are drawn.
const TAIL: &str = " => => # 語";

fn a_picture_is_drawn_on_a_terminal_of_any_size(env: &TestEnv) {
    // It goes on until somebody has seen it.
    let go = env.work().join("go");
    let volume = format!("{}:/work", env.work().display());
    let text = "FROM busybox\nRUN yes 語語語語語語語語語語語語語語語語語語語語語語語語語語語語語語 | head -n 20000; \
        until test -e /work/go; do sleep 0.05; done; sleep 0.2\n";
    let dir = context(env, text);
    for (rows, columns) in [(24, 80), (24, 3), (2, 40), (0, 0)] {
        let build = env.ctr(["build", "--no-cache", "-v", &volume, &dir]);
        let mut terminal = build.terminal_of(rows, columns);
        let has_tail = rows != 2 && columns != 3;
        if has_tail {
            terminal.expect(TAIL);
        }
        env.file("go", "");
        assert_eq!(terminal.wait(), 0);
        std::fs::remove_file(&go).unwrap();
        let shown = terminal.shown();
        let columns = if columns == 0 {
            80
        } else {
            usize::from(columns)
        };
        let picture = shown.split("writing image").next().unwrap_or_default();
        for line in picture.split("\r\n") {
            let line = line.rsplit("\x1b[2K").next().unwrap_or_default();
            let letters = line.chars().filter(|letter| *letter == '語').count();
            assert!(2 * letters < columns, "{columns}: {line:?}");
        }
        assert_eq!(shown.contains(TAIL), has_tail, "{shown:?}");
    }
}

fn colours_can_be_chosen_and_left_out(env: &TestEnv) {
    let dir = context(env, "FROM busybox\nRUN true\n");
    let shown = |name: &str, value: &str| {
        let mut terminal = env.ctr(["build", &dir]).env(name, value).terminal();
        assert_eq!(terminal.wait(), 0);
        terminal.shown()
    };
    let (done, green) = ("\x1b[34m => [1/2] FROM", "\x1b[32m => [1/2] FROM");
    assert!(shown("UNUSED", "").contains(done));
    assert!(shown("BUILDKIT_COLORS", "run=green").contains(green));
    let plain = shown("NO_COLOR", "1");
    assert!(plain.contains("\x1b[2K => [1/2] FROM"), "{plain:?}");
    let wrong = shown("BUILDKIT_COLORS", "run=none-such");
    assert!(wrong.contains("WARNING: BUILDKIT_COLORS: "), "{wrong:?}");
}

fn modes_are_those_of_buildx(env: &TestEnv) {
    let dir = context(env, "FROM busybox\n");
    env.ctr(["build", "--progress=tty", &dir])
        .run()
        .exits(1)
        .stderr("Error: failed to get console: stderr is not a terminal\n");
    env.ctr(["build", "-q", "--progress=plain", &dir])
        .run()
        .exits(1)
        .stderr("Error: progress=plain and quiet cannot be used together\n");
    let mut terminal = env
        .ctr(["build", "--progress=auto", &dir])
        .env("BUILDKIT_PROGRESS", "plain")
        .terminal();
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.shown().starts_with("#1 [1/1] FROM"));
}

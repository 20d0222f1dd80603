//! `ps`: columns, filters and formats.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(nothing_is_a_header),
        scenario!(columns_are_docker_s),
        scenario!(states_are_told),
        scenario!(filters_select),
        scenario!(formats_are_templates),
        scenario!(json_has_strings),
        scenario!(last_and_latest),
        scenario!(bad_input_is_1),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn nothing_is_a_header(env: &TestEnv) {
    env.ctr("ps")
        .ok()
        .stdout("CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n")
        .stderr("");
    env.ctr("ps -aq").ok().stdout("");
}

fn columns_are_docker_s(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr([
            "run",
            "-d",
            "--name",
            "web",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            "sleep 100000; true",
        ])
        .ok()
        .line();
    let lines = env.ctr("ps").ok().lines();
    assert_eq!(lines.len(), 2);
    let header: Vec<&str> = lines[0]
        .split("  ")
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(
        header,
        [
            "CONTAINER ID",
            "IMAGE",
            "COMMAND",
            "CREATED",
            "STATUS",
            "PORTS",
            "NAMES"
        ]
    );
    // Each column begins below its header.
    let cell = |name: &str| {
        lines[1][lines[0].find(name).unwrap().min(lines[1].len())..]
            .split("  ")
            .next()
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_eq!(cell("CONTAINER ID"), id[..12]);
    assert_eq!(cell("IMAGE"), "busybox");
    assert!(
        lines[1].contains("\"sh -c 'sleep 100000…\""),
        "{}",
        lines[1]
    );
    assert!(lines[1].contains("   Up "), "{}", lines[1]);
    assert!(lines[1].ends_with("   web"), "{}", lines[1]);
    env.ctr("ps --no-trunc")
        .ok()
        .stdout_has(&id)
        .stdout_has("\"sh -c 'sleep 100000; true'\"");
    env.ctr("ps -s")
        .ok()
        .stdout_has("   SIZE\n")
        .stdout_has(" (virtual ");
}

fn states_are_told(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name created --network none busybox true")
        .ok();
    env.ctr("run --name good --network none busybox true").ok();
    env.ctr("run --name bad --network none busybox false")
        .run()
        .exits(1);
    env.ctr("run -d --name up --network none busybox sleep 1000")
        .ok();
    // Newest first.
    let lines = env
        .ctr(["ps", "-a", "--format", "{{.Names}}|{{.State}}|{{.Status}}"])
        .ok()
        .lines();
    let starts = [
        "up|running|Up ",
        "bad|exited|Exited (1) ",
        "good|exited|Exited (0) ",
        "created|created|Created",
    ];
    assert!(
        lines.len() == 4
            && lines
                .iter()
                .zip(starts)
                .all(|(line, start)| line.starts_with(start)),
        "{lines:?}"
    );
    env.ctr(["ps", "--format", "{{.Names}}"])
        .ok()
        .stdout("up\n");
}

fn filters_select(env: &TestEnv) {
    env.image("busybox");
    env.ctr("tag busybox other:v1").ok();
    env.ctr("create --name first -l kind=a --network none busybox true")
        .ok();
    env.ctr("create --name second -l kind=b -l only --network none other:v1 true")
        .ok();
    env.ctr("run --name third --network none busybox false")
        .run()
        .exits(1);
    env.ctr("run -d --name fourth --network none busybox sleep 1000")
        .ok();
    for (filters, names) in [
        ("-f name=ir", "third first"),
        ("-f name=^first$", "first"),
        ("-f label=kind", "second first"),
        ("-f label=kind=a", "first"),
        ("-f label=kind=b -f label=only", "second"),
        ("-f status=created", "second first"),
        ("-f status=created -f status=running", "fourth second first"),
        ("-f exited=1", "third"),
        ("-f before=third", "second first"),
        ("-f since=second", "fourth third"),
        ("-f ancestor=other:v1", "fourth third second first"),
        ("-f name=nosuch", ""),
    ] {
        let found = env
            .ctr(format!("ps -a {filters} --format {{{{.Names}}}}"))
            .ok()
            .lines()
            .join(" ");
        assert_eq!(found, names, "{filters}");
    }
    let id = env.ctr("ps -aq --no-trunc -f name=first").ok().line();
    env.ctr([
        "ps",
        "-aq",
        "--no-trunc",
        "-f",
        &format!("id={}", &id[..10]),
    ])
    .ok()
    .stdout(&format!("{id}\n"));
}

fn formats_are_templates(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name box -l com.example.x=1 --network none busybox true")
        .ok();
    for (template, text) in [
        ("{{.Names}}\\t{{.Image}}", "box\tbusybox\n"),
        ("{{.Label \"com.example.x\"}}", "1\n"),
        ("{{upper .Names}}-{{.Labels}}", "BOX-com.example.x=1\n"),
        ("{{if eq .State \"created\"}}yes{{else}}no{{end}}", "yes\n"),
        ("{{json .Names}}", "\"box\"\n"),
        ("{{printf \"%-6s|\" .Names}}", "box   |\n"),
        ("{{.Command}}", "\"true\"\n"),
        (
            "table {{.Names}}\\t{{.Status}}",
            "NAMES     STATUS\nbox       Created\n",
        ),
        (
            "{{.Networks}} {{.Ports}}{{.Mounts}}{{.LocalVolumes}}",
            "none 0\n",
        ),
    ] {
        env.ctr(["ps", "-a", "--format", template])
            .ok()
            .stdout(text)
            .stderr("");
    }
}

fn json_has_strings(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("create --name box -l k=v --network none busybox echo <&>")
        .ok()
        .line();
    for format in ["json", "{{json .}}"] {
        let finished = env.ctr(["ps", "-a", "--format", format]).ok();
        finished
            .clone()
            .stdout_has("\"Command\":\"\\\"echo \\u003c\\u0026\\u003e\\\"\"");
        let line = finished.line();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["ID"], id[..12]);
        for (key, text) in [
            ("Image", "busybox"),
            ("Names", "box"),
            ("Labels", "k=v"),
            ("State", "created"),
            ("Status", "Created"),
            ("LocalVolumes", "0"),
            ("Mounts", ""),
            ("Networks", "none"),
            ("Ports", ""),
            ("Size", "0B"),
        ] {
            let size = value["Size"].as_str().unwrap();
            if key == "Size" {
                assert!(size.starts_with(text), "{size}");
            } else {
                assert_eq!(value[key], text, "{key}");
            }
        }
    }
}

fn last_and_latest(env: &TestEnv) {
    env.image("busybox");
    for name in ["one", "two", "three"] {
        env.ctr([
            "create",
            "--name",
            name,
            "--network",
            "none",
            "busybox",
            "true",
        ])
        .ok();
    }
    env.ctr(["ps", "-n", "2", "--format", "{{.Names}}"])
        .ok()
        .stdout("three\ntwo\n");
    env.ctr(["ps", "-l", "--format", "{{.Names}}"])
        .ok()
        .stdout("three\n");
}

fn bad_input_is_1(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name box --network none busybox true")
        .ok();
    env.ctr("ps -f nosuch=1")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("nvalid filter 'nosuch'");
    env.ctr("ps -f status=nosuch")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("nvalid filter 'status=nosuch'");
    // Without a row, too.
    for (format, words) in [
        (
            "{{.NoSuch}}",
            "failed to execute template: template: :1:2: executing \"\" at <.NoSuch>: can't evaluate field NoSuch",
        ),
        (
            "{{.Names",
            "failed to parse template: template: :1: unclosed action",
        ),
    ] {
        for list in ["ps", "ps -aq"] {
            env.ctr(format!("{list} --format {format}"))
                .run()
                .exits(1)
                .stdout("")
                .stderr_has(words);
        }
    }
    env.ctr("ps -q --format {{.Names}}")
        .ok()
        .stdout("")
        .stderr("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
}

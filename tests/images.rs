//! `images`, `rmi`, `tag`, `import` and `image …`.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(nothing_is_a_header),
        scenario!(columns_are_docker_s),
        scenario!(formats_are_templates),
        scenario!(arguments_and_filters_select),
        scenario!(import_reads_stdin_and_files),
        scenario!(import_changes_the_config),
        scenario!(import_refuses_what_is_no_tar),
        scenario!(tag_adds_a_name),
        scenario!(rmi_untags_then_deletes),
        scenario!(rmi_refuses_what_is_used),
        scenario!(image_prefix_is_the_same),
        scenario!(history_tells_instructions),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn nothing_is_a_header(env: &TestEnv) {
    env.ctr("images")
        .ok()
        .stdout("REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n")
        .stderr("");
    env.ctr("images -q").ok().stdout("");
}

fn columns_are_docker_s(env: &TestEnv) {
    let id = env.image("busybox");
    let id = id.strip_prefix("sha256:").unwrap();
    assert_eq!(id.len(), 64);
    let lines = env.ctr("images").ok().lines();
    assert_eq!(lines.len(), 2);
    let words: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(words[..3], ["busybox", "latest", &id[..12]]);
    assert!(words.last().unwrap().ends_with("MB"), "{}", lines[1]);
    env.ctr("images -q")
        .ok()
        .stdout(&format!("{}\n", &id[..12]));
    env.ctr("images -q --no-trunc")
        .ok()
        .stdout(&format!("sha256:{id}\n"));
    let header: Vec<String> = env.ctr("images --digests").ok().lines()[0]
        .split("   ")
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(
        header,
        ["REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"]
    );
}

fn formats_are_templates(env: &TestEnv) {
    env.image("busybox");
    env.ctr("tag busybox localhost:5000/a/b:v1").ok();
    let mut lines = env
        .ctr(["images", "--format", "{{.Repository}}:{{.Tag}}"])
        .ok()
        .lines();
    lines.sort();
    assert_eq!(lines, ["busybox:latest", "localhost:5000/a/b:v1"]);
    env.ctr([
        "images",
        "busybox",
        "--format",
        "table {{.Repository}}\t{{.Tag}}",
    ])
    .ok()
    .stdout("REPOSITORY   TAG\nbusybox      latest\n");
    // ansible-test reads one object per line.
    let value: serde_json::Value = serde_json::from_str(
        &env.ctr(["images", "busybox", "--format", "{{json .}}"])
            .ok()
            .line(),
    )
    .unwrap();
    for (key, text) in [
        ("Repository", "busybox"),
        ("Tag", "latest"),
        ("Containers", "N/A"),
        ("SharedSize", "N/A"),
        ("UniqueSize", "N/A"),
    ] {
        assert_eq!(value[key], text, "{key}");
    }
    // VS Code's words.
    env.ctr([
        "image",
        "ls",
        "--filter",
        "dangling=false",
        "--no-trunc",
        "--format",
        "{{json .}}",
    ])
    .ok()
    .stdout_has("\"ID\":\"sha256:");
}

fn arguments_and_filters_select(env: &TestEnv) {
    env.image("busybox");
    env.ctr("tag busybox other:v1").ok();
    env.ctr("tag busybox other:v2").ok();
    for (arguments, expected) in [
        ("other", "other:v1 other:v2"),
        ("other:v2", "other:v2"),
        ("nosuch", ""),
        ("-f reference=oth*", "other:v1 other:v2"),
        ("-f reference=*:v1", "other:v1"),
        ("-f dangling=true", ""),
    ] {
        let mut found = env
            .ctr(format!(
                "images {arguments} --format {{{{.Repository}}}}:{{{{.Tag}}}}"
            ))
            .ok()
            .lines();
        found.sort();
        assert_eq!(found.join(" "), expected, "{arguments}");
    }
    env.ctr("images -f nosuch=1")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("nvalid filter 'nosuch'");
}

fn import_reads_stdin_and_files(env: &TestEnv) {
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    env.file("rootfs.tar", tar);
    let id = env
        .ctr("import rootfs.tar from-file:1")
        .ok()
        .stderr("")
        .line();
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    env.ctr("run --rm --network none from-file:1 echo works")
        .ok()
        .stdout("works\n");
    // Without a name it is there, but has none.
    let id = env.ctr("import -").stdin(tar).ok().line();
    env.ctr(["images", "-q", "--no-trunc", "-f", "dangling=true"])
        .ok()
        .stdout(&format!("{id}\n"));
    env.ctr(["run", "--rm", "--network", "none", &id[7..19], "true"])
        .ok();
}

fn import_changes_the_config(env: &TestEnv) {
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    env.ctr([
        "import",
        "-c",
        "ENV A=1",
        "-c",
        "CMD [\"echo\", \"default\"]",
        "-c",
        "WORKDIR /tmp",
        "-c",
        "USER app",
        "-c",
        "LABEL k=v",
        "-m",
        "a message",
        "-",
        "changed",
    ])
    .stdin(tar)
    .ok();
    env.ctr("run --rm --network none changed")
        .ok()
        .stdout("default\n");
    env.ctr([
        "run",
        "--rm",
        "--network",
        "none",
        "changed",
        "sh",
        "-c",
        "echo $A $(id -un) $(pwd)",
    ])
    .ok()
    .stdout("1 app /tmp\n");
    env.ctr([
        "inspect",
        "-f",
        "{{.Comment}} {{index .Config.Labels \"k\"}}",
        "changed",
    ])
    .ok()
    .stdout("a message v\n");
    env.ctr(["import", "-c", "NOSUCH x", "-", "bad"])
        .stdin(tar)
        .run()
        .exits(1)
        .stdout("");
    env.ctr("images -q bad").ok().stdout("");
}

fn import_refuses_what_is_no_tar(env: &TestEnv) {
    env.file(
        "text",
        "no tar at all, but longer than a tar header would have to be. ".repeat(20),
    );
    env.ctr("import text bad").run().exits(1).stdout("");
    env.ctr("import /nosuch bad")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("/nosuch")
        .stderr_has("o such file or directory");
    env.ctr("images -q").ok().stdout("");
}

fn tag_adds_a_name(env: &TestEnv) {
    let id = env.image("busybox");
    env.ctr("tag busybox other:v1").ok().stdout("").stderr("");
    env.ctr(["tag", &id, "by-id"]).ok();
    env.ctr(["inspect", "-f", "{{.Id}}", "other:v1"])
        .ok()
        .stdout(&format!("{id}\n"));
    env.ctr(["inspect", "-f", "{{.Id}}", "by-id"])
        .ok()
        .stdout(&format!("{id}\n"));
    env.ctr("tag nosuch x")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("No such image: nosuch:latest");
    env.ctr("tag busybox BAD")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("is not a valid repository/tag: invalid reference format");
}

fn rmi_untags_then_deletes(env: &TestEnv) {
    let id = env.image("busybox");
    env.ctr("tag busybox other:v1").ok();
    env.ctr("rmi other:v1")
        .ok()
        .stdout("Untagged: other:v1\n")
        .stderr("");
    let lines = env.ctr("rmi busybox").ok().lines();
    assert_eq!(
        lines[..2],
        [
            "Untagged: busybox:latest".to_owned(),
            format!("Deleted: {id}")
        ]
    );
    env.ctr("images -q").ok().stdout("");
    env.ctr("rmi nosuch")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("No such image: nosuch:latest");
    env.ctr("rmi -f nosuch")
        .run()
        .exits(0)
        .stdout("")
        .stderr_has("No such image: nosuch:latest");
}

fn rmi_refuses_what_is_used(env: &TestEnv) {
    env.image("busybox");
    let container = env
        .ctr("create --name box --network none busybox true")
        .ok()
        .line();
    env.ctr("rmi busybox")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("unable to remove repository reference \"busybox\" (must force) - container")
        .stderr_has(&container[..12]);
    env.ctr("rm box").ok();
    env.ctr("rmi busybox").ok();
}

fn image_prefix_is_the_same(env: &TestEnv) {
    let id = env.image("busybox");
    env.ctr("image ls -q")
        .ok()
        .stdout(&format!("{}\n", &id[7..19]));
    env.ctr("image tag busybox other").ok();
    env.ctr(["image", "inspect", "-f", "{{.Id}}", "other"])
        .ok()
        .stdout(&format!("{id}\n"));
    env.ctr("image rm other")
        .ok()
        .stdout("Untagged: other:latest\n");
}

fn history_tells_instructions(env: &TestEnv) {
    let tar = crate::support::busybox::rootfs_tar().unwrap();
    let id = env.ctr("import -m first - x:1").stdin(tar).ok().line();
    let lines = env.ctr("history x:1").ok().lines();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
        "IMAGE CREATED CREATED BY SIZE COMMENT"
    );
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with(&id[7..19]), "{}", lines[1]);
    assert!(lines[1].contains("ago") && lines[1].ends_with("first"));
    env.ctr("history -q --no-trunc x:1")
        .ok()
        .stdout(&format!("{id}\n"));
    let size = env
        .ctr(["history", "-H=false", "--format", "{{.Size}}", "x:1"])
        .ok()
        .line();
    assert!(size.parse::<u64>().unwrap() > 100_000, "{size}");
    let row = env
        .ctr(["history", "--format", "{{json .}}", "x:1"])
        .ok()
        .json();
    let fields: Vec<_> = row.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        fields.join(" "),
        "Comment CreatedAt CreatedBy CreatedSince ID Size"
    );
    env.ctr(["import", "-m", "\x1b[2J\nforged", "-", "orders"])
        .stdin(tar)
        .ok();
    for format in ["table", "table {{.ID}}\t{{.Comment}}"] {
        env.ctr(["history", "--format", format, "orders"])
            .ok()
            .stdout_has("\\x1b[2J");
    }
    let whole = ["history", "--format", "{{.Comment}}", "orders"];
    env.ctr(whole).ok().stdout("\x1b[2J\nforged\n");
    env.ctr("history nosuch")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("No such image: nosuch:latest");
}

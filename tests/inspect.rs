//! `inspect`: the JSON, and what scripts ask of it.

use crate::support::{Need, Scenario, TestEnv, scenario};

/// Where the claims about Docker come from.
const MEASURED: &str = "measured: docker CLI 28.2.2 with a 20.10.24 daemon";

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenario!(absent_objects_are_an_empty_list),
        scenario!(containers_have_docker_s_shape),
        scenario!(expressions_of_real_scripts),
        scenario!(images_have_docker_s_shape),
        scenario!(types_select),
        scenario!(bad_templates_are_1),
    ]
    .into_iter()
    .map(|scenario| scenario.needs(Need::Busybox).claimed_of_docker(MEASURED))
    .collect()
}

fn absent_objects_are_an_empty_list(env: &TestEnv) {
    env.ctr("inspect nosuch")
        .run()
        .exits(1)
        .stdout("[]\n")
        .stderr_has("No such object: nosuch");
    env.image("busybox");
    env.ctr("create --name box --network none busybox true")
        .ok();
    // What is there is shown, also when something else is not.
    let finished = env
        .ctr("inspect nosuch box")
        .run()
        .exits(1)
        .stderr_has("No such object: nosuch");
    assert_eq!(finished.json().as_array().unwrap().len(), 1);
    env.ctr(["inspect", "-f", "{{.Name}}", "nosuch", "box"])
        .run()
        .exits(1)
        .stdout("/box\n");
}

fn containers_have_docker_s_shape(env: &TestEnv) {
    env.image("busybox");
    let id = env
        .ctr("run -d --name box -h inside -e A=b -l k=v -w /tmp -u app --network none -v vol:/data --cap-add SYS_TIME --read-only busybox sleep 1000")
        .ok()
        .line();
    let finished = env.ctr("inspect box").ok();
    // Four blanks, as in Docker's own.
    finished.clone().stdout_has(&format!(
        "[\n    {{\n        \"Id\": \"{id}\",\n        \"Created\": \"20"
    ));
    let value = &finished.json()[0];
    for (pointer, expected) in [
        ("/Name", serde_json::json!("/box")),
        ("/Path", serde_json::json!("sleep")),
        ("/Args", serde_json::json!(["1000"])),
        ("/State/Status", serde_json::json!("running")),
        ("/State/Running", serde_json::json!(true)),
        ("/State/Paused", serde_json::json!(false)),
        ("/State/OOMKilled", serde_json::json!(false)),
        ("/State/Dead", serde_json::json!(false)),
        ("/State/ExitCode", serde_json::json!(0)),
        ("/State/Error", serde_json::json!("")),
        (
            "/State/FinishedAt",
            serde_json::json!("0001-01-01T00:00:00Z"),
        ),
        ("/RestartCount", serde_json::json!(0)),
        ("/Config/Hostname", serde_json::json!("inside")),
        ("/Config/User", serde_json::json!("app")),
        ("/Config/Cmd", serde_json::json!(["sleep", "1000"])),
        ("/Config/Entrypoint", serde_json::json!(null)),
        ("/Config/Image", serde_json::json!("busybox")),
        ("/Config/WorkingDir", serde_json::json!("/tmp")),
        ("/Config/Labels", serde_json::json!({"k": "v"})),
        ("/Config/Tty", serde_json::json!(false)),
        ("/HostConfig/NetworkMode", serde_json::json!("none")),
        ("/HostConfig/Binds", serde_json::json!(["vol:/data"])),
        ("/HostConfig/AutoRemove", serde_json::json!(false)),
        ("/HostConfig/Privileged", serde_json::json!(false)),
        ("/HostConfig/ReadonlyRootfs", serde_json::json!(true)),
        (
            "/HostConfig/RestartPolicy",
            serde_json::json!({"Name": "no", "MaximumRetryCount": 0}),
        ),
        ("/HostConfig/LogConfig/Type", serde_json::json!("json-file")),
        ("/HostConfig/ShmSize", serde_json::json!(67_108_864)),
        ("/Mounts/0/Type", serde_json::json!("volume")),
        ("/Mounts/0/Name", serde_json::json!("vol")),
        ("/Mounts/0/Destination", serde_json::json!("/data")),
        ("/Mounts/0/RW", serde_json::json!(true)),
        ("/NetworkSettings/Ports", serde_json::json!({})),
    ] {
        assert_eq!(value.pointer(pointer), Some(&expected), "{pointer}");
    }
    assert!(
        value["Config"]["Env"]
            .as_array()
            .unwrap()
            .contains(&"A=b".into())
    );
    assert!(value["State"]["Pid"].as_u64().unwrap() > 0);
    assert!(
        value["HostConfig"]["CapAdd"][0]
            .as_str()
            .unwrap()
            .ends_with("SYS_TIME")
    );
    assert!(value["Image"].as_str().unwrap().starts_with("sha256:"));
    for key in [
        "Platform",
        "LogPath",
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "GraphDriver",
        "Driver",
        "MountLabel",
        "ProcessLabel",
        "AppArmorProfile",
        "ExecIDs",
    ] {
        assert!(value.get(key).is_some(), "{key}");
    }
}

fn expressions_of_real_scripts(env: &TestEnv) {
    let image = env.image("busybox");
    env.ctr("run -d --name box -h host1 -l com.docker.compose.project=p --network none -v vol:/data busybox sleep 1000").ok();
    for (template, expected) in [
        (".", None),
        ("{{.State.Running}}", Some("true")),
        ("{{.State.Status}}", Some("running")),
        ("{{.State.ExitCode}}", Some("0")),
        ("{{.Config.Image}}", Some("busybox")),
        ("{{.Image}}", Some(image.as_str())),
        ("{{.Name}}", Some("/box")),
        (
            "{{.Config.Hostname}}|{{.Name}}|{{.Image}}",
            Some(&format!("host1|/box|{image}")),
        ),
        (
            "{{index .Config.Labels \"com.docker.compose.project\"}}",
            Some("p"),
        ),
        (
            "{{range $k,$v := .Config.Labels}}{{$k}}={{$v}}{{println}}{{end}}",
            Some("com.docker.compose.project=p\n"),
        ),
        ("{{range .Mounts}}{{.Destination}}{{end}}", Some("/data")),
        ("{{json .Config.Cmd}}", Some("[\"sleep\",\"1000\"]")),
        ("{{len .Config.Cmd}}", Some("2")),
        ("{{join .Config.Cmd \" \"}}", Some("sleep 1000")),
        ("{{.Args}}", Some("[1000]")),
        ("{{if .State.Running}}up{{else}}down{{end}}", Some("up")),
        ("{{printf \"%.10s\" .Image}}", Some("sha256:")),
        ("{{.HostConfig.NetworkMode}}", Some("none")),
        ("{{json .NetworkSettings.Ports}}", Some("{}")),
    ] {
        let finished = env.ctr(["inspect", "-f", template, "box"]).ok().stderr("");
        match expected {
            Some(text) if template.contains("%.10s") => {
                assert_eq!(finished.line(), image[..10], "{text}")
            }
            Some(text) => drop(finished.stdout(&format!("{text}\n"))),
            None => drop(finished.stdout(".\n")),
        }
    }
}

fn images_have_docker_s_shape(env: &TestEnv) {
    let id = env.image("busybox");
    let value = env.ctr("inspect busybox").ok().json();
    let value = &value[0];
    assert_eq!(value["Id"], id);
    assert_eq!(value["RepoTags"], serde_json::json!(["busybox:latest"]));
    assert_eq!(value["Os"], "linux");
    assert!(
        ["amd64", "arm64"].contains(&value["Architecture"].as_str().unwrap()),
        "{}",
        value["Architecture"]
    );
    assert_eq!(value["RootFS"]["Type"], "layers");
    assert_eq!(value["RootFS"]["Layers"].as_array().unwrap().len(), 1);
    assert!(value["Size"].as_u64().unwrap() > 500_000);
    assert!(value["Created"].as_str().unwrap().starts_with("20"));
    env.ctr([
        "inspect",
        "-f",
        "{{len .RepoTags}} {{.Architecture}}",
        "busybox",
    ])
    .ok()
    .stdout_has("1 ");
}

fn types_select(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name busybox --network none busybox true")
        .ok();
    env.ctr(["inspect", "-f", "{{.Name}}", "busybox"])
        .ok()
        .stdout("/busybox\n");
    env.ctr([
        "inspect",
        "--type",
        "image",
        "-f",
        "{{index .RepoTags 0}}",
        "busybox",
    ])
    .ok()
    .stdout("busybox:latest\n");
    env.ctr("inspect --type volume busybox")
        .run()
        .exits(1)
        .stdout("[]\n");
    env.ctr("inspect --type nosuch busybox")
        .run()
        .exits(1)
        .stdout("")
        .stderr_has("unknown type: \"nosuch\"");
}

fn bad_templates_are_1(env: &TestEnv) {
    env.image("busybox");
    env.ctr("create --name box --network none busybox true")
        .ok();
    env.ctr(["inspect", "-f", "{{.NoSuch}}", "box"]).run().exits(1).stdout("\n").stderr_has("template parsing error: template: :1:2: executing \"\" at <.NoSuch>: map has no entry for key \"NoSuch\"");
    env.ctr(["inspect", "-f", "{{.Name", "box"])
        .run()
        .exits(64)
        .stderr_has("template parsing error: template: :1: unclosed action");
}

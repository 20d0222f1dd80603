//! `ctr system df`.

use crate::support::image::{Family, Packing, TestImage, noise};
use crate::support::registry::Registry;
use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(nothing_weighs_nothing),
        scenario!(each_layer_weighs_once),
        scenario!(what_is_used_is_not_reclaimable).needs(Need::Busybox),
        scenario!(formats_and_details).needs(Need::Busybox),
    ]
}

fn rows(env: &TestEnv) -> Vec<serde_json::Value> {
    let lines = env.ctr(["system", "df", "--format", "json"]).ok().lines();
    let parse = |line: &String| serde_json::from_str(line).unwrap();
    lines.iter().map(parse).collect()
}

fn nothing_weighs_nothing(env: &TestEnv) {
    env.ctr("system df").ok().stderr("").stdout(
        "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n\
         Images          0         0         0B        0B\n\
         Containers      0         0         0B        0B\n\
         Local Volumes   0         0         0B        0B\n\
         Build Cache     0         0         0B        0B\n",
    );
}

fn each_layer_weighs_once(env: &TestEnv) {
    let registry = Registry::start();
    let base = TestImage::new(Family::Oci).file("base", &noise(3_000_000), Packing::Plain);
    let more = base.clone().file("more", &noise(1_000_000), Packing::Plain);
    for (name, image) in [("base", &base), ("more", &more)] {
        registry.push(name, "1", image);
        env.ctr(["pull", &registry.name(&format!("{name}:1"))]).ok();
    }
    // Unpacked, and as it came: 2 × 4 MB, and a few kilobytes.
    let images = &rows(env)[0];
    assert_eq!(images["Type"], "Images");
    assert_eq!(images["TotalCount"], "2");
    assert_eq!(images["Active"], "0");
    let size = images["Size"].as_str().unwrap();
    assert!(size.starts_with("8.0") && size.ends_with("MB"), "{size}");
    assert_eq!(images["Reclaimable"], format!("{size} (100%)"));
    let details = env.ctr("system df -v").ok().out();
    let row = |name: &str| {
        let line = details.lines().find(|line| line.contains(name));
        let words = line.unwrap().split("   ").map(str::trim);
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words[words.len() - 4..].join(" ")
    };
    assert_eq!(row("/base"), "3MB 3MB 0B 0");
    assert_eq!(row("/more"), "4MB 3MB 1MB 0");
}

fn what_is_used_is_not_reclaimable(env: &TestEnv) {
    env.image("busybox");
    env.ctr("volume create free").ok();
    env.ctr([
        "run", "-d", "--name", "box", "--network", "none", "-v", "used:/data", "busybox", "sh", "-c",
        "head -c 2000000 /dev/zero > /data/f; head -c 5000000 /dev/zero > /f; chmod 0 /f; sleep 100",
    ])
    .ok();
    env.until(|| rows(env)[1]["Size"] == "5MB");
    let all = rows(env);
    assert_eq!(all[0]["Active"], "1");
    assert_eq!(all[0]["Reclaimable"], "0B (0%)");
    assert_eq!(all[1]["Active"], "1");
    assert_eq!(all[1]["Reclaimable"], "0B (0%)");
    assert_eq!(all[2]["TotalCount"], "2");
    assert_eq!(all[2]["Active"], "1");
    assert_eq!(all[2]["Size"], "2MB");
    env.ctr("kill box").ok();
    env.ctr("wait box").ok();
    assert_eq!(rows(env)[1]["Reclaimable"], "5MB (100%)");
    env.ctr("rm box").ok();
    assert_eq!(rows(env)[2]["Reclaimable"], "2MB (100%)");
}

fn formats_and_details(env: &TestEnv) {
    let id = env.image("busybox");
    env.ctr("create --name box --network none busybox true")
        .ok();
    env.ctr(["system", "df", "--format", "{{.Type}}={{.TotalCount}}"])
        .ok()
        .stdout("Images=1\nContainers=1\nLocal Volumes=0\nBuild Cache=0\n");
    env.ctr(["system", "df", "--format", "{{.Nope}}"])
        .run()
        .exits(1)
        .stderr_has("can't evaluate field Nope");
    env.ctr("system df -v")
        .ok()
        .stdout_has("Images space usage:\n\nREPOSITORY   TAG       IMAGE ID")
        .stdout_has(&id["sha256:".len()..][..12])
        .stdout_has("\nContainers space usage:\n\nCONTAINER ID   IMAGE     COMMAND")
        .stdout_has("\nLocal Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\n")
        .stdout_has("\nBuild cache usage: 0B\n\nCACHE ID   STEP");
    env.ctr(["system", "df", "-v", "--format", "json"])
        .run()
        .exits(1)
        .stderr_has("conflict");
}

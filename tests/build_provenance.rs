//! `build --provenance`, `--attest type=provenance`: how an image was made goes along with it.

use std::fs;

use serde_json::{Value, json};

use crate::support::distribution::Distribution;
use crate::support::image::{Family, Packing, TestImage, digest, host_architecture};
use crate::support::registry::Registry;
use crate::support::{Invocation, Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(goes_to_the_registry_with_the_image),
        scenario!(is_taken_and_passed_over_by_others)
            .needs(Need::DockerRegistry)
            .needs(Need::Program("skopeo")),
        scenario!(tells_less_or_more).needs(Need::Busybox),
        scenario!(knows_what_was_fetched),
        scenario!(knows_the_commit).needs(Need::Program("git")),
        scenario!(is_the_same_with_a_time_of_its_own),
        scenario!(hides_logins).needs(Need::Busybox),
        scenario!(does_not_take_the_place_of_a_file),
        scenario!(lies_beside_files),
        scenario!(is_in_archives_of_several_platforms),
        scenario!(has_no_place_in_the_store),
    ]
}

/// What no statement of `mode=min` may have.
const VALUE: &str = "v4lue-of-an-argument";

fn context(env: &TestEnv, dockerfile: &str) -> String {
    env.file("context/Dockerfile", dockerfile);
    env.work().join("context").display().to_string()
}

/// An index in a registry, its image's entry, and the statement about that.
struct Pushed {
    image: Value,
    statement: Value,
}

impl Pushed {
    #[track_caller]
    fn find(registry: &Registry, repository: &str) -> Pushed {
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let top = registry.manifest(repository, "1").unwrap();
        let top = json(&top.bytes);
        assert_eq!(top["mediaType"], "application/vnd.oci.image.index.v1+json");
        let entries = top["manifests"].as_array().unwrap();
        let [image, attestation] = &entries[..] else {
            panic!("{top:#}");
        };
        assert_eq!(image["platform"]["architecture"], host_architecture());
        assert_eq!(
            attestation["platform"],
            json!({"architecture": "unknown", "os": "unknown"})
        );
        assert_eq!(
            attestation["annotations"],
            json!({
                "vnd.docker.reference.digest": image["digest"],
                "vnd.docker.reference.type": "attestation-manifest",
            })
        );
        let digest = attestation["digest"].as_str().unwrap();
        let manifest = json(&registry.manifest(repository, digest).unwrap().bytes);
        let [layer] = &manifest["layers"].as_array().unwrap()[..] else {
            panic!("{manifest:#}");
        };
        assert_eq!(layer["mediaType"], "application/vnd.in-toto+json");
        let statement = registry.blob(layer["digest"].as_str().unwrap()).unwrap();
        assert_eq!(layer["size"], statement.len());
        let statement = json(&statement);
        assert_eq!(
            layer["annotations"]["in-toto.io/predicate-type"],
            statement["predicateType"]
        );
        let config = manifest["config"]["digest"].as_str().unwrap();
        let config = json(&registry.blob(config).unwrap());
        assert_eq!(config["rootfs"]["diff_ids"], json!([layer["digest"]]));
        Pushed {
            image: image.clone(),
            statement,
        }
    }
}

/// `ctr` with arguments from several places.
fn ctr(env: &TestEnv, arguments: &[&[&str]]) -> Invocation {
    env.ctr(&arguments.concat()[..])
}

/// A digest as statements have it.
fn hex(digest: &Value) -> &str {
    digest.as_str().unwrap().strip_prefix("sha256:").unwrap()
}

fn goes_to_the_registry_with_the_image(env: &TestEnv) {
    let registry = Registry::start();
    let base = TestImage::new(Family::Docker).file("base", b"b", Packing::Gzip);
    let base = registry.push("base", "7", &base);
    let from = registry.name("base:7");
    let text = format!("FROM {from}\nARG A\nLABEL l=m\nCOPY Dockerfile /\n");
    let dir = context(env, &text);
    let plain = registry.name("plain:1");
    let with = registry.name("with:1");
    let arg = format!("A={VALUE}");
    let build = |name: &str, more: &[&str]| {
        let fixed = ["build", "--push", "--build-arg", &arg, "-t", name];
        ctr(env, &[&fixed[..], more, &[&dir]]).ok();
        let format = "{{.Id}}";
        env.ctr(["image", "inspect", "-f", format, name])
            .ok()
            .line()
    };
    let metadata = env.work().join("metadata").display().to_string();
    let id = build(&plain, &[]);
    let flags = [
        "--attest=type=provenance,builder-id=https://ci/7",
        "--metadata-file",
        &metadata,
    ];
    assert_eq!(build(&with, &flags), id);
    let pushed = Pushed::find(&registry, "with");
    let alone = registry.manifest("plain", "1").unwrap();
    assert_eq!(pushed.image["digest"], alone.digest());
    let metadata: Value = serde_json::from_slice(&fs::read(&metadata).unwrap()).unwrap();
    let top = registry.manifest("with", "1").unwrap().digest();
    assert_eq!(metadata["containerimage.digest"], top);
    assert_eq!(metadata["containerimage.config.digest"], id);

    let Pushed { statement, image } = pushed;
    let platform = format!("platform=linux%2F{}", host_architecture());
    let host = registry.host();
    assert_eq!(
        statement["subject"],
        json!([{
            "name": format!("pkg:docker/{host}/with@1?{platform}"),
            "digest": {"sha256": hex(&image["digest"])},
        }])
    );
    assert_eq!(
        statement["predicateType"],
        "https://slsa.dev/provenance/v0.2"
    );
    let predicate = &statement["predicate"];
    assert_eq!(predicate["builder"]["id"], "https://ci/7");
    assert_eq!(
        predicate["materials"],
        json!([{
            "uri": format!("pkg:docker/{host}/base@7?{platform}"),
            "digest": {"sha256": hex(&json!(base))},
        }])
    );
    assert_eq!(
        predicate["invocation"]["parameters"]["locals"],
        json!([{"name": "context"}, {"name": "dockerfile"}])
    );
    let complete = &predicate["metadata"]["completeness"];
    assert_eq!(
        (&complete["parameters"], &complete["materials"]),
        (&json!(false), &json!(false))
    );
    let text = statement.to_string();
    assert!(
        !text.contains(VALUE) && predicate["buildConfig"].is_null(),
        "{text}"
    );

    // Whoever pulls gets the image, and knows it by the digest of the index.
    env.ctr(["rmi", &plain, &with]).ok();
    env.ctr(["pull", "-q", &with]).ok();
    let format = "{{.Id}} {{.RepoDigests}}";
    let found = env.ctr(["image", "inspect", "-f", format, &with]).ok();
    found.stdout(&format!("{id} [{}@{top}]\n", with.trim_end_matches(":1")));
}

fn is_taken_and_passed_over_by_others(env: &TestEnv) {
    let registry = Distribution::start();
    let name = registry.name("a/b:1");
    let dir = context(env, "FROM scratch\nLABEL l=m\nCOPY Dockerfile /\n");
    let flags = ["--push", "--provenance=mode=max,version=v1", "-t", &name];
    ctr(env, &[&["build"], &flags[..], &[&dir]]).ok();
    let source = format!("docker://{name}");
    let insecure = "--tls-verify=false";
    let found = env.program("skopeo", ["inspect", insecure, &source]).ok();
    assert_eq!(found.json()["Labels"], json!({"l": "m"}));
    let found = env.program("skopeo", ["inspect", "--raw", insecure, &source]);
    assert_eq!(found.ok().json()["manifests"].as_array().unwrap().len(), 2);
    env.ctr(["rmi", &name]).ok();
    env.ctr(["pull", "-q", &name]).ok();
    env.ctr(["image", "inspect", "-f", "{{.Config.Labels}}", &name])
        .ok()
        .stdout("map[l:m]\n");
}

fn tells_less_or_more(env: &TestEnv) {
    env.image("busybox");
    let registry = Registry::start();
    env.file("secret", "s3cret-of-the-user");
    let dir = context(
        env,
        "FROM busybox AS one\nARG A\nWORKDIR /w\n\
         RUN --network=none --mount=type=secret,id=key,required=true echo $A > a\n\
         FROM busybox\nCOPY --from=one /w/a /\n",
    );
    let statement = |more: &str| {
        let name = registry.name("it:1");
        let arg = format!("A={VALUE}");
        let fixed = ["build", "--push", "--build-arg", &arg, "--secret"];
        let rest = ["id=key,src=secret", "--provenance", more, "-t", &name, &dir];
        ctr(env, &[&fixed[..], &rest]).ok();
        Pushed::find(&registry, "it").statement
    };
    for version in ["v0.2", "v1"] {
        let least = statement(&format!("mode=min,version={version}")).to_string();
        for word in [VALUE, "s3cret", "\"key\""] {
            assert!(!least.contains(word), "{word}: {least}");
        }
    }
    let most = statement("mode=max,reproducible=true");
    assert!(!most.to_string().contains("s3cret"), "{most}");
    let predicate = &most["predicate"];
    let parameters = &predicate["invocation"]["parameters"];
    assert_eq!(parameters["secrets"], json!([{"id": "key"}]));
    assert_eq!(parameters["args"]["build-arg:A"], VALUE);
    let metadata = &predicate["metadata"];
    assert_eq!(metadata["completeness"]["parameters"], true);
    assert_eq!(metadata["reproducible"], true);
    let steps = predicate["buildConfig"]["llbDefinition"]
        .as_array()
        .unwrap();
    let of = |kind: &str| {
        let is_it = |step: &&Value| step["op"]["Op"].get(kind).is_some();
        steps.iter().filter(is_it).collect::<Vec<_>>()
    };
    // Both stages begin with the one image.
    let [image] = &of("source")[..] else {
        panic!("{steps:#?}");
    };
    let [run] = &of("exec")[..] else {
        panic!("{steps:#?}");
    };
    let meta = &run["op"]["Op"]["exec"]["meta"];
    assert_eq!(meta["args"][2], "echo $A > a");
    assert!(
        meta["env"]
            .as_array()
            .unwrap()
            .contains(&json!(format!("A={VALUE}")))
    );
    let copy = of("file")[1];
    let output = |step: &Value| format!("{}:0", step["id"].as_str().unwrap());
    assert_eq!(copy["inputs"], json!([output(image), output(run)]));
    assert_eq!(steps.last().unwrap()["inputs"], json!([output(copy)]));
    let source = &metadata["https://mobyproject.org/buildkit@v1#metadata"]["source"];
    let place = &source["locations"][run["id"].as_str().unwrap()];
    assert_eq!(place["locations"][0]["ranges"][0]["start"]["line"], 4);
    assert_eq!(source["infos"][0]["filename"], "Dockerfile");
}

fn knows_what_was_fetched(env: &TestEnv) {
    let server = Registry::start();
    server.put_file("/tagged", "1", &[("ETag", "\"1\"")]);
    let host = server.host();
    let text = format!("FROM scratch\nADD http://user:pass@{host}/tagged /\n");
    server.put_file("/Dockerfile", text.clone(), &[]);
    let sum = |text: &str| digest(text.as_bytes());
    let url = format!("http://{host}/Dockerfile");
    // The second time nothing is fetched but the Dockerfile.
    for _ in 0..2 {
        let flags = ["build", "-o", "out", "--provenance=true"];
        ctr(env, &[&flags[..], &[&url]]).ok();
        let statement = fs::read(env.work().join("out/provenance.json")).unwrap();
        let statement: Value = serde_json::from_slice(&statement).unwrap();
        let predicate = &statement["predicate"];
        assert_eq!(
            predicate["materials"],
            json!([
                {"uri": url, "digest": {"sha256": hex(&json!(sum(&text)))}},
                {
                    "uri": format!("http://xxxxx@{host}/tagged"),
                    "digest": {"sha256": hex(&json!(sum("1")))},
                },
            ])
        );
        let source = &predicate["invocation"]["configSource"];
        assert_eq!(source["uri"], url);
        assert_eq!(source["digest"], predicate["materials"][0]["digest"]);
        // Nothing of this machine, and no command.
        let metadata = &predicate["metadata"];
        assert_eq!(metadata["completeness"]["materials"], true);
        assert_eq!(
            metadata["https://mobyproject.org/buildkit@v1#hermetic"],
            true
        );
    }
    assert_eq!(server.count("GET /tagged"), 1);
}

fn knows_the_commit(env: &TestEnv) {
    let script = "set -e; git init -q -b main r; cd r; git config user.email a@b; git config user.name n; \
         printf 'FROM scratch\\nCOPY f /\\n' > Dockerfile; echo f > f; git add .; git commit -q -m 1; \
         git rev-parse HEAD; cd ..; git clone -q --bare r r.git; git -C r.git update-server-info";
    let commit = env.script(script).ok().line();
    let server = Registry::start();
    let root = env.work().join("r.git");
    let files = env.program("find", [root.to_str().unwrap(), "-type", "f"]);
    for path in files.ok().lines() {
        let name = path.strip_prefix(env.work().to_str().unwrap()).unwrap();
        server.put_file(name, fs::read(&path).unwrap(), &[]);
    }
    let url = format!("http://{}/r.git#main", server.host());
    env.ctr(["build", "-o", "out", "--provenance=version=v1", &url])
        .ok();
    let statement = fs::read(env.work().join("out/provenance.json")).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    let definition = &statement["predicate"]["buildDefinition"];
    let commit = json!({"sha1": commit});
    assert_eq!(
        definition["resolvedDependencies"],
        json!([{"uri": url, "digest": commit}])
    );
    assert_eq!(
        definition["externalParameters"]["configSource"],
        json!({"uri": url, "digest": commit, "path": "Dockerfile"})
    );
}

fn is_the_same_with_a_time_of_its_own(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /\n");
    let build = |dir: &str, more: &[&str]| {
        let fixed = ["build", "--no-cache", "-o", "-"];
        ctr(env, &[&fixed[..], more, &[dir]]).ok().bytes().to_vec()
    };
    let epoch = ["--build-arg", "SOURCE_DATE_EPOCH=1000000000"];
    let most = [&["--provenance=mode=max"], &epoch[..]].concat();
    let once = build(&dir, &most);
    // Where the files are does not matter.
    env.script("cp -r context other").ok();
    let other = env.work().join("other").display().to_string();
    assert_eq!(build(&other, &most), once);
    let random = &most[..1];
    assert_ne!(build(&dir, random), build(&dir, random));
    // What is not told is not to be found out from the id either.
    let least = |value| {
        let more = ["--provenance=mode=min", "--build-arg", value];
        build(&dir, &[&more, &epoch[..]].concat())
    };
    assert_eq!(least("A=1"), least("A=2"));
}

fn hides_logins(env: &TestEnv) {
    env.image("busybox");
    let server = Registry::start();
    server.put_file("/f", "1", &[("ETag", "\"1\"")]);
    let host = server.host();
    let text = format!(
        "FROM busybox\nARG P\nADD http://user:w0rd@{host}/f /\nCOPY <<e /e\nhttps://w0rd@h/\ne\n\
         RUN --network=none true https://w0rd@h/x\nENV D=db://u:w0rd@h/\nRUN --network=none true\n"
    );
    let dir = context(env, &text);
    for version in ["v0.2", "v1"] {
        let options =
            format!("--provenance=mode=max,version={version},builder-id=https://w0rd@ci/");
        let flags = [
            "build",
            "-o",
            "out",
            "--build-arg",
            "P=http://w0rd@proxy:1",
            &options,
        ];
        ctr(env, &[&flags[..], &[&dir]]).ok();
        let statement = fs::read_to_string(env.work().join("out/provenance.json")).unwrap();
        assert!(!statement.contains("w0rd"), "{statement}");
        assert!(statement.contains("http://xxxxx@proxy:1"), "{statement}");
        // The Dockerfile and the document in it are told as base64.
        let statement: Value = serde_json::from_str(&statement).unwrap();
        let mut texts = Vec::new();
        collect(&statement, "data", &mut texts);
        assert_eq!(texts.len(), 2, "{statement:#}");
        for text in texts {
            let text = env.script(&format!("echo {text} | base64 -d")).ok();
            let text = String::from_utf8_lossy(text.bytes());
            assert!(
                text.contains("https://xxxxx@h/") && !text.contains("w0rd"),
                "{text}"
            );
        }
    }
}

/// Finds all texts that are called `name`.
fn collect<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(name).and_then(Value::as_str));
            map.values().for_each(|value| collect(value, name, found));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, name, found)),
        _ => {}
    }
}

fn does_not_take_the_place_of_a_file(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /provenance.json\n");
    ctr(env, &[&["build", "-o", "out", "--provenance=true", &dir]])
        .run()
        .exits(1)
        .stderr_has("has a file /provenance.json of its own");
    let named = "--provenance=filename=p.json";
    ctr(env, &[&["build", "-o", "out", named, &dir]]).ok();
    let own = fs::read_to_string(env.work().join("out/provenance.json")).unwrap();
    assert!(own.starts_with("FROM scratch"), "{own}");
    let statement = fs::read(env.work().join("out/p.json")).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    assert_eq!(statement["subject"][0]["name"], "provenance.json");
}

fn lies_beside_files(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY --chmod=751 <<f /d/f\nx\nf\n");
    let flags = ["build", "-o", "out", "-o", "type=tar,dest=f.tar"];
    ctr(env, &[&flags[..], &["--provenance=true", &dir]]).ok();
    let statement = fs::read(env.work().join("out/provenance.json")).unwrap();
    let read: Value = serde_json::from_slice(&statement).unwrap();
    let digest = digest(b"x\n");
    assert_eq!(
        read["subject"],
        json!([{"name": "d/f", "digest": {"sha256": hex(&json!(digest))}}])
    );
    let inside = env.program("tar", ["xOf", "f.tar", "provenance.json"]).ok();
    let inside: Value = serde_json::from_slice(inside.bytes()).unwrap();
    assert_eq!(inside["subject"], read["subject"]);
    // What is for registries alone is not there, and nor is it where nobody asks.
    for flag in ["--provenance=inline-only=true", "--provenance=false"] {
        env.ctr(["build", "-o", "other", flag, &dir]).ok();
        assert!(!env.work().join("other/provenance.json").exists());
    }
    // The files' own directory looks as it would without.
    let list = |name: &str, flag: &str| {
        let output = format!("type=tar,dest={name}");
        env.ctr(["build", "-o", &output, flag, &dir]).ok();
        let list = env.program("tar", ["tvf", name, "--numeric-owner"]).ok();
        list.lines().swap_remove(0)
    };
    assert_eq!(
        list("a.tar", "--provenance=true"),
        list("b.tar", "--provenance=false")
    );
}

fn is_in_archives_of_several_platforms(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /\n");
    let output = "type=oci,tar=false,dest=it,name=a:1";
    let flags = [
        "--platform=linux/amd64,linux/arm64",
        "--provenance=inline-only=true",
    ];
    ctr(env, &[&["build", "-o", output], &flags[..], &[&dir]]).ok();
    let blob = |digest: &Value| -> Value {
        let path = env.work().join("it/blobs/sha256").join(hex(digest));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let top = fs::read(env.work().join("it/index.json")).unwrap();
    let top: Value = serde_json::from_slice(&top).unwrap();
    let list = blob(&top["manifests"][0]["digest"]);
    let entries = list["manifests"].as_array().unwrap();
    let architectures: Vec<&str> = entries
        .iter()
        .map(|entry| entry["platform"]["architecture"].as_str().unwrap())
        .collect();
    assert_eq!(architectures, ["amd64", "arm64", "unknown", "unknown"]);
    for (image, attestation) in entries[..2].iter().zip(&entries[2..]) {
        let about = &attestation["annotations"]["vnd.docker.reference.digest"];
        assert_eq!(*about, image["digest"]);
        let statement = blob(&blob(&attestation["digest"])["layers"][0]["digest"]);
        assert_eq!(statement["subject"][0]["digest"]["sha256"], hex(about));
    }
    // Other readers take it; one of them is this one.
    env.script("tar cf it.tar -C it .").ok();
    env.ctr("load -i it.tar")
        .ok()
        .stdout_has("Loaded image: a:1");
}

fn has_no_place_in_the_store(env: &TestEnv) {
    let dir = context(env, "FROM scratch\nCOPY Dockerfile /\n");
    let told = "the image store keeps no provenance";
    let build = |flags: &[&str]| ctr(env, &[&["build"], flags, &[&dir]]).run();
    // What CI says where it does not push.
    for flags in [&["--load"][..], &[], &["-o", "type=docker"]] {
        let flags = [flags, &["-t", "it", "--attest=type=provenance,mode=max"]].concat();
        build(&flags).exits(0).stderr_has(told);
    }
    let quiet = build(&[
        "-t",
        "it",
        "--load",
        "--provenance=mode=min,inline-only=true",
    ]);
    assert!(!quiet.err().contains(told), "{}", quiet.err());
    quiet.exits(0);
    build(&["-o", "type=docker,dest=f.tar", "--provenance=true"])
        .exits(1)
        .stderr_has("docker exporter does not support exporting manifest lists");
    build(&[
        "-o",
        "type=oci,dest=f.tar",
        "--format=docker",
        "--provenance=true",
    ])
    .exits(1)
    .stderr_has("cannot export attestations with \"oci-mediatypes=false\"");
}

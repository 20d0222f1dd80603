//! `ctr pull` against a registry in this process: what it asks for, what it takes, what it says.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::image::{
    Family, Packing, TestImage, foreign_architecture, host_architecture, index, noise,
};
use crate::support::pulling::{assert_unpacked, blob_of, in_layer, large, pull_fails, refs};
use crate::support::registry::{Auth, Fault, Registry};
use crate::support::{Need, Scenario, TestEnv, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(by_tag_then_up_to_date_then_by_digest).needs(Need::Busybox),
        scenario!(a_moved_tag_is_pulled_again),
        scenario!(quiet_prints_the_reference_only),
        scenario!(every_packing_of_both_families),
        scenario!(layers_under_the_wrong_media_type),
        scenario!(the_platform_of_an_index),
        scenario!(an_index_in_an_index),
        scenario!(the_same_layer_twice),
        scenario!(unknown_names_in_dockers_words),
        scenario!(two_pulls_share_the_work),
        once!(the_test_registry_serves_a_foreign_client),
    ]
}

fn by_tag_then_up_to_date_then_by_digest(env: &TestEnv) {
    let registry = Registry::start();
    let image = TestImage::busybox();
    let digest = registry.push("box", "1", &image);
    let name = registry.name("box:1");
    let layer = &image.layers[0].digest()[7..19];
    env.ctr(["pull", &name])
        .ok()
        .stdout(&format!("{name}\n"))
        .stderr_has("1: Pulling from box\n")
        .stderr_has(&format!("{layer}: Pulling fs layer\n"))
        .stderr_has(&format!("{layer}: Pull complete\n"))
        .stderr_has(&format!("Digest: {digest}\n"))
        .stderr_has(&format!("Status: Downloaded newer image for {name}\n"));
    assert_unpacked(env, &image);
    assert_eq!(refs(env), [":1".to_owned(), format!("@{digest}")]);

    registry.take_requests();
    env.ctr(["pull", &name])
        .ok()
        .stdout(&format!("{name}\n"))
        .stderr_has(&format!("Status: Image is up to date for {name}\n"));
    let asked = registry.take_requests();
    let asked: Vec<_> = asked
        .iter()
        .map(|r| (r.method.as_str(), r.path.as_str()))
        .collect();
    assert_eq!(asked, [("HEAD", "/v2/box/manifests/1")]);

    let by_digest = registry.name(&format!("box@{digest}"));
    env.ctr(["pull", &by_digest])
        .ok()
        .stdout(&format!("{by_digest}\n"))
        .stderr_has("Image is up to date");
    // Content has no other name than its digest; there is nothing to ask.
    assert_eq!(registry.take_requests().len(), 0);
}

fn a_moved_tag_is_pulled_again(env: &TestEnv) {
    let registry = Registry::start();
    let base = TestImage::new(Family::Oci).file("base", b"base", Packing::Gzip);
    registry.push("x", "latest", &base);
    env.ctr(["pull", &registry.name("x")])
        .ok()
        .stderr_has("Using default tag: latest\n");
    registry.take_requests();
    let newer = base.clone().file("more", b"more", Packing::Gzip);
    registry.push("x", "latest", &newer);
    env.ctr(["pull", &registry.name("x")])
        .ok()
        .stderr_has("Downloaded newer image")
        .stderr_has(&format!(
            "{}: Already exists",
            &base.layers[0].digest()[7..19]
        ));
    assert_unpacked(env, &newer);
    assert_eq!(
        registry.count(&blob_of(&base)),
        0,
        "a known layer was fetched"
    );
}

fn quiet_prints_the_reference_only(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(10));
    let name = registry.name("x");
    env.ctr(["pull", "-q", &name])
        .ok()
        .stdout(&format!("{name}:latest\n"))
        .stderr("");
}

fn every_packing_of_both_families(env: &TestEnv) {
    let registry = Registry::start();
    for (family, name) in [(Family::Oci, "oci"), (Family::Docker, "docker")] {
        let image = TestImage::new(family)
            .file("plain", name.as_bytes(), Packing::Plain)
            .file("gzip", name.as_bytes(), Packing::Gzip)
            .file("zstd", name.as_bytes(), Packing::Zstd);
        registry.push(name, "v", &image);
        env.ctr(["pull", &registry.name(&format!("{name}:v"))]).ok();
        for (tar, file) in image.tars.iter().zip(["plain", "gzip", "zstd"]) {
            let content = fs::read(in_layer(env, tar, file)).unwrap();
            assert_eq!(content, name.as_bytes());
        }
    }
}

/// Docker and podman look at the content (moby pkg/archive, DetectCompression), and such layers are about.
fn layers_under_the_wrong_media_type(env: &TestEnv) {
    let registry = Registry::start();
    let mut image = TestImage::new(Family::Docker)
        .file("a", b"a", Packing::Zstd)
        .file("b", b"b", Packing::Plain);
    for layer in &mut image.layers {
        layer.media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip".into();
    }
    registry.push("x", "latest", &image);
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_unpacked(env, &image);
}

fn the_platform_of_an_index(env: &TestEnv) {
    let registry = Registry::start();
    let foreign = format!("linux/{}", foreign_architecture());
    for family in [Family::Oci, Family::Docker] {
        let ours = TestImage::new(family).file("ours", b"ours", Packing::Gzip);
        let theirs = TestImage::new(family)
            .file("theirs", b"theirs", Packing::Gzip)
            .for_platform(&foreign);
        let name = format!("{family:?}").to_lowercase();
        registry.push(&name, "", &ours);
        registry.push(&name, "", &theirs);
        let index = index(family, &[&theirs, &ours]);
        registry.put_manifest(&name, "latest", &index);
        registry.take_requests();
        env.ctr(["pull", &registry.name(&name)])
            .ok()
            .stderr_has(&format!("Digest: {}", index.digest()));
        assert_unpacked(env, &ours);
        let wanted = format!("manifests/{}", theirs.manifest().digest());
        assert_eq!(registry.count(&wanted), 0);

        env.ctr(["pull", "--platform", &foreign, &registry.name(&name)])
            .ok();
        assert_unpacked(env, &theirs);
        assert_eq!(registry.count(&wanted), 1);
        env.ctr([
            "pull",
            "--platform",
            "linux/mips64le",
            &registry.name(&name),
        ])
        .run()
        .exits(1)
        .stderr_has("no matching manifest for linux/mips64le in the manifest list entries");
    }
    registry.push("single", "latest", &large(100));
    env.ctr(["pull", "--platform", &foreign, &registry.name("single")])
        .run()
        .exits(1)
        .stderr_has("does not match the specified platform")
        .stderr_has(&format!("actual: linux/{}", host_architecture()));
}

fn an_index_in_an_index(env: &TestEnv) {
    let registry = Registry::start();
    let image = large(100);
    registry.push("x", "", &image);
    let mut document = index(Family::Oci, &[&image]);
    for _ in 0..3 {
        registry.put_manifest("x", "latest", &document);
        let outer = json!({
            "schemaVersion": 2,
            "mediaType": document.media_type,
            "manifests": [document.descriptor()],
        });
        document.bytes = outer.to_string().into_bytes();
    }
    registry.put_manifest("x", "latest", &document);
    env.ctr(["pull", &registry.name("x")]).ok();
    for depth in 0..10 {
        let outer = json!({
            "schemaVersion": 2,
            "mediaType": document.media_type,
            "manifests": [document.descriptor()],
        });
        document.bytes = outer.to_string().into_bytes();
        registry.put_manifest("x", &format!("deep{depth}"), &document);
    }
    env.ctr(["pull", &registry.name("x:deep9")])
        .run()
        .exits(1)
        .stderr_has("nested deeper than");
}

fn the_same_layer_twice(env: &TestEnv) {
    let registry = Registry::start();
    let image = TestImage::new(Family::Oci)
        .file("a", b"a", Packing::Gzip)
        .file("b", b"b", Packing::Gzip)
        .file("a", b"a", Packing::Gzip);
    registry.push("x", "latest", &image);
    env.ctr(["pull", &registry.name("x")]).ok();
    assert_eq!(registry.count(&blob_of(&image)), 1);
}

fn unknown_names_in_dockers_words(env: &TestEnv) {
    let registry = Registry::start();
    registry.push("x", "latest", &large(10));
    let name = registry.name("x:nosuch");
    pull_fails(
        env,
        &name,
        &format!("Error: manifest for {name} not found: manifest unknown"),
    );
    let body =
        r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    registry.fail(
        "/v2/secret/",
        9,
        Fault::Answer(401, Vec::new(), body.into()),
    );
    // Without a challenge there is no way to show anything.
    pull_fails(env, &registry.name("secret"), "no basic auth credentials");
    registry.heal();
    registry.fail(
        "/v2/secret/",
        9,
        Fault::Answer(403, Vec::new(), body.into()),
    );
    pull_fails(
        env,
        &registry.name("secret"),
        &format!(
            "pull access denied for {}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            registry.name("secret")
        ),
    );
    // A registry that is not there is not waited for.
    let (_held, nobody) = refusing_host();
    let begun = Instant::now();
    env.ctr(["pull", "--retry-delay", "100s", &format!("{nobody}/x")])
        .run()
        .exits(1)
        .stderr_has("connection refused");
    assert!(begun.elapsed() < Duration::from_secs(100));
    pull_fails(env, "Not/Valid", "invalid reference format");
}

/// A port on which nobody listens, and nobody else will.
fn refusing_host() -> (OwnedFd, String) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = SocketAddr::try_from(getsockname(&held).unwrap()).unwrap();
    (held, address.to_string())
}

fn two_pulls_share_the_work(env: &TestEnv) {
    let registry = Registry::start();
    let mut image = TestImage::new(Family::Oci);
    for layer in 0..6_u8 {
        let mut content = noise(1 << 20);
        content[0] = layer;
        image = image.file("noise", &content, Packing::Gzip);
    }
    registry.push("x", "latest", &image);
    registry.push("y", "latest", &image);
    registry.fail("blobs/", 99, Fault::Slow(Duration::from_millis(10)));
    let pulls = ["x", "x", "y", "x"].map(|name| env.ctr(["pull", &registry.name(name)]).spawn());
    for pull in pulls {
        pull.wait().exits(0);
    }
    assert_unpacked(env, &image);
    for layer in &image.layers {
        assert_eq!(
            registry.count(&layer.digest()),
            1,
            "a layer was fetched twice"
        );
    }
    let left = fs::read_dir(env.data().join("ctr/tmp")).unwrap().count();
    assert_eq!(left, 0, "something is left in tmp/");
}

/// The registry of these tests is tested by a client that knows nothing of it.
fn the_test_registry_serves_a_foreign_client() {
    use oci_client::client::{ClientConfig, ClientProtocol};
    use oci_client::secrets::RegistryAuth;
    // oci-client takes the provider of TLS from the process; somebody else may have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = Registry::start();
    let image = large(100_000);
    registry.push("x", "latest", &image);
    registry.require(Auth::Bearer("joe", "word"));
    let client = oci_client::Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let reference: oci_client::Reference = registry.name("x:latest").parse().unwrap();
    let auth = RegistryAuth::Basic("joe".into(), "word".into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let accepted = vec![image.layers[0].media_type.as_str()];
    let pulled = runtime.block_on(client.pull(&reference, &auth, accepted));
    let pulled = pulled.unwrap();
    assert!(pulled.layers[0].data[..] == image.layers[0].bytes[..]);
    assert_eq!(pulled.digest, Some(image.manifest().digest()));
}

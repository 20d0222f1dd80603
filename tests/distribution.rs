//! `ctr pull` and `ctr push` with a registry that others wrote: Debian's `docker-registry`.

use crate::support::distribution::Distribution;
use crate::support::image::{Family, Packing, TestImage, digest, noise};
use crate::support::pulling::{assert_unpacked, refs};
use crate::support::{Need, Scenario, TestEnv, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(pull_by_tag_and_by_digest)
            .needs(Need::DockerRegistry)
            .needs(Need::Busybox),
        scenario!(what_was_pushed_is_pulled_again).needs(Need::DockerRegistry),
    ]
}

fn pull_by_tag_and_by_digest(env: &TestEnv) {
    let registry = Distribution::start();
    for (family, tag) in [(Family::Oci, "oci"), (Family::Docker, "docker")] {
        let image = TestImage {
            family,
            ..TestImage::busybox()
        };
        let image = TestImage {
            layers: vec![crate::support::image::pack(
                &image.tars[0],
                Packing::Gzip,
                family,
            )],
            ..image
        }
        .file("hello", tag.as_bytes(), Packing::Gzip);
        let manifest = registry.push("a/box", tag, &image);
        let by_tag = registry.name(&format!("a/box:{tag}"));
        let by_digest = registry.name(&format!("a/box@{manifest}"));
        for name in [&by_tag, &by_digest] {
            env.ctr(["pull", name])
                .ok()
                .stdout(&format!("{name}\n"))
                .stderr_has(&format!("Digest: {manifest}\n"))
                .stderr_has(&format!("Status: Downloaded newer image for {name}\n"));
            assert_unpacked(env, &image);
            let id = env.ctr(["inspect", "-f", "{{.Id}}", name]).ok().line();
            assert_eq!(id, image.config_blob().digest());
            env.ctr(["run", "--rm", "--network", "none", name, "cat", "/hello"])
                .ok()
                .stdout(tag);
            env.ctr(["rmi", &id]).ok();
            assert_eq!(refs(env), [""; 0]);
        }
    }
    env.ctr(["pull", &registry.name("a/box:none")])
        .run()
        .exits(1)
        .stderr_has("manifest unknown");
}

fn what_was_pushed_is_pulled_again(env: &TestEnv) {
    let registry = Distribution::start();
    // More than one request's worth, so that the registry sees an upload in pieces as well.
    let image = TestImage::new(Family::Oci)
        .file("small", b"small", Packing::Gzip)
        .file("large", &noise(20 << 20), Packing::Gzip);
    let manifest = registry.push("from", "1", &image);
    let (from, to) = (registry.name("from:1"), registry.name("to/there:2"));
    env.ctr(["pull", &from]).ok();
    env.ctr(["tag", &from, &to]).ok();
    env.ctr(["push", &to])
        .ok()
        .stdout_has(&format!("2: digest: {manifest}"));
    let id = digest(&image.config_blob().bytes);
    env.ctr(["rmi", "-f", &id]).ok();
    env.ctr(["pull", &to])
        .ok()
        .stderr_has(&format!("Digest: {manifest}\n"));
    assert_unpacked(env, &image);
}

//! What scenarios about pulling share: small images, and what a pull left in the store.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::image::{Family, Packing, TestImage, digest, noise};
use super::{Finished, TestEnv};

/// Names of everything under `refs/`.
pub(crate) fn refs(env: &TestEnv) -> Vec<String> {
    fn walk(directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&env.data().join("ctr/refs"), &mut found);
    found.sort();
    found
}

/// A file of the unpacked layer whose tar is `tar`.
pub(crate) fn in_layer(env: &TestEnv, tar: &[u8], path: &str) -> PathBuf {
    let diff_id = digest(tar);
    let hex = diff_id.strip_prefix("sha256:").expect("a sha256 digest");
    let layer = env.data().join("ctr/layers").join(hex).join("diff");
    layer.join(path)
}

#[track_caller]
pub(crate) fn assert_unpacked(env: &TestEnv, image: &TestImage) {
    for tar in &image.tars {
        let directory = in_layer(env, tar, "");
        assert!(directory.is_dir(), "{} is missing", directory.display());
    }
}

/// An image of one layer that does not compress, so that its blob is about as large as said.
pub(crate) fn large(bytes: usize) -> TestImage {
    TestImage::new(Family::Oci).file("noise", &noise(bytes), Packing::Gzip)
}

pub(crate) fn blob_of(image: &TestImage) -> String {
    format!("blobs/{}", image.layers[0].digest())
}

/// Writes `~/.docker/config.json`.
pub(crate) fn docker_config(env: &TestEnv, config: &Value) {
    user_file(
        env,
        &env.home().join(".docker/config.json"),
        &config.to_string(),
        0o600,
    );
}

pub(crate) fn user_file(env: &TestEnv, path: &Path, content: &str, mode: u32) {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let parent = path.parent().expect("a file in a directory");
    fs::create_dir_all(parent).expect("a directory of the user");
    fs::write(path, content).expect("a file of the user");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of ours");
    for path in [parent, path] {
        // Where the tests are not root, it is the user's already.
        let _ = chown(path, Some(env.user().uid), Some(env.user().gid));
    }
}

pub(crate) fn login(user: &str, password: &str) -> Value {
    json!({ "auth": STANDARD.encode(format!("{user}:{password}")) })
}

#[track_caller]
pub(crate) fn pull_fails(env: &TestEnv, name: &str, words: &str) -> Finished {
    let finished = env.ctr(["pull", name]).run().exits(1).stdout("");
    let finished = finished.stderr_has(words);
    assert_eq!(refs(env), [""; 0], "a failed pull left a name");
    finished
}

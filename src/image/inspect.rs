//! `image inspect`: an image in the shape of Docker's Engine API.
//!
//! Source: moby `api/types/image`, `InspectResponse`, version 28; its fields in its order. Fields of `Config` that older
//! versions always had are there as `null`, because templates ask for them (`{{json .Config.Entrypoint}}`).

use serde_json::{Map, Value, json};

use super::list::Listed;
use super::{Error, Image, list};
use crate::content::Digest;
use crate::store::Store;

/// Returns what `image inspect` shows of `image`.
///
/// # Errors
///
/// [`Error::Store`].
pub fn inspect(store: &Store, image: &Image) -> Result<Value, Error> {
    let listed = list(store)?
        .images
        .into_iter()
        .find(|listed| listed.image.id == image.id);
    let tags: Vec<String> = names(listed.as_ref(), |l| {
        l.tags().map(|n| n.familiar()).collect()
    });
    let digests: Vec<String> = names(listed.as_ref(), |l| {
        l.digests().map(|n| n.familiar()).collect()
    });
    let config = &image.config;
    let last = config.history.last();
    let comment = config
        .comment
        .clone()
        .filter(|comment| !comment.is_empty())
        .or_else(|| last.and_then(|entry| entry.comment.clone()));
    let platform = config.platform();
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    put("Id", json!(image.id));
    put("RepoTags", json!(tags));
    put("RepoDigests", json!(digests));
    put("Parent", json!(""));
    put("Comment", json!(comment.unwrap_or_default()));
    put("Created", json!(image.created()));
    put(
        "DockerVersion",
        json!(config.docker_version.as_deref().unwrap_or("")),
    );
    put("Author", json!(config.author.as_deref().unwrap_or("")));
    put("Config", process_defaults(image));
    put("Architecture", json!(platform.architecture));
    // As it stands in the config: Docker does not normalise here.
    if let Some(variant) = config.variant.as_deref().filter(|v| !v.is_empty()) {
        put("Variant", json!(variant));
    }
    put("Os", json!(platform.os));
    if let Some(version) = config.extra.get("os.version").and_then(Value::as_str) {
        put("OsVersion", json!(version));
    }
    put("Size", json!(image.size(store)?));
    put("GraphDriver", graph_driver(store, image.layers()));
    put(
        "RootFS",
        json!({"Type": "layers", "Layers": image.layers()}),
    );
    put("Metadata", json!({"LastTagTime": "0001-01-01T00:00:00Z"}));
    put(
        "Descriptor",
        json!({
            "mediaType": image.manifest.media_type,
            "digest": image.manifest_digest,
            "size": manifest_size(store, image),
        }),
    );
    Ok(Value::Object(out))
}

fn names(listed: Option<&Listed>, get: impl Fn(&Listed) -> Vec<String>) -> Vec<String> {
    listed.map(get).unwrap_or_default()
}

fn manifest_size(store: &Store, image: &Image) -> u64 {
    std::fs::metadata(store.blob_path(&image.manifest_digest)).map_or(0, |meta| meta.len())
}

/// `Config`, with the fields that were always there.
fn process_defaults(image: &Image) -> Value {
    let stored = serde_json::to_value(&image.config.config).unwrap_or_default();
    let mut out = Map::new();
    let always = [
        ("User", json!("")),
        ("ExposedPorts", Value::Null),
        ("Env", Value::Null),
        ("Cmd", Value::Null),
        ("Healthcheck", Value::Null),
        ("ArgsEscaped", Value::Null),
        ("Volumes", Value::Null),
        ("WorkingDir", json!("")),
        ("Entrypoint", Value::Null),
        ("OnBuild", Value::Null),
        ("Labels", Value::Null),
    ];
    let rare = ["ExposedPorts", "Healthcheck", "ArgsEscaped"];
    for (name, default) in always {
        match stored.get(name) {
            Some(value) => out.insert(name.to_owned(), value.clone()),
            None if rare.contains(&name) => None,
            None => out.insert(name.to_owned(), default),
        };
    }
    for (name, value) in stored.as_object().into_iter().flatten() {
        if !out.contains_key(name) {
            out.insert(name.clone(), value.clone());
        }
    }
    Value::Object(out)
}

/// Where the layers lie, in the words of Docker's overlay2 driver.
fn graph_driver(store: &Store, layers: &[Digest]) -> Value {
    let path = |digest: &Digest| store.layer_dir(digest).display().to_string();
    let mut data = Map::new();
    if let Some((top, below)) = layers.split_last() {
        if !below.is_empty() {
            let below: Vec<String> = below.iter().rev().map(path).collect();
            data.insert("LowerDir".to_owned(), json!(below.join(":")));
        }
        data.insert("UpperDir".to_owned(), json!(path(top)));
    }
    json!({"Data": data, "Name": "overlay2"})
}

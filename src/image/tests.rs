//! Images in a real store: imported, found, listed, tagged, removed.

use super::*;
use crate::content::{Digest, Reference};
use crate::store::Store;
use crate::userns::{Extent, IdMap, Tier};

fn single() -> IdMap {
    let one = Extent {
        container_id: 0,
        host_id: 0,
        size: 1,
    };
    IdMap {
        tier: Tier::Single,
        uids: vec![one],
        gids: vec![one],
    }
}

fn tar_with(name: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, name, &b"hello"[..])
        .unwrap();
    builder.into_inner().unwrap()
}

fn import_as(store: &Store, name: Option<&str>, content: &str) -> Digest {
    let reference = name.map(|n| n.parse::<Reference>().unwrap());
    let changes = ["CMD [\"/hello\"]".to_owned()];
    let options = ImportOptions {
        reference: reference.as_ref(),
        changes: &changes,
        message: "Imported from -",
        platform: None,
        created: jiff::Timestamp::UNIX_EPOCH,
        id_map: &single(),
    };
    import(store, &*tar_with(content), &options).unwrap().id
}

fn lines(removed: Vec<Removed>) -> Vec<String> {
    removed.iter().map(ToString::to_string).collect()
}

#[test]
fn imports_and_resolves() {
    let (_temp, store) = Store::for_test();
    let id = import_as(&store, Some("demo"), "hello");
    for query in [
        "demo",
        "demo:latest",
        "docker.io/library/demo",
        id.as_str(),
        id.hex(),
        &id.hex()[..1],
    ] {
        let image = resolve(&store, query, None).unwrap();
        assert_eq!(image.id, id, "{query}");
        assert_eq!(
            image.config.config.cmd.as_deref(),
            Some(&["/hello".to_owned()][..])
        );
        assert!(store.has_layer(&image.layers()[0]));
        assert_eq!(image.size(&store).unwrap(), 5);
    }
    for missing in ["other", "demo:v1", "fffffffffff0", &"0".repeat(64)] {
        let error = resolve(&store, missing, None).unwrap_err();
        assert!(error.to_string().starts_with("No such image: "), "{error}");
    }
    assert_eq!(
        resolve(&store, "other", None).unwrap_err().to_string(),
        "No such image: other:latest"
    );
    let foreign: Platform = "linux/s390x".parse().unwrap();
    assert_eq!(
        resolve(&store, "demo", Some(&foreign))
            .unwrap_err()
            .to_string(),
        "image with reference demo was found but does not provide the specified platform (linux/s390x)"
    );
    assert!(resolve(&store, "Not/A ref", None).is_err());
}

#[test]
fn a_dockerfile_names_no_image_by_a_few_digits() {
    let (_temp, store) = Store::for_test();
    let id = import_as(&store, Some("demo"), "hello");
    for query in ["demo", id.as_str(), id.hex(), id.short()] {
        assert_eq!(resolve_base(&store, query, None).unwrap().id, id, "{query}");
    }
    for length in [1, 11] {
        let missing = resolve_base(&store, &id.hex()[..length], None);
        assert!(matches!(missing, Err(Error::NotFound(_))), "{length}");
    }
}

#[test]
fn the_same_import_is_the_same_image_whoever_makes_it() {
    let (_temp, store) = Store::for_test();
    assert_eq!(
        import_as(&store, Some("a"), "x"),
        import_as(&store, Some("b"), "x")
    );
    assert_eq!(list(&store).unwrap().images.len(), 1);
}

#[test]
fn ambiguous_prefixes_are_refused() {
    let (_temp, store) = Store::for_test();
    let ids: Vec<Digest> = (0..17)
        .map(|n| import_as(&store, None, &n.to_string()))
        .collect();
    let shared = ids
        .iter()
        .map(|id| &id.hex()[..1])
        .find(|c| ids.iter().filter(|id| id.hex().starts_with(*c)).count() > 1)
        .unwrap();
    assert_eq!(
        resolve(&store, shared, None).unwrap_err().to_string(),
        format!("multiple IDs found with provided prefix: {shared}")
    );
}

#[test]
fn removes_as_docker_does() {
    let (_temp, store) = Store::for_test();
    let id = import_as(&store, Some("demo"), "hello");
    tag(&store, "demo", &"other/name:v1".parse().unwrap()).unwrap();
    let users = |running| {
        vec![ImageUser {
            image: id.clone(),
            container: "c".repeat(64),
            running,
        }]
    };
    let words = |query: &str, running, force| {
        remove(&store, query, &users(running), force)
            .unwrap_err()
            .to_string()
    };
    let short = id.short();
    assert_eq!(
        remove(&store, id.short(), &[], false)
            .unwrap_err()
            .to_string(),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
        )
    );
    assert_eq!(
        lines(remove(&store, "demo", &users(false), false).unwrap()),
        ["Untagged: demo:latest"]
    );
    assert_eq!(
        words("other/name:v1", false, false),
        format!(
            "conflict: unable to remove repository reference \"other/name:v1\" (must force) - container cccccccccccc is using its referenced image {short}"
        )
    );
    assert_eq!(
        words(short, false, false),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is being used by stopped container cccccccccccc"
        )
    );
    assert_eq!(
        words(short, true, true),
        format!(
            "conflict: unable to delete {short} (cannot be forced) - image is being used by running container cccccccccccc"
        )
    );
    // By name, the image of a running container loses its name only.
    assert_eq!(
        lines(remove(&store, "other/name:v1", &users(true), true).unwrap()),
        ["Untagged: other/name:v1"]
    );
    assert_eq!(resolve(&store, short, None).unwrap().id, id);
    let layer = resolve(&store, short, None).unwrap().layers()[0].clone();
    assert_eq!(
        lines(remove(&store, short, &users(false), true).unwrap()),
        [format!("Deleted: {id}"), format!("Deleted: {layer}")]
    );
    assert!(list(&store).unwrap().images.is_empty());
    assert_eq!(words("demo", false, false), "No such image: demo:latest");
}

#[test]
fn inspects_in_dockers_shape() {
    let (_temp, store) = Store::for_test();
    import_as(&store, Some("demo"), "hello");
    let image = resolve(&store, "demo", None).unwrap();
    let value = inspect(&store, &image).unwrap();
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "Id",
            "RepoTags",
            "RepoDigests",
            "Parent",
            "Comment",
            "Created",
            "DockerVersion",
            "Author",
            "Config",
            "Architecture",
            "Os",
            "Size",
            "GraphDriver",
            "RootFS",
            "Metadata",
            "Descriptor"
        ]
    );
    assert_eq!(value["RepoTags"], serde_json::json!(["demo:latest"]));
    assert_eq!(value["Comment"], "Imported from -");
    assert_eq!(value["Created"], "1970-01-01T00:00:00Z");
    assert_eq!(value["Config"]["Entrypoint"], serde_json::Value::Null);
    assert_eq!(value["Config"]["Cmd"][0], "/hello");
    assert_eq!(value["Size"], 5);
}

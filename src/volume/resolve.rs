//! From what was asked for to what the record keeps: volumes made, bind sources made or refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use crate::store;

use super::tmpfs;
use super::{CopyUp, Error, MountPoint, MountRequest, RequestKind, Volumes, check_target};

/// The mounts of a new container.
#[derive(Debug, Default)]
pub struct Resolved {
    /// For the record.
    pub mounts: Vec<MountPoint>,
    /// `HostConfig.Tmpfs`.
    pub tmpfs: BTreeMap<String, String>,
    /// `HostConfig.Binds`.
    pub binds: Vec<String>,
    /// `Config.Volumes`: targets of anonymous volumes that were asked for.
    pub anonymous_targets: Vec<String>,
    /// Volumes to be filled from the image before the first start.
    pub copy_ups: Vec<CopyUp>,
    /// Volumes made just now, to be removed again ([`Volumes::remove_unused`]) if the container does not come about.
    pub created: Vec<String>,
}

/// Resolves `requests` and the image's `VOLUME`s (those at a path that something else is mounted on are left out). First
/// everything is checked, then volumes and missing bind sources are made.
///
/// # Errors
///
/// [`Error::Duplicate`]; [`Error::Config`] for a missing source of `--mount`; [`Error::TmpfsOption`]; those of
/// [`Volumes::create`]. No volume made here is left then.
pub fn resolve(
    volumes: &Volumes<'_>,
    requests: &[MountRequest],
    image_volumes: &[String],
) -> Result<Resolved, Error> {
    let mut taken = BTreeSet::new();
    for request in requests {
        if !taken.insert(request.target.as_str()) {
            return Err(Error::Duplicate(request.target.clone()));
        }
        check(request)?;
    }
    let mut resolved = Resolved::default();
    match fill(volumes, requests, image_volumes, &taken, &mut resolved) {
        Ok(()) => Ok(resolved),
        Err(error) => {
            // The first error is the one to tell; what cannot be removed is found by prune.
            let _ = volumes.remove_unused(&resolved.created);
            Err(error)
        }
    }
}

/// Checks what can be checked without making anything.
fn check(request: &MountRequest) -> Result<(), Error> {
    match &request.kind {
        RequestKind::Bind {
            source,
            create_source: false,
            ..
        } => match fs::symlink_metadata(source) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Config {
                spec: None,
                kind: "bind".to_owned(),
                problem: format!("bind source path does not exist: {}", source.display()),
            }),
            // Whatever else is wrong with it, mounting it has the better words.
            _ => Ok(()),
        },
        RequestKind::Tmpfs { options, .. } => tmpfs::merge(options).map(drop),
        _ => Ok(()),
    }
}

fn fill(
    volumes: &Volumes<'_>,
    requests: &[MountRequest],
    image_volumes: &[String],
    taken: &BTreeSet<&str>,
    resolved: &mut Resolved,
) -> Result<(), Error> {
    for request in requests {
        resolved.binds.extend(request.bind.clone());
        match &request.kind {
            RequestKind::Bind {
                source,
                create_source,
                propagation,
                mode,
            } => {
                if *create_source {
                    make_source(source)?;
                }
                resolved.mounts.push(MountPoint {
                    kind: "bind".to_owned(),
                    name: String::new(),
                    source: source.to_string_lossy().into_owned(),
                    destination: request.target.clone(),
                    driver: String::new(),
                    mode: mode.clone(),
                    rw: !request.read_only,
                    propagation: propagation.clone(),
                    anonymous: false,
                    no_copy: false,
                });
            }
            RequestKind::Volume {
                name,
                copy,
                labels,
                mode,
            } => {
                if name.is_none() {
                    resolved.anonymous_targets.push(request.target.clone());
                }
                let mut point = volume_point(&request.target, mode);
                point.rw = !request.read_only;
                add_volume(volumes, name.as_deref(), labels, *copy, point, resolved)?;
            }
            RequestKind::Tmpfs {
                options,
                short_form: true,
            } => {
                let options = options.clone();
                resolved.tmpfs.insert(request.target.clone(), options);
            }
            RequestKind::Tmpfs { options, .. } => resolved.mounts.push(MountPoint {
                kind: "tmpfs".to_owned(),
                name: String::new(),
                source: String::new(),
                destination: request.target.clone(),
                driver: String::new(),
                mode: options.clone(),
                rw: !request.read_only,
                propagation: String::new(),
                anonymous: false,
                no_copy: false,
            }),
        }
    }
    let mut taken: BTreeSet<String> = taken.iter().map(|&target| target.to_owned()).collect();
    for target in image_volumes {
        // What an image says is not what the user typed: a target that is none is skipped, not refused.
        let Ok(target) = check_target(target) else {
            continue;
        };
        if taken.insert(target.clone()) {
            let point = volume_point(&target, "");
            add_volume(volumes, None, &[], true, point, resolved)?;
        }
    }
    Ok(())
}

/// A mount of a volume that has no name yet.
fn volume_point(target: &str, mode: &str) -> MountPoint {
    MountPoint {
        kind: "volume".to_owned(),
        name: String::new(),
        source: String::new(),
        destination: target.to_owned(),
        driver: "local".to_owned(),
        mode: mode.to_owned(),
        rw: true,
        propagation: String::new(),
        anonymous: false,
        no_copy: false,
    }
}

fn add_volume(
    volumes: &Volumes<'_>,
    name: Option<&str>,
    labels: &[(String, String)],
    copy: bool,
    mut point: MountPoint,
    resolved: &mut Resolved,
) -> Result<(), Error> {
    let (volume, made) = volumes.create(name, labels)?;
    if made {
        resolved.created.push(volume.name.clone());
    }
    if copy {
        let copy_up = CopyUp {
            volume: volumes.dir(&volume.name),
            target: point.destination.clone(),
        };
        if made || copy_up.wants_filling() {
            resolved.copy_ups.push(copy_up);
        }
    }
    point.anonymous = name.is_none();
    point.no_copy = !copy;
    point.name = volume.name;
    resolved.mounts.push(point);
    Ok(())
}

/// Makes a missing source of `-v`, as the user, with the mode that Docker gives it.
fn make_source(source: &Path) -> Result<(), Error> {
    if fs::symlink_metadata(source).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(source).map_err(|error| {
        Error::Store(store::Error::Io {
            action: "create the bind source",
            path: source.to_owned(),
            source: error,
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    use super::super::{parse_mount, parse_tmpfs, parse_volume};
    use super::*;

    #[test]
    fn resolves_each_kind() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let volumes = Volumes::new(&store);
        let cwd = dir.path();
        let requests = [
            parse_volume("./made:/bind:ro", cwd).unwrap(),
            parse_volume("data:/data:nocopy", cwd).unwrap(),
            parse_volume("/anon", cwd).unwrap(),
            parse_tmpfs("/run:size=1m").unwrap(),
            parse_mount("type=tmpfs,dst=/t,tmpfs-mode=700", cwd).unwrap(),
        ];
        let image = ["/data", "/own/", "/", "bad", "/own"].map(str::to_owned);
        let resolved = resolve(&volumes, &requests, &image).unwrap();
        assert!(cwd.join("made").is_dir());
        let show: Vec<_> = resolved
            .mounts
            .iter()
            .map(|m| (m.kind.as_str(), m.destination.as_str(), m.rw, m.anonymous))
            .collect();
        assert_eq!(
            show,
            [
                ("bind", "/bind", false, false),
                ("volume", "/data", true, false),
                ("volume", "/anon", true, true),
                ("tmpfs", "/t", true, false),
                ("volume", "/own", true, true),
            ]
        );
        assert_eq!(resolved.tmpfs["/run"], "size=1m");
        assert_eq!(resolved.anonymous_targets, ["/anon"]);
        assert_eq!(resolved.binds.len(), 2);
        assert_eq!(resolved.created.len(), 3);
        let filled: Vec<_> = resolved
            .copy_ups
            .iter()
            .map(|c| c.target.as_str())
            .collect();
        assert_eq!(filled, ["/anon", "/own"]);
    }

    #[test]
    fn refuses_before_making_anything() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let volumes = Volumes::new(&store);
        let volume = |spec| parse_volume(spec, dir.path()).unwrap();
        for (requests, words) in [
            (
                vec![volume("data:/a"), volume("./x:/a")],
                "Duplicate mount point: /a".to_owned(),
            ),
            (
                vec![
                    volume("data:/a"),
                    parse_mount("type=bind,src=/no/such,dst=/b", dir.path()).unwrap(),
                ],
                "invalid mount config for type \"bind\": bind source path does not exist: /no/such".to_owned(),
            ),
            (
                vec![volume("data:/a"), volume("in/valid:/b")],
                "create in/valid: \"in/valid\" includes invalid characters for a local volume name, only \
                 \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
                    .to_owned(),
            ),
        ] {
            let error = resolve(&volumes, &requests, &[]).unwrap_err();
            assert_eq!(error.to_string(), words);
            assert!(volumes.list().unwrap().is_empty());
        }
    }
}

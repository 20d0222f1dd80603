//! From the record to the runtime-spec: `mounts` of `config.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oci_spec::runtime::Mount;

use super::mount_flag::{NON_RECURSIVE, READ_ONLY_BELOW, WRITABLE_BELOW};
use super::{Error, MountPoint, Volumes, tmpfs};

/// Returns the mounts of a container as runtime-spec has them, each after the one it lies below. `short_tmpfs` is
/// `HostConfig.Tmpfs`. A volume that has disappeared meanwhile is made anew, empty.
///
/// # Errors
///
/// [`Error::TmpfsOption`]; those of [`Volumes::create`].
pub fn spec_mounts(
    volumes: &Volumes<'_>,
    points: &[MountPoint],
    short_tmpfs: &BTreeMap<String, String>,
) -> Result<Vec<Mount>, Error> {
    let mut mounts = Vec::with_capacity(points.len() + short_tmpfs.len());
    for point in points {
        mounts.push(match point.kind.as_str() {
            "tmpfs" => {
                let access = if point.rw { "" } else { ",ro" };
                tmpfs_mount(&point.destination, &format!("{}{access}", point.mode))?
            }
            "volume" => {
                let data = volumes.data_dir(&point.name);
                if !data.is_dir() {
                    volumes.create(Some(&point.name), &[])?;
                }
                bind_mount(point, data)
            }
            _ => bind_mount(point, PathBuf::from(&point.source)),
        });
    }
    for (target, options) in short_tmpfs {
        mounts.push(tmpfs_mount(target, options)?);
    }
    // Stable, so that mounts side by side stay in the order they were asked for.
    mounts.sort_by_key(|mount| mount.destination().components().count());
    Ok(mounts)
}

fn bind_mount(point: &MountPoint, source: PathBuf) -> Mount {
    let has = |word| point.mode.split(',').any(|mode| mode == word);
    let recursive = !has(NON_RECURSIVE);
    let mut options = vec![if recursive { "rbind" } else { "bind" }];
    if !point.rw {
        // Since Docker 25 read-only holds for what is mounted below the source too.
        let all = recursive && !has(WRITABLE_BELOW);
        options.push(if all || has(READ_ONLY_BELOW) {
            "rro"
        } else {
            "ro"
        });
    }
    options.push(match point.propagation.as_str() {
        "" => super::DEFAULT_PROPAGATION,
        propagation => propagation,
    });
    mount(&point.destination, "bind", source, options)
}

fn tmpfs_mount(target: &str, options: &str) -> Result<Mount, Error> {
    let options = tmpfs::merge(options)?;
    Ok(mount(target, "tmpfs", PathBuf::from("tmpfs"), options))
}

fn mount(destination: &str, kind: &str, source: PathBuf, options: Vec<impl Into<String>>) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(PathBuf::from(destination))
        .set_typ(Some(kind.to_owned()))
        .set_source(Some(source))
        .set_options(Some(options.into_iter().map(Into::into).collect()));
    mount
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::store::Store;

    use super::super::{parse_mount, parse_tmpfs, parse_volume, resolve};
    use super::*;

    #[test]
    fn mounts_parents_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let volumes = Volumes::new(&store);
        let cwd = Path::new("/");
        let requests = [
            parse_volume("/etc:/a/b/c:ro,rslave", cwd).unwrap(),
            parse_volume("data:/a/b", cwd).unwrap(),
            parse_mount("type=bind,src=/etc,dst=/e,ro,bind-nonrecursive", cwd).unwrap(),
            parse_mount("type=tmpfs,dst=/t,ro,tmpfs-size=1k", cwd).unwrap(),
            parse_tmpfs("/a:exec").unwrap(),
        ];
        let resolved = resolve(&volumes, &requests, &[]).unwrap();
        let mounts = spec_mounts(&volumes, &resolved.mounts, &resolved.tmpfs).unwrap();
        let show: Vec<_> = mounts
            .iter()
            .map(|mount| {
                let options = mount.options().clone().unwrap().join(",");
                format!("{} {options}", mount.destination().display())
            })
            .collect();
        assert_eq!(
            show,
            [
                "/e bind,ro,rprivate",
                "/t noexec,nosuid,nodev,rprivate,size=1024,ro",
                "/a nosuid,nodev,rprivate,exec",
                "/a/b rbind,rprivate",
                "/a/b/c rbind,rro,rslave",
            ]
        );
        assert_eq!(mounts[3].source(), &Some(volumes.data_dir("data")));
    }
}

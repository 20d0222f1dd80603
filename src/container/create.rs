//! `create`: from what was asked for to a container's directory.
//!
//! 1. everything that can be checked without making anything;
//! 2. the directory (locked), the name, volumes, the root directory's own place;
//! 3. `record.json`: from now on the container exists, and keeps its image from being pruned;
//! 4. a look whether the layers are all here, which only now is an answer that lasts (see [`crate::store`]);
//! 5. `--cidfile`.
//!
//! A failure, or the end of this process, at any point leaves nothing that anybody else sees.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::failed;
use super::options::CreateOptions;
use super::record::{
    Config, HostConfig, PortBinding, RECORD_VERSION, Record, RestartPolicy, State,
};
use super::{
    Container, CreatedContainer, Engine, Error, capabilities, clock, environment, log_options,
    markers, names, security, signal,
};
use crate::image::{self, Image};
use crate::network::{Mode, PublishedPort};
use crate::rootfs;
use crate::store::{ContainerDir, new_id, replace_file};
use crate::volume::{self, Volumes};

/// Bytes of `/dev/shm`. Source: moby, daemon/config, `DefaultShmSize`.
const SHM_SIZE: i64 = 64 << 20;

/// Digits of a short ID.
pub(super) const SHORT_ID: usize = 12;

/// Draws of a made-up name before giving up.
const MAX_DRAWS: u32 = 100;

/// A file that goes away again unless it is kept.
struct CidFile {
    path: PathBuf,
    file: File,
    keep: bool,
}

/// A container being made; dropped without `keep`, it is gone.
struct Draft<'e> {
    engine: &'e Engine,
    id: String,
    name: Option<String>,
    volumes: Vec<String>,
    keep: bool,
}

impl Engine {
    /// Makes a container, which is not started.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] with [`crate::image::Error::NotFound`] where the image is missing: `cli` pulls it and asks again.
    /// [`Error::NameInUse`], [`Error::CidFileExists`], [`Error::Invalid`], … Nothing is left behind.
    pub fn create(&self, options: CreateOptions) -> Result<CreatedContainer, Error> {
        let name = options.name.as_deref().map(names::check).transpose()?;
        let cidfile = options
            .cidfile
            .as_deref()
            .map(CidFile::create)
            .transpose()?;
        let image = match options.rootfs {
            Some(_) => None,
            None => {
                let platform = options.platform.as_ref();
                Some(image::resolve(&self.store, &options.image, platform)?)
            }
        };
        let id = new_id().map_err(super::error::system("draw random numbers"))?;
        let (mut host, ports, warnings) = self.host_config(&options)?;
        let mut config = config(&options, image.as_ref(), &host, &id)?;
        let (path, args) = command(&config)?;
        expose(&mut config, &mut host, &ports);
        let requests = mount_requests(&options)?;

        let mut draft = Draft {
            engine: self,
            id: id.clone(),
            name: None,
            volumes: Vec::new(),
            keep: false,
        };
        let (dir, lock) = self.store.create_container(&id)?;
        let name = self.claim(name, &id)?;
        draft.name = Some(name.clone());
        let image_volumes: Vec<String> = (config.volumes.iter().flat_map(BTreeMap::keys))
            .cloned()
            .collect();
        let resolved = volume::resolve(&Volumes::new(&self.store), &requests, &image_volumes)?;
        draft.volumes.clone_from(&resolved.created);
        host.binds = (!resolved.binds.is_empty()).then_some(resolved.binds);
        host.tmpfs = (!resolved.tmpfs.is_empty()).then_some(resolved.tmpfs);
        let targets = resolved.anonymous_targets.into_iter();
        for target in targets {
            let object = Value::Object(Map::new());
            config
                .volumes
                .get_or_insert_default()
                .insert(target, object);
        }
        let record = Record {
            version: RECORD_VERSION,
            id,
            name,
            created: clock::now(),
            path,
            args,
            image: image.as_ref().map(|image| image.id.clone()),
            image_manifest: image.as_ref().map(|image| image.manifest_digest.clone()),
            layers: image
                .as_ref()
                .map_or(Vec::new(), |image| image.layers().to_vec()),
            platform: match &image {
                Some(image) => image.config.platform().to_string(),
                None => image::Platform::host().to_string(),
            },
            config,
            host_config: host,
            mounts: resolved.mounts,
            extra: Map::new(),
        };
        write_record(&dir, &record)?;
        self.check_content(&record)?;
        self.prepare_root(&dir, &record, &resolved.copy_ups)?;
        if let Some(cidfile) = cidfile {
            cidfile.finish(&record.id)?;
        }
        draft.keep = true;
        let state = State::created();
        Ok(CreatedContainer {
            container: Container { record, state },
            warnings,
            lock,
        })
    }

    /// Claims the name that was asked for, or makes one up.
    fn claim(&self, name: Option<&str>, id: &str) -> Result<String, Error> {
        if let Some(name) = name {
            self.store.claim_name(name, id)?;
            return Ok(name.to_owned());
        }
        let mut draw = 0;
        loop {
            let name = names::make_up(draw).map_err(super::error::system("draw random numbers"))?;
            match self.store.claim_name(&name, id) {
                Ok(()) => return Ok(name),
                Err(crate::store::Error::NameInUse { .. }) if draw < MAX_DRAWS => draw += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Checks that nothing of the image has been pruned before the record named it.
    fn check_content(&self, record: &Record) -> Result<(), Error> {
        let mut blobs = record.image.iter().chain(&record.image_manifest);
        let mut layers = record.layers.iter();
        let missing = blobs
            .find(|blob| !self.store.has_blob(blob))
            .or_else(|| layers.find(|layer| !self.store.has_layer(layer)));
        match missing {
            Some(digest) => Err(crate::store::Error::Missing(digest.clone()).into()),
            None => Ok(()),
        }
    }

    /// Makes what the root directory needs, and fills new volumes from the image.
    fn prepare_root(
        &self,
        dir: &ContainerDir,
        record: &Record,
        copy_ups: &[volume::CopyUp],
    ) -> Result<(), Error> {
        let root = self.root_of(dir, record, |driver, plan| driver.prepare(plan))?;
        if record.host_config.rootfs.is_none() {
            markers::put(&root, self.settings.uid)?;
        }
        Ok(volume::copy_up(
            copy_ups,
            &root,
            &self.id_map,
            &self.settings,
        )?)
    }

    /// Returns the container's root directory as data; `before` is given the driver first, where there is one.
    pub(super) fn root_of(
        &self,
        dir: &ContainerDir,
        record: &Record,
        before: impl FnOnce(&dyn rootfs::Driver, &rootfs::Plan<'_>) -> Result<(), rootfs::Error>,
    ) -> Result<rootfs::Root, Error> {
        let layers: Vec<PathBuf> = match &record.host_config.rootfs {
            Some(rootfs) if !rootfs.overlay => {
                return Ok(rootfs::Root::Directory(PathBuf::from(&rootfs.path)));
            }
            Some(rootfs) => vec![PathBuf::from(&rootfs.path)],
            None => (record.layers.iter())
                .map(|layer| self.store.layer_dir(layer))
                .collect(),
        };
        let driver = rootfs::select(&self.store, &self.settings)?;
        let plan = rootfs::Plan {
            container: dir,
            layers: &layers,
            id_map: &self.id_map,
            settings: &self.settings,
        };
        before(driver, &plan)?;
        Ok(driver.root(&plan, record.host_config.auto_remove))
    }

    /// The host's half of the configuration, the ports, and warnings.
    fn host_config(
        &self,
        options: &CreateOptions,
    ) -> Result<(HostConfig, Vec<PublishedPort>, Vec<String>), Error> {
        let network = match options.network.as_str() {
            "" => Mode::User,
            text => Mode::parse(text)?,
        };
        let network = match network {
            // By ID from now on: the other one may be renamed.
            Mode::Container(other) => Mode::Container(self.find(&other)?.record.id),
            mode => mode,
        };
        let mut ports = Vec::new();
        for text in &options.publish {
            ports.extend(PublishedPort::parse(text)?);
        }
        let mut warnings = Vec::new();
        if !ports.is_empty() {
            warnings.extend(network.check_ports()?.map(str::to_owned));
        }
        if options.hostname.is_some() && matches!(network, Mode::Container(_)) {
            // moby, runconfig/errors.go.
            let words = "conflicting options: hostname and the network mode";
            return Err(Error::Invalid(words.to_owned()));
        }
        let log_config = options.log.clone().unwrap_or_default();
        log_options::target(&log_config, Path::new(""))?;
        let list = |values: Vec<String>| (!values.is_empty()).then_some(values);
        let mut rootfs = options.rootfs.clone();
        if let Some(rootfs) = &mut rootfs {
            let path = options.base_dir.join(&rootfs.path);
            let path = path.canonicalize().map_err(failed("open", &path))?;
            rootfs.path = path.to_string_lossy().into_owned();
        }
        let mut host = HostConfig {
            container_id_file: (options.cidfile.as_ref())
                .map_or(String::new(), |path| path.to_string_lossy().into_owned()),
            log_config,
            network_mode: network.to_string(),
            restart_policy: RestartPolicy::default(),
            auto_remove: options.auto_remove,
            cap_add: list(capabilities::normalize(&options.cap_add, "CapAdd")?),
            cap_drop: list(capabilities::normalize(&options.cap_drop, "CapDrop")?),
            ipc_mode: "private".to_owned(),
            privileged: options.privileged,
            readonly_rootfs: options.read_only,
            security_opt: list(options.security_opt.clone()),
            shm_size: SHM_SIZE,
            runtime: "ctr".to_owned(),
            cgroupns_mode: "private".to_owned(),
            init: options.init.then_some(true),
            rootfs,
            ..HostConfig::default()
        };
        security::settle(&mut host, &options.base_dir)?;
        Ok((host, ports, warnings))
    }
}

/// The container's half of the configuration. Entrypoint and command are merged as moby's daemon/commit.go, `merge`.
fn config(
    options: &CreateOptions,
    image: Option<&Image>,
    host: &HostConfig,
    id: &str,
) -> Result<Config, Error> {
    let nothing = image::config::Config::default();
    let image = image.map_or(&nothing, |image| &image.config.config);
    let mut cmd = (!options.command.is_empty()).then(|| options.command.clone());
    let entrypoint = match &options.entrypoint {
        Some(word) => Some(vec![word.clone()]),
        None => {
            cmd = cmd.or_else(|| image.cmd.clone());
            image.entrypoint.clone()
        }
    };
    let working_dir = match &options.workdir {
        Some(dir) if !dir.starts_with('/') => {
            // moby, daemon/container.go, `verifyContainerSettings`.
            return Err(Error::Invalid(format!(
                "the working directory '{dir}' is invalid, it needs to be an absolute path"
            )));
        }
        Some(dir) => dir.clone(),
        None => image.working_dir.clone(),
    };
    let stop_signal = options.stop_signal.clone().or(image.stop_signal.clone());
    if let Some(name) = &options.stop_signal {
        signal::parse(name)?;
    }
    let hostname = match (&options.hostname, host.network_mode.as_str()) {
        (Some(name), _) => name.clone(),
        (None, "host") => rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        (None, _) => id[..SHORT_ID].to_owned(),
    };
    let mut labels = image.labels.clone().unwrap_or_default();
    labels.extend(options.labels.clone());
    Ok(Config {
        hostname,
        user: options.user.clone().unwrap_or_else(|| image.user.clone()),
        attach_stdin: options.attach_stdin,
        attach_stdout: options.attach_stdout,
        attach_stderr: options.attach_stderr,
        exposed_ports: image.exposed_ports.clone(),
        tty: options.tty,
        open_stdin: options.open_stdin,
        stdin_once: options.open_stdin && options.attach_stdin,
        env: environment::merge(&options.env, image.environment()),
        cmd,
        healthcheck: (image.healthcheck.as_ref())
            .and_then(|check| serde_json::to_value(check).ok()),
        image: options.image.clone(),
        volumes: image.volumes.clone(),
        working_dir,
        entrypoint,
        on_build: image.on_build.clone(),
        labels,
        stop_signal,
        stop_timeout: options.stop_timeout,
        shell: image.shell.clone(),
        ..Config::default()
    })
}

/// Returns the command's first word and the others. Source: moby, daemon/container.go, `getEntrypointAndArgs`.
fn command(config: &Config) -> Result<(String, Vec<String>), Error> {
    let entrypoint = config.entrypoint.as_deref().unwrap_or_default();
    let entrypoint = match entrypoint {
        // `--entrypoint ""`.
        [word] if word.is_empty() => &[],
        words => words,
    };
    let cmd = config.cmd.as_deref().unwrap_or_default();
    let mut words = entrypoint.iter().chain(cmd).cloned();
    match words.next() {
        Some(path) if !path.is_empty() => Ok((path, words.collect())),
        _ => Err(Error::NoCommand),
    }
}

/// Records published ports, which are exposed as well.
fn expose(config: &mut Config, host: &mut HostConfig, ports: &[PublishedPort]) {
    for port in ports {
        let key = port.container_key();
        let object = Value::Object(Map::new());
        config
            .exposed_ports
            .get_or_insert_default()
            .insert(key.clone(), object);
        host.port_bindings
            .entry(key)
            .or_default()
            .push(PortBinding {
                host_ip: port.host_ip_text(),
                host_port: port.host_port_text(),
            });
    }
}

fn mount_requests(options: &CreateOptions) -> Result<Vec<volume::MountRequest>, Error> {
    let mut requests = Vec::new();
    for text in &options.volumes {
        requests.push(volume::parse_volume(text, &options.base_dir)?);
    }
    for text in &options.mounts {
        requests.push(volume::parse_mount(text, &options.base_dir)?);
    }
    for text in &options.tmpfs {
        requests.push(volume::parse_tmpfs(text)?);
    }
    Ok(requests)
}

fn write_record(dir: &ContainerDir, record: &Record) -> Result<(), Error> {
    let path = dir.record_path();
    let bytes = serde_json::to_vec(record).map_err(|source| Error::Record {
        path: path.clone(),
        source,
    })?;
    Ok(replace_file(&path, &bytes)?)
}

impl CidFile {
    fn create(path: &Path) -> Result<CidFile, Error> {
        match File::options().write(true).create_new(true).open(path) {
            Ok(file) => Ok(CidFile {
                path: path.to_owned(),
                file,
                keep: false,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Error::CidFileExists(path.to_owned()))
            }
            Err(error) => Err(failed("create the container ID file", path)(error)),
        }
    }

    fn finish(mut self, id: &str) -> Result<(), Error> {
        self.file
            .write_all(id.as_bytes())
            .map_err(failed("write", &self.path))?;
        self.keep = true;
        Ok(())
    }
}

impl Drop for CidFile {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.keep {
            // Without a name it claims, the empty one is nobody's.
            let name = self.name.as_deref().unwrap_or_default();
            let _ = self.engine.remove_files(&self.id, name, &self.volumes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(entrypoint: Option<&[&str]>, cmd: Option<&[&str]>) -> Option<String> {
        let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        let config = Config {
            entrypoint: entrypoint.map(owned),
            cmd: cmd.map(owned),
            ..Config::default()
        };
        let (path, args) = command(&config).ok()?;
        Some(format!("{path} {}", args.join(" ")))
    }

    #[test]
    fn entrypoint_and_command() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(words(Some(&["e", "1"]), Some(&["c"])), some("e 1 c"));
        assert_eq!(words(None, Some(&["c", "d"])), some("c d"));
        assert_eq!(words(Some(&[""]), Some(&["c"])), some("c "));
        assert_eq!(words(Some(&[""]), None), None);
        assert_eq!(words(None, None), None);
    }
}

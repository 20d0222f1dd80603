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
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::cidfile::CidFile;
use super::error::system;
use super::options::CreateOptions;
use super::record::{RECORD_VERSION, Record, State};
use super::{
    Container, CreatedContainer, Engine, Error, clock, configure, markers, mount_places, names,
};
use crate::image;
use crate::rootfs;
use crate::store::{ContainerDir, ContainerLock, new_id, replace_file};
use crate::volume::{self, Volumes};

/// Draws of a made-up name before giving up.
const MAX_DRAWS: u32 = 100;

/// A container being made; dropped without [`Draft::keep`], it is gone.
struct Draft<'e> {
    engine: &'e Engine,
    id: String,
    name: Option<String>,
    volumes: Vec<String>,
    /// Held until it has been undone. `None` once it is kept.
    lock: Option<ContainerLock>,
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
        let id = new_id().map_err(system("draw random numbers"))?;
        let mut host = self.host_part(&options)?;
        let mut config = configure::container_part(&options, image.as_ref(), &host, &id)?;
        let (path, args) = configure::command(&config)?;
        configure::expose(&mut config, &mut host);
        let requests = configure::mount_requests(&options)?;
        let (mut host, warnings) = (host.config, host.warnings);

        let (dir, lock) = self.store.create_container(&id)?;
        let mut draft = Draft {
            engine: self,
            id: id.clone(),
            name: None,
            volumes: Vec::new(),
            lock: Some(lock),
        };
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
        let blobs = record.image.iter().chain(&record.image_manifest);
        self.store.outlast_prune(blobs.chain(&record.layers))?;
        self.check_content(&record)?;
        self.prepare_root(&dir, &record, &resolved.copy_ups)?;
        if let Some(cidfile) = cidfile {
            cidfile.finish(&record.id)?;
        }
        let state = State::created();
        let lock = draft.keep();
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
            let name = names::make_up(draw).map_err(system("draw random numbers"))?;
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

    /// Does what is left of making a container whose maker was killed once the record was written. The caller holds its
    /// lock.
    pub(super) fn finish_creation(&self, record: &Record) -> Result<(), Error> {
        let dir = self.store.container(&record.id);
        let never_started = !dir.state_path().exists();
        let volumes = Volumes::new(&self.store);
        let copies = volume::unfinished_copies(&volumes, &record.mounts, never_started);
        if never_started || !copies.is_empty() {
            self.prepare_root(&dir, record, &copies)?;
        }
        Ok(())
    }

    /// Makes what the root directory needs, and fills new volumes from the image.
    fn prepare_root(
        &self,
        dir: &ContainerDir,
        record: &Record,
        copy_ups: &[volume::CopyUp],
    ) -> Result<(), Error> {
        let root = self.root_of(dir, record, |driver, plan| driver.prepare(plan))?;
        match record.host_config.rootfs {
            None => markers::put(&root, self.settings.uid)?,
            Some(_) => mount_places::make_room(&root, record, &self.id_map.uids)?,
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
}

fn write_record(dir: &ContainerDir, record: &Record) -> Result<(), Error> {
    let path = dir.record_path();
    let bytes = serde_json::to_vec(record).map_err(|source| Error::Record {
        path: path.clone(),
        source,
    })?;
    Ok(replace_file(&path, &bytes)?)
}

impl Draft<'_> {
    /// Makes it a container, whose lock the caller holds from now on.
    fn keep(mut self) -> ContainerLock {
        (self.lock.take()).expect("only kept once, by value")
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // Without a name it claims, the empty one is nobody's.
            let name = self.name.as_deref().unwrap_or_default();
            let _ = self.engine.remove_files(&self.id, name, &self.volumes);
        }
    }
}

//! `ps -s`: what a container has written, and what its image weighs.

use super::{Container, Engine, Error, Sizes};
use crate::rootfs;

impl Engine {
    /// Measures the container's files.
    ///
    /// # Errors
    ///
    /// [`Error::Rootfs`], [`Error::Store`].
    pub fn sizes(&self, container: &Container) -> Result<Sizes, Error> {
        let record = &container.record;
        let writable = match &record.host_config.rootfs {
            Some(rootfs) if !rootfs.overlay => 0,
            _ => {
                let driver = rootfs::select(&self.store, &self.settings)?;
                driver.written_bytes(&self.store.container(&record.id))?
            }
        };
        let mut image = 0;
        for layer in &record.layers {
            image += self.store.layer_size(layer)?.unwrap_or_default();
        }
        Ok(Sizes {
            writable,
            virtual_size: writable + image,
        })
    }
}

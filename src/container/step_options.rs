//! What every step of a build gets, whatever it runs.

use std::path::PathBuf;

use super::devices::Mapped;
use super::options::CreateOptions;
use super::resources::Resources;
use super::security::Security;
use super::{DeviceMapping, Engine, Error, Names, capabilities, devices};
use crate::network::Mode;

/// The flags of `build` that are about RUN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepOptions {
    /// `--add-host`, `--dns`, `--no-hosts` and their like.
    pub names: Names,
    /// `--device`.
    pub devices: Vec<DeviceMapping>,
    /// `--userns host`: root's steps have no user namespace of their own. The ids are the same, and for other users so is all
    /// the rest.
    pub shares_users: bool,
    /// `--shm-size`, bytes; `None` for the default.
    pub shm_size: Option<u64>,
    /// What each may use.
    pub resources: Resources,
    /// `--security-opt`, with the profiles in them.
    pub security_opt: Vec<String>,
    /// `--cap-add`.
    pub cap_add: Vec<String>,
    /// `--cap-drop`.
    pub cap_drop: Vec<String>,
}

impl StepOptions {
    /// Returns where the devices are inside; of a directory all those in it.
    ///
    /// # Errors
    ///
    /// [`Error::Device`].
    pub fn device_places(&self) -> Result<Vec<PathBuf>, Error> {
        let mapped = devices::mapped(&self.devices)?;
        let place = |mapped: &Mapped| mapped.device.path().clone();
        Ok(mapped.iter().map(place).collect())
    }

    /// The same as flags of a container.
    pub(super) fn as_flags(&self, network: &Mode) -> CreateOptions {
        CreateOptions {
            names: self.names.clone(),
            devices: self.devices.clone(),
            shm_size: self.shm_size,
            resources: self.resources.clone(),
            security_opt: self.security_opt.clone(),
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
            network: network.to_string(),
            ..CreateOptions::default()
        }
    }
}

impl Engine {
    /// Finds out what is wrong with the options before a step is begun, or found in the cache.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] and the others that [`Engine::create`] has for the same flags; [`Error::HostGateway`],
    /// [`Error::Device`].
    pub fn check_step_options(&self, options: &StepOptions, network: &Mode) -> Result<(), Error> {
        let host = self.host_part(&options.as_flags(network))?.config;
        let granted = capabilities::granted(&host);
        Security::of(&host)?.filter(&granted)?;
        devices::mapped(&options.devices)?;
        for host in &options.names.extra_hosts {
            host.line()?;
        }
        Ok(())
    }
}

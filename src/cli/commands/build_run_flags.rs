//! The flags of `build` that are about RUN.

use clap::Args;

use super::build_flags;
use super::build_volume;
use super::limit_flags::LimitFlags;
use super::name_flags::NameFlags;
use crate::build::request::{Isolation, Volume};
use crate::cli::error::Failure;
use crate::container::{DeviceMapping, StepOptions};
use crate::network::Mode;

#[derive(Debug, Args)]
pub(crate) struct BuildRunFlags {
    /// Give RUN a capability more
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Take a capability from RUN
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// Give RUN a device of the host's, or the devices in a directory
    #[arg(long, value_name = "PATH[:TARGET][:rwm]")]
    device: Vec<DeviceMapping>,
    #[command(flatten)]
    names: NameFlags,
    /// Show RUN your own environment's proxy variables, as --build-arg does (default: true)
    #[arg(long, default_value = "true")]
    http_proxy: bool,
    /// Set how RUN is isolated (default: $BUILDAH_ISOLATION, else oci): oci (also auto, rootless) or chroot, which shares the
    /// host's processes, IPC, network and cgroup
    #[arg(long, value_name = "KIND")]
    isolation: Option<String>,
    /// Set the network of RUN: default (also private, bridge), none, host, pasta, slirp4netns
    #[arg(long, value_name = "MODE")]
    network: Option<String>,
    /// Security options for RUN: seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, label=disable, emulation=off
    /// (owners and users are not emulated where there is one id)
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Size of /dev/shm (default: 64m)
    #[arg(long, value_name = "BYTES")]
    shm_size: Option<String>,
    /// Set the user namespace of RUN: one of its own (default; also private, container, auto), or host, which differs for root
    /// alone
    #[arg(long, value_name = "MODE")]
    userns: Option<String>,
    /// Mount a file or directory into every RUN; options: ro, O (changes are forgotten), z and what mounts have
    #[arg(short, long, value_name = "SOURCE:TARGET[:OPTIONS]")]
    volume: Vec<String>,
    #[command(flatten)]
    limits: LimitFlags,
}

impl BuildRunFlags {
    /// `--http-proxy`.
    pub(super) fn shows_proxies(&self) -> bool {
        self.http_proxy
    }

    /// `--isolation`.
    pub(super) fn isolation(&self) -> Result<Isolation, Failure> {
        build_flags::isolation(self.isolation.as_deref())
    }

    /// Returns flags with one value in the words of BuildKit's frontend.
    pub(super) fn frontend_arguments(&self) -> [(&'static str, Option<String>); 2] {
        [
            ("force-network-mode", self.network.clone()),
            ("shm-size", self.shm_size.clone()),
        ]
    }

    /// `--network`.
    pub(super) fn network(&self) -> Result<Mode, Failure> {
        build_flags::network(self.network.as_deref(), self.isolation()?)
    }

    /// `--volume`.
    pub(super) fn volumes(&self) -> Result<Vec<Volume>, Failure> {
        build_volume::volumes(&self.volume)
    }

    /// The others.
    pub(super) fn options(&self) -> Result<StepOptions, Failure> {
        Ok(StepOptions {
            names: self.names.names()?,
            devices: self.device.clone(),
            shares_users: build_flags::shares_users(self.userns.as_deref())?,
            shm_size: build_flags::shm_size(self.shm_size.as_deref())?,
            resources: self.limits.resources(),
            security_opt: build_flags::security(&self.security_opt)?,
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
        })
    }
}

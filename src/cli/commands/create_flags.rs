//! The flags that `run` and `create` share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::limit_flags::{self, RunLimitFlags};
use super::name_flags::NameFlags;
use crate::cli::command::Flag;
use crate::cli::environment;
use crate::cli::error::Failure;
use crate::cli::exit_code::ENGINE_ERROR;
use crate::cli::labels::label;
use crate::cli::streams;
use crate::cli::variables;
use crate::container::record::{ExternalRootfs, LogConfig};
use crate::container::{CreateOptions, DeviceMapping, sysctls};
use crate::image::Platform;

/// When to pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PullPolicy {
    /// Even if the image is there.
    Always,
    /// If it is not.
    Missing,
    /// Not at all.
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct CreateFlags {
    /// Attach to STDIN, STDOUT or STDERR
    #[arg(short, long, value_name = "STREAM")]
    attach: Vec<String>,
    /// Add Linux capabilities
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// Write the container ID to the file
    #[arg(long, value_name = "FILE")]
    cidfile: Option<PathBuf>,
    /// Container NIS domain name, which is that of its host name in /etc/hosts, too
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Set environment variables; NAME alone takes the value from your own environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Expose a port or a range of ports
    #[arg(long, value_name = "PORT[-PORT][/PROTOCOL]")]
    expose: Vec<String>,
    /// Container host name (default: the short ID)
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,
    /// Run an init inside the container that forwards signals and reaps processes
    #[arg(long)]
    init: bool,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    interactive: bool,
    /// Set meta data on a container
    #[arg(short, long, value_name = "NAME[=VALUE]", value_parser = label)]
    label: Vec<(String, String)>,
    /// Logging driver for the container: json-file (default) or none
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// Log driver options: max-size, max-file; labels, labels-regex, env, env-regex and tag, which "logs --details" shows
    #[arg(long, value_name = "NAME=VALUE")]
    log_opt: Vec<String>,
    /// Attach a filesystem mount: type=bind, volume or tmpfs, source=..., target=..., readonly
    #[arg(long, value_name = "KEY=VALUE[,...]")]
    mount: Vec<String>,
    /// Assign a name to the container (default: a made-up one)
    #[arg(long)]
    name: Option<String>,
    /// Add a device of the host's, or the devices in a directory
    #[arg(long, value_name = "PATH[:TARGET][:rwm]")]
    device: Vec<DeviceMapping>,
    #[command(flatten)]
    names: NameFlags,
    /// Connect a container to a network: bridge, none, host, or container:NAME (default: bridge)
    #[arg(long, visible_alias = "net", value_name = "NETWORK")]
    network: Option<String>,
    /// Choose the platform of a multi-platform image (default: this machine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Give extended privileges to this container
    #[arg(long)]
    privileged: bool,
    /// Publish a container's port(s) to the host
    #[arg(short, long, value_name = "[[IP:]HOST:]PORT[/PROTOCOL]")]
    publish: Vec<String>,
    /// Publish all exposed ports to random ports
    #[arg(short = 'P', long)]
    publish_all: bool,
    /// Pull image before running: always, missing, never
    #[arg(long, value_name = "POLICY", default_value = "missing")]
    pull: String,
    /// Suppress the pull output
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Mount the container's root filesystem as read only
    #[arg(long)]
    read_only: bool,
    /// Automatically remove the container and its anonymous volumes when it exits
    #[arg(long)]
    rm: bool,
    /// Use a directory as the root filesystem instead of an image; with :O, keep changes out of it
    #[arg(long, value_name = "DIR[:O]")]
    rootfs: Option<String>,
    /// Security options: apparmor=, emulation=on|off (owners and users where there is one id), label=, no-new-privileges,
    /// seccomp=, systempaths=unconfined
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Signal to stop the container (default: the image's, else SIGTERM)
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Seconds to wait for it to stop before killing it (default: 10; -1 waits forever)
    #[arg(long, value_name = "SECONDS")]
    stop_timeout: Option<i64>,
    /// Set kernel parameters of the container's namespaces: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*
    #[arg(long, value_name = "NAME=VALUE", value_parser = sysctls::parse)]
    sysctl: Vec<(String, String)>,
    /// Mount a tmpfs directory
    #[arg(long, value_name = "DIR[:OPTIONS]")]
    tmpfs: Vec<String>,
    #[command(flatten)]
    limits: RunLimitFlags,
    /// Tune the host's preference for the out-of-memory killer (-1000 to 1000)
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "0",
        hide_default_value = true
    )]
    oom_score_adj: i32,
    /// Size of /dev/shm (default: 64m)
    #[arg(long, value_name = "BYTES", value_parser = limit_flags::bytes)]
    shm_size: Option<i64>,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Username or UID (default: the image's)
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Bind mount a directory or a volume
    #[arg(short, long, value_name = "[SOURCE:]DEST[:OPTIONS]")]
    volume: Vec<String>,
    /// Working directory inside the container (default: the image's)
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// The image, the command, and the command's arguments
    #[arg(
        value_name = "IMAGE",
        required = true,
        trailing_var_arg = true,
        hide = true
    )]
    words: Vec<String>,
}

/// Flags of Docker's and podman's `run` that are still to come.
pub(crate) const UNBUILT: &[Flag] = &[
    Flag::value("annotation"),
    Flag::value("blkio-weight"),
    Flag::value("blkio-weight-device"),
    Flag::value("cgroupns"),
    Flag::value("cgroups"),
    Flag::value("cpu-rt-period"),
    Flag::value("cpu-rt-runtime"),
    Flag::value("device-cgroup-rule"),
    Flag::value("device-read-bps"),
    Flag::value("device-read-iops"),
    Flag::value("device-write-bps"),
    Flag::value("device-write-iops"),
    Flag::value("gidmap"),
    Flag::value("gpus"),
    Flag::value("group-add"),
    Flag::value("health-cmd"),
    Flag::value("health-interval"),
    Flag::value("health-retries"),
    Flag::value("health-start-interval"),
    Flag::value("health-start-period"),
    Flag::value("health-timeout"),
    Flag::value("ip"),
    Flag::value("ip6"),
    Flag::value("ipc"),
    Flag::value("label-file"),
    Flag::value("link"),
    Flag::value("link-local-ip"),
    Flag::value("mac-address"),
    Flag::value("network-alias"),
    Flag::switch("no-healthcheck"),
    Flag::switch("oom-kill-disable"),
    Flag::value("pid"),
    Flag::switch("replace"),
    Flag::value("restart"),
    Flag::value("runtime"),
    Flag::value("secret"),
    Flag::value("storage-opt"),
    Flag::value("systemd"),
    Flag::value("timeout"),
    Flag::value("uidmap"),
    Flag::switch("use-api-socket"),
    Flag::value("userns"),
    Flag::value("uts"),
    Flag::value("volume-driver"),
    Flag::value("volumes-from"),
];

/// Flags without an effect on Linux, or (content trust) with one that a digest in the reference has for everybody.
pub(crate) const IGNORED: &[Flag] = &[
    Flag::switch("disable-content-trust"),
    Flag::value("isolation"),
    Flag::value("cpu-count"),
    Flag::value("cpu-percent"),
    Flag::value("io-maxbandwidth"),
    Flag::value("io-maxiops"),
    Flag::value("kernel-memory"),
];

impl CreateFlags {
    /// When to pull the image.
    ///
    /// # Errors
    ///
    /// A policy that is none, in Docker's words.
    pub(crate) fn pull_policy(&self) -> Result<PullPolicy, Failure> {
        PullPolicy::from_str(&self.pull, false).map_err(|_| {
            engine(format!(
                "invalid pull option: '{}': must be one of \"always\", \"missing\" or \"never\"",
                self.pull
            ))
        })
    }

    /// Reads the flags. With `detach`, nothing is attached.
    ///
    /// # Errors
    ///
    /// Values that cannot be; files that cannot be read.
    pub(crate) fn options(&self, detach: bool) -> Result<CreateOptions, Failure> {
        let mut words = self.words.iter().cloned();
        let rootfs = self.rootfs.as_deref().map(external_rootfs).transpose()?;
        // With --rootfs there is no image: the first word is the command's.
        let image = match rootfs {
            None => words.next().unwrap_or_default(),
            Some(_) => String::new(),
        };
        let [attach_stdin, attach_stdout, attach_stderr] = self.attached(detach)?;
        let base_dir = std::env::current_dir()
            .map_err(|error| engine(format!("cannot find the current directory: {error}")))?;
        Ok(CreateOptions {
            image,
            platform: platform(self.platform.as_deref())?,
            rootfs,
            command: words.collect(),
            entrypoint: self.entrypoint.clone(),
            name: self.name.clone(),
            env: variables::collect(&self.env_file, &self.env)?,
            labels: self.label.iter().cloned().collect::<BTreeMap<_, _>>(),
            workdir: self.workdir.clone(),
            user: self.user.clone(),
            hostname: self.hostname.clone(),
            tty: self.tty,
            open_stdin: self.interactive,
            attach_stdin,
            attach_stdout,
            attach_stderr,
            console_size: streams::terminal_size().filter(|_| self.tty),
            auto_remove: self.rm,
            read_only: self.read_only,
            init: self.init,
            privileged: self.privileged,
            cap_add: self.cap_add.clone(),
            cap_drop: self.cap_drop.clone(),
            security_opt: self.security_opt.clone(),
            volumes: self.volume.clone(),
            mounts: self.mount.clone(),
            tmpfs: self.tmpfs.clone(),
            devices: self.device.clone(),
            names: self
                .names
                .names()
                .map_err(|failure| failure.with_code(ENGINE_ERROR))?,
            network: self.network.clone().unwrap_or_default(),
            publish: self.publish.clone(),
            publish_all: self.publish_all,
            domainname: self.domainname.clone(),
            sysctls: self.sysctl.iter().cloned().collect(),
            expose: self.expose.clone(),
            resources: self.limits.resources(),
            shm_size: self.shm_size.and_then(|bytes| u64::try_from(bytes).ok()),
            oom_score_adj: self.oom_score_adj,
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_timeout,
            cidfile: self.cidfile.clone(),
            log: self.log()?,
            base_dir,
        })
    }

    /// `--log-driver` and `--log-opt`. What nobody says of the default driver is as where nobody says anything (moby,
    /// daemon/logs.go, `mergeAndVerifyLogConfig`).
    fn log(&self) -> Result<Option<LogConfig>, Failure> {
        let driver = self.log_driver.as_deref().filter(|name| !name.is_empty());
        if driver.is_none() && self.log_opt.is_empty() {
            return Ok(None);
        }
        if driver == Some("none") && !self.log_opt.is_empty() {
            return Err(engine("invalid logging opts for driver none"));
        }
        let default = LogConfig::default();
        let driver = driver.unwrap_or(&default.driver).to_owned();
        let mut config = BTreeMap::new();
        for option in &self.log_opt {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            config.insert(key.to_owned(), value.to_owned());
        }
        let never_full = config.get("max-size").is_some_and(|size| size == "-1");
        if driver == default.driver && !never_full {
            for (key, value) in default.config {
                config.entry(key).or_insert(value);
            }
        }
        Ok(Some(LogConfig { driver, config }))
    }

    /// Stdin, stdout, stderr: those of `-a`; else output always and input with `-i`.
    fn attached(&self, detach: bool) -> Result<[bool; 3], Failure> {
        if self.attach.is_empty() {
            return Ok([!detach && self.interactive, !detach, !detach]);
        }
        if detach {
            return Err(engine(
                "conflicting options: cannot specify both --attach and --detach",
            ));
        }
        let mut streams = [false; 3];
        for name in &self.attach {
            let index = match name.to_ascii_lowercase().as_str() {
                "stdin" => 0,
                "stdout" => 1,
                "stderr" => 2,
                _ => {
                    return Err(engine(format!(
                        "invalid argument {name:?} for \"-a, --attach\" flag: valid streams are STDIN, STDOUT and STDERR"
                    )));
                }
            };
            streams[index] = true;
        }
        Ok(streams)
    }
}

/// Reads `--platform`, else `DOCKER_DEFAULT_PLATFORM`.
///
/// # Errors
///
/// A text that is no platform.
pub(crate) fn platform(flag: Option<&str>) -> Result<Option<Platform>, Failure> {
    let text = flag
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .or_else(environment::default_platform);
    text.map(|text| text.parse::<Platform>())
        .transpose()
        .map_err(|error| Failure::of(error).with_code(ENGINE_ERROR))
}

fn external_rootfs(text: &str) -> Result<ExternalRootfs, Failure> {
    let (path, overlay) = match text.strip_suffix(":O") {
        Some(path) => (path, true),
        None => (text, false),
    };
    let absolute = std::fs::canonicalize(path)
        .map_err(|error| engine(format!("cannot use {path:?} as a root filesystem: {error}")))?;
    if !absolute.is_dir() {
        return Err(engine(format!(
            "cannot use {path:?} as a root filesystem: not a directory"
        )));
    }
    let path = absolute
        .into_os_string()
        .into_string()
        .map_err(|path| engine(format!("the path {path:?} is not valid UTF-8")))?;
    Ok(ExternalRootfs { path, overlay })
}

fn engine(message: impl Into<String>) -> Failure {
    Failure::message(message).with_code(ENGINE_ERROR)
}

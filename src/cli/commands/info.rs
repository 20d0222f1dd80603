//! `ctr info`: what there is, which way was taken, and what would make it better.

use clap::Args;
use serde_json::{Value as Json, json};

use super::version::{DOCKER_VERSION, formatted};
use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::{size, time};
use crate::container::Engine;
use crate::container::record::Status;
use crate::image;
use crate::rootfs;
use crate::runtime;
use crate::settings::{Settings, find_program};
use crate::userns::Tier;

/// Display system-wide information
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// Format output using a Go template, or "json"
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Command for Info {
    const USAGE: &'static str = "[OPTIONS]";
    const EXAMPLES: &'static [Example] = &[
        (
            "info",
            "Which ways were taken, and what is missing for better ones",
        ),
        ("info -f '{{.Driver}} {{.CgroupVersion}}'", "Two values"),
    ];

    fn run(self, context: &Context) -> Outcome {
        let engine = context.engine()?;
        let info = document(context, &engine)?;
        context.print(&match formatted(self.format.as_deref(), &info)? {
            Some(text) => text,
            None => describe(&info),
        })?;
        if self.format.is_none() {
            for warning in info["Warnings"].as_array().into_iter().flatten() {
                context.eprintln(warning.as_str().unwrap_or_default());
            }
        }
        Ok(0)
    }
}

/// Docker's fields in Docker's order, as far as they have a meaning here, and our own under `Ctr`.
fn document(context: &Context, engine: &Engine) -> Result<Json, Failure> {
    let settings = &context.settings;
    let containers = engine.list()?;
    let running = containers
        .iter()
        .filter(|c| c.state.status == Status::Running)
        .count();
    let images = image::list(&engine.store)?.images.len();
    let driver = rootfs::select(&engine.store, settings)?;
    let uname = rustix::system::uname();
    let word = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let tier = match engine.id_map.tier {
        Tier::Identity => "identity",
        Tier::Subordinate => "subordinate",
        Tier::Single => "single",
    };
    let extents = engine.id_map.uids.iter();
    let ids: u64 = extents.map(|extent| u64::from(extent.size)).sum();
    let helpers: Vec<&str> = ["pasta", "slirp4netns"]
        .into_iter()
        .filter(|name| find_program(name, &settings.path).is_some())
        .collect();
    let network = helpers.first().copied().unwrap_or("none");
    let mut security = vec!["name=seccomp,profile=builtin"];
    if settings.uid != 0 {
        security.push("name=rootless");
    }
    security.push("name=userns");
    security.push("name=cgroupns");
    let cgroups = runtime::available(settings);
    let has = |name: &str| cgroups.controllers.iter().any(|one| one == name);
    let mut warnings = makeshifts(engine, settings, network, driver.name());
    warnings.extend(missing_limits(&cgroups));
    let version = match context.program {
        "docker" => DOCKER_VERSION,
        _ => env!("CARGO_PKG_VERSION"),
    };
    let mut info = json!({
        "ID": "",
        "Containers": containers.len(),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": containers.len() - running,
        "Images": images,
        "Driver": driver.name(),
        "DriverStatus": [["userxattr", "true"]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "none"],
            "Authorization": null,
            "Log": ["json-file", "none"],
        },
        "MemoryLimit": has("memory"),
        "SwapLimit": has("memory"),
        "CpuCfsPeriod": has("cpu"),
        "CpuCfsQuota": has("cpu"),
        "CPUShares": has("cpu"),
        "CPUSet": has("cpuset"),
        "PidsLimit": has("pids"),
        "Debug": context.debug,
        "SystemTime": time::now().to_string(),
        "LoggingDriver": "json-file",
        "CgroupDriver": cgroups.driver,
        "CgroupVersion": cgroups.version.to_string(),
        "KernelVersion": word(uname.release()),
        "OperatingSystem": operating_system(),
        "OSType": "linux",
        "Architecture": word(uname.machine()),
    });
    let rest = json!({
        "IndexServerAddress": "https://index.docker.io/v1/",
        "NCPU": std::thread::available_parallelism().map_or(1, usize::from),
        "MemTotal": total_memory(),
        "DockerRootDir": settings.data_dir.to_string_lossy(),
        "HttpProxy": proxy(context, "http_proxy"),
        "HttpsProxy": proxy(context, "https_proxy"),
        "NoProxy": proxy(context, "no_proxy"),
        "Name": word(uname.nodename()),
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": version,
        "Runtimes": {"ctr": {"path": "built in"}},
        "DefaultRuntime": "ctr",
        "Swarm": {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": null},
        "LiveRestoreEnabled": true,
        "Isolation": "",
        "InitBinary": "built in",
        "SecurityOptions": security,
        "Ctr": {
            "IDMap": tier,
            "IDs": ids,
            "NetworkHelper": network,
            "RunRoot": settings.run_dir.to_string_lossy(),
        },
        "Warnings": warnings,
        "ClientInfo": {
            "Debug": context.debug,
            "Version": version,
            "Context": "default",
            "Plugins": [],
            "Warnings": null,
        },
    });
    if let (Json::Object(info), Json::Object(rest)) = (&mut info, rest) {
        info.extend(rest);
    }
    Ok(info)
}

/// What has to do with less than there could be, and what would change that.
fn makeshifts(engine: &Engine, settings: &Settings, network: &str, driver: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if engine.id_map.tier == Tier::Single {
        let hint = match find_program("newuidmap", &settings.path) {
            Some(_) => "add a range for your user to /etc/subuid and /etc/subgid",
            None => {
                "install newuidmap (Debian: uidmap) and add a range for your user to /etc/subuid and /etc/subgid"
            }
        };
        warnings.push(format!(
            "WARNING: Only one user ID can be used inside containers: {hint}"
        ));
    }
    if network == "none" {
        warnings.push(
            "WARNING: Containers have no network: install pasta (Debian: passt) or slirp4netns"
                .to_owned(),
        );
    }
    if driver != "overlay" {
        warnings.push(
            "WARNING: overlayfs cannot be mounted here: images are copied for each container"
                .to_owned(),
        );
    }
    warnings
}

fn describe(info: &Json) -> String {
    use std::fmt::Write as _;
    let text = |pointer: &str| match info.pointer(pointer) {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let list = |pointer: &str| {
        let items = info
            .pointer(pointer)
            .and_then(Json::as_array)
            .into_iter()
            .flatten();
        items.filter_map(Json::as_str).collect::<Vec<_>>().join(" ")
    };
    let mut out = String::new();
    let _ = write!(
        out,
        "Client:\n Version:    {}\n Context:    default\n Debug Mode: {}\n\nServer:\n",
        text("/ClientInfo/Version"),
        text("/Debug")
    );
    for (name, value) in [
        ("Containers", text("/Containers")),
        (" Running", text("/ContainersRunning")),
        (" Paused", text("/ContainersPaused")),
        (" Stopped", text("/ContainersStopped")),
        ("Images", text("/Images")),
        ("Server Version", text("/ServerVersion")),
        ("Storage Driver", text("/Driver")),
        ("Logging Driver", text("/LoggingDriver")),
        ("Cgroup Driver", text("/CgroupDriver")),
        ("Cgroup Version", text("/CgroupVersion")),
        (
            "ID Map",
            format!("{} ({} IDs)", text("/Ctr/IDMap"), text("/Ctr/IDs")),
        ),
        ("Network Helper", text("/Ctr/NetworkHelper")),
        ("Plugins", String::new()),
        (" Volume", list("/Plugins/Volume")),
        (" Network", list("/Plugins/Network")),
        (" Log", list("/Plugins/Log")),
        ("Default Runtime", text("/DefaultRuntime")),
    ] {
        let _ = writeln!(out, " {}", format!("{name}: {value}").trim_end());
    }
    out.push_str(" Security Options:\n");
    for option in list("/SecurityOptions").split(' ') {
        let mut parts = option.split(',').filter_map(|part| part.split_once('='));
        if let Some((_, name)) = parts.next() {
            let _ = writeln!(out, "  {name}");
        }
        for (key, value) in parts {
            let key =
                key.get(..1).unwrap_or_default().to_uppercase() + key.get(1..).unwrap_or_default();
            let _ = writeln!(out, "   {key}: {value}");
        }
    }
    let memory = info["MemTotal"].as_u64().unwrap_or(0);
    for (name, value) in [
        ("Kernel Version", text("/KernelVersion")),
        ("Operating System", text("/OperatingSystem")),
        ("OSType", text("/OSType")),
        ("Architecture", text("/Architecture")),
        ("CPUs", text("/NCPU")),
        ("Total Memory", size::binary(memory)),
        ("Name", text("/Name")),
        ("Docker Root Dir", text("/DockerRootDir")),
        ("Run Dir", text("/Ctr/RunRoot")),
        ("Debug Mode", text("/Debug")),
    ] {
        let _ = writeln!(out, " {name}: {value}");
    }
    out
}

fn proxy<'c>(context: &'c Context, name: &str) -> &'c str {
    let found = context
        .settings
        .proxies
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    // A proxy's address may hold a password.
    match found {
        Some((_, value)) if value.contains('@') => "set, with a login",
        Some((_, value)) => value,
        None => "",
    }
}

/// Says which limits containers cannot have, and why.
fn missing_limits(cgroups: &runtime::Available) -> Option<String> {
    const FLAGS: [(&str, &str); 4] = [
        ("memory", "--memory"),
        ("cpu", "--cpus"),
        ("cpuset", "--cpuset-cpus"),
        ("pids", "--pids-limit"),
    ];
    let missing = FLAGS.iter().filter(|(controller, _)| {
        let mut there = cgroups.controllers.iter();
        !there.any(|one| one == controller)
    });
    let (names, flags): (Vec<&str>, Vec<&str>) = missing.copied().unzip();
    if names.is_empty() {
        return None;
    }
    let why = match (cgroups.driver, cgroups.version) {
        ("none", 1) => "with cgroup version 1 only root has them".to_owned(),
        ("none", _) => "no cgroup is delegated to this user".to_owned(),
        _ => format!(
            "the cgroup controller{} {} {} not available to this user",
            if names.len() == 1 { "" } else { "s" },
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" }
        ),
    };
    Some(format!("WARNING: No limits by {}: {why}", flags.join(", ")))
}

/// `PRETTY_NAME` of `os-release(5)`.
fn operating_system() -> String {
    let text = std::fs::read_to_string("/etc/os-release")
        .or_else(|_| std::fs::read_to_string("/usr/lib/os-release"))
        .unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or("Linux".to_owned(), |name| {
        name.trim_matches(['"', '\'']).to_owned()
    })
}

/// Bytes of memory, of `/proc/meminfo`.
fn total_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kib.unwrap_or(0) * 1024
}

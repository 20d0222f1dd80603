//! The commands, one file each, and the table of them.

mod attach;
mod build;
mod build_attest;
mod build_cache;
mod build_call;
mod build_failure;
mod build_flags;
mod build_input;
mod build_lint;
mod build_logins;
mod build_metadata;
mod build_output;
mod build_output_flag;
mod build_run_flags;
mod build_style;
mod build_volume;
mod builder;
mod buildx;
mod check;
mod complete;
mod confirm;
mod create;
mod create_flags;
mod df;
mod df_rows;
mod exec;
mod glob;
mod history;
mod images;
mod images_list;
mod images_row;
mod import;
mod info;
mod inspect;
mod kill;
mod limit_flags;
mod load;
mod login;
mod logs;
mod name_flags;
mod pattern;
mod port;
mod prune;
mod prune_filter;
mod ps;
mod ps_filter;
mod ps_row;
mod pull;
mod push;
mod registry_flags;
mod result_file;
mod rm;
mod rmi;
mod run;
mod save;
mod start;
mod stop;
mod tag;
mod top;
pub(crate) mod version;
mod volume;
mod wait;

use super::command::{Entry, Group};

/// Management commands: the first of two words.
pub(crate) const GROUPS: &[(&str, &str)] = &[
    ("builder", "Manage builds"),
    ("buildx", "Manage builds, by the name of Docker's plugin"),
    ("container", "Manage containers"),
    ("image", "Manage images"),
    ("system", "Manage ctr"),
    ("volume", "Manage volumes"),
];

/// Every command. The overview lists them in this order.
pub(crate) const COMMANDS: &[Entry] = &[
    Entry::of::<run::Run>(Group::Common, &["run", "container run"]),
    Entry::of::<exec::Exec>(Group::Common, &["exec", "container exec"]),
    Entry::of::<ps::Ps>(
        Group::Common,
        &["ps", "container ls", "container list", "container ps"],
    ),
    Entry::of::<build::Build>(
        Group::Common,
        &["build", "image build", "builder build", "buildx build"],
    ),
    Entry::of::<pull::Pull>(Group::Common, &["pull", "image pull"]),
    Entry::of::<push::Push>(Group::Common, &["push", "image push"]),
    Entry::of::<images::Images>(Group::Common, &["images", "image ls", "image list"]),
    Entry::of::<version::Version>(Group::Common, &["version"]),
    Entry::of::<info::Info>(Group::Common, &["info", "system info"]),
    Entry::of::<attach::Attach>(Group::Other, &["attach", "container attach"]),
    Entry::of::<create::Create>(Group::Other, &["create", "container create"]),
    Entry::of::<history::History>(Group::Other, &["history", "image history"]),
    Entry::of::<import::Import>(Group::Other, &["import", "image import"]),
    Entry::of::<inspect::Inspect>(Group::Other, &["inspect"]),
    Entry::of::<kill::Kill>(Group::Other, &["kill", "container kill"]),
    Entry::of::<load::Load>(Group::Other, &["load", "image load"]),
    Entry::of::<login::Login>(Group::Common, &["login"]),
    Entry::of::<login::Logout>(Group::Common, &["logout"]),
    Entry::of::<logs::Logs>(Group::Other, &["logs", "container logs"]),
    Entry::of::<port::Port>(Group::Other, &["port", "container port"]),
    Entry::of::<stop::Restart>(Group::Other, &["restart", "container restart"]),
    Entry::of::<rm::Rm>(Group::Other, &["rm", "container rm", "container remove"]),
    Entry::of::<rmi::Rmi>(Group::Other, &["rmi", "image rm", "image remove"]),
    Entry::of::<save::Save>(Group::Other, &["save", "image save"]),
    Entry::of::<start::Start>(Group::Other, &["start", "container start"]),
    Entry::of::<stop::Stop>(Group::Other, &["stop", "container stop"]),
    Entry::of::<tag::Tag>(Group::Other, &["tag", "image tag"]),
    Entry::of::<top::Top>(Group::Other, &["top", "container top"]),
    Entry::of::<wait::Wait>(Group::Other, &["wait", "container wait"]),
    Entry::of::<builder::DiskUsage>(Group::Management, &["builder du", "buildx du"]),
    Entry::of::<builder::Prune>(Group::Management, &["builder prune", "buildx prune"]),
    Entry::of::<buildx::Create>(Group::Management, &["buildx create"]),
    Entry::of::<buildx::Inspect>(Group::Management, &["buildx inspect"]),
    Entry::of::<buildx::Install>(Group::Management, &["buildx install"]),
    Entry::of::<buildx::List>(Group::Management, &["buildx ls"]),
    Entry::of::<buildx::Remove>(Group::Management, &["buildx rm"]),
    Entry::of::<buildx::Stop>(Group::Management, &["buildx stop"]),
    Entry::of::<buildx::Use>(Group::Management, &["buildx use"]),
    Entry::of::<buildx::Version>(Group::Management, &["buildx version"]),
    Entry::of::<inspect::ContainerInspect>(Group::Management, &["container inspect"]),
    Entry::of::<prune::Containers>(Group::Management, &["container prune"]),
    Entry::of::<inspect::ImageInspect>(Group::Management, &["image inspect"]),
    Entry::of::<prune::Images>(Group::Management, &["image prune"]),
    Entry::of::<check::Check>(Group::Management, &["system check"]),
    Entry::of::<df::DiskUsage>(Group::Management, &["system df"]),
    Entry::of::<prune::System>(Group::Management, &["system prune"]),
    Entry::of::<volume::Create>(Group::Management, &["volume create"]),
    Entry::of::<inspect::VolumeInspect>(Group::Management, &["volume inspect"]),
    Entry::of::<volume::List>(Group::Management, &["volume ls", "volume list"]),
    Entry::of::<prune::UnusedVolumes>(Group::Management, &["volume prune"]),
    Entry::of::<volume::Remove>(Group::Management, &["volume rm", "volume remove"]),
    Entry::of::<complete::Complete>(Group::Hidden, &["__complete"]),
];

/// Docker's commands that are still to come.
pub(crate) const UNBUILT_COMMANDS: &[&str] = &[
    "buildx bake",
    "buildx dap",
    "buildx debug",
    "buildx dial-stdio",
    "buildx history",
    "buildx imagetools",
    "buildx policy",
    "buildx uninstall",
    "checkpoint",
    "commit",
    "compose",
    "config",
    "container commit",
    "container cp",
    "container diff",
    "container export",
    "container pause",
    "container rename",
    "container stats",
    "container unpause",
    "container update",
    "context",
    "cp",
    "diff",
    "events",
    "export",
    "image build",
    "manifest",
    "network",
    "node",
    "pause",
    "plugin",
    "rename",
    "search",
    "secret",
    "service",
    "stack",
    "stats",
    "swarm",
    "system events",
    "trust",
    "unpause",
    "update",
    "volume update",
];

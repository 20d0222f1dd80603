//! What a build is asked for, as data. `cli` fills it in; whatever the environment has to say has been looked up there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::cache::{CacheTarget, Place};
use super::dockerfile::stages::Stages;
use super::ignore::Ignore;
use super::provenance::{Material, Provenance};
use crate::container::StepOptions;
use crate::container::stream::Streams;
use crate::content::Reference;
use crate::image::Platform;
use crate::image::archive::LayoutImage;
use crate::network::Mode;
use crate::registry::Credentials;

/// One build.
#[derive(Debug)]
pub struct Request {
    /// The instructions.
    pub stages: Stages,
    /// The Dockerfile's escape character.
    pub escape: char,
    /// The files that COPY and ADD see.
    pub context: Context,
    /// `--build-context NAME=…`, by name.
    pub contexts: BTreeMap<String, NamedContext>,
    /// The stage to build: its number.
    pub target: usize,
    /// `--build-arg`: values for ARGs.
    pub build_args: BTreeMap<String, String>,
    /// `--label`.
    pub labels: Vec<(String, String)>,
    /// `--unsetlabel`: labels of the base image that the result has not.
    pub unset_labels: Vec<String>,
    /// `--env` and `--unsetenv`: what is set or, with `None`, taken away in the end.
    pub env: Vec<(String, Option<String>)>,
    /// `--inherit-labels`: stages begin with the labels of what they are based on.
    pub inherits_labels: bool,
    /// `--omit-history`: the image has none.
    pub omits_history: bool,
    /// `--annotation`, of the manifest.
    pub annotations: Vec<(String, String)>,
    /// `--inherit-annotations`: the manifest begins with those of the base image's.
    pub inherits_annotations: bool,
    /// `--unsetannotation`: annotations of the base image that the result has not.
    pub unset_annotations: Vec<String>,
    /// `--platform`; the host's where nobody said.
    pub platform: Option<Platform>,
    /// Whether others are built besides, and steps say which one they are for.
    pub is_one_of_several: bool,
    /// How often and when the cache is asked.
    pub cache: CachePolicy,
    /// `--cache-ttl`: results that are older are not used.
    pub cache_ttl: Option<Duration>,
    /// `--cache-from`.
    pub cache_from: Vec<Place>,
    /// `--cache-to`.
    pub cache_to: Vec<CacheTarget>,
    /// `--jobs`: stages that are at work at the same time; not 0.
    pub jobs: usize,
    /// `--skip-unused-stages=false`: also stages before the target that it does not need.
    pub build_unused: bool,
    /// `--squash`, `--squash-all`: the layers are made one.
    pub squash: Option<Squash>,
    /// `--format=docker`: manifest and media types are Docker's.
    pub docker_format: bool,
    /// `--pull`.
    pub pull: PullPolicy,
    /// `--network`: what RUN has where it does not say itself.
    pub network: Mode,
    /// `--isolation`.
    pub isolation: Isolation,
    /// `--volume`: what every RUN sees of the host.
    pub volumes: Vec<Volume>,
    /// What every RUN gets.
    pub run: StepOptions,
    /// `--secret`, by id.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// `--ssh`: agents' sockets, by id.
    pub agents: BTreeMap<String, PathBuf>,
    /// `--allow security.insecure`.
    pub allow_insecure: bool,
    /// `--allow network.host`.
    pub allow_host_network: bool,
    /// `SOURCE_DATE_EPOCH`, seconds: the build's time, and the latest time a file of a layer may have.
    pub epoch: Option<i64>,
    /// `--provenance`: how the image is made is told.
    pub provenance: Option<Provenance>,
    /// `--debug`: the user's terminal, for a shell in a RUN that fails.
    pub shell: Option<Streams<'static>>,
    /// Logins for the images that the Dockerfile names, found before the user namespace was entered.
    pub logins: Vec<(Reference, Credentials)>,
}

/// When registries are asked for base images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// For those that are here as well.
    Always,
    /// For those that are not here.
    #[default]
    Missing,
    /// As [`PullPolicy::Always`]; what cannot be had from there is taken as it is here.
    Newer,
    /// For none.
    Never,
}

/// How RUN is kept apart from what else runs here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Like a container.
    #[default]
    Namespaces,
    /// As buildah's `chroot`: its files, mounts, ids and host name are its own, processes, IPC, network and cgroup the host's.
    Chroot,
}

/// A file or directory of the host that every RUN sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Absolute.
    pub source: PathBuf,
    /// Clean absolute path, never `/`.
    pub target: String,
    /// Mount options, as runtime-spec has them.
    pub options: Vec<String>,
    /// `:O`: what RUN changes is forgotten when it ends.
    pub is_overlay: bool,
}

/// Which layers of the result are made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squash {
    /// Those that the Dockerfile's steps have made.
    New,
    /// All of them.
    All,
}

/// The files of a context.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Its directory; `None` for a context without files (`ctr build -`).
    pub dir: Option<PathBuf>,
    /// The files in it that the build does not see.
    pub ignore: Ignore,
    /// Where it was fetched from; `None` for the user's own files.
    pub fetched: Option<Material>,
}

/// A further context.
#[derive(Debug, Clone)]
pub enum NamedContext {
    /// Files.
    Files(Context),
    /// An image.
    Image(String),
    /// An image of a layout in a directory.
    Layout(LayoutImage),
}

/// Whether results of earlier builds are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CachePolicy {
    /// Always.
    #[default]
    Use,
    /// `--no-cache`.
    Never,
    /// `--no-cache-filter`: not for these stages.
    NotFor(Vec<String>),
}

impl CachePolicy {
    /// Returns whether the stage's results may be taken from the cache.
    pub fn allows(&self, stage: &str) -> bool {
        match self {
            CachePolicy::Use => true,
            CachePolicy::Never => false,
            CachePolicy::NotFor(stages) => !stages.iter().any(|other| other == stage),
        }
    }
}

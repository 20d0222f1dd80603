//! `ctr build`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::build_attest::{self, Told, Wanted};
use super::build_cache;
use super::build_call::{Call, Method};
use super::build_failure::{self, Located, located};
use super::build_input::{Input, Sources};
use super::build_lint;
use super::build_metadata;
use super::build_output::{Made, Outputs};
use super::build_run_flags::BuildRunFlags;
use super::registry_flags::RegistryFlags;
use super::{
    build_flags, build_logins, build_output_flag, build_style, buildx, create_flags, result_file,
};
use crate::build::cache;
use crate::build::dockerfile::parse;
use crate::build::dockerfile::stages::Stages;
use crate::build::lint;
use crate::build::outline::{Question, outline};
use crate::build::provenance::{Options, Provenance};
use crate::build::request::{CachePolicy, PullPolicy, Squash};
use crate::build::{self, Plan, Products, Request};
use crate::cli::command::{Command, Example, Flag, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::labels::label;
use crate::cli::output::build::{Style, Watcher};
use crate::cli::streams;
use crate::cli::variables;
use crate::container::Engine;
use crate::image::Platform;
use crate::store::Store;
use crate::userns::{self, IdMap};

/// Stages that are at work at the same time where nobody says.
const JOBS: usize = 32;

/// Build an image from a Dockerfile
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Allow what the Dockerfile may not do by itself: network.host, security.insecure
    #[arg(long, value_name = "ENTITLEMENT")]
    allow: Vec<String>,
    /// Build for all platforms that the base images are there for
    #[arg(long, conflicts_with = "platform")]
    all_platforms: bool,
    /// Add metadata to the image's manifest
    #[arg(long, value_name = "NAME=VALUE")]
    annotation: Vec<String>,
    /// Set the processor of base images and of the result, as --platform does
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    /// Have a statement go along with the image: type=provenance, with the options of --provenance
    #[arg(long, value_name = "type=KIND[,KEY=VALUE]")]
    attest: Vec<String>,
    /// Name the builder: default, or what "buildx create" has made
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Set values for ARGs; NAME alone takes the value from your own environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    build_arg: Vec<String>,
    /// Give a name to further files or an image, for COPY --from and FROM
    #[arg(
        long,
        value_name = "NAME=DIR|URL|docker-image://IMAGE|oci-layout://DIR[:TAG][@DIGEST]"
    )]
    build_context: Vec<String>,
    /// Read values for ARGs from a file, a NAME=VALUE on each line
    #[arg(long, value_name = "FILE")]
    build_arg_file: Vec<PathBuf>,
    /// Do something else with the Dockerfile: check it, show what a target can be given, or list the targets
    #[arg(long, value_name = "build|check|outline|targets[,format=json]")]
    call: Option<String>,
    /// Use results that other machines have exported: an image's, a registry's, a directory's
    #[arg(long, value_name = "IMAGE|type=registry,ref=IMAGE|type=local,src=DIR")]
    cache_from: Vec<String>,
    /// Export results for --cache-from: inline (into the image), to a registry, to a directory. More options: mode=min|max,
    /// compression=gzip|zstd|uncompressed, compression-level=N, mounts=true (cache mounts go along), ignore-error=true
    #[arg(
        long,
        value_name = "type=inline|type=registry,ref=IMAGE|type=local,dest=DIR"
    )]
    cache_to: Vec<String>,
    /// Do not use results of earlier builds that are older
    #[arg(long, value_name = "DURATION", value_parser = build_flags::cache_ttl)]
    cache_ttl: Option<Duration>,
    /// Check the Dockerfile and build nothing
    #[arg(long)]
    check: bool,
    /// Open a shell in a RUN that fails, with its files, mounts and environment
    #[arg(long)]
    debug: bool,
    /// Set environment variables of the image
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Name or URL of the Dockerfile (default: "PATH/Dockerfile"); "-" for stdin
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// Set the form of the image's manifest: oci or docker (default: $BUILDAH_FORMAT, else oci)
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Read the rules about files that the build does not see from this file, and from no other
    #[arg(long, value_name = "FILE")]
    ignorefile: Option<PathBuf>,
    /// Take another image than the first FROM says
    #[arg(long, value_name = "IMAGE")]
    from: Option<String>,
    /// Write the image ID to a file
    #[arg(long, value_name = "FILE")]
    iidfile: Option<PathBuf>,
    /// Begin with the annotations of the base image's manifest
    #[arg(long)]
    inherit_annotations: bool,
    /// Begin with the labels of the base image (default: true)
    #[arg(long, default_value = "true")]
    inherit_labels: bool,
    /// Build at most this many stages at the same time (default: 32)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Set metadata for the image
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Write to a file what would go to stderr
    #[arg(long, value_name = "FILE")]
    logfile: Option<PathBuf>,
    /// Add the image to a list of images for several platforms, which is made where it is missing
    #[arg(long, value_name = "NAME[:TAG]")]
    manifest: Option<String>,
    /// Write what was built to a JSON file
    #[arg(long, value_name = "FILE")]
    metadata_file: Option<PathBuf>,
    /// Do not use results of earlier builds
    #[arg(long)]
    no_cache: bool,
    /// Do not use results of earlier builds for these stages
    #[arg(long, value_name = "STAGE")]
    no_cache_filter: Vec<String>,
    /// Leave the history out of the image
    #[arg(long)]
    omit_history: bool,
    /// Set the operating system of base images and of the result, as --platform does
    #[arg(long, value_name = "OS")]
    os: Option<String>,
    /// Say what becomes of the result: "type=local,dest=DIR" or DIR for its files, "type=tar[,dest=FILE]" or "-" for a tar of
    /// them, "type=oci|docker[,dest=FILE]" for an archive of the image, "type=image[,name=NAME,push=true]" (default),
    /// "type=cacheonly" for nothing
    #[arg(short, long, value_name = "DEST|type=TYPE[,KEY=VALUE]")]
    output: Vec<String>,
    /// Set the platform of base images and of the result (default: this machine's); for several, the image is an index
    #[arg(long, value_name = "OS/ARCH[/VARIANT],...")]
    platform: Vec<String>,
    /// Set the kind of progress output: auto, plain, tty, quiet (as -q), none, rawjson (BuildKit's, a JSON object
    /// per line)
    #[arg(long, value_name = "KIND")]
    progress: Option<String>,
    /// Tell how the image was made, where it leaves (--push, -o type=oci|local|tar): true, false (default), or mode=min|max,
    /// version=v0.2|v1 (the first of each by default), builder-id=URL, reproducible=true, inline-only=true (--push alone)
    #[arg(long, value_name = "BOOL|KEY=VALUE,...")]
    provenance: Option<String>,
    /// Ask registries for base images: always (also true, or --pull alone), missing (default; also false), newer, which makes
    /// do with what is here, or never
    #[arg(
        long,
        value_name = "POLICY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always",
        value_parser = build_flags::pull
    )]
    pull: Option<PullPolicy>,
    #[arg(long, hide = true)]
    pull_always: bool,
    #[arg(long, hide = true)]
    pull_never: bool,
    /// Push the image to its registry, like --output type=registry
    #[arg(long)]
    push: bool,
    /// Suppress progress and print the image ID
    #[arg(short, long)]
    quiet: bool,
    /// Attest what is in the image: false (default); --attest type=sbom
    #[arg(long, value_name = "false")]
    sbom: Option<String>,
    /// Show a secret to RUN --mount=type=secret
    #[arg(long, value_name = "id=ID[,src=FILE|,env=NAME]")]
    secret: Vec<String>,
    /// Leave out stages that the target does not need (default: true)
    #[arg(long, default_value = "true")]
    skip_unused_stages: bool,
    /// Make one layer of those that the Dockerfile adds to the base image
    #[arg(long)]
    squash: bool,
    /// Make one layer of all, those of the base image included
    #[arg(long)]
    squash_all: bool,
    /// Show an agent's socket to RUN --mount=type=ssh, or that of one with these private keys, which have no passphrase
    #[arg(long, value_name = "default|ID[=SOCKET|=KEY[,KEY]]")]
    ssh: Vec<String>,
    /// Name the image
    #[arg(short, long, value_name = "NAME[:TAG]")]
    tag: Vec<String>,
    /// Build this stage (default: the last one)
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Set the time of the build and the latest time of files, in seconds since 1970
    #[arg(long, value_name = "SECONDS", alias = "source-date-epoch")]
    timestamp: Option<String>,
    /// Remove annotations of the base image
    #[arg(long, value_name = "NAME")]
    unsetannotation: Vec<String>,
    /// Remove environment variables from the image
    #[arg(long, value_name = "NAME")]
    unsetenv: Vec<String>,
    /// Remove labels of the base image
    #[arg(long, value_name = "NAME")]
    unsetlabel: Vec<String>,
    /// Set the variant of the processor, as --platform does
    #[arg(long, value_name = "VARIANT")]
    variant: Option<String>,
    #[command(flatten)]
    run: BuildRunFlags,
    /// Directory with the files that the Dockerfile copies; the URL of a git repository, of an archive or of a Dockerfile;
    /// "-" for an archive or a Dockerfile on stdin
    #[arg(value_name = "PATH", hide = true)]
    path: String,
    #[command(flatten)]
    registry: RegistryFlags,
}

impl Command for Build {
    const USAGE: &'static str = "[OPTIONS] PATH | URL | -";
    const EXAMPLES: &'static [Example] = &[
        (
            "build -t web .",
            "Build ./Dockerfile with the files of this directory",
        ),
        (
            "build --target test --build-arg VERSION=1.2 -f ci/Dockerfile .",
            "Build one stage of another Dockerfile",
        ),
        (
            "build -t app https://github.com/org/app.git#v1.2:server",
            "Build a directory of a repository at a tag; git has to be installed",
        ),
        (
            "build --target docs -o public .",
            "Build a stage and put its files into a directory",
        ),
        (
            "build --secret id=token,src=token.txt -q .",
            "Let RUN --mount=type=secret,id=token see a file, and print the image ID alone",
        ),
    ];
    const UNBUILT: &'static [Flag] = &[
        Flag::value("policy"),
        Flag::value("resource"),
        Flag::value("cgroupns"),
        Flag::switch("compat-volumes"),
        Flag::value("cpp-flag"),
        Flag::switch("created-annotation"),
        Flag::value("cw"),
        Flag::value("decryption-key"),
        Flag::value("group-add"),
        Flag::value("hooks-dir"),
        Flag::value("ipc"),
        Flag::switch("logsplit"),
        Flag::value("os-feature"),
        Flag::value("os-version"),
        Flag::value("pid"),
        Flag::value("runtime"),
        Flag::value("runtime-flag"),
        Flag::switch("save-stages"),
        Flag::value("sbom-image-output"),
        Flag::value("sbom-image-purl-output"),
        Flag::value("sbom-merge-strategy"),
        Flag::value("sbom-output"),
        Flag::value("sbom-purl-output"),
        Flag::value("sbom-scanner-command"),
        Flag::value("sbom-scanner-image"),
        Flag::value("sign-by"),
        Flag::value("signature-policy"),
        Flag::switch("stage-labels"),
        Flag::switch("stdin"),
        Flag::value("userns-gid-map"),
        Flag::value("userns-gid-map-group"),
        Flag::value("userns-uid-map"),
        Flag::value("userns-uid-map-user"),
        Flag::value("uts"),
    ];
    const IGNORED: &'static [Flag] = &[
        Flag::switch("rm"),
        Flag::switch("force-rm"),
        Flag::switch("compress"),
        Flag::switch("load"),
        Flag::switch("disable-content-trust"),
        Flag::switch("layers"),
        Flag::switch("identity-label"),
        Flag::switch("rewrite-timestamp"),
        // Nothing is compressed in a build, and what is intermediate is no image that could have labels.
        Flag::switch("disable-compression").short('D'),
        Flag::value("layer-label"),
    ];

    fn run(mut self, context: &Context) -> Outcome {
        let context = &self.registry.applied(context)?;
        buildx::check_chosen(context, self.builder.as_deref())?;
        let _redirected = match &self.logfile {
            Some(path) => Some(streams::stderr_to(path)?),
            None => None,
        };
        // buildx: the mode is the flag.
        self.quiet |= self.progress.as_deref() == Some("quiet");
        let names: Result<Vec<_>, _> = self
            .tag
            .iter()
            .map(|name| build_output_flag::tag(name))
            .collect();
        let list = self.manifest.as_deref().map(build_output_flag::tag);
        let outputs = Outputs::new(context, &self.output, self.push, names?, list.transpose()?)?;
        if self.debug && !(streams::stdin_is_terminal() && streams::stdout_is_terminal()) {
            return Err(Failure::message("--debug needs a terminal"));
        }
        let attest = Wanted::parse(
            &self.attest,
            self.provenance.as_deref(),
            self.sbom.as_deref(),
        )?;
        let unkept = outputs.check_attestations(attest.provenance.as_ref())?;
        let style = build_style::style(self.progress.as_deref(), self.quiet)?;
        if let Some(path) = &self.iidfile {
            build_failure::forget_image_id(path)?;
        }
        let look = build_style::look(context);
        let secrets = build_flags::secrets(&self.secret)?;
        let agents = build_flags::agents(context, &self.ssh)?;
        let mut input = Sources {
            path: &self.path,
            file: self.file.as_deref(),
            ignore_file: self.ignorefile.as_deref(),
            named: &self.build_context,
            agents: &agents.by_id,
            secrets: &secrets,
            keep_git_dir: build_flags::keep_git_dir(&self.build_arg),
            quiet: style.is_wordless(),
        }
        .read(context)?;
        if let Some(call) = Call::parse(self.call.as_deref(), self.check)? {
            return match call.method {
                Method::Check => self.lint(context, &input, call),
                Method::Outline => self.outline(context, &input, call),
                Method::Targets => call.print_targets(context, &input),
            };
        }
        if unkept {
            style.warn(context, "the image store keeps no provenance: it goes along with --push and --output type=oci, local or tar");
        }
        let provenance = match attest.provenance {
            Some(options) => Some(self.provenance(options, &input)?),
            None => None,
        };
        let mut requests = Vec::new();
        for platform in self.platforms()? {
            let request = self.request(context, &input, &agents.by_id, &secrets, platform);
            let request = request.map_err(|failure| failure.at(context, &input.dockerfile));
            let (mut request, plan) = request?;
            request.provenance.clone_from(&provenance);
            // Before the id map is entered.
            if input.inside.is_none() {
                request.logins = build_logins::find(context, &request, &plan)?;
            }
            requests.push((request, plan));
        }
        let (store, map) = match input.inside.take() {
            Some(inside) => inside,
            None => context.store_for_content()?,
        };
        if let Some(frontend) = foreign_frontend(&input.dockerfile.bytes, &self.build_args()?) {
            let text = format!(
                "the frontend {frontend} is not run: the Dockerfile is read as by docker/dockerfile:1"
            );
            style.warn(context, &text);
        }
        let engine = engine(context, store, &map)?;
        // Also where every step is in the cache.
        for (request, _) in &requests {
            (engine.check_step_options(&request.run, &request.network)).map_err(Failure::from)?;
        }
        if let (true, [(request, plan)]) = (self.all_platforms, requests.as_slice()) {
            let platforms = build::platforms_of_bases(request, plan, &engine, &map);
            let logins = request.logins.clone();
            let at = |failure: Box<Located>| failure.at(context, &input.dockerfile);
            let platforms = platforms.map_err(|error| at(error.into()))?;
            requests.clear();
            for platform in platforms.into_iter().map(Some) {
                let request = self.request(context, &input, &agents.by_id, &secrets, platform);
                let (mut request, plan) = request.map_err(at)?;
                request.logins.clone_from(&logins);
                request.provenance.clone_from(&provenance);
                requests.push((request, plan));
            }
        }
        let are_several = requests.len() > 1;
        for (request, _) in &mut requests {
            request.is_one_of_several = are_several;
        }
        // What is wrong with the Dockerfile is told by the build.
        let target = self.wanted_platform()?;
        let find = || {
            let store = Some(&engine.store);
            build_lint::findings(&input, &self.build_arg, target.as_ref(), store)
        };
        let verdict = || match find().ok().as_ref().and_then(lint::Report::verdict) {
            Some(verdict) => Err(Failure::message(verdict)),
            None => Ok(()),
        };
        let palette = look.palette.clone();
        let build = || -> Result<(), Box<Located>> {
            verdict()?;
            let products = {
                let mut watcher = Watcher::new(style, look.clone());
                build::build(&requests, &engine, &map, &mut watcher)?
            };
            // More is known of the base images now.
            verdict()?;
            let mut products = Products::new(&engine, products)?;
            let made = outputs.make(context, &engine, &map, &mut products, style.is_wordless())?;
            if let Some(made) = &made {
                self.report(context, &engine.store, made, style, &outputs)?;
            }
            Ok(())
        };
        let built = build();
        if let Ok(findings) = &find() {
            build_lint::summarize(context, &input, findings, style, &palette);
        }
        built.map_err(|failure| failure.at(context, &input.dockerfile))?;
        if let Err(error) = cache::keep_within_budget(&engine.store) {
            // What was asked for is there all the same.
            let failure = Failure::of(error).about("cannot prune the build cache");
            style.warn(context, &failure.in_a_line());
        }
        Ok(0)
    }
}

impl Build {
    /// Makes the request, and finds out what it needs.
    fn request(
        &self,
        context: &Context,
        input: &Input,
        agents: &BTreeMap<String, PathBuf>,
        secrets: &BTreeMap<String, Vec<u8>>,
        platform: Option<Platform>,
    ) -> Result<(Request, Plan), Box<Located>> {
        let parsed = parse(&input.dockerfile.bytes).map_err(build::Error::from)?;
        let escape = parsed.directives.escape;
        let mut stages = Stages::of(parsed).map_err(build::Error::from)?;
        if let Some(image) = &self.from {
            stages.replace_base(image);
        }
        let target = build::target_of(&stages, self.target.as_deref())?;
        let mut build_args = self.build_args()?;
        let proxies = context.settings.proxies.iter();
        for (name, value) in proxies.filter(|_| self.run.shows_proxies()) {
            build_args
                .entry(name.clone())
                .or_insert_with(|| value.clone());
        }
        let allowed = build_flags::entitlements(&self.allow)?;
        // buildah: a life of nothing is no cache.
        let no_cache = self.no_cache || self.cache_ttl == Some(Duration::ZERO);
        let cache = match (no_cache, self.no_cache_filter.is_empty()) {
            (true, _) => CachePolicy::Never,
            (false, true) => CachePolicy::Use,
            (false, false) => CachePolicy::NotFor(self.no_cache_filter.clone()),
        };
        let request = Request {
            stages,
            escape,
            context: input.context.clone(),
            contexts: input.contexts.clone(),
            target,
            epoch: build_flags::epoch(self.timestamp.as_deref(), &build_args)?,
            build_args,
            labels: self.label.clone(),
            unset_labels: self.unsetlabel.clone(),
            env: build_flags::env(&self.env, &self.unsetenv),
            inherits_labels: self.inherit_labels,
            omits_history: self.omit_history,
            annotations: build_flags::annotations(&self.annotation)?,
            inherits_annotations: self.inherit_annotations,
            unset_annotations: self.unsetannotation.clone(),
            platform,
            is_one_of_several: false,
            cache,
            cache_ttl: self.cache_ttl,
            jobs: self.jobs.map_or(JOBS, |jobs| jobs as usize),
            build_unused: !self.skip_unused_stages,
            squash: self.squash()?,
            docker_format: build_flags::has_docker_format(self.format.as_deref())?,
            pull: self.pull_policy(),
            network: self.run.network()?,
            isolation: self.run.isolation()?,
            volumes: self.run.volumes()?,
            run: self.run.options()?,
            secrets: secrets.clone(),
            agents: agents.clone(),
            provenance: None,
            allow_insecure: allowed.insecure,
            allow_host_network: allowed.host_network,
            shell: self.debug.then(|| streams::own(true)),
            logins: Vec::new(),
            cache_from: build_cache::sources(&self.cache_from)?,
            cache_to: build_cache::targets(&self.cache_to)?,
        };
        let plan = request.plan()?;
        Ok((request, plan))
    }

    /// What is told of how the image is made.
    fn provenance(&self, options: Options, input: &Input) -> Result<Provenance, Failure> {
        let build_args = self.build_args()?;
        let has_epoch = build_flags::epoch(self.timestamp.as_deref(), &build_args)?.is_some();
        let no_cache = match self.no_cache {
            true => Some(String::new()),
            false => Some(self.no_cache_filter.join(",")).filter(|stages| !stages.is_empty()),
        };
        let plain = [("target", self.target.clone()), ("no-cache", no_cache)];
        let told = Told {
            path: &self.path,
            file: self.file.as_deref(),
            input,
            arguments: build_attest::frontend_arguments(
                &build_args,
                &self.label,
                &self.build_context,
                plain.into_iter().chain(self.run.frontend_arguments()),
            ),
            has_epoch,
        };
        build_attest::provenance(options, told)
    }

    /// `--platform`: one or several, each once; `None` where nobody says.
    fn platforms(&self) -> Result<Vec<Option<Platform>>, Failure> {
        let mut platforms = Vec::new();
        if let Some(platform) = self.platform_of_parts()? {
            return Ok(vec![Some(platform)]);
        }
        let flags = self.platform.iter().flat_map(|flag| flag.split(','));
        for text in flags.map(str::trim).filter(|text| !text.is_empty()) {
            let platform = create_flags::platform(Some(text));
            let platform = platform.map_err(|failure| failure.with_code(1))?;
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        if platforms.is_empty() {
            let platform = create_flags::platform(None);
            platforms.push(platform.map_err(|failure| failure.with_code(1))?);
        }
        Ok(platforms)
    }

    /// `--os`, `--arch`, `--variant`.
    fn platform_of_parts(&self) -> Result<Option<Platform>, Failure> {
        let parts = [&self.os, &self.arch, &self.variant];
        if parts.iter().all(|part| part.is_none()) {
            return Ok(None);
        }
        if !self.platform.is_empty() || self.all_platforms {
            // Source: buildah, pkg/cli/build.go.
            return Err(Failure::message(
                "--platform may not be used with --os, --arch, or --variant",
            ));
        }
        let host = Platform::host();
        let os = self.os.as_deref().unwrap_or(&host.os);
        let arch = self.arch.as_deref().unwrap_or(&host.architecture);
        let text = match &self.variant {
            Some(variant) => format!("{os}/{arch}/{variant}"),
            None => format!("{os}/{arch}"),
        };
        let platform = create_flags::platform(Some(&text));
        platform.map_err(|failure| failure.with_code(1))
    }

    /// `--pull` and what older versions of podman have for it.
    fn pull_policy(&self) -> PullPolicy {
        match (self.pull, self.pull_always, self.pull_never) {
            (Some(policy), _, _) => policy,
            (None, true, _) => PullPolicy::Always,
            (None, false, true) => PullPolicy::Never,
            (None, false, false) => PullPolicy::default(),
        }
    }

    /// `--squash`, `--squash-all`.
    fn squash(&self) -> Result<Option<Squash>, Failure> {
        let squash = match (self.squash_all, self.squash) {
            (true, _) => Squash::All,
            (false, true) => Squash::New,
            (false, false) => return Ok(None),
        };
        let targets = build_cache::targets(&self.cache_to)?;
        if targets.iter().any(|target| target.place.is_none()) {
            return Err(Failure::message(
                "--cache-to type=inline is about the image's layers, of which --squash leaves none: use another type",
            ));
        }
        Ok(Some(squash))
    }

    /// The first of them, which the linter and the outline look at.
    fn wanted_platform(&self) -> Result<Option<Platform>, Failure> {
        Ok(self.platforms()?.swap_remove(0))
    }

    /// `--build-arg-file`, which `--build-arg` overrides.
    fn build_args(&self) -> Result<BTreeMap<String, String>, Failure> {
        let from_files = variables::collect(&self.build_arg_file, &[])?;
        let all: Vec<String> = from_files
            .into_iter()
            .chain(self.build_arg.clone())
            .collect();
        Ok(build_flags::build_args(&all))
    }

    /// `--call check`.
    fn lint(&self, context: &Context, input: &Input, call: Call) -> Outcome {
        let platform = self.wanted_platform()?;
        let store = context.store().ok();
        let report =
            build_lint::findings(input, &self.build_arg, platform.as_ref(), store.as_ref())?;
        let code = call.print_report(context, input, &report)?;
        match report.failed {
            Some(error) => Err(located(error.into()).at(context, &input.dockerfile)),
            None => Ok(code),
        }
    }

    /// `--call outline`.
    fn outline(&self, context: &Context, input: &Input, call: Call) -> Outcome {
        let platform = self.wanted_platform()?;
        let question = Question {
            target: self.target.as_deref(),
            build_args: &self.build_args()?,
            platform: platform.as_ref(),
            named: &|name| input.contexts.contains_key(name),
        };
        let outline = parse(&input.dockerfile.bytes)
            .map_err(build::Error::from)
            .and_then(|parsed| outline(parsed, question))
            .map_err(|error| located(error).at(context, &input.dockerfile))?;
        call.print_outline(context, input, &outline)
    }

    fn report(
        &self,
        context: &Context,
        store: &Store,
        made: &Made,
        style: Style,
        outputs: &Outputs,
    ) -> Result<(), Failure> {
        let Made { built, names, .. } = made;
        if let Some(path) = &self.iidfile {
            result_file::write(path, &built.id.to_string())?;
        }
        if let Some(path) = &self.metadata_file {
            build_metadata::write(path, made, store)?;
        }
        if self.quiet && outputs.takes_stdout() {
            return Ok(());
        }
        if self.quiet {
            return context.println(&built.id.to_string());
        }
        let mut done = vec![format!("writing image {}", built.id)];
        done.extend(names.iter().map(|name| format!("naming to {name}")));
        style.exported(context, &done);
        Ok(())
    }
}

/// Returns the frontend that `BUILDKIT_SYNTAX` or `# syntax=` names, where it is another than Docker's for Dockerfiles.
fn foreign_frontend(dockerfile: &[u8], build_args: &BTreeMap<String, String>) -> Option<String> {
    let written = || parse(dockerfile).ok()?.directives.syntax;
    let named = (build_args.get("BUILDKIT_SYNTAX").cloned()).or_else(written)?;
    let name = named.split_whitespace().next()?;
    let path = name.strip_prefix("docker.io/").unwrap_or(name);
    let is_ours = path.starts_with("docker/dockerfile");
    (!is_ours).then(|| name.to_owned())
}

/// Opens the containers from inside the user's id map, where this process is root.
fn engine(context: &Context, store: Store, map: &IdMap) -> Result<Engine, Failure> {
    let mut settings = context.settings.clone();
    if map.tier != userns::Tier::Identity {
        (settings.uid, settings.gid) = (0, 0);
    }
    let id_map = match map.tier {
        userns::Tier::Single => IdMap::single(&settings, 0, 0),
        _ => IdMap::detect(&settings)?,
    };
    Ok(Engine {
        settings,
        store,
        id_map,
    })
}

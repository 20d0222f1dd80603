//! RUN: a process above the layers so far, whose upper directory becomes the next layer.
//!
//! Mount points that the image lacks (`/proc`, `/etc/hosts`, targets of `--mount`) are no part of the layer: it holds nothing
//! but what the command did.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Timespec, Timestamps};
use rustix::process::{Signal, pidfd_send_signal};

use super::{mounts, volumes};
use crate::build::cache::Key;
use crate::build::config;
use crate::build::dockerfile::instruction::{Command, Run, RunNetwork};
use crate::build::error::{Error, failed, words as words_of};
use crate::build::event::Event;
use crate::build::layer::Made;
use crate::build::leftovers;
use crate::build::provenance::{self, Exec};
use crate::build::request::Isolation;
use crate::build::stage::{Outcome, Worker};
use crate::container::stream::{Streams as ClientStreams, terminal_size};
use crate::container::{Error as ContainerError, StartedStep, Step, StepNetwork, StepOptions};
use crate::content::Digest;
use crate::image::Platform;
use crate::monitor::{StartFailure, Stream, Streams, exit_code};
use crate::network::{Dns, Mode};
use crate::rootfs::{Place, Root, Upper};
use crate::runtime::{Running, Stdio, Supervisor};
use crate::store::remove_tree;

/// Host name of every RUN, as BuildKit's.
const HOSTNAME: &str = "buildkitsandbox";

/// Where things are mounted that an image may have no place for.
const MOUNT_POINTS: [&str; 3] = ["dev", "proc", "sys"];

/// Bytes of output taken at once.
const CHUNK: usize = 32 << 10;

/// A command that is known well enough to ask the cache.
pub(crate) struct Prepared {
    /// What it depends on.
    pub key: Digest,
    /// Whether its result may be kept.
    pub is_cacheable: bool,
    args: Vec<String>,
    env: Vec<String>,
    mounts: Vec<mounts::Prepared>,
    network: RunNetwork,
    insecure: bool,
}

/// Returns how the command is told in the image's history, with the ARGs it sees.
pub(crate) fn history_line(worker: &Worker<'_>, run: &Run) -> String {
    let arguments: Vec<String> = (worker.scope.arguments())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let words = words(worker, run).join(" ");
    match arguments.len() {
        0 => format!("RUN {words}"),
        count => format!("RUN |{count} {} {words}", arguments.join(" ")),
    }
}

/// The words that are executed. A here-document alone is the script.
fn words(worker: &Worker<'_>, run: &Run) -> Vec<String> {
    let config = &worker.image.config;
    let Command::Shell(text) = &run.command else {
        return config::words(&run.command, config);
    };
    let [heredoc] = &run.heredocs[..] else {
        return config::words(&Command::Shell(with_heredocs(text, run)), config);
    };
    match run.is_script {
        true if heredoc.content.starts_with("#!") => vec![script_path(&heredoc.name)],
        true => config::words(&Command::Shell(heredoc.file_content()), config),
        false => config::words(&Command::Shell(with_heredocs(text, run)), config),
    }
}

/// Where a here-document that says what interprets it is found, as BuildKit's.
fn script_path(name: &str) -> String {
    format!("/dev/pipes/{name}")
}

/// Returns the script of `RUN <<EOF` that begins with `#!`, and where it is mounted.
fn script(args: &[String], run: &Run) -> Option<(String, String)> {
    let [heredoc] = &run.heredocs[..] else {
        return None;
    };
    let path = script_path(&heredoc.name);
    (args.len() == 1 && args[0] == path).then(|| (path, heredoc.file_content()))
}

/// The command line with the documents below it, for the shell to read.
fn with_heredocs(text: &str, run: &Run) -> String {
    let mut script = text.to_owned();
    for heredoc in &run.heredocs {
        script += "\n";
        script += &heredoc.content;
        script += &heredoc.name;
    }
    if !run.heredocs.is_empty() {
        script += "\n";
    }
    script
}

/// Finds out what the command depends on.
///
/// # Errors
///
/// [`Error::Invalid`] for what is not allowed or missing; those of the mounts.
pub(crate) fn prepare(worker: &mut Worker<'_>, run: &Run) -> Result<Prepared, Error> {
    if run.insecure && !worker.request.allow_insecure {
        return Err(Error::Invalid(
            "security.insecure is not allowed: use --allow security.insecure".to_owned(),
        ));
    }
    let host = run.network == RunNetwork::Host;
    if host && !worker.request.allow_host_network && worker.request.network != Mode::Host {
        return Err(Error::Invalid(
            "network.host is not allowed: use --allow network.host".to_owned(),
        ));
    }
    let args = words(worker, run);
    let mut env = worker.image.config.env.clone().unwrap_or_default();
    for (name, value) in worker.scope.arguments() {
        config::set_variable(&mut env, name, value);
    }
    let mut key = worker.key("run");
    key.list("args", &args);
    key.list("env", &env);
    key.field("cwd", &worker.image.config.working_dir);
    key.field("user", &worker.image.config.user);
    let network = match run.network {
        RunNetwork::Default => worker.request.network.clone(),
        RunNetwork::None => Mode::None,
        RunNetwork::Host => Mode::Host,
    };
    key.field("network", format!("{network:?}"));
    key.field("insecure", [u8::from(run.insecure)]);
    add_options(&mut key, &worker.request.run);
    volumes::add_to(&mut key, &worker.request.volumes);
    let mut list = Vec::new();
    for mount in &run.mounts {
        list.push(mounts::prepare(worker, mount, &mut key)?);
    }
    if let Some((path, content)) = script(&args, run) {
        key.field("script", &content);
        list.push(mounts::Prepared::script(path, content));
    }
    if network != Mode::None {
        worker.witness.network();
    }
    let told = Exec {
        run,
        args: &args,
        env: &env,
        cwd: &config::absolute("", &worker.image.config.working_dir),
        user: &worker.image.config.user,
        network: &network,
    };
    (worker.witness).step(|inputs| provenance::exec(&told, inputs));
    // What only carries the way out is no part of the result.
    for (name, value) in worker.scope.proxies() {
        config::set_variable(&mut env, name, value);
    }
    for mount in &list {
        env.extend(mount.variable());
    }
    Ok(Prepared {
        key: key.finish(),
        is_cacheable: true,
        args,
        env,
        mounts: list,
        network: run.network,
        insecure: run.insecure,
    })
}

/// Adds what a step's result may depend on. What a command is refused, or told of names, may change what it does; how fast
/// it is and how much it takes does not.
fn add_options(key: &mut Key, options: &StepOptions) {
    key.field("shm", format!("{:?}", options.shm_size));
    let Dns {
        servers,
        search,
        options: dns_options,
    } = &options.names.dns;
    let hosts: Vec<String> = options
        .names
        .extra_hosts
        .iter()
        .map(ToString::to_string)
        .collect();
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    let image_files: Vec<String> = options
        .names
        .image_files
        .iter()
        .map(ToString::to_string)
        .collect();
    let devices: Vec<String> = options.devices.iter().map(ToString::to_string).collect();
    for (name, list) in [
        ("device", &devices),
        // What stands for an address counts, not the address.
        ("hosts", &hosts),
        ("dns", &servers),
        ("dns-search", search),
        ("dns-option", dns_options),
        ("image-files", &image_files),
        ("security-opt", &options.security_opt),
        ("cap-add", &options.cap_add),
        ("cap-drop", &options.cap_drop),
    ] {
        if !list.is_empty() {
            key.list(name, list);
        }
    }
    if options.shares_users {
        key.field("userns", "host");
    }
    for ulimit in &options.resources.ulimits {
        key.field("ulimit", ulimit.to_string());
    }
}

/// Runs it.
///
/// # Errors
///
/// [`Error::ExitCode`], [`Error::Container`], [`Error::Io`].
pub(crate) fn execute(worker: &mut Worker<'_>, prepared: Prepared) -> Result<Outcome, Error> {
    let stage = worker.engine.store.stage_layer()?;
    let dir = worker
        .scratch
        .path()
        .join(format!("run-{}", worker.step.step));
    let has_mounts = !prepared.mounts.is_empty() || !worker.request.volumes.is_empty();
    if has_mounts {
        fs::create_dir_all(&dir).map_err(failed("create", &dir))?;
    }
    let etc = worker.scratch.path().join("etc");
    fs::create_dir_all(&etc).map_err(failed("create", &etc))?;
    let mut spec_mounts = volumes::mounts(&worker.request.volumes, &dir)?;
    let mut as_planned = true;
    let mut held = Vec::new();
    for (number, mount) in prepared.mounts.into_iter().enumerate() {
        let active = mounts::activate(worker, mount, &dir, number)?;
        spec_mounts.extend(active.mount.clone());
        as_planned &= active.is_as_listed;
        held.push(active);
    }
    keep_root_times(worker, stage.dir())?;
    let layers = worker.layer_dirs();
    let work = stage.work_dir()?;
    let upper = Upper {
        dir: stage.dir(),
        work: &work,
    };
    let root = (worker.stack).begin(
        &layers,
        upper,
        &mount_points(&worker.request.run, &spec_mounts)?,
    )?;
    let own = match prepared.network {
        RunNetwork::Default => None,
        RunNetwork::None => Some(StepNetwork::new(Mode::None)),
        RunNetwork::Host => Some(StepNetwork::new(Mode::Host)),
    };
    let mut process = Process {
        root,
        etc,
        args: prepared.args,
        env: prepared.env,
        mounts: spec_mounts,
        insecure: prepared.insecure,
        network: own,
    };
    let (stdio, mut streams) = Streams::pipes(false).map_err(failed("make pipes for", "RUN"))?;
    if worker.request.isolation == Isolation::Chroot {
        leftovers::adopt();
    }
    let started = process.start(worker, stdio);
    let mut started = started.map_err(|error| explain(error, &worker.image.platform()))?;
    if worker.request.shell.is_none() {
        worker.forget_secrets();
    }
    let code = follow(worker, &mut started.running, &mut streams)?;
    if let Some(supervisor) = started.running.supervisor {
        let complete = supervisor.finish().map_err(failed("wait for", "RUN"))?;
        if !complete {
            return Err(Error::Invalid(
                "the process that emulates ownership for RUN was killed: what RUN did cannot be trusted".to_owned(),
            ));
        }
    }
    let command = process.args.join(" ");
    if code != 0
        && let Some(client) = worker.request.shell
    {
        worker.send(Event::Shell { step: worker.step })?;
        if let Err(error) = process.shell(worker, client) {
            // An image without one, say. What has failed first is what the build fails with.
            let text = format!("cannot open a shell: {}", words_of(&error));
            worker.send(Event::Warning { text })?;
        }
    }
    drop(held);
    if has_mounts {
        // Best effort: it goes with the stage at the latest.
        let _ = remove_tree(&dir);
    }
    if code != 0 {
        return Err(Error::ExitCode { command, code });
    }
    worker.stack.end(stage.dir())?;
    let made = Made::from(stage);
    Ok(match as_planned {
        true => Outcome::Layer(made),
        false => Outcome::Unrepeatable(made),
    })
}

/// Says why a command of another platform cannot be executed here.
fn explain(error: Error, platform: &Platform) -> Error {
    let host = Platform::host();
    match error {
        Error::Container(ContainerError::Start(start))
            if start.failure == StartFailure::NotExecutable && host.rank(platform).is_none() =>
        {
            Error::Emulator {
                platform: platform.to_string(),
                host: host.to_string(),
                source: start,
            }
        }
        error => error,
    }
}

/// The command, and everything it is started with.
struct Process {
    root: Root,
    /// Holds what is bound over `/etc`, for all steps of the stage.
    etc: PathBuf,
    args: Vec<String>,
    env: Vec<String>,
    mounts: Vec<Mount>,
    insecure: bool,
    /// `None` for the network of the stage.
    network: Option<StepNetwork>,
}

impl Process {
    fn start(&mut self, worker: &mut Worker<'_>, stdio: Stdio) -> Result<StartedStep, Error> {
        let config = &worker.image.config;
        let step = Step {
            root: &self.root,
            dir: &self.etc,
            args: self.args.clone(),
            env: self.env.clone(),
            cwd: config::absolute("", &config.working_dir),
            user: config.user.clone(),
            hostname: HOSTNAME,
            mounts: self.mounts.clone(),
            host_places: volumes::places(&worker.request.volumes),
            options: &worker.request.run,
            insecure: self.insecure,
            shares_host: worker.request.isolation == Isolation::Chroot,
            stdio,
        };
        let network = self.network.as_mut().unwrap_or(&mut worker.network);
        let started = worker.engine.start_step(step, network)?;
        for text in &started.warnings {
            let text = text.clone();
            worker.send(Event::Warning { text })?;
        }
        Ok(started)
    }

    /// Gives the user a shell where the command has failed.
    fn shell(&mut self, worker: &mut Worker<'_>, client: ClientStreams<'_>) -> Result<(), Error> {
        if let Root::Overlay { workdir, .. } = &self.root {
            // The kernel takes no work directory of a volatile mount a second time.
            remove_tree(workdir)?;
            fs::create_dir(workdir).map_err(failed("create", workdir))?;
        }
        let words = config::words(&Command::Shell(String::new()), &worker.image.config);
        self.args = words.into_iter().take(1).collect();
        self.env.push("TERM=xterm".to_owned());
        let size = terminal_size(client.stdout);
        let started = self.start(worker, Stdio::Terminal { size })?;
        started.relay(client)?;
        Ok(())
    }
}

/// Passes output on until the process has ended and all it wrote has been read. Returns its exit code.
fn follow(worker: &Worker<'_>, running: &mut Running, streams: &mut Streams) -> Result<i32, Error> {
    let mut chunk = vec![0; CHUNK];
    let mut code = None;
    let waiting = || failed("wait for", "RUN");
    loop {
        let mut progress = false;
        for stream in [Stream::Stdout, Stream::Stderr] {
            while let Some(read) = streams.read(stream, &mut chunk) {
                progress = true;
                worker.send(Event::Output {
                    step: worker.step,
                    stderr: stream == Stream::Stderr,
                    bytes: chunk[..read].to_vec(),
                })?;
            }
        }
        if progress {
            continue;
        }
        if let Some(code) = code {
            return Ok(code);
        }
        let outputs = [Stream::Stdout, Stream::Stderr].map(|stream| streams.output(stream));
        let mut fds = vec![PollFd::from_borrowed_fd(
            running.pidfd.as_fd(),
            PollFlags::IN,
        )];
        let calls = running.supervisor.as_ref().and_then(Supervisor::fd);
        fds.extend(calls.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        for output in outputs.into_iter().flatten() {
            fds.push(PollFd::from_borrowed_fd(output, PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(waiting()(errno.into())),
        }
        let is_called = calls.is_some() && !fds[1].revents().is_empty();
        if !fds[0].revents().is_empty() {
            code = Some(exit_code(running.pidfd.as_fd(), true).unwrap_or(255));
            // Processes that it left behind died with its pid namespace, or do now: nobody writes any more.
            if worker.request.isolation == Isolation::Chroot {
                leftovers::end(running.supervisor.as_ref().and_then(Supervisor::pid));
            }
        } else if is_called
            && let Some(supervisor) = &mut running.supervisor
            && !supervisor.attend().map_err(waiting())?
        {
            // Killed: nothing can be trusted any more. The end of the process is seen next.
            let _ = pidfd_send_signal(&running.pidfd, Signal::KILL);
            let end = PollFd::from_borrowed_fd(running.pidfd.as_fd(), PollFlags::IN);
            let _ = poll(&mut [end], None);
        }
    }
}

/// Returns all places that something is mounted on.
///
/// # Errors
///
/// [`Error::Invalid`] where one of them would have to be a file and a directory.
fn mount_points(options: &StepOptions, mounts: &[Mount]) -> Result<Vec<Place>, Error> {
    let place = |path: String, is_file| Place {
        path: path.into(),
        is_file,
    };
    let dirs = MOUNT_POINTS
        .iter()
        .map(|dir| place(format!("/{dir}"), false));
    let files = (options.names.bound_files()).map(|file| place(file.to_owned(), true));
    // What is below /dev is on a mount of its own.
    let devices = options.device_places()?.into_iter();
    let devices = (devices.filter(|path| !path.starts_with("/dev")))
        .map(|path| place(config::absolute(&path.to_string_lossy(), "/"), true));
    let others = mounts.iter().map(|mount| {
        let target = config::absolute(&mount.destination().to_string_lossy(), "/");
        let is_file = (mount.source().as_ref())
            .is_some_and(|source| mount.typ().as_deref() == Some("bind") && !source.is_dir());
        place(target, is_file)
    });
    let mut places: Vec<Place> = Vec::new();
    // A path is followed by what is below it.
    let mut known: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for place in dirs.chain(files).chain(devices).chain(others) {
        let path = &place.path;
        let at = known.get_key_value(path);
        let at = at.filter(|(_, is_file)| **is_file != place.is_file);
        let mut above = path.ancestors().skip(1);
        let above = above.find_map(|path| known.get_key_value(path).filter(|(_, file)| **file));
        let mut below = known.range::<Path, _>((Bound::Excluded(path.as_path()), Bound::Unbounded));
        let below = below.next();
        let below = below.filter(|(other, _)| place.is_file && other.starts_with(path));
        if let Some((other, is_file)) = at.or(above).or(below) {
            let kind = |is_file| if is_file { "file" } else { "directory" };
            return Err(Error::Invalid(format!(
                "cannot mount a {} at {}: there is a {} at {}",
                kind(place.is_file),
                path.display(),
                kind(*is_file),
                other.display(),
            )));
        }
        known.insert(path.clone(), place.is_file);
        places.push(place);
    }
    Ok(places)
}

/// Gives the upper directory the times of the root directory below it, which it hides: a command that puts nothing into
/// the root directory has not touched it.
fn keep_root_times(worker: &Worker<'_>, upper: &Path) -> Result<(), Error> {
    let mut time = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    if let Some(layer) = worker.layers.last() {
        let stat = rustix::fs::stat(&layer.dir)
            .map_err(|errno| failed("read", &layer.dir)(errno.into()))?;
        time = Timespec {
            tv_sec: stat.st_mtime,
            tv_nsec: stat.st_mtime_nsec as _,
        };
    }
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(rustix::fs::CWD, upper, &times, rustix::fs::AtFlags::empty())
        .map_err(|errno| failed("set the times of", upper)(errno.into()))
}

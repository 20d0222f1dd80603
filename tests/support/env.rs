//! A scenario's world: a user, directories of its own, and the program under test.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::busybox;
use super::command::{IntoArgs, Invocation, PATIENCE};
use super::needs::find_program;
use super::users::{Tier, User, is_root};

/// The variable by which processes of one scenario are recognised; its value is the scenario's directory.
const MARK: &str = "CTR_TEST_ENV";

/// The program under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Engine {
    /// `ctr`, in a place where every user can read it.
    Ctr(PathBuf),
    /// docker, podman or something else with the same command line. All its containers, images and volumes are removed
    /// between scenarios, so it must have a storage of its own.
    Peer(PathBuf),
}

impl Engine {
    /// What `CTR_TEST_ENGINE` and `CTR_TEST_BINARY` say, else the `ctr` that cargo has just built.
    pub(crate) fn from_env() -> Engine {
        let Some(name) = std::env::var_os("CTR_TEST_ENGINE") else {
            return Engine::Ctr(shared().binary.clone());
        };
        let program = find_program(name.to_str().expect("a name")).expect("CTR_TEST_ENGINE");
        let is_podman = program.ends_with("podman");
        assert!(
            is_podman
                || std::env::var_os("DOCKER_HOST")
                    .is_some_and(|host| host != "unix:///var/run/docker.sock"),
            "everything the daemon has is removed: set DOCKER_HOST to one that was started for this"
        );
        Engine::Peer(program)
    }

    /// Whether it is somebody else's.
    pub(crate) fn is_peer(&self) -> bool {
        matches!(self, Engine::Peer(_))
    }
}

/// Files that all scenarios of this run read.
pub(super) struct Shared {
    /// Where the scenarios' directories are, too.
    place: PathBuf,
    directory: PathBuf,
    binary: PathBuf,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// Makes what all scenarios share, before any of them begins: a child that another thread had started while a program was
/// written would keep it from being executed ("text file busy").
pub(super) fn shared() -> &'static Shared {
    SHARED.get_or_init(make_shared)
}

fn make_shared() -> Shared {
    // The first may be mounted without the permission to execute what is in it.
    let places = [std::env::temp_dir(), PathBuf::from("/var/tmp")];
    let mut made = places.iter().map(|place| try_place(place));
    let mut first = made.next().expect("a place");
    if first.is_err() {
        first = made.find(Result::is_ok).unwrap_or(first);
    }
    first.unwrap_or_else(|error| panic!("no place for the program under test: {error}"))
}

/// Copies the program under test to `place`, if it can be executed there.
fn try_place(place: &Path) -> std::io::Result<Shared> {
    let built =
        std::env::var_os("CTR_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_ctr").into());
    let shared = Shared {
        place: place.to_owned(),
        directory: make_directory(place, "ctr-bin-")?,
        binary: PathBuf::new(),
    };
    let binary = shared.directory.join("ctr");
    let copied = fs::copy(&built, &binary)
        .and_then(|_| fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)))
        .and_then(|()| Command::new(&binary).arg("--version").output());
    if let Err(error) = copied {
        let _ = fs::remove_dir_all(&shared.directory);
        return Err(error);
    }
    Ok(Shared { binary, ..shared })
}

/// Removes what all scenarios shared.
pub(super) fn remove_shared_files() {
    if let Some(shared) = SHARED.get() {
        // Nothing depends on it any more, and a temporary directory is no reason to fail.
        let _ = fs::remove_dir_all(&shared.directory);
    }
}

/// A fresh directory that others may enter. Its name is short, for sockets in it have 107 bytes.
fn make_directory(place: &Path, prefix: &str) -> std::io::Result<PathBuf> {
    let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(place)?;
    let directory = directory.keep();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
    Ok(directory)
}

/// One scenario's user and directories. Everything a scenario does goes through here:
///
/// ```ignore
/// env.image("busybox");
/// env.ctr("run --rm busybox echo hello").ok().stdout("hello\n").stderr("");
/// env.ctr("exec nobody true").run().exits(1).stdout("").stderr("Error: No such container: nobody\n");
/// ```
pub(crate) struct TestEnv {
    user: &'static User,
    engine: Engine,
    base: PathBuf,
    closed: Mutex<bool>,
}

impl TestEnv {
    pub(super) fn new(user: &'static User, engine: Engine) -> Result<TestEnv, Failed> {
        let base = make_directory(&shared().place, "ctr-")?;
        let env = TestEnv {
            user,
            engine,
            base,
            closed: Mutex::new(false),
        };
        env.give_to_user(&env.base)?;
        for directory in [
            env.data(),
            env.runtime(),
            env.config(),
            env.home(),
            env.work(),
            env.base.join("tmp"),
        ] {
            fs::create_dir(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
            env.give_to_user(&directory)?;
        }
        Ok(env)
    }

    fn give_to_user(&self, path: &Path) -> std::io::Result<()> {
        if is_root() {
            chown(path, Some(self.user.uid), Some(self.user.gid))
        } else {
            Ok(())
        }
    }

    /// Who runs the commands.
    pub(crate) fn user(&self) -> &'static User {
        self.user
    }

    /// Whether docker or podman stands in for `ctr`, where a scenario has to allow for its ways.
    pub(crate) fn is_peer(&self) -> bool {
        self.engine.is_peer()
    }

    /// `$XDG_DATA_HOME`; the store is in `ctr/` below it.
    pub(crate) fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    /// `$XDG_RUNTIME_DIR`.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.base.join("run")
    }

    /// `$XDG_CONFIG_HOME`.
    pub(crate) fn config(&self) -> PathBuf {
        self.base.join("config")
    }

    /// `$HOME`.
    pub(crate) fn home(&self) -> PathBuf {
        self.base.join("home")
    }

    /// Where commands are run, and where scenarios put their files.
    pub(crate) fn work(&self) -> PathBuf {
        self.base.join("work")
    }

    /// Writes a file into the work directory, owned by the user, and returns its path.
    #[track_caller]
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        for directory in path
            .ancestors()
            .skip(1)
            .take_while(|directory| !directory.exists())
            .collect::<Vec<_>>()
            .iter()
            .rev()
        {
            fs::create_dir(directory).expect("a directory in work");
            self.give_to_user(directory).expect("a directory of ours");
        }
        fs::write(&path, content).expect("a file in work");
        self.give_to_user(&path).expect("a file of ours");
        path
    }

    /// Writes a program into the work directory, owned by the user, and returns its path. Another process writes it; see
    /// [`shared`].
    #[track_caller]
    pub(crate) fn executable(&self, name: &str, content: &str) -> PathBuf {
        let path = self.work().join(name);
        let script = "mkdir -p \"${1%/*}\" && cat > \"$1\" && chmod 755 \"$1\"";
        self.program("sh", ["-c", script, "sh", &path.display().to_string()])
            .stdin(content)
            .ok();
        path
    }

    /// The program under test.
    pub(crate) fn ctr(&self, args: impl IntoArgs) -> Invocation {
        let mut command = self.command(self.binary());
        command.args(self.storage_flags()).args(args.into_args());
        Invocation::new(command, self.ids())
    }

    /// How the program is told where to keep its things, where the environment does not say it: root's are in `/var/lib`,
    /// and podman must not touch those of the user.
    fn storage_flags(&self) -> Vec<String> {
        let podman = matches!(&self.engine, Engine::Peer(program) if program.ends_with("podman"));
        if !podman && (self.engine.is_peer() || self.user.tier != Tier::Root) {
            return Vec::new();
        }
        let path = |path: PathBuf| path.join("ctr").display().to_string();
        let mut flags = vec![
            "--root".into(),
            path(self.data()),
            "--runroot".into(),
            path(self.runtime()),
        ];
        if podman {
            flags.extend(
                [
                    "--storage-driver",
                    "overlay",
                    "--cgroup-manager",
                    "cgroupfs",
                ]
                .map(str::to_owned),
            );
        }
        flags
    }

    /// The program under test as it is called in a shell script: `{ctr}` in `script` stands for it.
    pub(crate) fn script(&self, script: &str) -> Invocation {
        let ctr = format!(
            "{} {}",
            self.binary().display(),
            self.storage_flags().join(" ")
        );
        self.program("sh", ["-c", &script.replace("{ctr}", &ctr)])
    }

    /// Some other program, as the same user in the same environment.
    pub(crate) fn program(&self, program: &str, args: impl IntoArgs) -> Invocation {
        let found =
            find_program(program).unwrap_or_else(|error| panic!("{error}; say so with `needs`"));
        let mut command = self.command(&found);
        command.args(args.into_args());
        Invocation::new(command, self.ids())
    }

    /// Path of the program under test.
    pub(crate) fn binary(&self) -> &Path {
        match &self.engine {
            Engine::Ctr(binary) | Engine::Peer(binary) => binary,
        }
    }

    /// Nothing of the caller's environment gets in, so that no setting of a developer's changes a result.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", self.home())
            .env("USER", &self.user.name)
            .env("LOGNAME", &self.user.name)
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("TMPDIR", self.base.join("tmp"))
            .env("XDG_DATA_HOME", self.data())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("XDG_CONFIG_HOME", self.config())
            .env(MARK, &self.base)
            .current_dir(self.work());
        if self.engine.is_peer() {
            // How to reach a daemon is the peer's own affair.
            command.envs(
                std::env::vars_os()
                    .filter(|(name, _)| name == "DOCKER_HOST" || name == "CONTAINERS_CONF"),
            );
        }
        command
    }

    /// The ids that a command of the scenario's user has to be given.
    fn ids(&self) -> Option<(u32, u32)> {
        (is_root() && self.user.tier != Tier::Root).then_some((self.user.uid, self.user.gid))
    }

    /// Imports the busybox image as `name`; see [`busybox::make_rootfs_tar`] for what is in it.
    #[track_caller]
    pub(crate) fn image(&self, name: &str) -> String {
        let tar = busybox::rootfs_tar()
            .unwrap_or_else(|reason| panic!("{reason}; say so with `Need::Busybox`"));
        self.ctr(["import", "-", name]).stdin(tar).ok().line()
    }

    /// Waits until `condition` holds.
    ///
    /// # Panics
    ///
    /// When it does not within [`PATIENCE`].
    #[track_caller]
    pub(crate) fn until(&self, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(
                Instant::now() < deadline,
                "it did not happen within {PATIENCE:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the container `name` has said `text`: its script has come that far.
    #[track_caller]
    pub(crate) fn until_logged(&self, name: &str, text: &str) {
        self.until(|| self.ctr(["logs", name]).run().out().contains(text));
    }

    /// Waits until the container `name` runs.
    #[track_caller]
    pub(crate) fn until_running(&self, name: &str) {
        self.until(|| {
            self.ctr(["inspect", "-f", "{{.State.Running}}", name])
                .run()
                .out()
                == "true\n"
        });
    }

    /// Ends every process of this scenario that is still there, and says how many they were.
    ///
    /// They are recognised by the mark in their environment: a monitor is in a session of its own, so neither
    /// its group nor its parent tells where it came from. What runs in a container dies with its monitor.
    pub(crate) fn end_leftovers(&self) -> usize {
        let mut ended = 0;
        for process in self.processes() {
            if rustix::process::pidfd_send_signal(&process, rustix::process::Signal::KILL).is_ok() {
                ended += 1;
                // Readable once the process has ended, so that nothing writes into the directories we remove.
                let mut ready = [rustix::event::PollFd::new(
                    &process,
                    rustix::event::PollFlags::IN,
                )];
                let limit = rustix::event::Timespec {
                    tv_sec: 5,
                    tv_nsec: 0,
                };
                let _ = rustix::event::poll(&mut ready, Some(&limit));
            }
        }
        ended
    }

    /// The processes of this scenario that are still there.
    pub(crate) fn processes(&self) -> Vec<std::os::fd::OwnedFd> {
        let mark = format!("{MARK}={}", self.base.display()).into_bytes();
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let Some(pid) = rustix::process::Pid::from_raw(pid) else {
                continue;
            };
            // First the descriptor, then the look, then the signal: the number may pass to another meanwhile.
            let Ok(process) =
                rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
            else {
                continue;
            };
            let Some(environment) = environment_of(&entry.path()) else {
                continue;
            };
            if environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark)
            {
                processes.push(process);
            }
        }
        processes
    }

    /// Leaves the directories to be looked at.
    pub(super) fn keep(&self) -> PathBuf {
        *self.closed.lock().expect("no panic while held") = true;
        self.end_leftovers();
        self.base.clone()
    }

    /// Ends what still runs and removes everything.
    pub(super) fn close(&self) -> Result<(), Failed> {
        let mut closed = self.closed.lock().expect("no panic while held");
        if std::mem::replace(&mut closed, true) {
            return Ok(());
        }
        self.clean_peer();
        while self.end_leftovers() > 0 {}
        self.remove_all()
    }

    /// A peer's daemon, or its storage, outlives the scenario.
    fn clean_peer(&self) {
        if let Engine::Peer(program) = &self.engine {
            let script = "ids=$(\"$@\" ps -aq); [ -z \"$ids\" ] || \"$@\" rm -f -v $ids
                          ids=$(\"$@\" images -aq); [ -z \"$ids\" ] || \"$@\" rmi -f $ids
                          ids=$(\"$@\" volume ls -q); [ -z \"$ids\" ] || \"$@\" volume rm $ids";
            // What is left shows in the next scenario; there is nobody to tell here.
            let mut command = self.command(Path::new("/bin/sh"));
            if let Some((uid, gid)) = self.ids() {
                command.uid(uid).gid(gid);
            }
            let _ = command
                .args(["-c", script, "sh"])
                .arg(program)
                .args(self.storage_flags())
                .output();
        }
    }

    /// Removes the directories, with the files in them that belong to subordinate ids or deny their owner access.
    fn remove_all(&self) -> Result<(), Failed> {
        if fs::remove_dir_all(&self.base).is_ok() {
            return Ok(());
        }
        let mut command = self.command(Path::new("unshare"));
        command.args(["--user", "--map-root-user"]);
        if self.user.tier == Tier::SubIds {
            command.arg("--map-auto");
        }
        if let Some((uid, gid)) = self.ids() {
            command.uid(uid).gid(gid);
        }
        let output = command
            .current_dir("/")
            .args(["rm", "-rf"])
            .arg(&self.base)
            .output()?;
        let _ = fs::remove_dir(&self.base);
        if self.base.exists() {
            return Err(format!(
                "cannot remove {}: {}",
                self.base.display(),
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        Ok(())
    }
}

/// The environment a process was started with; `None` where there is no program in it, as in the kernel's own and in
/// zombies.
///
/// While a process is inside `execve` its environment and its command line read as empty, although it has both. Taking
/// that for an answer overlooked a process that had just been started. One that still has neither after half a minute is
/// none of ours, and not waited for again.
fn environment_of(process: &Path) -> Option<Vec<u8>> {
    static STRANGE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let strange = || STRANGE.lock().expect("no panic while held");
    if strange().iter().any(|known| known == process) {
        return None;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut seen_empty = false;
    loop {
        let environment = fs::read(process.join("environ")).ok()?;
        fs::read_link(process.join("exe")).ok()?;
        let is_inside_execve = fs::read(process.join("cmdline")).ok()?.is_empty();
        let is_settled = !environment.is_empty() || (seen_empty && !is_inside_execve);
        if is_settled {
            return Some(environment);
        }
        if Instant::now() > deadline {
            strange().push(process.to_owned());
            return None;
        }
        seen_empty = !is_inside_execve;
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        // Only reached unclosed when `close` itself panicked; then this is the best that can be done.
        let _ = self.close();
    }
}

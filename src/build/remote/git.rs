//! A repository → a directory, by the program git.
//!
//! ```text
//! resolve    ls-remote: which commit is meant. Cheap, and what the cache asks for
//! checkout   init, fetch of that commit alone, the same for submodules; files as old as the commit
//! ```
//!
//! Nothing of the host but the agent and the known hosts of ssh has a part in it: no configuration, no hooks, no templates,
//! no credential helpers, no questions. Submodules cannot lead to the host's files: there are only network protocols. No tree
//! is checked out before it has been counted ([`Budget`]), and no server can have git take all memory.
//!
//! Sources: BuildKit, source/git, and util/gitutil for the environment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps};
use rustix::process::Resource;

use super::GitSource;
use super::budget::{Budget, Gitlink};
use crate::bounded;
use crate::build::error::{Error, failed, refused};
use crate::content::limits;
use crate::secret::without_logins;
use crate::settings::{Settings, find_program};
use crate::store::remove_tree;
use crate::sys::helper::{die_with_caller, limit};

/// What a repository and its submodules may be reached by.
const PROTOCOLS: &str = "http:https:ssh:git";

/// Options that every git is started with.
const CONFIG: [(&str, &str); 8] = [
    ("core.hooksPath", "/dev/null"),
    ("core.autocrlf", "false"),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("init.defaultBranch", "main"),
    // A server that sends less than a byte a second for so many seconds is given up.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
];

/// Tells git the login of the URL, once the server has asked for one. `git-credential(1)`; run by a shell.
const LOGIN_HELPER: &str =
    "!f() { printf 'username=%s\\npassword=%s\\n' \"$CTR_GIT_USER\" \"$CTR_GIT_PASSWORD\"; }; f";

/// Bytes of what git prints that are looked at: refs of one name, dates.
const MAX_OUTPUT: u64 = 1 << 20;

/// Bytes of git's words for an error that are shown.
const SHOWN_WORDS: usize = 500;

/// Bytes of memory for each process of git. It keeps all refs that a server lists, and all files of a tree; what it maps of
/// packs does not count. The largest repositories in use take less than a gigabyte.
const MAX_MEMORY: u64 = 4 << 30;

/// Submodules within submodules that are followed.
const MAX_SUBMODULE_DEPTH: usize = 32;

/// Directories below each other at most.
const MAX_DEPTH: usize = 512;

/// How git is started.
#[derive(Debug)]
pub(crate) struct Git<'a> {
    /// Where git is, proxies.
    pub settings: &'a Settings,
    /// Sockets of ssh agents by id; `default` is the one that is used, or the only one.
    pub agents: &'a BTreeMap<String, PathBuf>,
    /// `GIT_AUTH_TOKEN` and `GIT_AUTH_HEADER`, with `.HOST` for one host alone, are shown to servers that speak HTTPS.
    pub secrets: &'a BTreeMap<String, Vec<u8>>,
    /// An empty directory for what git and this module keep meanwhile.
    pub scratch: PathBuf,
}

/// What is checked out.
#[derive(Debug, Clone)]
pub(crate) struct Checkout<'a> {
    /// Of what.
    pub source: &'a GitSource,
    /// The commit that [`Git::resolve`] has found.
    pub commit: &'a str,
    /// Whether `.git` stays.
    pub keep_git_dir: bool,
}

impl Git<'_> {
    /// Finds out which commit is meant.
    ///
    /// # Errors
    ///
    /// [`Error::Remote`] where there is no such repository or ref; [`Error::Invalid`] for another commit than it has to be.
    pub(crate) fn resolve(&self, source: &GitSource) -> Result<String, Error> {
        let name = source.reference.as_deref().unwrap_or("HEAD");
        let commit = match is_commit(name) {
            true => name.to_ascii_lowercase(),
            false => {
                let peeled = format!("{name}^{{}}");
                let args = ["ls-remote", "-q", "--", &source.url, name, &peeled];
                let refs = self.run(source, None, &args)?;
                find_ref(&refs, name).ok_or_else(|| {
                    about(source)(io::Error::other(format!(
                        "repository does not contain ref {name:?}"
                    )))
                })?
            }
        };
        match &source.checksum {
            Some(checksum) if !commit.starts_with(&checksum.to_ascii_lowercase()) => {
                Err(Error::Invalid(format!(
                    "expected checksum to match {checksum}, got {commit}"
                )))
            }
            _ => Ok(commit),
        }
    }

    /// Checks a commit out into the empty directory `dir`, and returns the directory of it that is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Remote`], [`Error::Io`].
    pub(crate) fn checkout(&self, what: &Checkout<'_>, dir: &Path) -> Result<PathBuf, Error> {
        let Checkout { source, commit, .. } = *what;
        let run = |args: &[&str]| self.run(source, Some(dir), args);
        run(&["init", "-q", "--template="])?;
        run(&["config", "remote.origin.url", &source.url])?;
        self.fetch(what, dir)?;
        self.put(source, commit, dir, &mut Budget::new(), 0)?;
        let date = run(&["show", "-s", "--format=%ct", commit])?;
        let seconds = date.trim().parse().unwrap_or_default();
        if !what.keep_git_dir {
            // Of a submodule, it only says where in the repository's own the rest is.
            remove_tree(&dir.join(".git"))?;
        }
        settle(dir, what.keep_git_dir, seconds, 0)?;
        match &source.subdir {
            None => Ok(dir.to_owned()),
            Some(subdir) => find_subdir(dir, subdir).map_err(about(source)),
        }
    }

    /// Fetches the commit; with as little history as the server lets us.
    fn fetch(&self, what: &Checkout<'_>, dir: &Path) -> Result<(), Error> {
        let Checkout { source, commit, .. } = *what;
        let fetch = ["fetch", "-q", "--no-tags", "--force"];
        let run = |args: &[&str]| self.run(source, Some(dir), &[&fetch[..], args].concat());
        let has_commit = || {
            let spec = format!("{commit}^{{commit}}");
            self.run(source, Some(dir), &["cat-file", "-e", &spec])
                .is_ok()
        };
        let name = source.reference.as_deref().unwrap_or("HEAD");
        // Servers may refuse commits that no ref names, or parts of a history: the old protocol over HTTP does.
        let first = run(&["--depth=1", "--", "origin", commit]);
        if first.is_ok() && has_commit() {
            return Ok(());
        }
        if !is_commit(name) && run(&["--depth=1", "--", "origin", name]).is_ok() && has_commit() {
            return Ok(());
        }
        let all = [
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        ];
        run(&[&["--", "origin"], &all[..]].concat())?;
        match has_commit() {
            true => Ok(()),
            false => Err(first.err().unwrap_or_else(|| {
                about(source)(io::Error::other(format!(
                    "repository does not contain {commit}"
                )))
            })),
        }
    }

    /// Puts the files of a commit that has been fetched into `dir`, and those of its submodules.
    fn put(
        &self,
        source: &GitSource,
        commit: &str,
        dir: &Path,
        budget: &mut Budget,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > MAX_SUBMODULE_DEPTH {
            return Err(about(source)(io::Error::other(format!(
                "submodules more than {MAX_SUBMODULE_DEPTH} deep"
            ))));
        }
        let run = |args: &[&str]| self.run(source, Some(dir), args);
        let git_dir = run(&["rev-parse", "--absolute-git-dir"])?;
        let packed = size_below(&Path::new(git_dir.trim_end_matches('\n')).join("objects"))?;
        let list = ["ls-tree", "-r", "-z", "--full-tree"];
        // Sizes afterwards, as each is looked up.
        let entries = [&list[..], &["-t", commit]].concat();
        let links = self.read(source, Some(dir), &entries, &[], |listing| {
            budget.take_entries(BufReader::new(listing))
        })?;
        let sizes = [&list[..], &["-l", commit]].concat();
        self.read(source, Some(dir), &sizes, &[], |listing| {
            budget.take_bytes(BufReader::new(listing), packed)
        })?;
        run(&["checkout", "-q", "--force", "--detach", commit])?;
        if source.without_submodules || links.is_empty() || !dir.join(".gitmodules").is_file() {
            return Ok(());
        }
        self.fetch_submodules(source, dir)?;
        for Gitlink { path, commit } in links {
            if let Some(dir) = submodule(dir, &path) {
                self.put(source, &commit, &dir, budget, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Fetches the commits of submodules, without checking them out.
    fn fetch_submodules(&self, source: &GitSource, dir: &Path) -> Result<(), Error> {
        let run = |args: &[&str]| self.run(source, Some(dir), args);
        run(&["submodule", "-q", "init"])?;
        let list = [
            "config",
            "-z",
            "--get-regexp",
            r"^submodule\..*\.(url|update)$",
        ];
        let no_checkout = without_checkout(&run(&list)?);
        let update = |args: &[&str]| {
            let args = [&["submodule", "update", "-q"], args].concat();
            self.read(source, Some(dir), &args, &no_checkout, |stdout| {
                bounded::read(stdout, MAX_OUTPUT)
            })
        };
        // Not every server has a part of its history to give.
        update(&["--depth=1"]).or_else(|_| update(&[])).map(drop)
    }

    /// Runs git and returns what it prints.
    fn run(&self, source: &GitSource, dir: Option<&Path>, args: &[&str]) -> Result<String, Error> {
        let read = |stdout| bounded::read(stdout, MAX_OUTPUT);
        let output = self.read(source, dir, args, &[], read)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// Runs git, with more options of its configuration, and has `read` read what it prints.
    fn read<T>(
        &self,
        source: &GitSource,
        dir: Option<&Path>,
        args: &[&str],
        config: &[(String, String)],
        read: impl FnOnce(ChildStdout) -> io::Result<T>,
    ) -> Result<T, Error> {
        let Some(program) = find_program("git", &self.settings.path) else {
            return Err(about(source)(io::Error::other(
                "the program git is needed for it and is not in $PATH: install the package git",
            )));
        };
        let words = self.scratch.join("stderr");
        let stderr = File::create(&words).map_err(failed("create", &words))?;
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(dir.unwrap_or(&self.scratch))
            .env_clear()
            .envs(self.environment(source, config))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        die_with_caller(&mut command);
        limit(&mut command, Resource::Fsize, limits::MAX_LAYER_BYTES);
        limit(&mut command, Resource::Data, MAX_MEMORY);
        // Files are as readable as those of most people, whatever this user's are.
        let umask = rustix::process::umask(Mode::from_raw_mode(0o022));
        let child = command.spawn();
        rustix::process::umask(umask);
        let mut child = child.map_err(failed("run", "git"))?;
        let stdout = child.stdout.take();
        let output = stdout.map_or_else(|| Err(io::ErrorKind::BrokenPipe.into()), read);
        if output.is_err() {
            // It may be gone already.
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed("wait for", "git"))?;
        if output.is_ok() && !status.success() {
            let words = fs::read(&words).unwrap_or_default();
            return Err(about(source)(io::Error::other(last_words(&words, status))));
        }
        output.map_err(about(source))
    }

    fn environment(
        &self,
        source: &GitSource,
        config: &[(String, String)],
    ) -> Vec<(String, String)> {
        let scratch = self.scratch.display().to_string();
        let mut list = vec![
            ("PATH".to_owned(), self.settings.path.clone()),
            ("HOME".to_owned(), scratch),
            ("GIT_SSH_COMMAND".to_owned(), self.ssh()),
            ("GIT_ALLOW_PROTOCOL".to_owned(), PROTOCOLS.to_owned()),
        ];
        let fixed = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ASKPASS", ""),
            ("SSH_ASKPASS", ""),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
        ];
        list.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        list.extend(self.settings.proxies.iter().cloned());
        let agent = self.agents.get("default");
        if let Some(agent) = agent.or_else(|| self.agents.values().next()) {
            list.push(("SSH_AUTH_SOCK".to_owned(), agent.display().to_string()));
        }
        // In the environment, as arguments are for everybody to see.
        let fixed = CONFIG.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config: Vec<_> = fixed
            .into_iter()
            .chain(config.iter().cloned())
            .chain(self.authorization(source).into_iter().flatten())
            .chain(login_helper(source))
            .collect();
        if let Some(login) = &source.login {
            let name = |name: &str| name.to_owned();
            list.push((name("CTR_GIT_USER"), name(login.user.reveal())));
            list.push((name("CTR_GIT_PASSWORD"), name(login.password.reveal())));
        }
        list.push(("GIT_CONFIG_COUNT".to_owned(), config.len().to_string()));
        for (n, (key, value)) in config.into_iter().enumerate() {
            list.push((format!("GIT_CONFIG_KEY_{n}"), key));
            list.push((format!("GIT_CONFIG_VALUE_{n}"), value));
        }
        list
    }

    /// Returns the options that have git show a secret to the server of `source`, and to no other one: where that sends it
    /// on, git would take the header along. A login in the URL goes before it.
    fn authorization(&self, source: &GitSource) -> Option<[(String, String); 2]> {
        if source.login.is_some() {
            return None;
        }
        let rest = source.url.strip_prefix("https://")?;
        let host = rest.split('/').next()?;
        let secret = |name: &str| {
            let own = self.secrets.get(&format!("{name}.{host}"));
            let secret = own.or_else(|| self.secrets.get(name))?;
            let text = std::str::from_utf8(secret).ok()?.trim();
            (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
        };
        // The user name is the one that GitHub wants; others take any.
        let token = |token| STANDARD.encode(format!("x-access-token:{token}"));
        let value = match secret("GIT_AUTH_HEADER") {
            Some(header) => header.to_owned(),
            None => format!("basic {}", token(secret("GIT_AUTH_TOKEN")?)),
        };
        let option = |name: &str, value| (format!("http.https://{host}/.{name}"), value);
        Some([
            option("extraHeader", format!("Authorization: {value}")),
            option("followRedirects", "false".to_owned()),
        ])
    }

    /// The command for ssh: the known hosts of the user and the agent of the build, and nothing else. The user's own keys are
    /// asked for with `--ssh`, as Docker documents it for `ADD git@…`.
    fn ssh(&self) -> String {
        // Without `IdentityFile` it is `~/.ssh/id_*`, where `~` is not `$HOME` but that of the passwd file.
        let mut command = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes \
             -o IdentityFile=none"
            .to_owned();
        let home = self.settings.home_dir.as_deref();
        // Through the shell, and what ssh itself would take for several files or a variable.
        let plain = |path: &str| {
            (path.chars()).all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'))
        };
        let known = home.map(|home| home.join(".ssh/known_hosts"));
        if let Some(known) = known.as_ref().and_then(|path| path.to_str())
            && plain(known)
        {
            command += &format!(" -o UserKnownHostsFile={known}");
        }
        command
    }
}

/// Returns the option that has git ask [`LOGIN_HELPER`] for the server of `source`, and for no other one.
fn login_helper(source: &GitSource) -> Option<(String, String)> {
    source.login.as_ref()?;
    let (scheme, rest) = source.url.split_once("://")?;
    let host = rest.split('/').next()?;
    let key = format!("credential.{scheme}://{host}.helper");
    Some((key, LOGIN_HELPER.to_owned()))
}

/// Picks the commit that `name` means from what `ls-remote` says. A branch goes before a tag, as in BuildKit; a tag means
/// what it was put on.
fn find_ref(refs: &str, name: &str) -> Option<String> {
    let find = |wanted: &str| {
        refs.lines().find_map(|line| {
            let (commit, found) = line.split_once('\t')?;
            (found == wanted && is_commit(commit)).then(|| commit.to_owned())
        })
    };
    let tag = format!("refs/tags/{name}");
    find(&format!("{name}^{{}}"))
        .or_else(|| find(name))
        .or_else(|| find(&format!("refs/heads/{name}")))
        .or_else(|| find(&format!("{tag}^{{}}")))
        .or_else(|| find(&tag))
        .or_else(|| find(&format!("refs/{name}")))
}

/// Whether it is the whole name of a commit: SHA-1 or SHA-256.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Makes everything as old as the commit, so that a layer of it does not depend on when it was fetched, and removes the
/// `.git` of submodules.
fn settle(dir: &Path, keep_git: bool, seconds: i64, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Invalid(format!(
            "directories more than {MAX_DEPTH} deep: {}",
            dir.display()
        )));
    }
    for entry in fs::read_dir(dir).map_err(failed("read", dir))? {
        let entry = entry.map_err(failed("read", dir))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(failed("read", &path))?;
        if !keep_git && entry.file_name() == ".git" && kind.is_file() {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            continue;
        }
        match kind.is_dir() {
            true => settle(&path, keep_git, seconds, depth + 1)?,
            false => set_time(&path, seconds)?,
        }
    }
    set_time(dir, seconds)
}

fn set_time(path: &Path, seconds: i64) -> Result<(), Error> {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(refused("set the times of", path))
}

/// Resolves a directory of a checkout, whose links lead nowhere outside.
fn find_subdir(dir: &Path, subdir: &str) -> io::Result<PathBuf> {
    let named = |errno: rustix::io::Errno| {
        let error = io::Error::from(errno);
        io::Error::new(error.kind(), format!("subdir {subdir:?}: {error}"))
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(dir, flags, Mode::empty()).map_err(named)?;
    let path = subdir.trim_start_matches('/');
    let path = if path.is_empty() { "." } else { path };
    let found = rustix::fs::openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
        .map_err(named)?;
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found));
    fs::read_link(link)
}

/// Returns options by which `submodule update` runs a command that does nothing instead of a checkout, for the submodules that
/// `config` lists the options of. Those that are not to be updated stay as they are.
fn without_checkout(config: &str) -> Vec<(String, String)> {
    let options = || config.split('\0').filter_map(|line| line.split_once('\n'));
    let names = options().filter_map(|(key, _)| key.strip_suffix(".url"));
    names
        .map(|name| (format!("{name}.update"), "!true".to_owned()))
        .filter(|(key, _)| !options().any(|option| option == (key, "none")))
        .collect()
}

/// Returns the directory of a submodule, if it has been fetched.
fn submodule(dir: &Path, path: &[u8]) -> Option<PathBuf> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(dir, flags, Mode::empty()).ok()?;
    // As git itself takes care of: nothing that is checked out leads elsewhere.
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(&root, path, flags, Mode::empty(), within).ok()?;
    let dir = dir.join(std::ffi::OsStr::from_bytes(path));
    let is_fetched = fs::symlink_metadata(dir.join(".git")).is_ok_and(|git| git.is_file());
    is_fetched.then_some(dir)
}

/// Returns how many bytes the files below a directory have.
fn size_below(dir: &Path) -> Result<u64, Error> {
    let mut size = 0_u64;
    for entry in fs::read_dir(dir).map_err(failed("read", dir))? {
        let entry = entry.map_err(failed("read", dir))?;
        let metadata = entry.metadata().map_err(failed("read", entry.path()))?;
        size = size.saturating_add(match metadata.is_dir() {
            true => size_below(&entry.path())?,
            false => metadata.len(),
        });
    }
    Ok(size)
}

/// Git's own words, without those about its own progress.
fn last_words(stderr: &[u8], status: std::process::ExitStatus) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let words: Vec<&str> = lines.collect();
    let words = words.join(": ");
    match words.char_indices().rev().nth(SHOWN_WORDS) {
        _ if words.is_empty() => format!("git failed: {status}"),
        Some((at, _)) => format!("…{}", &words[at..]),
        None => words,
    }
}

fn about<'a>(source: &'a GitSource) -> impl FnOnce(io::Error) -> Error + 'a {
    move |error| Error::Remote {
        url: without_logins(&source.url).into_owned(),
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_of_all_kinds() {
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
        let refs = format!(
            "{a}\trefs/heads/v1\n{b}\trefs/tags/v1\n{c}\trefs/tags/v1^{{}}\n{b}\trefs/tags/v2\n{a}\tHEAD\n{b}\trefs/heads/x/v3\n"
        );
        assert_eq!(find_ref(&refs, "v1"), Some(a.clone()));
        assert_eq!(find_ref(&refs, "refs/tags/v1"), Some(c));
        assert_eq!(find_ref(&refs, "v2"), Some(b));
        assert_eq!(find_ref(&refs, "HEAD"), Some(a));
        assert_eq!(find_ref(&refs, "v3"), None);
        assert_eq!(find_ref("", "HEAD"), None);
    }

    #[test]
    fn secrets_are_for_one_server() {
        let settings = Settings::default();
        let secret = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let secrets = [
            secret("GIT_AUTH_TOKEN", "t\n"),
            secret("GIT_AUTH_HEADER.b.example", "bearer x"),
            secret("GIT_AUTH_HEADER.c.example", "bearer\nx"),
        ];
        let git = Git {
            settings: &settings,
            agents: &BTreeMap::new(),
            secrets: &secrets.into(),
            scratch: PathBuf::new(),
        };
        let shown = |url: &str| {
            let options = git.authorization(&GitSource {
                url: url.to_owned(),
                ..GitSource::default()
            });
            options.map(|[header, _]| header)
        };
        let (key, value) = shown("https://a.example/x.git").unwrap();
        assert_eq!(key, "http.https://a.example/.extraHeader");
        assert_eq!(value, "Authorization: basic eC1hY2Nlc3MtdG9rZW46dA==");
        assert!(
            shown("https://b.example/x.git")
                .unwrap()
                .1
                .ends_with(": bearer x")
        );
        assert!(
            shown("https://c.example/x.git")
                .unwrap()
                .1
                .contains("basic")
        );
        assert_eq!(shown("http://a.example/x.git"), None);
        assert_eq!(shown("ssh://a.example/x.git"), None);
    }

    #[test]
    fn no_submodule_is_checked_out_by_itself() {
        let config = "submodule.a.b.url\nhttps://x\0submodule.c.url\ny\0submodule.c.update\nnone\0\
                      submodule.d.update\nrebase\0submodule.d.url\nz\0";
        let options = without_checkout(config);
        let keys: Vec<&str> = options.iter().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["submodule.a.b.update", "submodule.d.update"]);
        assert!(options.iter().all(|(_, value)| value == "!true"));
    }

    #[test]
    fn subdirs_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir(root.join("docs")).unwrap();
        std::os::unix::fs::symlink("/docs", root.join("link")).unwrap();
        std::os::unix::fs::symlink("../../../../etc", root.join("out")).unwrap();
        assert_eq!(find_subdir(&root, "link").unwrap(), root.join("docs"));
        assert_eq!(find_subdir(&root, "/docs/").unwrap(), root.join("docs"));
        assert!(find_subdir(&root, "out").is_err());
        assert!(find_subdir(&root, "missing").is_err());
    }
}

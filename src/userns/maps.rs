//! Writing the maps of a new user namespace.
//!
//! One id, or ids the writer holds itself, are written to `/proc/PID/{uid,gid}_map` directly. Subordinate ranges go
//! through the set-user-id helpers `newuidmap` and `newgidmap`, which run side by side: each costs about a millisecond.
//! The target must still be dumpable, because the helpers look at who owns `/proc/PID`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::{Command, Stdio};

use super::{Error, Extent, IdMap, Tier};
use crate::settings::{Settings, find_program};

/// Bytes kept of what a helper prints.
const MAX_STDERR_BYTES: u64 = 4096;

/// Maps that are being written.
#[derive(Debug)]
#[must_use = "the maps are not complete before `finish`"]
pub struct MapWriter {
    helpers: Vec<Helper>,
}

#[derive(Debug)]
struct Helper {
    what: &'static str,
    command: String,
    child: std::process::Child,
}

/// Writes the maps of process `pid`, which has just made its user namespace. Helpers run side by side.
///
/// # Errors
///
/// [`Error::Helper`], [`Error::Write`].
pub fn write_maps(pid: u32, map: &IdMap, settings: &Settings) -> Result<(), Error> {
    start_maps(pid, map, settings)?.finish()
}

/// Starts writing the maps of process `pid`; the caller may do other work before [`MapWriter::finish`].
///
/// # Errors
///
/// As for [`write_maps`].
pub fn start_maps(pid: u32, map: &IdMap, settings: &Settings) -> Result<MapWriter, Error> {
    if map.tier == Tier::Subordinate {
        let helpers = vec![
            Helper::start("user IDs", "newuidmap", pid, &map.uids, settings)?,
            Helper::start("group IDs", "newgidmap", pid, &map.gids, settings)?,
        ];
        return Ok(MapWriter { helpers });
    }
    let dir = format!("/proc/{pid}");
    if map.tier == Tier::Single {
        // Without a privilege the kernel lets a group be mapped only by who gives up `setgroups`, see
        // user_namespaces(7).
        write(&format!("{dir}/setgroups"), "deny")?;
    }
    write(&format!("{dir}/gid_map"), &lines(&map.gids))?;
    write(&format!("{dir}/uid_map"), &lines(&map.uids))?;
    Ok(MapWriter {
        helpers: Vec::new(),
    })
}

impl MapWriter {
    /// Returns when both maps are in force.
    ///
    /// # Errors
    ///
    /// [`Error::Helper`] with the words of the helper that failed.
    pub fn finish(self) -> Result<(), Error> {
        let mut first = Ok(());
        for helper in self.helpers {
            // Every helper is waited for, so that none stays behind as a zombie.
            let ended = helper.finish();
            if first.is_ok() {
                first = ended;
            }
        }
        first
    }
}

impl Helper {
    fn start(
        what: &'static str,
        program: &str,
        pid: u32,
        extents: &[Extent],
        settings: &Settings,
    ) -> Result<Helper, Error> {
        let mut words = vec![pid.to_string()];
        for extent in extents {
            words.push(extent.container_id.to_string());
            words.push(extent.host_id.to_string());
            words.push(extent.size.to_string());
        }
        let command = format!("{program} {}", words.join(" "));
        let path = find_program(program, &settings.path).ok_or_else(|| Error::Helper {
            what,
            command: command.clone(),
            stderr: "not found in $PATH".to_owned(),
        })?;
        let child = Command::new(path)
            .args(words)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Error::Helper {
                what,
                command: command.clone(),
                stderr: error.to_string(),
            })?;
        Ok(Helper {
            what,
            command,
            child,
        })
    }

    fn finish(mut self) -> Result<(), Error> {
        let mut text = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // A helper whose words cannot be read is judged by its exit status alone.
            let _ = stderr.take(MAX_STDERR_BYTES).read_to_end(&mut text);
        }
        let failure = match self.child.wait() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let text = String::from_utf8_lossy(&text);
        let stderr = match text.trim() {
            "" => failure,
            words => words.to_owned(),
        };
        Err(Error::Helper {
            what: self.what,
            command: self.command,
            stderr,
        })
    }
}

fn lines(extents: &[Extent]) -> String {
    let mut text = String::new();
    for extent in extents {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} {} {}",
            extent.container_id, extent.host_id, extent.size
        );
    }
    text
}

/// A map is accepted in one `write(2)` or not at all.
fn write(path: &str, text: &str) -> Result<(), Error> {
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| rustix::io::write(&file, text.as_bytes()).map_err(Into::into))
        .map(|_| ())
        .map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
}

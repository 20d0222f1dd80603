//! Work that starts threads, in a process of its own: they end with it, and the calling process stays free to fork.

use std::error::Error as StdError;
use std::io::{self, BufRead as _, BufReader, Write as _};

use rustix::process::getpid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{Error, words};
use crate::sys::child::die_with;
use crate::sys::names;
use crate::sys::process::{Side, exit_now, fork, wait};

/// Does `work`, which may talk to the network, in a copy of the calling process. That process has one thread; the copy dies
/// with it.
///
/// # Errors
///
/// The words of what `work` failed with; [`Error::Worker`] where it ended without any; those of `fork(2)`.
pub(super) fn run<T, E>(
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, Box<dyn StdError + Send + Sync>>
where
    T: Serialize + DeserializeOwned,
    E: StdError + 'static,
{
    run_telling(&mut |_| {}, |_| work())
}

/// As [`run`]. What `work` tells meanwhile, without line ends, `hear` hears.
///
/// # Errors
///
/// As there.
pub(super) fn run_telling<T, E>(
    hear: &mut dyn FnMut(String),
    work: impl FnOnce(&mut dyn FnMut(&str)) -> Result<T, E>,
) -> Result<T, Box<dyn StdError + Send + Sync>>
where
    T: Serialize + DeserializeOwned,
    E: StdError + 'static,
{
    let (answer, mut report) = io::pipe()?;
    let parent = getpid();
    let child = match fork()? {
        Side::Parent(child) => child,
        Side::Child => {
            drop(answer);
            names::use_files_and_dns();
            if die_with(parent).is_err() {
                exit_now(1);
            }
            let tell = &mut |text: &str| {
                let told = text.to_owned();
                let line = serde_json::to_string(&Told { told }).unwrap_or_default();
                // Whoever listened is gone, and so is this process soon.
                let _ = writeln!(&report, "{line}");
            };
            let result = work(tell).map_err(|error| words(&error));
            let sent = serde_json::to_vec(&Line { result })
                .map_err(io::Error::from)
                .and_then(|bytes| report.write_all(&bytes));
            exit_now(u8::from(sent.is_err()))
        }
    };
    drop(report);
    let mut last = None;
    let mut read = Ok(());
    for line in BufReader::new(answer).lines() {
        match line {
            Ok(line) => match serde_json::from_str(&line) {
                Ok(Told { told }) => hear(told),
                Err(_) => last = Some(line),
            },
            // Another look would find the same.
            Err(error) => {
                read = Err(error);
                break;
            }
        }
    }
    let code = wait(child)?;
    read?;
    if code != 0 {
        return Err(Error::Worker(code).into());
    }
    let line: Line<T> = serde_json::from_str(&last.unwrap_or_default())?;
    line.result.map_err(Into::into)
}

/// What the other process tells meanwhile.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    told: String,
}

/// What it says last.
#[derive(Serialize, Deserialize)]
struct Line<T> {
    result: Result<T, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    // The test process has threads, so what the copies do here is kept to what needs none.
    #[test]
    fn results_and_failures_come_back() {
        let result = run(|| Ok::<_, io::Error>(7)).unwrap();
        assert_eq!(result, 7);
        let failed = run(|| Err::<u8, _>(io::Error::other("no luck"))).unwrap_err();
        assert_eq!(failed.to_string(), "no luck");
        let gone = run(|| -> Result<u8, io::Error> { exit_now(3) }).unwrap_err();
        assert!(gone.to_string().contains("exit code 3"), "{gone}");
    }
}

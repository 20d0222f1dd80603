//! Flags that limit what a container, or a RUN, may use: those that `run`, `create` and `build` share.

use clap::Args;

use crate::container::{Resources, Ulimit};
use crate::units;

#[derive(Debug, Args)]
pub(crate) struct LimitFlags {
    /// Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio,
    /// rttime, sigpending, stack; -1 for no limit
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    ulimit: Vec<Ulimit>,
}

impl LimitFlags {
    /// Returns what was asked for.
    pub(crate) fn resources(&self) -> Resources {
        Resources {
            ulimits: self.ulimit.clone(),
        }
    }
}

/// Reads a size, for clap.
///
/// # Errors
///
/// A text that is none, in the words of docker/go-units.
pub(crate) fn bytes(text: &str) -> Result<i64, String> {
    units::parse_ram_bytes(text)
        .and_then(|bytes| i64::try_from(bytes).ok())
        .ok_or_else(|| format!("invalid size: '{text}'"))
}

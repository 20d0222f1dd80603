//! Flags that limit what a container, or a RUN, may use: those that `run`, `create` and `build` share.

use clap::Args;

use crate::container::{Resources, Ulimit};
use crate::units;

#[derive(Debug, Args)]
pub(crate) struct LimitFlags {
    /// Put the container's cgroup below another: an absolute path, or a slice of systemd's
    #[arg(
        long,
        value_name = "PATH|NAME.slice",
        default_value = "",
        hide_default_value = true
    )]
    cgroup_parent: String,
    /// Limit CPU time: the length of a period
    #[arg(
        long,
        value_name = "MICROSECONDS",
        default_value = "0",
        hide_default_value = true
    )]
    cpu_period: i64,
    /// Limit CPU time: how much of each period
    #[arg(
        long,
        value_name = "MICROSECONDS",
        default_value = "0",
        hide_default_value = true
    )]
    cpu_quota: i64,
    /// Weigh CPU time against that of other containers (2 to 262144, default: 1024)
    #[arg(
        short,
        long,
        value_name = "WEIGHT",
        default_value = "0",
        hide_default_value = true
    )]
    cpu_shares: i64,
    /// Use only these CPUs: 0-3,5
    #[arg(
        long,
        value_name = "LIST",
        default_value = "",
        hide_default_value = true
    )]
    cpuset_cpus: String,
    /// Use only memory of these nodes: 0-3,5
    #[arg(
        long,
        value_name = "LIST",
        default_value = "",
        hide_default_value = true
    )]
    cpuset_mems: String,
    /// Limit memory
    #[arg(short, long, value_name = "BYTES", value_parser = bytes)]
    memory: Option<i64>,
    /// Limit memory and swap together (default: twice --memory); -1 for as much swap as there is
    #[arg(long, value_name = "BYTES", value_parser = bytes_or_unlimited)]
    memory_swap: Option<i64>,
    /// Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio,
    /// rttime, sigpending, stack; -1 for no limit
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    ulimit: Vec<Ulimit>,
}

impl LimitFlags {
    /// Returns what was asked for.
    pub(crate) fn resources(&self) -> Resources {
        Resources {
            cgroup_parent: self.cgroup_parent.clone(),
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpu_shares: self.cpu_shares,
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            memory: self.memory.unwrap_or(0),
            memory_swap: self.memory_swap.unwrap_or(0),
            ulimits: self.ulimit.clone(),
            ..Resources::default()
        }
    }
}

/// Those that only `run` and `create` have.
#[derive(Debug, Args)]
pub(crate) struct RunLimitFlags {
    #[command(flatten)]
    common: LimitFlags,
    /// Limit CPU time: as many CPUs' worth, such as 1.5
    #[arg(long, value_name = "NUMBER", value_parser = nano_cpus, default_value = "0", hide_default_value = true)]
    cpus: i64,
    /// Keep this much memory for the container while the machine is short of it
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    memory_reservation: Option<i64>,
    /// Tune how readily memory is swapped out, 0 to 100 (cgroup version 1 only)
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "-1",
        hide_default_value = true
    )]
    memory_swappiness: i64,
    /// Limit the number of processes and threads; -1 for no limit
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "0",
        hide_default_value = true
    )]
    pids_limit: i64,
}

impl RunLimitFlags {
    /// Returns what was asked for.
    pub(crate) fn resources(&self) -> Resources {
        Resources {
            nano_cpus: self.cpus,
            memory_reservation: self.memory_reservation.unwrap_or(0),
            memory_swappiness: (self.memory_swappiness != -1).then_some(self.memory_swappiness),
            pids_limit: (self.pids_limit != 0).then_some(self.pids_limit),
            ..self.common.resources()
        }
    }
}

/// Reads a size, or -1.
fn bytes_or_unlimited(text: &str) -> Result<i64, String> {
    match text {
        "-1" => Ok(-1),
        text => bytes(text),
    }
}

/// Reads a number of CPUs, in billionths. Source: docker/cli, opts, `ParseCPUs`.
fn nano_cpus(text: &str) -> Result<i64, String> {
    let invalid = || format!("failed to parse {text} as a rational number");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() || text == "." || !are_digits(whole) || !are_digits(fraction) {
        return Err(invalid());
    }
    if fraction.trim_end_matches('0').len() > 9 {
        return Err("value is too precise".to_owned());
    }
    let digits = format!("{whole}{fraction:0<9.9}");
    digits.parse().map_err(|_| invalid())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_counted_in_billionths() {
        for (text, nano) in [
            ("2", 2_000_000_000),
            ("1.5", 1_500_000_000),
            (".25", 250_000_000),
            ("0.000000001", 1),
            ("1.", 1_000_000_000),
        ] {
            assert_eq!(nano_cpus(text), Ok(nano), "{text}");
        }
        for wrong in ["", ".", "x", "-1", "1e3", "0.0000000001", "99999999999"] {
            assert!(nano_cpus(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_no_limit() {
        assert_eq!(bytes_or_unlimited("-1"), Ok(-1));
        assert_eq!(bytes_or_unlimited("1g"), Ok(1 << 30));
        assert_eq!(bytes("-1"), Err("invalid size: '-1'".to_owned()));
    }
}

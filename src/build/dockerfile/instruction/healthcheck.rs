//! HEALTHCHECK.

use super::super::parse::Argument;
use super::flags::Flags;
use super::{Command, Problem, Reader, Variables};

/// `HEALTHCHECK`; durations in nanoseconds, `None` where the default is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// What tells the health.
    pub command: Command,
    /// `--interval`.
    pub interval: Option<u64>,
    /// `--timeout`.
    pub timeout: Option<u64>,
    /// `--start-period`.
    pub start_period: Option<u64>,
    /// `--start-interval`.
    pub start_interval: Option<u64>,
    /// `--retries`.
    pub retries: Option<u32>,
}

impl<V: Variables + ?Sized> Reader<'_, V> {
    pub(super) fn healthcheck(&self) -> Result<Option<Healthcheck>, Problem> {
        let flags = Flags::of(
            self.node,
            &[
                "interval",
                "timeout",
                "start-period",
                "start-interval",
                "retries",
            ],
        )?;
        let Argument::Healthcheck(kind, inner) = &self.node.argument else {
            return Err(self.arguments("at least one argument"));
        };
        let command = match (kind.as_str(), &**inner) {
            ("NONE", Argument::Text(rest)) if rest.is_empty() => return Ok(None),
            ("NONE", _) => {
                return Err(Problem::Other(
                    "HEALTHCHECK NONE takes no arguments".to_owned(),
                ));
            }
            ("CMD", Argument::Text(text)) if !text.is_empty() => Command::Shell(text.clone()),
            ("CMD", Argument::Json(words)) if !words.is_empty() => Command::Exec(words.clone()),
            ("CMD", _) => {
                return Err(Problem::Other(
                    "Missing command after HEALTHCHECK CMD".to_owned(),
                ));
            }
            ("", _) => return Err(self.arguments("at least one argument")),
            (other, _) => {
                return Err(Problem::Other(format!(
                    "Unknown type {other:?} in HEALTHCHECK (try CMD)"
                )));
            }
        };
        let duration = |name: &str| -> Result<Option<u64>, Problem> {
            flags
                .value(name)?
                .map(|text| nanoseconds(name, text))
                .transpose()
        };
        let retries = flags
            .value("retries")?
            .map(|text| match text.parse::<u32>() {
                Ok(retries) if retries <= i32::MAX as u32 => Ok(retries),
                _ if text.starts_with('-') => Err(Problem::Other(format!(
                    "--retries cannot be negative ({text})"
                ))),
                _ => Err(Problem::Other(format!(
                    "invalid number {text:?} for --retries"
                ))),
            })
            .transpose()?;
        Ok(Some(Healthcheck {
            command,
            interval: duration("interval")?,
            timeout: duration("timeout")?,
            start_period: duration("start-period")?,
            start_interval: duration("start-interval")?,
            retries,
        }))
    }
}

/// A Go duration of at least a millisecond, or 0.
fn nanoseconds(flag: &str, text: &str) -> Result<u64, Problem> {
    let invalid = || Problem::Other(format!("invalid duration {text:?} for --{flag}"));
    let mut rest = text;
    let mut total = 0.0;
    if let "" | "0" = rest {
        return Ok(0);
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(invalid)?;
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let units = [
            ("ns", 1e0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ];
        let (unit, factor) = units
            .into_iter()
            .find(|(unit, _)| rest.starts_with(unit))
            .ok_or_else(invalid)?;
        total += number * factor;
        rest = &rest[unit.len()..];
    }
    if text.is_empty() || !(0.0..9e18).contains(&total) {
        return Err(invalid());
    }
    if total > 0.0 && total < 1e6 {
        return Err(Problem::Other(format!(
            "Interval {flag:?} cannot be less than 1ms"
        )));
    }
    Ok(total as u64)
}

#[cfg(test)]
mod tests {
    use super::super::Instruction;
    use super::super::tests::read;

    #[test]
    fn options() {
        let Ok(Instruction::Healthcheck(Some(check))) =
            read("HEALTHCHECK --interval=1m30s --retries=5 CMD a b")
        else {
            panic!()
        };
        assert_eq!(
            (check.interval, check.retries, check.timeout),
            (Some(90_000_000_000), Some(5), None)
        );
        assert_eq!(read("HEALTHCHECK none"), Ok(Instruction::Healthcheck(None)));
        for bad in [
            "HEALTHCHECK",
            "HEALTHCHECK CMD",
            "HEALTHCHECK x",
            "HEALTHCHECK --interval=1 CMD a",
            "HEALTHCHECK --interval=1us CMD a",
            "HEALTHCHECK --retries=-1 CMD a",
            "HEALTHCHECK --interval=50ns CMD a",
            "HEALTHCHECK NONE x",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn zero_is_the_default() {
        for good in [
            "--interval=0ms",
            "--interval=1ms",
            "--interval=0",
            "--retries=0",
            "--interval=",
        ] {
            assert!(
                read(&format!("HEALTHCHECK {good} CMD [\"a\"]")).is_ok(),
                "{good}"
            );
        }
    }
}

//! `LogConfig`: which log drivers there are, and what their options mean.

use std::collections::BTreeMap;
use std::path::Path;

use super::record::LogConfig;
use super::{Error, log_attributes};
use crate::monitor::LogTarget;

/// The largest `max-file`. Docker has no bound; each rotation renames all of them.
const MAX_FILES: u32 = 1000;

/// Returns where output goes, without attributes; `None` for nowhere (`none`).
///
/// # Errors
///
/// [`Error::Invalid`] in Docker's words (moby, daemon/logger/factory.go, jsonfilelog.go).
pub(super) fn target(config: &LogConfig, dir: &Path) -> Result<Option<LogTarget>, Error> {
    match config.driver.as_str() {
        "none" => return Ok(None),
        "json-file" => {}
        other => {
            return Err(Error::Invalid(format!(
                "logger: no log driver named '{other}' is registered"
            )));
        }
    }
    let mut target = LogTarget {
        dir: dir.to_owned(),
        max_size: None,
        max_files: 1,
        attributes: BTreeMap::new(),
    };
    for (key, value) in &config.config {
        let invalid = || Error::Invalid(format!("invalid value for {key}: {value:?}"));
        match key.as_str() {
            "max-size" if value == "-1" => target.max_size = None,
            "max-size" => target.max_size = Some(size(value).ok_or_else(invalid)?),
            "max-file" => {
                let files = value.parse().ok().filter(|n| *n >= 1);
                target.max_files = files.ok_or_else(invalid)?;
                if target.max_files > MAX_FILES {
                    return Err(Error::Invalid(format!(
                        "invalid value for {key}: {value:?}: {MAX_FILES} files at most"
                    )));
                }
            }
            key if log_attributes::OPTIONS.contains(&key) => log_attributes::check(key, value)?,
            _ => {
                return Err(Error::Invalid(format!(
                    "unknown log opt '{key}' for json-file log driver"
                )));
            }
        }
    }
    if target.max_size.is_none() && target.max_files > 1 {
        return Err(Error::Invalid(
            "max-file cannot be more than 1 when max-size is not set".to_owned(),
        ));
    }
    Ok(Some(target))
}

/// Parses `10m`, `1g`, `500`: powers of 1024, as go-units' `RAMInBytes`.
fn size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1 << shift).filter(|size| *size > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(driver: &str, options: &[(&str, &str)]) -> Result<Option<LogTarget>, String> {
        let config = LogConfig {
            driver: driver.to_owned(),
            config: (options.iter())
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        target(&config, Path::new("/d")).map_err(|error| error.to_string())
    }

    #[test]
    fn drivers_and_options() {
        let default = target(&LogConfig::default(), Path::new("/d"))
            .unwrap()
            .unwrap();
        assert_eq!((default.max_size, default.max_files), (Some(10 << 20), 3));
        assert_eq!(parse("none", &[]), Ok(None));
        let plain = parse("json-file", &[]).unwrap().unwrap();
        assert_eq!((plain.max_size, plain.max_files), (None, 1));
        assert_eq!(
            parse("syslog", &[]),
            Err("logger: no log driver named 'syslog' is registered".to_owned())
        );
        let files = |count| parse("json-file", &[("max-size", "1k"), ("max-file", count)]);
        assert_eq!(files("1000").unwrap().unwrap().max_files, 1000);
        // Each rotation would take as many renames.
        assert!(files("1001").unwrap_err().contains("1000 files at most"));
        assert!(files("4294967295").is_err());
        assert!(files("4294967296").is_err());
        for wrong in [
            ("max-size", "x"),
            ("max-size", "0"),
            ("max-file", "0"),
            ("max-file", "2"),
            ("tag", "{{x}}"),
            ("labels-regex", "("),
            ("compress", "true"),
        ] {
            assert!(parse("json-file", &[wrong]).is_err(), "{wrong:?}");
        }
    }
}

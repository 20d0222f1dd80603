//! `--filter` of the prunes: `until=`, `label=`, `label!=`, and what one of them alone has.
//!
//! Source: moby, daemon/prune.go and daemon/images/image_prune.go (`matchLabels`, `getUntilFromPruneFilters`).

use jiff::Timestamp;

use crate::cli::error::Failure;
use crate::cli::exit_code::USAGE_ERROR;
use crate::cli::output::time;

/// What may be removed.
#[derive(Debug, Default)]
pub(super) struct PruneFilter {
    /// Nanoseconds since 1970: only what was made by then.
    until: Option<i128>,
    /// All of these have to be there: a name, perhaps with a value.
    labels: Vec<(String, Option<String>)>,
    /// Who has all of these stays.
    excluded: Vec<(String, Option<String>)>,
    /// `dangling=` of images, turned round, and `all=` of volumes.
    pub(super) all: Option<bool>,
}

impl PruneFilter {
    /// Reads the flags. `own` is the switch that this prune has beside the common ones; `timed` whether it knows `until`.
    ///
    /// # Errors
    ///
    /// An unknown filter or value, in Docker's words.
    pub(super) fn parse(flags: &[String], own: Option<&str>, timed: bool) -> Result<Self, Failure> {
        let mut filter = PruneFilter::default();
        for flag in flags {
            let Some((name, value)) = flag.split_once('=') else {
                return Err(Failure::message(format!(
                    "invalid argument {flag:?} for \"--filter\" flag: bad format of filter (expected name=value)"
                ))
                .with_code(USAGE_ERROR));
            };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            let pair = || match value.split_once('=') {
                Some((label, value)) => (label.to_owned(), Some(value.to_owned())),
                None => (value.to_owned(), None),
            };
            match name.as_str() {
                "label" => filter.labels.push(pair()),
                "label!" => filter.excluded.push(pair()),
                "until" if timed => {
                    if filter.until.is_some() {
                        return Err(Failure::message("more than one until filter specified"));
                    }
                    let instant = time::parse_instant(value, time::now());
                    filter.until = Some(instant.map_err(Failure::message)?);
                }
                name if own == Some(name) => {
                    let on = match value {
                        "true" | "1" => true,
                        "false" | "0" => false,
                        _ => {
                            let words = format!("invalid filter '{name}={value}'");
                            return Err(Failure::message(words));
                        }
                    };
                    filter.all = Some(on == (name == "all"));
                }
                name => return Err(Failure::message(format!("invalid filter '{name}'"))),
            }
        }
        Ok(filter)
    }

    /// Whether everything may go.
    pub(super) fn is_empty(&self) -> bool {
        self.until.is_none() && self.labels.is_empty() && self.excluded.is_empty()
    }

    /// Whether `until` was given.
    pub(super) fn is_timed(&self) -> bool {
        self.until.is_some()
    }

    /// Whether something made at `created` (RFC 3339) may go. What has no age is as old as can be, as in Go.
    pub(super) fn takes<'l>(
        &self,
        created: &str,
        labels: impl Iterator<Item = (&'l String, &'l String)> + Clone,
    ) -> bool {
        let made = (created.parse::<Timestamp>()).map_or(i128::MIN, Timestamp::as_nanosecond);
        let has = |(name, value): &(String, Option<String>)| {
            labels.clone().any(|(other, content)| {
                other == name && value.as_ref().is_none_or(|value| value == content)
            })
        };
        self.until.is_none_or(|until| made <= until)
            && self.labels.iter().all(has)
            && (self.excluded.is_empty() || !self.excluded.iter().all(has))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(flags: &[&str]) -> Result<PruneFilter, Failure> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        PruneFilter::parse(&flags, Some("dangling"), true)
    }

    #[test]
    fn takes_what_docker_takes() {
        let labels =
            BTreeMap::from([("a", "1"), ("b", "2")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        for (flags, taken) in [
            (&[][..], true),
            (&["label=a"], true),
            (&["label=a=1", "label=b"], true),
            (&["label=a=2"], false),
            (&["label=a", "label=c"], false),
            (&["label!=a"], false),
            (&["label!=c"], true),
            (&["label!=a", "label!=c"], true),
            (&["until=2020-01-01T00:00:00Z"], true),
            (&["until=2019-12-31T23:59:59Z"], false),
            (&["until=24h"], true),
        ] {
            let filter = parse(flags).unwrap();
            let takes = filter.takes("2020-01-01T00:00:00Z", labels.iter());
            assert_eq!(takes, taken, "{flags:?}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for wrong in [
            &["until"][..],
            &["until=x"],
            &["until=1h", "until=2h"],
            &["name=x"],
            &["dangling=perhaps"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parse(&["dangling=false"]).unwrap().all, Some(true));
    }
}

//! Which images `images` shows, and in which order.

use super::glob;
use crate::cli::error::Failure;
use crate::cli::output::time;
use crate::content::Digest;
use crate::image::{self, Image, Listed};
use crate::store::Store;

/// An image under one of its names.
#[derive(Debug, Clone)]
pub(super) struct NamedImage {
    pub(super) image: Image,
    /// As Docker shows it; `None` for an image without a name.
    pub(super) repository: Option<String>,
    pub(super) tag: Option<String>,
    /// What it was pulled as.
    pub(super) digest: Option<Digest>,
    /// Bytes of its layers, unpacked.
    pub(super) size: u64,
}

/// The conditions. Spec: moby, `daemon/images/images.go`.
#[derive(Debug, Default)]
pub(super) struct Selection {
    dangling: Option<bool>,
    labels: Vec<String>,
    before: Option<String>,
    since: Option<String>,
    /// Nanoseconds since 1970.
    until: Option<i128>,
    /// Globs; a name must match one.
    references: Vec<String>,
}

impl Selection {
    /// Reads `--filter` and the argument.
    ///
    /// # Errors
    ///
    /// An unknown filter or value, in the daemon's words.
    pub(super) fn parse(
        flags: &[String],
        repository: Option<&str>,
        store: &Store,
    ) -> Result<Selection, Failure> {
        let mut selection = Selection::default();
        for flag in flags {
            let Some((name, value)) = flag.split_once('=') else {
                return Err(Failure::message(format!(
                    "invalid argument {flag:?} for \"-f, --filter\" flag: bad format of filter (expected name=value)"
                ))
                .with_code(crate::cli::exit_code::USAGE_ERROR));
            };
            let invalid = || Failure::message(format!("invalid filter '{name}={value}'"));
            let created = || -> Result<Option<String>, Failure> {
                Ok(Some(
                    image::resolve(store, value, None)?.created().to_owned(),
                ))
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "dangling" => match value {
                    "true" | "1" => selection.dangling = Some(true),
                    "false" | "0" => selection.dangling = Some(false),
                    _ => return Err(invalid()),
                },
                "label" => selection.labels.push(value.to_owned()),
                "before" => selection.before = created()?,
                "since" => selection.since = created()?,
                "until" => {
                    let until = time::parse_instant(value, time::now()).map_err(|_| invalid())?;
                    selection.until = Some(until);
                }
                "reference" => selection.references.push(value.to_owned()),
                _ => return Err(Failure::message(format!("invalid filter '{name}'"))),
            }
        }
        selection.references.extend(repository.map(str::to_owned));
        Ok(selection)
    }

    fn accepts_image(&self, image: &Image) -> bool {
        let created = image.created();
        let labels = image.config.config.labels.as_ref();
        let has = |label: &String| {
            let Some(labels) = labels else { return false };
            match label.split_once('=') {
                Some((name, value)) => labels.get(name).is_some_and(|own| own == value),
                None => labels.contains_key(label),
            }
        };
        let old_enough = |until: i128| {
            created
                .parse::<jiff::Timestamp>()
                .is_ok_and(|time| time.as_nanosecond() < until)
        };
        self.labels.iter().all(has)
            && self.before.as_deref().is_none_or(|time| created < time)
            && self.since.as_deref().is_none_or(|time| created > time)
            && self.until.is_none_or(old_enough)
    }

    /// Whether a name is asked for: as `REPOSITORY`, `REPOSITORY:TAG` or with a glob in either.
    fn accepts_name(&self, repository: &str, tag: Option<&str>) -> bool {
        if self.references.is_empty() {
            return true;
        }
        let full = tag.map(|tag| format!("{repository}:{tag}"));
        self.references.iter().any(|pattern| {
            let pattern = familiar(pattern);
            glob::matches(&pattern, repository)
                || full
                    .as_deref()
                    .is_some_and(|full| glob::matches(&pattern, full))
        })
    }
}

/// Strips what Docker never shows of a docker.io name.
fn familiar(pattern: &str) -> String {
    let short = pattern.strip_prefix("docker.io/").unwrap_or(pattern);
    short.strip_prefix("library/").unwrap_or(short).to_owned()
}

/// Returns the selected images, newest first, each under each of its names; with `by_digest`, with the digests that it was
/// pulled by.
///
/// # Errors
///
/// Those of the store. An image that cannot be read is left out.
pub(super) fn list(
    store: &Store,
    selection: &Selection,
    by_digest: bool,
) -> Result<Vec<NamedImage>, Failure> {
    let mut lines = Vec::new();
    for listed in image::list(store)?.images {
        if !selection.accepts_image(&listed.image) {
            continue;
        }
        for (repository, tag, digest) in names(&listed) {
            let dangling = repository.is_none() || tag.is_none();
            let name = repository.as_deref().unwrap_or_default();
            if selection.dangling.is_some_and(|wanted| wanted != dangling)
                || !selection.accepts_name(name, tag.as_deref())
            {
                continue;
            }
            lines.push(NamedImage {
                image: listed.image.clone(),
                repository,
                tag,
                digest: digest.filter(|_| by_digest),
                size: listed.size,
            });
        }
    }
    Ok(lines)
}

/// Repository, tag and digest of one line.
type Name = (Option<String>, Option<String>, Option<Digest>);

/// The lines of an image. A digest beside a tag of the same repository is that tag's, one without is a line of its own, and
/// an image with neither has one line without a name.
fn names(listed: &Listed) -> Vec<Name> {
    let digest_of = |repository: &str| {
        let mut same = listed
            .digests()
            .filter(|name| name.familiar_name() == repository);
        same.find_map(|name| name.digest().cloned())
    };
    let mut lines: Vec<Name> = listed
        .tags()
        .map(|name| {
            let repository = name.familiar_name();
            let digest = digest_of(&repository);
            (Some(repository), name.tag().map(str::to_owned), digest)
        })
        .collect();
    for name in listed.digests() {
        let repository = Some(name.familiar_name());
        if !lines.iter().any(|(known, ..)| *known == repository) {
            lines.push((repository, None, name.digest().cloned()));
        }
    }
    if lines.is_empty() {
        lines.push((None, None, None));
    }
    lines
}

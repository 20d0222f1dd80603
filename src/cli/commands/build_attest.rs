//! `build --attest`, `--provenance`, `--sbom`: statements about an image that are kept beside it. None is made, which is what
//! `--provenance=false` asks for; who wants one is told.
//!
//! Reference: docker/buildx, `util/buildflags/attests.go`.

use std::collections::BTreeMap;

use crate::cli::command::go_bool;
use crate::cli::error::Failure;
use crate::volume::csv;

/// Reads the flags: of each kind of statement the last one counts, and `--provenance` and `--sbom` come after `--attest`.
///
/// # Errors
///
/// What is no such flag; a statement that is wanted.
pub(super) fn none_wanted(
    attest: &[String],
    provenance: Option<&str>,
    sbom: Option<&str>,
) -> Result<(), Failure> {
    let mut wanted = BTreeMap::new();
    for flag in attest {
        let (kind, is_wanted) = parse(flag)?;
        wanted.insert(kind, is_wanted);
    }
    for (kind, flag) in [("provenance", provenance), ("sbom", sbom)] {
        let is_wanted = match flag {
            None | Some("") => continue,
            Some(text) => match go_bool(text) {
                Ok(is_wanted) => is_wanted,
                Err(_) => parse(&format!("type={kind},{text}"))?.1,
            },
        };
        wanted.insert(kind.to_owned(), is_wanted);
    }
    let first = wanted.into_iter().find(|(_, is_wanted)| *is_wanted);
    match first.as_ref().map(|(kind, _)| kind.as_str()) {
        None => Ok(()),
        Some(kind @ ("provenance" | "sbom")) => Err(Failure::unbuilt(kind)),
        Some(kind) => Err(Failure::unbuilt(&format!("attest type={kind}"))),
    }
}

/// Reads `type=KIND[,disabled=BOOL][,KEY=VALUE]`: the kind, and whether it is wanted.
fn parse(flag: &str) -> Result<(String, bool), Failure> {
    let fields = csv::split(flag).map_err(|error| Failure::message(error.to_string()))?;
    let (mut kind, mut is_wanted) = (String::new(), true);
    for field in fields {
        let invalid = || Failure::message(format!("invalid value {field}"));
        let (key, value) = field.split_once('=').ok_or_else(invalid)?;
        match key.trim().to_ascii_lowercase().as_str() {
            "type" => kind = value.to_owned(),
            "disabled" => is_wanted = !go_bool(value).map_err(|_| invalid())?,
            _ => {}
        }
    }
    match kind.is_empty() {
        true => Err(Failure::message("attestation type not specified")),
        false => Ok((kind, is_wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attest: &[&str], provenance: Option<&str>, sbom: Option<&str>) -> Result<(), String> {
        let attest: Vec<String> = attest.iter().map(|text| (*text).to_owned()).collect();
        none_wanted(&attest, provenance, sbom).map_err(|failure| failure.render("ctr", false))
    }

    #[test]
    fn none_may_be_asked_for() {
        for attest in [
            &[][..],
            &["type=provenance,disabled=true"],
            &["type=sbom,generator=x", "disabled=1,type=sbom"],
        ] {
            read(attest, None, None).unwrap();
        }
        read(&[], Some("false"), Some("0")).unwrap();
        read(&["type=provenance,mode=max"], Some("false"), None).unwrap();
        read(&[], Some("disabled=true"), Some("")).unwrap();
    }

    #[test]
    fn what_is_wanted_is_refused() {
        for (attest, provenance, sbom, name) in [
            (&[][..], Some("true"), None, "--provenance is not"),
            (&[], Some("mode=max"), None, "--provenance is not"),
            (&[], None, Some("true"), "--sbom is not"),
            (&["type=sbom"], Some("false"), None, "--sbom is not"),
            (&["type=other"], None, None, "--attest type=other is not"),
            (&["disabled=true"], None, None, "type not specified"),
            (
                &["type=sbom,disabled=no"],
                None,
                None,
                "invalid value disabled=no",
            ),
            (&["sbom"], None, None, "invalid value sbom"),
        ] {
            let words = read(attest, provenance, sbom).unwrap_err();
            assert!(words.contains(name), "{words}");
        }
    }
}

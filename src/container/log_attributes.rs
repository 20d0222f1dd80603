//! What each entry of a log says about its container: labels, variables, a tag, as `--log-opt` asks for.
//!
//! Reference: moby, `daemon/logger/loginfo.go` (`ExtraAttributes`), `daemon/logger/loggerutils/log_tag.go`.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::Error;
use super::record::Record;
use crate::content::SHORT_ID;

/// The options that choose attributes.
pub(super) const OPTIONS: [&str; 5] = ["labels", "labels-regex", "env", "env-regex", "tag"];

/// Checks the value of one of [`OPTIONS`].
///
/// # Errors
///
/// [`Error::Invalid`] for a pattern or a template that is none.
pub(super) fn check(key: &str, value: &str) -> Result<(), Error> {
    match key {
        "labels-regex" | "env-regex" => pattern(key, value).map(drop),
        "tag" => tag(value, &|_| Some(String::new())).map(drop),
        _ => Ok(()),
    }
}

/// Returns the attributes of a container's log.
///
/// # Errors
///
/// As for [`check`].
pub(super) fn of(record: &Record) -> Result<BTreeMap<String, String>, Error> {
    let options = &record.host_config.log_config.config;
    let option = |key: &str| options.get(key).filter(|value| !value.is_empty());
    let env = record.config.env.iter();
    let env = env.filter_map(|line| line.split_once('='));
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let env: BTreeMap<String, String> = env.collect();
    let mut chosen = BTreeMap::new();
    for (key, values) in [("labels", &record.config.labels), ("env", &env)] {
        let by_name = option(key).map(|names| names.split(',').collect::<Vec<_>>());
        let by_name = by_name.unwrap_or_default();
        let by_pattern = format!("{key}-regex");
        let by_pattern =
            (option(&by_pattern).map(|text| pattern(&by_pattern, text))).transpose()?;
        let wanted = values.iter().filter(|(name, _)| {
            by_name.contains(&name.as_str())
                || by_pattern
                    .as_ref()
                    .is_some_and(|regex| regex.is_match(name))
        });
        chosen.extend(wanted.map(|(name, value)| (name.clone(), value.clone())));
    }
    if let Some(template) = option("tag") {
        let field = |name: &str| {
            let short = |id: &str| id.chars().take(SHORT_ID).collect::<String>();
            let image = record.image.as_ref();
            Some(match name {
                "ID" => short(&record.id),
                "FullID" => record.id.clone(),
                "Name" => record.name.clone(),
                "ImageID" => image.map_or(String::new(), |id| id.short().to_owned()),
                "ImageFullID" => image.map_or(String::new(), ToString::to_string),
                "ImageName" => record.config.image.clone(),
                "DaemonName" => "docker".to_owned(),
                _ => return None,
            })
        };
        chosen.insert("tag".to_owned(), tag(template, &field)?);
    }
    Ok(chosen)
}

fn pattern(key: &str, text: &str) -> Result<Regex, Error> {
    Regex::new(text)
        .map_err(|error| Error::Invalid(format!("invalid value for {key}: {text:?}: {error}")))
}

/// Puts fields into a tag: `{{.Name}}/{{.ID}}`. Go's templates can do more; that is refused.
fn tag(template: &str, field: &dyn Fn(&str) -> Option<String>) -> Result<String, Error> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let read = || {
            let (name, further) = after.split_once("}}")?;
            Some((field(name.trim().strip_prefix('.')?)?, further))
        };
        let (value, further) = read().ok_or_else(|| {
            Error::Invalid(format!(
                "invalid value for tag: {template:?}: use {{{{.ID}}}}, .FullID, .Name, .ImageID, .ImageFullID or .ImageName"
            ))
        })?;
        text += before;
        text += &value;
        rest = further;
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_fields_and_nothing_else() {
        let field = |name: &str| (name == "Name").then(|| "box".to_owned());
        assert_eq!(tag("a/{{.Name}}/{{ .Name }}", &field).unwrap(), "a/box/box");
        for wrong in ["{{.Other}}", "{{.Name", "{{upper .Name}}"] {
            assert!(tag(wrong, &field).is_err(), "{wrong}");
        }
        assert!(check("env-regex", "(").is_err());
        assert!(check("labels-regex", "^a").is_ok());
    }
}

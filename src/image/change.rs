//! `--change`: Dockerfile instructions that alter an image config.
//!
//! Source: moby `builder/dockerfile/dispatchers.go` and `validCommitCommands`: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK,
//! LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::config::{Config, Healthcheck};

/// Why an instruction was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Not one of the eleven. The words are Docker's.
    #[error("{0} is not a valid change command")]
    Unknown(String),
    /// The instruction's arguments.
    #[error("{instruction}: {problem}")]
    Arguments {
        /// In capitals.
        instruction: String,
        /// What is wrong.
        problem: String,
    },
}

/// Applies one instruction to `config`.
///
/// # Errors
///
/// All of [`ChangeError`].
pub fn apply(config: &mut Config, line: &str) -> Result<(), ChangeError> {
    let line = line.trim();
    let (word, rest) = line
        .split_once(char::is_whitespace)
        .map_or((line, ""), |(word, rest)| (word, rest.trim()));
    let instruction = word.to_ascii_uppercase();
    let wrong = |problem: &str| ChangeError::Arguments {
        instruction: instruction.clone(),
        problem: problem.to_owned(),
    };
    let known = [
        "CMD",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "HEALTHCHECK",
        "LABEL",
        "ONBUILD",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ];
    if !known.contains(&instruction.as_str()) {
        return Err(ChangeError::Unknown(word.to_ascii_lowercase()));
    }
    if rest.is_empty() {
        return Err(wrong("requires at least one argument"));
    }
    let expand = |text: &str| expand(text, config.env.as_deref().unwrap_or_default());
    match instruction.as_str() {
        "CMD" => config.cmd = Some(command(rest)),
        "ENTRYPOINT" => config.entrypoint = Some(command(rest)),
        "USER" => config.user = expand(rest),
        "STOPSIGNAL" => config.stop_signal = Some(expand(rest)),
        "WORKDIR" => {
            let path = expand(rest);
            config.working_dir = join(&config.working_dir, &path);
        }
        "ENV" => {
            for (key, value) in pairs(&expand(rest)).map_err(|p| wrong(&p))? {
                let env = config.env.get_or_insert_default();
                let entry = format!("{key}={value}");
                let same = |e: &String| e.split_once('=').is_some_and(|(k, _)| k == key);
                match env.iter().position(same) {
                    Some(at) => env[at] = entry,
                    None => env.push(entry),
                }
            }
        }
        "LABEL" => {
            let pairs = pairs(&expand(rest)).map_err(|p| wrong(&p))?;
            config.labels.get_or_insert_default().extend(pairs);
        }
        "EXPOSE" => {
            for port in expand(rest).split_whitespace() {
                let ports = expose(port).ok_or_else(|| wrong(&format!("invalid port {port:?}")))?;
                config.exposed_ports.get_or_insert_default().extend(ports);
            }
        }
        "VOLUME" => {
            let paths = json_words(rest)
                .unwrap_or_else(|| expand(rest).split_whitespace().map(str::to_owned).collect());
            for path in paths {
                if path.is_empty() {
                    return Err(wrong("VOLUME specified can not be an empty string"));
                }
                config
                    .volumes
                    .get_or_insert_default()
                    .insert(path, json!({}));
            }
        }
        "ONBUILD" => {
            let trigger = rest
                .split_whitespace()
                .next()
                .unwrap_or("")
                .to_ascii_uppercase();
            if matches!(trigger.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
                return Err(wrong(&format!(
                    "{trigger} isn't allowed as an ONBUILD trigger"
                )));
            }
            config
                .on_build
                .get_or_insert_default()
                .push(rest.to_owned());
        }
        _ => config.healthcheck = Some(healthcheck(rest).map_err(|p| wrong(&p))?),
    }
    Ok(())
}

/// A JSON list of words, or a line for the shell.
fn command(rest: &str) -> Vec<String> {
    json_words(rest).unwrap_or_else(|| ["/bin/sh", "-c", rest].map(str::to_owned).to_vec())
}

fn json_words(text: &str) -> Option<Vec<String>> {
    text.starts_with('[')
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

fn join(base: &str, path: &str) -> String {
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{base}/{path}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `K=V K2="a b"`, or the old form `K everything else`.
fn pairs(rest: &str) -> Result<Vec<(String, String)>, String> {
    let words = words(rest)?;
    if !words.first().is_some_and(|word| word.contains('=')) {
        let (key, value) = rest
            .split_once(char::is_whitespace)
            .ok_or("must have two arguments")?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    words
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some(("", _)) => Err("names can not be blank".to_owned()),
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(format!(
                "can't find = in {word:?}. Must be of the form: name=value"
            )),
        })
        .collect()
}

/// Splits at blanks; quotes and backslashes as in a shell.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => word.get_or_insert_default().push('\\'),
            },
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("unexpected end of statement while looking for matching quote".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// Replaces `$NAME` and `${NAME}` by what the image's own environment says. Never the host's: this is an image.
fn expand(text: &str, env: &[String]) -> String {
    let value = |name: &str| {
        env.iter()
            .find_map(|e| e.split_once('=').filter(|(k, _)| *k == name))
            .map_or("", |(_, v)| v)
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\', '\'']) {
        out.push_str(&rest[..at]);
        let special = &rest[at..];
        if special.starts_with('\\') {
            let next = special.chars().nth(1);
            let skip = 1 + next.map_or(0, char::len_utf8);
            // `\$` is a dollar; other escapes are for the splitting into words.
            out.push_str(if next == Some('$') {
                "$"
            } else {
                &special[..skip]
            });
            rest = &special[skip..];
        } else if let Some(quoted) = special.strip_prefix('\'') {
            let end = quoted.find('\'').map_or(special.len(), |end| end + 2);
            out.push_str(&special[..end]);
            rest = &special[end..];
        } else if let Some((name, after)) =
            special.strip_prefix("${").and_then(|s| s.split_once('}'))
        {
            out.push_str(value(name));
            rest = after;
        } else {
            let name = &special[1..];
            let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
            out.push_str(if end == 0 { "$" } else { value(&name[..end]) });
            rest = &name[end..];
        }
    }
    out.push_str(rest);
    out
}

/// `80`, `80/udp`, `8000-8010/tcp`.
fn expose(text: &str) -> Option<BTreeMap<String, Value>> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return None;
    }
    let number = |s: &str| s.parse::<u16>().ok().filter(|_| !s.starts_with('+'));
    let (first, last) = match ports.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(ports)?, number(ports)?),
    };
    let range = first..=last;
    (!range.is_empty()).then(|| {
        range
            .map(|p| (format!("{p}/{protocol}"), json!({})))
            .collect()
    })
}

/// `NONE`, or `[--interval=30s …] CMD command`.
fn healthcheck(rest: &str) -> Result<Healthcheck, String> {
    let mut check = Healthcheck::default();
    let mut rest = rest;
    while let Some(option) = rest.strip_prefix("--") {
        let (option, after) = option
            .split_once(char::is_whitespace)
            .unwrap_or((option, ""));
        rest = after.trim_start();
        let (name, value) = option.split_once('=').ok_or("flags need a value")?;
        let time = || duration(value).ok_or_else(|| format!("invalid duration {value:?}"));
        match name {
            "interval" => check.interval = Some(time()?),
            "timeout" => check.timeout = Some(time()?),
            "start-period" => check.start_period = Some(time()?),
            "start-interval" => check.start_interval = Some(time()?),
            "retries" => {
                let count = value.parse::<i64>().ok().filter(|n| *n >= 0);
                check.retries = Some(count.ok_or("--retries must be at least 0")?);
            }
            _ => return Err(format!("unknown flag: {name}")),
        }
    }
    let (kind, line) = rest
        .split_once(char::is_whitespace)
        .map_or((rest, ""), |(kind, line)| (kind, line.trim()));
    check.test = Some(match (kind.to_ascii_uppercase().as_str(), line) {
        ("NONE", "") => vec!["NONE".to_owned()],
        ("NONE", _) => return Err("NONE takes no arguments".to_owned()),
        ("CMD", "") => return Err("missing command after CMD".to_owned()),
        ("CMD", line) => match json_words(line) {
            Some(words) => [vec!["CMD".to_owned()], words].concat(),
            None => vec!["CMD-SHELL".to_owned(), line.to_owned()],
        },
        _ => return Err(format!("unknown type {kind:?} (try CMD)")),
    });
    Ok(check)
}

/// Go's durations: `1h30m`, `1.5s`, `300ms`. Nanoseconds.
fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 6] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ];
    let mut rest = text;
    let mut sum = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let end = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |end| digits + end);
        let unit = &rest[digits..end];
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number * factor;
        rest = &rest[end..];
    }
    (!text.is_empty() && sum < i64::MAX as f64).then_some(sum as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(lines: &[&str]) -> Value {
        let mut config = Config::default();
        for line in lines {
            apply(&mut config, line).unwrap();
        }
        serde_json::to_value(config).unwrap()
    }

    #[test]
    fn every_instruction() {
        let config = changed(&[
            "CMD [\"a\", \"b\"]",
            "entrypoint echo hi",
            "ENV A=1 B=\"two words\"",
            "ENV PATH /bin:$A",
            "ENV A=2",
            "LABEL x=y",
            "EXPOSE 80 53/udp 8000-8001",
            "USER 1000:1000",
            "VOLUME [\"/data\"]",
            "VOLUME /a /b",
            "WORKDIR /x",
            "WORKDIR y/../z",
            "STOPSIGNAL SIGINT",
            "ONBUILD RUN make",
            "HEALTHCHECK --interval=1m30s --retries=3 CMD curl -f localhost",
        ]);
        assert_eq!(
            config,
            json!({
                "User": "1000:1000",
                "ExposedPorts": {"53/udp": {}, "80/tcp": {}, "8000/tcp": {}, "8001/tcp": {}},
                "Env": ["A=2", "B=two words", "PATH=/bin:1"],
                "Entrypoint": ["/bin/sh", "-c", "echo hi"],
                "Cmd": ["a", "b"],
                "Healthcheck": {"Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 90_000_000_000_i64, "Retries": 3},
                "Volumes": {"/a": {}, "/b": {}, "/data": {}},
                "WorkingDir": "/x/z",
                "OnBuild": ["RUN make"],
                "Labels": {"x": "y"},
                "StopSignal": "SIGINT",
            })
        );
    }

    #[test]
    fn refuses() {
        for (line, expected) in [
            ("RUN x", "run is not a valid change command"),
            ("", " is not a valid change command"),
            ("CMD", "CMD: requires at least one argument"),
            ("EXPOSE 99999", "EXPOSE: invalid port \"99999\""),
            ("EXPOSE 9-1", "EXPOSE: invalid port \"9-1\""),
            ("ENV A", "ENV: must have two arguments"),
            ("ENV =x", "ENV: names can not be blank"),
            (
                "ENV A=\"x",
                "ENV: unexpected end of statement while looking for matching quote",
            ),
            (
                "HEALTHCHECK FOO",
                "HEALTHCHECK: unknown type \"FOO\" (try CMD)",
            ),
            (
                "HEALTHCHECK --interval=x CMD y",
                "HEALTHCHECK: invalid duration \"x\"",
            ),
        ] {
            let error = apply(&mut Config::default(), line).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}

//! `ps --filter`. Spec: moby, `daemon/list.go`: values of one name are alternatives, different names all must hold.

use super::pattern::Pattern;
use super::ps_row::state_word;
use crate::cli::error::Failure;
use crate::cli::output::network;
use crate::container::{Container, Engine};
use crate::image;

/// The conditions.
#[derive(Debug, Default)]
pub(super) struct Filters {
    ids: Vec<Pattern>,
    names: Vec<Pattern>,
    labels: Vec<String>,
    exit_codes: Vec<i32>,
    states: Vec<String>,
    /// Image IDs and layers that a container's must begin with.
    ancestors: Vec<Ancestor>,
    /// Created before any of these times.
    before: Vec<String>,
    since: Vec<String>,
    volumes: Vec<String>,
    networks: Vec<String>,
    published: Vec<PortRange>,
    exposed: Vec<PortRange>,
    healths: Vec<String>,
    tasks: Vec<bool>,
}

/// `ancestor=IMAGE`.
#[derive(Debug)]
enum Ancestor {
    /// There is such an image: its layers are below the container's.
    Layers(Vec<crate::content::Digest>),
    /// There is none: nothing comes from it.
    Nothing,
}

/// `8000-8010/tcp`.
#[derive(Debug)]
struct PortRange {
    first: u16,
    last: u16,
    protocol: String,
}

impl Filters {
    /// Reads the flags.
    ///
    /// # Errors
    ///
    /// An unknown filter or value, in the daemon's words.
    pub(super) fn parse(flags: &[String], engine: &Engine) -> Result<Filters, Failure> {
        let mut filters = Filters::default();
        for flag in flags {
            let Some((name, value)) = flag.split_once('=') else {
                return Err(Failure::message(format!(
                    "invalid argument {flag:?} for \"-f, --filter\" flag: bad format of filter (expected name=value)"
                ))
                .with_code(crate::cli::exit_code::USAGE_ERROR));
            };
            filters.add(&name.trim().to_ascii_lowercase(), value.trim(), engine)?;
        }
        Ok(filters)
    }

    fn add(&mut self, name: &str, value: &str, engine: &Engine) -> Result<(), Failure> {
        let invalid = || Failure::message(format!("invalid filter '{name}={value}'"));
        let text = value.to_owned();
        match name {
            "id" => self.ids.push(Pattern::new(value)?),
            "name" => self.names.push(Pattern::new(value)?),
            "label" => self.labels.push(text),
            "exited" => self.exit_codes.push(value.parse().map_err(|_| invalid())?),
            "status" => {
                const STATES: [&str; 7] = [
                    "created",
                    "restarting",
                    "running",
                    "removing",
                    "paused",
                    "exited",
                    "dead",
                ];
                if !STATES.contains(&value) {
                    return Err(invalid());
                }
                self.states.push(text);
            }
            "ancestor" => self
                .ancestors
                .push(match image::resolve(&engine.store, value, None) {
                    Ok(image) => Ancestor::Layers(image.layers().to_vec()),
                    Err(image::Error::NotFound(_)) => Ancestor::Nothing,
                    Err(error) => return Err(error.into()),
                }),
            "before" => self.before.push(engine.find(value)?.record.created),
            "since" => self.since.push(engine.find(value)?.record.created),
            "volume" => self.volumes.push(text),
            "network" => self.networks.push(text),
            "publish" => self
                .published
                .push(PortRange::parse(value).ok_or_else(invalid)?),
            "expose" => self
                .exposed
                .push(PortRange::parse(value).ok_or_else(invalid)?),
            "health" => self.healths.push(text),
            "is-task" => match value {
                "true" | "1" => self.tasks.push(true),
                "false" | "0" => self.tasks.push(false),
                _ => return Err(invalid()),
            },
            // Windows has several; here there is one.
            "isolation" if matches!(value, "" | "default") => {}
            "isolation" => self.tasks.push(true),
            _ => return Err(Failure::message(format!("invalid filter '{name}'"))),
        }
        Ok(())
    }

    /// Returns whether the filters speak of containers that do not run, which `ps` then shows without `-a`.
    pub(super) fn name_states(&self) -> bool {
        !self.states.is_empty() || !self.exit_codes.is_empty()
    }

    /// Returns whether `container` fulfils them all.
    pub(super) fn accept(&self, container: &Container) -> bool {
        fn any<T>(values: &[T], holds: impl FnMut(&T) -> bool) -> bool {
            values.is_empty() || values.iter().any(holds)
        }
        let (record, state) = (&container.record, &container.state);
        let config = &record.config;
        // Labels are the exception: all of them must be there.
        let labels = self.labels.iter().all(|label| match label.split_once('=') {
            Some((name, value)) => config.labels.get(name).is_some_and(|own| own == value),
            None => config.labels.contains_key(label),
        });
        let published = |range: &PortRange| {
            let ports = state
                .network
                .iter()
                .flat_map(|network| network.ports.iter());
            let mut bound = ports.filter(|(_, bindings)| !bindings.is_empty());
            bound.any(|(port, bindings)| {
                range.contains(port)
                    || bindings.iter().any(|binding| {
                        let protocol = port.split('/').nth(1).unwrap_or("tcp");
                        range.contains(&format!("{}/{protocol}", binding.host_port))
                    })
            })
        };
        let exposed = |range: &PortRange| {
            config
                .exposed_ports
                .iter()
                .flatten()
                .any(|(port, _)| range.contains(port))
        };
        labels
            && any(&self.ids, |pattern| pattern.matches(&record.id))
            && any(&self.names, |pattern| {
                pattern.matches(&record.name) || pattern.matches(&format!("/{}", record.name))
            })
            && any(&self.exit_codes, |code| {
                *code == state.exit_code && state_word(state.status) == "exited"
            })
            && any(&self.states, |word| word == state_word(state.status))
            && any(&self.ancestors, |ancestor| match ancestor {
                Ancestor::Layers(layers) => !layers.is_empty() && record.layers.starts_with(layers),
                Ancestor::Nothing => false,
            })
            && any(&self.before, |time| record.created < *time)
            && any(&self.since, |time| record.created > *time)
            && any(&self.volumes, |volume| {
                record.mounts.iter().any(|mount| {
                    mount.name == *volume || mount.source == *volume || mount.destination == *volume
                })
            })
            && any(&self.networks, |name| network(&record.host_config.network_mode) == name)
            && any(&self.published, published)
            && any(&self.exposed, exposed)
            // Health checks are still to come, tasks never will.
            && any(&self.healths, |health| health == "none")
            && any(&self.tasks, |is_task| !is_task)
    }
}

impl PortRange {
    fn parse(text: &str) -> Option<PortRange> {
        let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let range = PortRange {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            protocol: protocol.to_ascii_lowercase(),
        };
        (range.first <= range.last).then_some(range)
    }

    fn contains(&self, port: &str) -> bool {
        PortRange::parse(port).is_some_and(|port| {
            port.protocol == self.protocol && port.first >= self.first && port.last <= self.last
        })
    }
}

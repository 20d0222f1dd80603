//! `ctr port`.

use clap::Args;

use crate::cli::command::{Command, Example, Names, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::{join_host_port, natural};
use crate::container::record::{PortBinding, Status};

/// List port mappings or a specific mapping for the container
#[derive(Debug, Args)]
pub(crate) struct Port {
    /// Name or ID
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    container: String,
    /// Port inside, and its protocol (default: tcp)
    #[arg(value_name = "PRIVATE_PORT[/PROTO]", hide = true)]
    port: Option<String>,
}

impl Command for Port {
    const USAGE: &'static str = "CONTAINER [PRIVATE_PORT[/PROTO]]";
    const EXAMPLES: &'static [Example] = &[
        ("port web", "Where each published port of a container is"),
        ("port web 80", "Where its port 80 is"),
    ];
    const NAMES: Names = Names::Running;

    /// Source: docker/cli, command/container/port.go.
    fn run(self, context: &Context) -> Outcome {
        let container = context.engine()?.find(&self.container)?;
        let state = &container.state;
        let network = (state.network.as_ref()).filter(|_| state.status == Status::Running);
        let ports = network.map(|network| &network.ports);
        let address = |binding: &PortBinding| join_host_port(binding.address(), &binding.host_port);
        let mut lines: Vec<String> = match self.port.as_deref().filter(|port| !port.is_empty()) {
            Some(typed) => {
                let (port, protocol) = typed.split_once('/').unwrap_or((typed, ""));
                check_number(port)?;
                let protocol = if protocol.is_empty() { "tcp" } else { protocol };
                let bindings = ports.and_then(|ports| ports.get(&format!("{port}/{protocol}")));
                let bindings = bindings.filter(|bindings| !bindings.is_empty());
                let missing = || {
                    let name = &self.container;
                    Failure::message(format!("No public port '{typed}' published for {name}"))
                };
                bindings.ok_or_else(missing)?.iter().map(address).collect()
            }
            None => {
                let all = ports.into_iter().flatten();
                all.flat_map(|(port, bindings)| {
                    bindings
                        .iter()
                        .map(move |binding| format!("{port} -> {}", address(binding)))
                })
                .collect()
            }
        };
        lines.sort_by(|a, b| natural::compare(a, b));
        for line in lines {
            context.println(&line)?;
        }
        Ok(0)
    }
}

/// Go's `strconv.ParseUint(port, 10, 16)`.
fn check_number(port: &str) -> Result<(), Failure> {
    let problem = match port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() {
        true if port.parse::<u16>().is_ok() => return Ok(()),
        true => "value out of range",
        false => "invalid syntax",
    };
    Err(Failure::message(format!(
        "invalid port ({port}): strconv.ParseUint: parsing {port:?}: {problem}"
    )))
}

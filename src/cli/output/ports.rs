//! The PORTS column. Spec: docker/cli, `cli/command/formatter/container.go`, `DisplayablePorts`.

use std::collections::BTreeMap;

use crate::container::Container;
use crate::container::record::{PortBinding, Status};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    private: u16,
    ip: String,
    public: u16,
    protocol: String,
}

/// The network a container is in, by Docker's name; those that share another's are in none of their own.
pub(crate) fn network(mode: &str) -> &str {
    match mode {
        "" | "default" => "bridge",
        mode if mode.starts_with("container:") => "",
        mode => mode.split(':').next().unwrap_or(mode),
    }
}

/// Returns `0.0.0.0:8080->80/tcp, 90/tcp` for a container that runs, nothing for others.
pub(crate) fn ports(container: &Container) -> String {
    if container.state.status != Status::Running {
        return String::new();
    }
    let none = BTreeMap::new();
    let state = container.state.network.as_ref();
    let published = state.map_or(&none, |state| &state.ports);
    // Only a network of the container's own has ports to reach.
    let mode = container.record.host_config.network_mode.as_str();
    let is_bridge = network(mode) == "bridge";
    let exposed = container.record.config.exposed_ports.iter().flatten();
    let exposed = exposed.filter(|_| is_bridge);
    let exposed = exposed
        .map(|(port, _)| port.as_str())
        .filter(|port| !published.contains_key(*port));
    let mut list = Vec::new();
    for (port, bindings) in published {
        list.extend(
            bindings
                .iter()
                .filter_map(|binding| parse(port, Some(binding))),
        );
        if bindings.is_empty() {
            list.extend(parse(port, None));
        }
    }
    list.extend(exposed.filter_map(|port| parse(port, None)));
    display(list)
}

fn parse(port: &str, binding: Option<&PortBinding>) -> Option<Port> {
    let (private, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    Some(Port {
        private: private.parse().ok()?,
        ip: binding.map_or(String::new(), |binding| binding.address().to_owned()),
        public: binding.map_or(Some(0), |binding| binding.host_port.parse().ok())?,
        protocol: protocol.to_owned(),
    })
}

/// Neighbouring ports that are published under their own number, or not at all, are drawn together.
fn display(mut ports: Vec<Port>) -> String {
    ports.sort_unstable();
    let mut shown = Vec::new();
    let mut mapped = Vec::new();
    // In the order they were opened: key, first port, last port.
    let mut runs: Vec<((String, String), u16, u16)> = Vec::new();
    for port in ports {
        if !port.ip.is_empty() && port.public != port.private {
            let host = join_host_port(&port.ip, &port.public.to_string());
            mapped.push(format!("{host}->{}/{}", port.private, port.protocol));
            continue;
        }
        let key = (port.ip, port.protocol);
        match runs.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, _, last)) if port.private == *last + 1 => *last = port.private,
            Some((key, first, last)) => {
                shown.push(group(key, *first, *last));
                (*first, *last) = (port.private, port.private);
            }
            None => runs.push((key, port.private, port.private)),
        }
    }
    shown.extend(
        runs.iter()
            .map(|(key, first, last)| group(key, *first, *last)),
    );
    shown.extend(mapped);
    shown.join(", ")
}

fn group((ip, protocol): &(String, String), first: u16, last: u16) -> String {
    let range = match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    match ip.as_str() {
        "" => format!("{range}/{protocol}"),
        ip => format!("{}->{range}/{protocol}", join_host_port(ip, &range)),
    }
}

/// Go's `net.JoinHostPort`.
pub(crate) fn join_host_port(host: &str, port: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_ports_together() {
        let port = |private, ip: &str, public| Port {
            private,
            ip: ip.to_owned(),
            public,
            protocol: "tcp".to_owned(),
        };
        assert_eq!(
            display(vec![port(80, "::", 8080), port(80, "0.0.0.0", 8080)]),
            "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
        );
        assert_eq!(
            display(vec![
                port(81, "0.0.0.0", 81),
                port(80, "0.0.0.0", 80),
                port(90, "", 0),
                port(91, "", 0),
                port(95, "", 0)
            ]),
            "90-91/tcp, 0.0.0.0:80-81->80-81/tcp, 95/tcp"
        );
        assert_eq!(display(Vec::new()), "");
    }
}

//! `--network` as typed.

use std::fmt;

/// Which network a container gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// A private namespace with loopback only.
    None,
    /// The host's.
    Host,
    /// The one of the container with this name or id.
    Container(String),
    /// A private namespace with user-mode networking; what Docker calls `bridge` and `default`. The best helper there is.
    User,
    /// As [`Mode::User`], by `pasta` or not at all.
    Pasta,
    /// As [`Mode::User`], by `slirp4netns` or not at all.
    Slirp4netns,
}

/// Why `--network` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// Nothing typed. Docker's words: docker/cli, opts/network.go.
    #[error("no name set for network")]
    Empty,
    /// `container:` without a container. Docker's words: moby, runconfig/hostconfig_unix.go.
    #[error("invalid network mode: invalid container format container:<name|id>")]
    NoContainer,
    /// A network nobody made. Docker's words: moby, daemon/network.go.
    #[error("network {0} not found")]
    NotFound(String),
    /// `-p` beside `container:NAME`. Docker's words: moby, runconfig/errors.go.
    #[error("conflicting options: port publishing and the container type network mode")]
    PortsOfContainer,
}

impl Mode {
    /// Parses the value of `--network`.
    ///
    /// # Errors
    ///
    /// All of [`ModeError`] but [`ModeError::PortsOfContainer`].
    pub fn parse(text: &str) -> Result<Mode, ModeError> {
        Ok(match text {
            "" => return Err(ModeError::Empty),
            "none" => Mode::None,
            "host" => Mode::Host,
            "bridge" | "default" | "user" => Mode::User,
            "pasta" => Mode::Pasta,
            "slirp4netns" => Mode::Slirp4netns,
            _ => match text.strip_prefix("container:") {
                Some("") => return Err(ModeError::NoContainer),
                Some(container) => Mode::Container(container.to_owned()),
                None => return Err(ModeError::NotFound(text.to_owned())),
            },
        })
    }

    /// Returns whether a network namespace of its own is made for the container.
    pub fn is_private(&self) -> bool {
        !matches!(self, Mode::Host | Mode::Container(_))
    }

    /// Returns whether a helper gives the container a way out and its published ports a way in.
    pub fn is_user_mode(&self) -> bool {
        matches!(self, Mode::User | Mode::Pasta | Mode::Slirp4netns)
    }

    /// Checks that ports can be published in this mode; returns Docker's warning where they are ignored instead.
    ///
    /// # Errors
    ///
    /// [`ModeError::PortsOfContainer`].
    pub fn check_ports(&self) -> Result<Option<&'static str>, ModeError> {
        match self {
            Mode::Container(_) => Err(ModeError::PortsOfContainer),
            Mode::Host => Ok(Some(
                "Published ports are discarded when using host network mode",
            )),
            _ => Ok(None),
        }
    }
}

impl fmt::Display for Mode {
    /// As `HostConfig.NetworkMode` has it; `default` has been `bridge` there since Docker 26.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::None => f.write_str("none"),
            Mode::Host => f.write_str("host"),
            Mode::Container(container) => write!(f, "container:{container}"),
            Mode::User => f.write_str("bridge"),
            Mode::Pasta => f.write_str("pasta"),
            Mode::Slirp4netns => f.write_str("slirp4netns"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_round_trip() {
        for text in [
            "none",
            "host",
            "container:web",
            "bridge",
            "pasta",
            "slirp4netns",
        ] {
            assert_eq!(Mode::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Mode::parse("default"), Ok(Mode::User));
        assert_eq!(Mode::parse("user"), Ok(Mode::User));
    }

    #[test]
    fn bad_modes() {
        assert_eq!(Mode::parse(""), Err(ModeError::Empty));
        assert_eq!(Mode::parse("container:"), Err(ModeError::NoContainer));
        assert_eq!(
            Mode::parse("backend").unwrap_err().to_string(),
            "network backend not found"
        );
    }

    #[test]
    fn ports_need_a_private_network() {
        assert_eq!(Mode::User.check_ports(), Ok(None));
        assert!(Mode::Host.check_ports().unwrap().is_some());
        assert_eq!(
            Mode::Container("a".into()).check_ports(),
            Err(ModeError::PortsOfContainer)
        );
    }
}

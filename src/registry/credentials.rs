//! Who we are to a registry. What `docker login` and `podman login` left behind is read by [`super::auth_files`].

use std::io;
use std::path::PathBuf;

use crate::secret::Secret;

/// User name by which a helper says that its secret is an identity token.
pub(super) const TOKEN_USER: &str = "<token>";

/// What we can show a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    #[default]
    Anonymous,
    /// User name and password.
    Password {
        /// Name.
        user: String,
        /// Password, or an access token in its place.
        password: Secret,
    },
    /// An OAuth 2 refresh token, to be exchanged at the token service.
    Identity(Secret),
    /// A token the registry itself takes.
    Registry(Secret),
}

/// Why the logins could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that is not what it should be.
    #[error("invalid JSON in {}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that holds something else than an object where there should be one.
    #[error("{field} in {} is no object", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// `auths`, or the whole.
        field: &'static str,
    },
    /// An `auth` field that is not base64 of `user:password`.
    #[error("invalid auth for {key:?} in {}", path.display())]
    Auth {
        /// The file.
        path: PathBuf,
        /// Of `auths`.
        key: String,
    },
    /// A helper that is missing or fails.
    #[error("error {action} credentials: {program}: {reason}")]
    Helper {
        /// `getting`, `storing`, `erasing`.
        action: &'static str,
        /// Its name.
        program: String,
        /// Its words, or ours.
        reason: String,
    },
}

impl Credentials {
    pub(super) fn from_pair(user: &str, secret: &str) -> Credentials {
        if user == TOKEN_USER {
            Credentials::Identity(Secret::new(secret))
        } else {
            Credentials::Password {
                user: user.to_owned(),
                password: Secret::new(secret),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_a_secret() {
        let shown = format!("{:?}", Credentials::from_pair("user", "hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

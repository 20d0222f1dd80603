//! Credential helpers: programs `docker-credential-NAME` that keep logins in the user's key ring.
//!
//! They are asked on stdin and answer on stdout. Spec: docker-credential-helpers, `client/command.go`, `credentials`.

use std::fs::File;
use std::io::{Seek, Write};
use std::process::{Command, Stdio};

use rustix::fs::MemfdFlags;
use serde::{Deserialize, Serialize};

use super::credentials::{CredentialError, Credentials};
use super::error::printable;
use super::limits;
use crate::bounded;
use crate::settings::find_program;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Login {
    #[serde(rename = "ServerURL", default)]
    server_url: String,
    username: String,
    secret: String,
}

/// Asks `docker-credential-NAME` for a login.
pub(super) fn get(
    name: &str,
    server: &str,
    search_path: &str,
) -> Result<Credentials, CredentialError> {
    let helper = Helper {
        name,
        action: "getting",
        search_path,
    };
    let Some(answer) = helper.run("get", server.as_bytes())? else {
        return Ok(Credentials::Anonymous);
    };
    let login: Login = serde_json::from_slice(&answer)
        .map_err(|_| helper.failed("its answer is not the JSON of a credential"))?;
    if login.secret.is_empty() {
        return Ok(Credentials::Anonymous);
    }
    Ok(Credentials::from_pair(&login.username, &login.secret))
}

/// Has `docker-credential-NAME` keep a login.
pub(super) fn store(
    name: &str,
    server: &str,
    user: &str,
    secret: &str,
    search_path: &str,
) -> Result<(), CredentialError> {
    let login = Login {
        server_url: server.to_owned(),
        username: user.to_owned(),
        secret: secret.to_owned(),
    };
    let helper = Helper {
        name,
        action: "storing",
        search_path,
    };
    // Strings always have a JSON form.
    let login = serde_json::to_vec(&login).unwrap_or_default();
    helper.run("store", &login).map(drop)
}

/// Has `docker-credential-NAME` forget a login; fine if it knows none.
pub(super) fn erase(name: &str, server: &str, search_path: &str) -> Result<(), CredentialError> {
    let helper = Helper {
        name,
        action: "erasing",
        search_path,
    };
    helper.run("erase", server.as_bytes()).map(drop)
}

/// A helper that is asked for one thing.
struct Helper<'a> {
    name: &'a str,
    /// For messages.
    action: &'static str,
    search_path: &'a str,
}

impl Helper<'_> {
    fn failed(&self, reason: impl ToString) -> CredentialError {
        CredentialError::Helper {
            action: self.action,
            program: format!("docker-credential-{}", self.name),
            reason: printable(&reason.to_string()),
        }
    }

    /// Runs it with `question` on stdin; `None` where it knows of no such login.
    fn run(&self, verb: &str, question: &[u8]) -> Result<Option<Vec<u8>>, CredentialError> {
        if self.name.contains('/') {
            return Err(self.failed("invalid name of a credential helper"));
        }
        let program = format!("docker-credential-{}", self.name);
        let file = find_program(&program, self.search_path)
            .ok_or_else(|| self.failed("executable file not found in $PATH"))?;
        // No pipe: nobody would read what it has no room for, and a helper that ends early would cause a SIGPIPE.
        let stdin = rustix::fs::memfd_create(c"question", MemfdFlags::CLOEXEC);
        let mut stdin = File::from(stdin.map_err(|error| self.failed(error))?);
        let written = stdin.write_all(question).and_then(|()| stdin.rewind());
        written.map_err(|error| self.failed(error))?;
        let mut child = Command::new(file)
            .arg(verb)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| self.failed(error))?;
        let read = match child.stdout.take() {
            Some(stdout) => bounded::read(stdout, limits::CREDENTIAL_BYTES),
            None => Ok(Vec::new()),
        };
        let status = child.wait().map_err(|error| self.failed(error))?;
        let answer = read.map_err(|error| self.failed(error))?;
        if status.success() {
            return Ok(Some(answer));
        }
        let words = String::from_utf8_lossy(&answer);
        // docker-credential-helpers, credentials/error.go
        match words.trim() {
            "credentials not found in native keychain" => Ok(None),
            words => Err(self.failed(format!("{status}: {words}"))),
        }
    }
}

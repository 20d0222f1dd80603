//! podman's flags about registries, of every command that talks to one. What they say holds for that command alone.
//!
//! Reference: podman, `docs/source/markdown/options`: `authfile`, `cert-dir`, `creds`, `retry`, `retry-delay`, `tls-verify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::time;
use crate::cli::{secret, streams};
use crate::secret::Secret;

/// How a registry is reached.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// Trust the *.crt of this directory, and show registries its *.cert and *.key
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)
    #[arg(long, default_value = "true")]
    tls_verify: bool,
}

/// The same, and who one is there.
#[derive(Debug, Args)]
pub(super) struct RegistryFlags {
    #[command(flatten)]
    reach: Reach,
    /// Log in at registries with this name and password
    #[arg(long, value_name = "USER[:PASSWORD]")]
    creds: Option<String>,
    /// Try again so often what fails on the way (default: 5)
    #[arg(long, value_name = "NUMBER")]
    retry: Option<u32>,
    /// Wait so long before trying again (default: longer from time to time)
    #[arg(long, value_name = "DURATION")]
    retry_delay: Option<String>,
}

impl Reach {
    /// Returns the context in which they hold.
    pub(super) fn applied(&self, context: &Context) -> Result<Context, Failure> {
        let mut context = context.clone();
        let registries = &mut context.settings.registries;
        if let Some(path) = &self.authfile {
            registries.auth_file = Some(path.clone());
            registries.login_file = Some(path.clone());
        }
        if let Some(dir) = &self.cert_dir {
            if !dir.is_dir() {
                return Err(Failure::message(format!(
                    "--cert-dir {}: no such directory",
                    dir.display()
                )));
            }
            registries.certificates = Some(dir.clone());
        }
        registries.insecure = !self.tls_verify;
        Ok(context)
    }
}

impl RegistryFlags {
    /// Returns the context in which they hold.
    pub(super) fn applied(&self, context: &Context) -> Result<Context, Failure> {
        if let Some(path) = &self.reach.authfile
            && let Err(error) = path.metadata()
        {
            return Err(Failure::of(error).about(&format!(
                "credential file is not accessible: {}",
                path.display()
            )));
        }
        let mut context = self.reach.applied(context)?;
        let login = self.login(&context)?;
        let registries = &mut context.settings.registries;
        registries.login = login;
        registries.retries = self.retry;
        registries.retry_delay = self.retry_delay.as_deref().map(delay).transpose()?;
        Ok(context)
    }

    /// `--creds`; a password that is not there is asked for.
    fn login(&self, context: &Context) -> Result<Option<(String, Secret)>, Failure> {
        let Some(text) = self.creds.as_deref() else {
            return Ok(None);
        };
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password.to_owned())),
            None if streams::stdin_is_terminal() => {
                let password = secret::read_line(|| context.print("Password: "));
                context.println("")?;
                (text, password?)
            }
            None => (text, None),
        };
        match password {
            _ if user.is_empty() => Err(Failure::message("--creds: username can't be empty")),
            Some(password) => Ok(Some((user.to_owned(), Secret::new(password)))),
            None => Err(Failure::message("--creds: the password is missing")
                .with_hint("--creds USER:PASSWORD, or log in first: ctr login")),
        }
    }
}

/// `--retry-delay 2s`.
fn delay(text: &str) -> Result<Duration, Failure> {
    let nanoseconds = time::parse_duration(text).and_then(|delay| u64::try_from(delay).ok());
    let invalid = || Failure::message(format!("--retry-delay: invalid duration {text:?}"));
    nanoseconds.map(Duration::from_nanos).ok_or_else(invalid)
}

//! `ctr login` and `ctr logout`. Spec: docker/cli, `cli/command/registry/login.go`.

use std::io::{self, BufRead as _};
use std::path::PathBuf;

use clap::Args;

use super::registry_flags::Reach;
use crate::bounded;
use crate::cli::command::{Command, Example, Outcome};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::secret;
use crate::cli::streams;
use crate::registry::{self, CredentialError, Credentials, Kept, Secret, Server, Timing};

/// Largest password, in bytes; tokens have a few kilobytes.
const MAX_PASSWORD: u64 = 1 << 20;

/// What Docker says before it asks for a login to docker.io.
const ABOUT_DOCKER_IO: &str = "Log in with your Docker ID or email address to push and pull images from Docker Hub. \
    If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.\n\
    You can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security and \
    is required for organizations using SSO. Learn more at https://docs.docker.com/go/access-tokens/\n\
    There is no login by way of a web browser here: who has no password makes a token there and enters it as the password.\n";

/// What to do where nobody can be asked.
const HINT: &str = "ctr login -u NAME --password-stdin SERVER < FILE";
/// As [`HINT`], for docker.io, where Docker would begin a login by way of a web browser.
const HINT_FOR_DOCKER_IO: &str = "ctr login -u NAME --password-stdin < FILE, with a password or a personal access token in \
    FILE: see https://docs.docker.com/go/access-tokens/; there is no login by way of a web browser here";

/// Where the registry does not take what was typed.
const HINT_REFUSED: &str = "check the user name and the password; where an account has a second factor, a token takes the \
    password's place";

/// Authenticate to a registry
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Print the name that one is logged in with
    #[arg(long)]
    get_login: bool,
    /// Password or token
    #[arg(short, long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Take the password or token from stdin
    #[arg(long)]
    password_stdin: bool,
    /// Username
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// HOST or HOST:PORT of the registry (default: docker.io)
    #[arg(value_name = "SERVER", hide = true)]
    server: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

impl Command for Login {
    const USAGE: &'static str = "[OPTIONS] [SERVER]";
    const EXAMPLES: &'static [Example] = &[(
        "login -u alice --password-stdin ghcr.io < token",
        "Without the password on the command line, where others can see it",
    )];

    fn run(self, context: &Context) -> Outcome {
        let context = &self.reach.applied(context)?;
        if self.get_login {
            return get_login(context, self.server.as_deref());
        }
        let typed = self.typed_password(context)?;
        let server = Server::parse(self.server.as_deref());
        context.prepare_network();
        let user = self.username.clone().filter(|user| !user.is_empty());
        let mut known = None;
        if user.is_none() && typed.is_none() {
            let kept = Credentials::of_registry(&context.settings, server.registry())?;
            if let Credentials::Password { user, password } = kept {
                if again(context, &server, &user, &password)? {
                    return succeed(context, &server, &user, &password);
                }
                known = Some(user);
            }
        }
        if (user.is_none() || typed.is_none()) && !streams::stdin_is_terminal() {
            return Err(Failure::message(
                "Cannot perform an interactive login from a non TTY device",
            )
            .with_hint(match server.is_docker_io() {
                true => HINT_FOR_DOCKER_IO,
                false => HINT,
            }));
        }
        let user = match user {
            Some(user) => user,
            None => ask_user(context, &server, known.as_deref())?,
        };
        let password = match typed {
            Some(password) => password,
            None => ask_password(context)?,
        };
        let password = Secret::new(password);
        check(context, &server, &user, &password)?;
        succeed(context, &server, &user, &password)
    }
}

impl Login {
    /// The password that came with the command.
    fn typed_password(&self, context: &Context) -> Result<Option<String>, Failure> {
        let password = self
            .password
            .clone()
            .filter(|password| !password.is_empty());
        if password.is_some() {
            context.eprintln(
                "WARNING! Using --password via the CLI is insecure. Use --password-stdin.",
            );
        }
        if !self.password_stdin {
            return Ok(password);
        }
        if password.is_some() {
            return Err(Failure::plain(
                "--password and --password-stdin are mutually exclusive",
            ));
        }
        if self.username.as_deref().unwrap_or_default().is_empty() {
            return Err(Failure::plain(
                "Must provide --username with --password-stdin",
            ));
        }
        let read = bounded::read(io::stdin().lock(), MAX_PASSWORD)?;
        let text = String::from_utf8(read)
            .map_err(|_| Failure::message("the password on stdin is not UTF-8"))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }
}

/// `--get-login`, in podman's words.
fn get_login(context: &Context, server: Option<&str>) -> Outcome {
    let server = Server::parse(server);
    match Credentials::for_registry(&context.settings, server.registry())? {
        Credentials::Password { user, .. } => context.println(&user).map(|()| 0),
        _ => Err(Failure::message(format!(
            "not logged into {}",
            server.registry()
        ))),
    }
}

/// Tries the login that is there; whether it is still good.
fn again(
    context: &Context,
    server: &Server,
    user: &str,
    password: &Secret,
) -> Result<bool, Failure> {
    context.println(&format!(
        "Authenticating with existing credentials... [Username: {user}]\n\
         To login with a different account, run '{0} logout' followed by '{0} login'\n",
        context.program
    ))?;
    match check(context, server, user, password) {
        Ok(()) => Ok(true),
        Err(failure) => {
            context.eprintln("Login did not succeed with the stored credentials");
            context.report(&failure);
            Ok(false)
        }
    }
}

fn check(context: &Context, server: &Server, user: &str, password: &Secret) -> Result<(), Failure> {
    let credentials = Credentials::Password {
        user: user.to_owned(),
        password: password.clone(),
    };
    let timing = Timing::of(&context.settings);
    let refused = |error: registry::Error| {
        let hint = match error {
            registry::Error::Unauthorized { .. } | registry::Error::Denied { .. } => HINT_REFUSED,
            error => return Failure::of(error),
        };
        Failure::of(error).with_hint(hint)
    };
    registry::login(server.endpoint(), &credentials, &context.settings, timing).map_err(refused)
}

fn succeed(context: &Context, server: &Server, user: &str, password: &Secret) -> Outcome {
    let kept = registry::store(&context.settings, server, user, password)
        .map_err(|error| Failure::of(error).about("Error saving credentials"))?;
    if let Kept::Plainly(path) = kept {
        context.eprintln("");
        context.eprintln(&format!(
            "WARNING! Your credentials are stored unencrypted in '{}'.",
            path.display()
        ));
        context.eprintln("Configure a credential helper to remove this warning. See");
        context.eprintln("https://docs.docker.com/go/credential-store/");
        context.eprintln("");
    }
    context.println("Login Succeeded")?;
    Ok(0)
}

fn ask_user(context: &Context, server: &Server, known: Option<&str>) -> Result<String, Failure> {
    if server.is_docker_io() {
        context.println(ABOUT_DOCKER_IO)?;
    }
    context.print(&match known {
        Some(known) => format!("Username ({known}): "),
        None => "Username: ".to_owned(),
    })?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    match (line.trim(), known) {
        ("", Some(known)) => Ok(known.to_owned()),
        ("", None) => Err(Failure::message("Non-null Username Required")),
        (user, _) => Ok(user.to_owned()),
    }
}

fn ask_password(context: &Context) -> Result<String, Failure> {
    let password = secret::read_line(|| context.print("Password: "));
    context.println("")?;
    match password? {
        Some(password) if !password.is_empty() => Ok(password),
        _ => Err(Failure::message("Password Required")),
    }
}

/// Log out from a registry
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Log out from all registries
    #[arg(short, long)]
    all: bool,
    /// Forget what this file holds (default: Docker's, or that of $REGISTRY_AUTH_FILE)
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// HOST or HOST:PORT of the registry (default: docker.io)
    #[arg(value_name = "SERVER", hide = true)]
    server: Option<String>,
}

impl Command for Logout {
    const USAGE: &'static str = "[SERVER]";
    const EXAMPLES: &'static [Example] = &[("logout ghcr.io", "Forget the login to a registry")];

    fn run(self, context: &Context) -> Outcome {
        let mut context = context.clone();
        if self.authfile.is_some() {
            context.settings.registries.login_file = self.authfile;
        }
        let failed =
            |error: CredentialError| Failure::of(error).about("could not erase credentials");
        if self.all {
            if self.server.is_some() {
                return Err(Failure::message("--all takes no server"));
            }
            registry::erase_all(&context.settings).map_err(failed)?;
            // podman's words.
            context.println("Removed login credentials for all registries")?;
            return Ok(0);
        }
        let server = Server::parse(self.server.as_deref());
        context.println(&format!("Removing login credentials for {}", server.key()))?;
        registry::erase(&context.settings, &server).map_err(failed)?;
        Ok(0)
    }
}

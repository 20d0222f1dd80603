//! A root file system of Debian's packages, from the mirror that this machine's apt uses: a base image where the registry that
//! has the real one cannot be reached.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use super::needs::find_program;

/// Made by the first scenario that needs it: that takes half a minute.
static TAR: LazyLock<Result<Vec<u8>, String>> = LazyLock::new(make);

/// Returns a tar of Debian's required packages and apt, or why there is none.
pub(crate) fn rootfs_tar() -> Result<&'static [u8], &'static str> {
    TAR.as_deref().map_err(String::as_str)
}

fn make() -> Result<Vec<u8>, String> {
    let program = find_program("mmdebstrap")?;
    let (mirror, suite) = mirror()?;
    let host = mirror
        .strip_prefix("http://")
        .and_then(|rest| rest.split('/').next())
        .ok_or_else(|| format!("{mirror} is no plain http"))?;
    let place = match host.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:80"),
    };
    let mut addresses = place.to_socket_addrs().into_iter().flatten().take(2);
    if !addresses.any(|to| TcpStream::connect_timeout(&to, Duration::from_secs(2)).is_ok()) {
        return Err(format!("{place} cannot be reached"));
    }
    let made = Command::new(program)
        .args(["--quiet", "--variant=minbase"])
        .arg("--dpkgopt=path-exclude=/usr/share/doc/*")
        .arg("--dpkgopt=path-exclude=/usr/share/locale/*")
        .args([&suite, "-", &mirror])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("mmdebstrap: {error}"))?;
    if !made.status.success() {
        let words = String::from_utf8_lossy(&made.stderr);
        let last = words.lines().last().unwrap_or_default();
        return Err(format!("mmdebstrap: {last}"));
    }
    Ok(made.stdout)
}

/// The first archive of apt's sources, and which release of Debian they name.
fn mirror() -> Result<(String, String), String> {
    let listed = Command::new(find_program("apt-get")?)
        .args([
            "indextargets",
            "--format",
            "$(SITE) $(CODENAME) $(COMPONENT)",
        ])
        .arg("Identifier: Packages")
        .output()
        .map_err(|error| format!("apt-get: {error}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let found = listed.lines().find_map(|line| {
        let (rest, component) = line.rsplit_once(' ')?;
        let (site, suite) = rest.rsplit_once(' ')?;
        let is_it = component == "main" && site.ends_with("/debian") && !suite.contains('-');
        is_it.then(|| (site.to_owned(), suite.to_owned()))
    });
    found.ok_or_else(|| "apt knows no archive of Debian".to_owned())
}

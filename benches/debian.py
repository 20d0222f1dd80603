"""A Debian image with a warm package cache, and the same as a directory to `chroot` into."""

import os
import re
import shutil
import subprocess

from peers import Failed, Skipped

# With all they depend on, 60 packages of Debian 12.
PACKAGES = "ca-certificates curl git jq less nginx-light openssh-client python3 rsync sqlite3".split()

# As Debian's own container images have it: so a slow disk's syncs are nobody's burden, the chroot's least of all.
UNSAFE_IO = 'echo force-unsafe-io >"$1"/etc/dpkg/dpkg.cfg.d/unsafe-io'

INSTALL = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]

# What makes the caller root of a user namespace with all ids it has.
ROOT = ["unshare", "--map-root-user", "--map-auto"]


def _sources():
    """The files that say where this machine gets its packages from."""
    names = ["/etc/apt/sources.list"]
    if os.path.isdir("/etc/apt/sources.list.d"):
        names += (f"/etc/apt/sources.list.d/{name}" for name in sorted(os.listdir("/etc/apt/sources.list.d")))
    files = [name for name in names if name.endswith((".list", ".sources")) and os.path.isfile(name)]
    return [name for name in files if os.path.getsize(name)]


def _proxies():
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True)
    return [f"--aptopt={line}" for line in done.stdout.splitlines() if re.match(r"Acquire::https?::Proxy", line)]


def make_tar(path):
    """Makes a root file system in which `INSTALL` needs no network; returns how many packages it will install.

    From the packages of this machine's own distribution. Skipped where that is not Debian's, or not to be reached.
    """
    for program in ("mmdebstrap", "apt-get", "unshare"):
        if not shutil.which(program):
            raise Skipped(f"{program} is not here")
    with open("/etc/os-release") as file:
        release = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    if release.get("ID") != "debian" or not _sources():
        raise Skipped("it takes Debian's packages, and this machine has another distribution's")
    download = " ".join(["APT_CONFIG=$MMDEBSTRAP_APT_CONFIG", *INSTALL, "--download-only"])
    argv = [
        *("mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup/apt", '--aptopt=Acquire::Languages "none"'),
        *_proxies(),
        *(f"--customize-hook={hook}" for hook in (UNSAFE_IO, 'rm -f "$1"/var/cache/apt/archives/*.deb', download)),
        *(release["VERSION_CODENAME"].strip('"'), path, *_sources()),
    ]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:", "Err"))]
        raise Skipped("a Debian cannot be made from this machine's package sources: " + "; ".join(errors[-3:]))
    found = re.search(r"(\d+) newly installed", done.stdout + done.stderr)
    if not found:
        raise Failed("apt-get does not say how many packages it will install")
    return int(found[1])


class Chroot:
    """The root file system as a plain directory, a fresh copy for each measurement."""

    def __init__(self, tar, directory):
        self.directory = directory
        self.pristine, self.root = f"{directory}/pristine", f"{directory}/root"
        os.makedirs(self.pristine)
        self._run("tar", "-C", self.pristine, "--exclude=./dev/*", "-xf", tar)

    def _run(self, *argv):
        done = subprocess.run([*ROOT, *argv], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{argv[0]}: {done.stderr.strip()}")

    def renew(self):
        self._run("rm", "-rf", self.root)
        self._run("cp", "-a", self.pristine, self.root)

    def argv(self):
        script = 'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        return [shutil.which("unshare"), *ROOT[1:], "--mount", "--pid", "--fork", "sh", "-c", script, self.root, *INSTALL]

    def remove(self):
        self._run("rm", "-rf", self.directory)

"""The programs that are measured, each with its own empty storage, and how one measurement is taken."""

import os
import shutil
import statistics
import subprocess
import time


class Failed(Exception):
    """A command that should have succeeded did not; its words are the argument."""


class Skipped(Exception):
    """Something that a measurement cannot do without is not here; what, is the argument."""


def spent(argv):
    """Runs a command with nothing attached; returns its duration from the call to its end reaped, and the processor time
    that it took with all processes it waited for; both in seconds.

    posix_spawn, because it costs the same whatever the size of this process.
    """
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    duration = time.perf_counter() - start
    if status != 0:
        raise Failed(f"{' '.join(argv)}: exit code {os.waitstatus_to_exitcode(status)}")
    return duration, usage.ru_utime + usage.ru_stime


def timed(argv):
    """As `spent`, and returns the duration alone."""
    return spent(argv)[0]


def output(argv, **options):
    """Runs a command and returns its stdout."""
    done = subprocess.run(argv, stdin=options.pop("stdin", subprocess.DEVNULL), capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def interleaved(commands, rounds):
    """Measures every command of a {name: argv} in turn, so that a noisy minute hits all of them alike.

    Returns {name: [seconds]}; one that fails is left out, with a line about it.
    """
    results = {}
    for name, argv in list(commands.items()):
        try:
            timed(argv)
            results[name] = []
        except (Failed, OSError) as error:
            print(f"  {name} is left out: {error}", flush=True)
    for _ in range(rounds):
        for name in results:
            # A fast command gets more samples in the same time.
            for _ in range(5 if results[name][:1] and results[name][0] < 0.03 else 1):
                results[name].append(timed(commands[name]))
    return results


def median_ms(samples):
    return statistics.median(samples) * 1000


class Engine:
    """Something with docker's command line."""

    def __init__(self, name, argv, directory=None):
        self.name, self.argv, self.directory = name, argv, directory

    def __call__(self, *args):
        return [*self.argv, *args]

    def wipe(self):
        """Removes its containers and its storage."""
        ids = subprocess.run(self("ps", "-aq"), capture_output=True, text=True).stdout.split()
        for start in range(0, len(ids), 200):
            subprocess.run(self("rm", "-f", *ids[start : start + 200]), capture_output=True)
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            if os.path.exists(self.directory):
                subprocess.run(["unshare", "--map-root-user", "--map-auto", "rm", "-rf", self.directory])


def ctr(binary, directory):
    return Engine("ctr", [binary, "--root", f"{directory}/data", "--runroot", f"{directory}/run"], directory)


def podman(directory):
    argv = [
        shutil.which("podman"),
        *("--root", f"{directory}/data", "--runroot", f"{directory}/run"),
        *("--storage-driver", "overlay", "--cgroup-manager", "cgroupfs"),
    ]
    return Engine("podman", argv, directory)


def engines(binary, work):
    """ctr, and those of podman and docker that work here."""
    found = [ctr(binary, f"{work}/ctr")]
    if shutil.which("podman"):
        found.append(podman(f"{work}/podman"))
    if os.environ.get("DOCKER_HOST"):
        found.append(Engine("docker", [shutil.which("docker")]))
    working = []
    for engine in found:
        try:
            output(engine("ps"))
            working.append(engine)
        except (Failed, OSError) as error:
            print(f"{engine.name} is left out: {error}", flush=True)
    return working


def versions(binary):
    """One line for each program that is there."""
    lines = []
    for name, argv in {
        "ctr": [binary, "--version"],
        "bwrap": ["bwrap", "--version"],
        "crun": ["crun", "--version"],
        "podman": ["podman", "--version"],
        "conmon": ["conmon", "--version"],
        "docker": ["docker", "version", "--format", "client {{.Client.Version}}, server {{.Server.Version}}"],
        "skopeo": ["skopeo", "--version"],
        "docker-registry": ["docker-registry", "--version"],
    }.items():
        try:
            lines.append(f"{name}: {output(argv).splitlines()[0]}")
        except (Failed, OSError):
            lines.append(f"{name}: not here")
    return lines

"""The builders: how each gets the base images, builds a case, and gives the image back."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from base import Base
from images import Image

TIMEOUT = 120


class BuildFailed(Exception):
    """The builder's last words."""


def run(argv, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, **options)
    if done.returncode != 0:
        raise BuildFailed(f"{' '.join(argv)}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


class Engine:
    name = "?"
    # Whether it reads Dockerfile.peer where there is one.
    peer = True

    @property
    def kind(self):
        """The name by which `accepted` knows it."""
        return self.name

    def start(self, scratch):
        """Loads the base images."""
        for name in Base.IMAGES:
            archive = scratch / f"{name}.tar"
            Base.archive(name, archive)
            self.load(archive)

    def stop(self):
        pass

    def build(self, case, scratch):
        """Builds a case and returns its image."""
        place = scratch / case.name
        context = case.lay_out(place, self.peer)
        archive = scratch / "image.tar"
        archive.unlink(missing_ok=True)
        try:
            self.make(case, place, context, archive)
            return Image(archive)
        finally:
            subprocess.run(["chmod", "-R", "u+rwX", str(place)], stderr=subprocess.DEVNULL, check=False)
            shutil.rmtree(place)


class Ctr(Engine):
    name = "ctr"
    peer = False

    def __init__(self, argv=None):
        self.argv = argv or os.environ.get("CTR", "ctr").split()

    @property
    def kind(self):
        """Apart: a user without subordinate ids, whose builds have only one."""
        if os.getuid() == 0:
            return "ctr"
        user = pwd.getpwuid(os.getuid()).pw_name
        ranges = Path("/etc/subuid").read_text().splitlines() if Path("/etc/subuid").exists() else []
        has_range = any(line.split(":")[0] in (user, str(os.getuid())) for line in ranges)
        return "ctr" if has_range else "ctr-single"

    def load(self, archive):
        run([*self.argv, "load", "-i", str(archive)])

    def make(self, case, place, context, archive):
        flags = ["-t", "corpus-result", "-f", str(place / "Dockerfile"), *case.arguments(place)]
        run([*self.argv, "build", "--no-cache", *flags, str(context)])
        run([*self.argv, "save", "-o", str(archive), "corpus-result"])

    def version(self):
        return run([*self.argv, "--version"])


class Docker(Engine):
    """BuildKit inside dockerd."""

    name = "docker"

    def __init__(self):
        if not os.environ.get("DOCKER_HOST"):
            raise SystemExit("docker: set DOCKER_HOST to a daemon that was started for this")
        self.program = os.environ.get("DOCKER", "docker")
        self.environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}

    def load(self, archive):
        run([self.program, "load", "-i", str(archive)])

    def make(self, case, place, context, archive):
        flags = ["--network=none", "-t", "corpus-result", "-f", str(place / "Dockerfile"), *case.arguments(place)]
        # Its cache takes files of different times for the same.
        run([self.program, "build", "--no-cache", *flags, str(context)], env=self.environment)
        run([self.program, "save", "-o", str(archive), "corpus-result"])

    def version(self):
        return "BuildKit in dockerd " + run([self.program, "version", "--format", "{{.Server.Version}}"])


class Buildah(Engine):
    name = "buildah"

    def start(self, scratch):
        self.argv = ["buildah", "--root", str(scratch / "buildah"), "--runroot", str(scratch / "buildah-run")]
        super().start(scratch)

    def stop(self):
        run([*self.argv, "rmi", "-a", "-f"])

    def load(self, archive):
        run([*self.argv, "pull", "-q", f"docker-archive:{archive}"])

    def make(self, case, place, context, archive):
        flags = ["-t", "corpus-result", "-f", str(place / "Dockerfile"), *case.arguments(place)]
        flags = ["--isolation", "chroot", "--pull-never", "--no-cache", "--format", "docker", "--identity-label=false", *flags]
        run([*self.argv, "bud", "--layers", *flags, str(context)])
        run([*self.argv, "push", "-q", "corpus-result", f"docker-archive:{archive}:corpus-result:latest"])

    def version(self):
        return run(["buildah", "--version"])


ENGINES = {"ctr": Ctr, "docker": Docker, "buildah": Buildah}

"""The rows about `build`; podman's builder is buildah."""

import os
import shutil
import statistics
import subprocess

import debian
import peers
from peers import Failed, interleaved
from rows import Row

# What a step of the four stages does: some tenths of a second of one core.
WORK = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"


def _context(bench, name, dockerfile):
    """Makes a context with a Dockerfile; returns its directory."""
    directory = f"{bench.work}/{name}"
    os.makedirs(directory)
    with open(f"{directory}/Dockerfile", "w") as file:
        file.write(dockerfile)
    return directory


def _commands(bench, directory, *flags):
    # Without its plug-in, docker has only the builder that came before BuildKit.
    plugin = subprocess.run(["docker", "buildx", "version"], capture_output=True) if shutil.which("docker") else None
    os.environ["DOCKER_BUILDKIT"] = "1" if plugin and plugin.returncode == 0 else "0"
    common = ("build", "-q", "--network", "none", *flags, "-t", "bench-result", directory)
    return {engine.name: engine(*common) for engine in bench.engines}


def run_steps(bench):
    row = Row("`build`, 10 × `RUN true` without cache, per step", "≤ 20 ms; ≤ 1/15 of buildah")
    directory = _context(bench, "steps", "FROM busybox\n" + "RUN true\n" * 10)
    results = interleaved(_commands(bench, directory, "--no-cache"), 2 if bench.quick else 6)
    return row.times({name: [time / 10 for time in times] for name, times in results.items()})


def cached(bench):
    row = Row("`build` of 20 steps, all cached", "≤ 25 ms; ≤ 1/10 of buildah")
    steps = "".join(f"RUN echo {n} > /{n}\n" for n in range(10)) + "COPY Dockerfile /\nENV a=b\n" * 5
    directory = _context(bench, "cached", "FROM busybox\n" + steps)
    flags = {"podman": ["--layers"]}
    commands = _commands(bench, directory)
    for name, argv in commands.items():
        argv[-1:-1] = flags.get(name, [])
    return row.times(interleaved(commands, 4 if bench.quick else 20))


def copy(bench):
    row = Row("`COPY` of 20,000 files (100 MB) without cache", "≤ 1.5 × `cp -a`; ≤ 1/3 of buildah")
    directory = _context(bench, "copy", "FROM busybox\nCOPY files /files\n")
    for number in range(20_000):
        path = f"{directory}/files/{number // 200}/{number}"
        if number % 200 == 0:
            os.makedirs(os.path.dirname(path))
        with open(path, "wb") as file:
            file.write(number.to_bytes(4, "little") * 1250)
    commands = _commands(bench, directory, "--no-cache")
    samples = {}
    for _ in range(1 if bench.quick else 3):
        for name, argv in [*commands.items(), ("cp -a", None)]:
            # What the last one left to be written must not be this one's burden.
            os.sync()
            target = f"{bench.work}/copied"
            try:
                argv = argv or [shutil.which("cp"), "-a", f"{directory}/files", target]
                samples.setdefault(name, []).append(peers.timed(argv))
            except Failed as error:
                print(f"  {name} is left out: {error}", flush=True)
            shutil.rmtree(target, ignore_errors=True)
    return row.times({name: times for name, times in samples.items() if times}, "{:.2f} s", statistics.median)


def stages(bench):
    row = Row("`build` of four stages of equal work, as a multiple of one", "≤ 2.2 on two cores")
    four = "".join(f"FROM busybox AS s{n}\nRUN {WORK}; echo {n} > /out\n" for n in range(4))
    four += "FROM scratch\n" + "".join(f"COPY --from=s{n} /out /{n}\n" for n in range(4))
    one = f"FROM busybox\nRUN {WORK}; echo 0 > /out\n"
    times = []
    for name, text in (("four", four), ("one", one)):
        commands = _commands(bench, _context(bench, name, text), "--no-cache")
        times.append(interleaved(commands, 2 if bench.quick else 4))
    fours, ones = times
    ratios = {
        name: statistics.median(fours[name]) / statistics.median(ones[name]) for name in fours if ones.get(name)
    }
    return row.times(ratios, "{:.2f}", lambda ratio: ratio)


def apt(bench):
    tar = f"{bench.work}/debian.tar"
    count = debian.make_tar(tar)
    row = Row(f"`RUN apt-get install` of {count} packages, package cache warm", "≤ 1.05 × the same in a chroot")
    for engine in bench.engines:
        peers.output(engine("import", tar, "debian"))
    # As if the user had no subordinate ids: root of a namespace with one id has one.
    one_id = ["unshare", "--map-root-user", *peers.ctr(bench.binary, f"{bench.work}/one-id")("import", tar, "debian")]
    peers.output(one_id)
    chroot = debian.Chroot(tar, f"{bench.work}/chroot")
    os.unlink(tar)
    install = " ".join(debian.INSTALL)
    directory = _context(bench, "apt", f"FROM debian\nENV DEBIAN_FRONTEND=noninteractive\nRUN {install}\n")
    commands = {"ctr": None, "chroot": chroot.argv(), "ctr with one id": None, **_commands(bench, directory, "--no-cache")}
    commands["ctr with one id"] = [shutil.which("unshare"), *one_id[1:-3], *commands["ctr"][len(bench.engines[0].argv) :]]
    walls, processor = {}, {}
    for _ in range(2 if bench.quick else 5):
        for name, argv in list(commands.items()):
            if name == "chroot":
                chroot.renew()
            # What the last one left to be written must not be this one's burden.
            os.sync()
            try:
                wall, cpu = peers.spent(argv)
            except Failed as error:
                print(f"  {name} is left out: {error}", flush=True)
                del commands[name]
                continue
            walls.setdefault(name, []).append(wall)
            processor.setdefault(name, []).append(cpu)
    chroot.remove()
    shutil.rmtree(f"{bench.work}/one-id", ignore_errors=True)
    median = statistics.median
    # Docker's daemon does the work, and is nobody's child here.
    told = (f"{name} {median(cpu):.1f} s" for name, cpu in processor.items() if name != "docker")
    row.note = "processor time: " + ", ".join(told)
    return row.times(walls, "{:.2f} s", median)


ROWS = {"build-run": run_steps, "build-cached": cached, "build-copy": copy, "build-apt": apt, "build-stages": stages}

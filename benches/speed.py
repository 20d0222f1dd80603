"""Every promise of speed as a row: ctr and its peers, measured in turns in the same run; see `run`."""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import builds
import images
import peers
from peers import Failed, Skipped, interleaved, median_ms, output
from rows import Row

CONTAINER = "bench"
TRUE = ("run", "--rm", "--network", "none", "busybox", "true")


class Bench:
    """What the rows share: the engines, a root file system, and the options."""

    def __init__(self, binary, work, quick):
        self.binary, self.work, self.quick = binary, work, quick
        self.rounds = 8 if quick else 40
        self.rootfs_tar = f"{work}/busybox.tar"
        images.busybox_tar(self.rootfs_tar)
        self.rootfs = f"{work}/bundle/rootfs"
        os.makedirs(self.rootfs)
        subprocess.run(["tar", "-C", self.rootfs, "-xf", self.rootfs_tar], check=True)
        self.engines = peers.engines(binary, work)
        for engine in self.engines:
            output(engine("import", self.rootfs_tar, "busybox"))

    def engine(self, name):
        return next((engine for engine in self.engines if engine.name == name), None)

    def close(self):
        for engine in self.engines:
            engine.wipe()


def run_true(bench):
    row = Row("`run --rm --network none busybox true`", "≤ 10 ms; ≤ 1/15 of podman")
    commands = {engine.name: engine(*TRUE) for engine in bench.engines}
    if bwrap := shutil.which("bwrap"):
        commands["bwrap"] = [
            *(bwrap, "--unshare-all", "--die-with-parent", "--bind", bench.rootfs, "/"),
            *("--proc", "/proc", "--dev", "/dev", "/bin/true"),
        ]
    if crun := shutil.which("crun"):
        bundle = os.path.dirname(bench.rootfs)
        output([crun, "spec", "--rootless"], cwd=bundle)
        with open(f"{bundle}/config.json") as file:
            spec = json.load(file)
        spec["process"]["terminal"] = False
        spec["process"]["args"] = ["/bin/true"]
        with open(f"{bundle}/config.json", "w") as file:
            json.dump(spec, file)
        commands["crun on a ready bundle"] = [crun, "--root", f"{bench.work}/crun", "run", "--bundle", bundle, "bench"]
    return row.times(interleaved(commands, bench.rounds))


def exec_true(bench):
    row = Row("`exec C true`", "≤ 5 ms; ≤ 1/15 of podman")
    commands = {}
    for engine in bench.engines:
        output(engine("run", "-d", "--name", CONTAINER, "--network", "none", "busybox", "sleep", "100000"))
        commands[engine.name] = engine("exec", CONTAINER, "true")
    pid = output(bench.engines[0]("inspect", "-f", "{{.State.Pid}}", CONTAINER))
    commands["nsenter"] = [
        *(shutil.which("nsenter"), "--target", pid, "--user", "--preserve-credentials", "--mount", "--pid", "--net"),
        *("--ipc", "--uts", "--root", "--wd", "/bin/true"),
    ]
    results = interleaved(commands, bench.rounds)
    for engine in bench.engines:
        output(engine("rm", "-f", CONTAINER))
    return row.times(results)


def run_at_once(bench):
    row = Row("64 × `run --rm --network none busybox true` at once, per container", "not slower than one by one")
    row.note = "one by one: "
    results = {}
    for engine in bench.engines:
        if engine.name == "docker":
            continue
        count = 64
        one_by_one, at_once = [], []
        for _ in range(1 if bench.quick or engine.name != "ctr" else 5):
            start = time.perf_counter()
            for _ in range(count):
                peers.timed(engine(*TRUE))
            one_by_one.append((time.perf_counter() - start) / count)
            start = time.perf_counter()
            null = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running = [subprocess.Popen(engine(*TRUE), **null) for _ in range(count)]
            codes = [process.wait() for process in running]
            at_once.append((time.perf_counter() - start) / count)
            if failed := sum(code != 0 for code in codes):
                row.note += f"{engine.name}: {failed} of {count} failed; "
        results[engine.name] = at_once
        row.note += f"{engine.name} {median_ms(one_by_one):.1f} ms, "
    row.note = row.note.rstrip(", ")
    return row.times(results)


def ps(bench, count):
    row = Row(f"`ps -a` with {count:,} stopped containers", "≤ 3 ms" if count == 0 else "≤ 30 ms")
    commands = {}
    for engine in bench.engines:
        if count and engine.name == "docker":
            continue  # creating them takes it many minutes
        for _ in range(count):
            output(engine("create", "--network", "none", "busybox", "true"))
        commands[engine.name] = engine("ps", "-a")
    results = interleaved(commands, max(bench.rounds // 2, 5))
    for engine in bench.engines:
        ids = output(engine("ps", "-aq")).split()
        for start in range(0, len(ids), 200):
            output(engine("rm", "-f", *ids[start : start + 200]))
    return row.times(results)


def ps_none(bench):
    return ps(bench, 0)


def ps_thousand(bench):
    return ps(bench, 100 if bench.quick else 1000)


def pull(bench):
    row = Row("`pull` of the large image, empty store", "≤ 1.2 × the floor; ≤ 1/2 of podman")
    print("  generating the image", flush=True)
    directory = tempfile.mkdtemp(dir=bench.work)
    layers = images.large_image(directory)
    registry = images.Registry(f"{bench.work}/registry")
    try:
        registry.push("large", "1", layers, {"Cmd": ["sh"]})
        packed = sum(os.path.getsize(path) for path, *_ in layers)
        shutil.rmtree(directory)
        name = f"{registry.host}/large:1"
        unpacked = sum(size for *_, size in layers)
        row.note = f"{len(layers)} layers, {unpacked / 1e6:.0f} MB, {packed / 1e6:.0f} MB packed"
        _pull_all(bench, registry, name, layers, row)
    finally:
        registry.stop()
        shutil.rmtree(f"{bench.work}/registry", ignore_errors=True)
    return row


def _pull_all(bench, registry, name, layers, row):
    floor = " & ".join(
        f"(mkdir {index} && curl -sSf {registry.url('large', 'blobs', digest)} | tar -xz -C {index})"
        for index, (_, _, digest, _) in enumerate(layers)
    )
    samples = {}
    tools = ["ctr", "floor: curl \\| tar", "podman", "docker", "skopeo to a directory"]
    for turn in range(1 if bench.quick else 3):
        # Each goes first once: a disk that has been written to is slower for whoever comes next.
        for tool in tools[turn:] + tools[:turn]:
            target = f"{bench.work}/pull"
            engine, clean = None, None
            if tool == "ctr":
                engine = peers.ctr(bench.binary, target)
                argv = engine("pull", "-q", name)
            elif tool == "podman" and bench.engine("podman"):
                engine = peers.podman(target)
                argv = engine("pull", "-q", "--tls-verify=false", name)
            elif tool == "docker" and bench.engine("docker"):
                docker = bench.engine("docker")
                argv, clean = docker("pull", "-q", name), docker("rmi", name)
            elif tool.startswith("skopeo") and shutil.which("skopeo"):
                argv = [shutil.which("skopeo"), "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"dir:{target}"]
            elif tool.startswith("floor") and shutil.which("curl"):
                script = f"mkdir {target} && cd {target} || exit; {floor} & wait"
                argv = ["/bin/sh", "-c", script]
            else:
                continue
            # What the last one left to be written must not be this one's burden.
            os.sync()
            try:
                samples.setdefault(tool, []).append(peers.timed(argv))
            except (Failed, OSError) as error:
                print(f"  {tool} is left out: {error}", flush=True)
            if clean:
                output(clean)
            elif engine:
                engine.wipe()
            shutil.rmtree(target, ignore_errors=True)
    row.times({name: times for name, times in samples.items() if times}, "{:.2f} s", statistics.median)


def monitor_memory(bench):
    row = Row("private memory of one idle container's monitor, beside another one", "≤ 1 MiB")
    beside, alone = {}, []
    for engine in bench.engines:
        if engine.name == "docker":
            continue
        name = "ctr" if engine.name == "ctr" else "conmon"
        output(engine("run", "-d", "--name", CONTAINER, "--network", "none", "busybox", "sleep", "100000"))
        alone.append(f"{name} {_private_kib(engine, CONTAINER)} KiB")
        # A second one, since the pages of the program itself are private only as long as nobody else runs it.
        other = CONTAINER + "2"
        output(engine("run", "-d", "--name", other, "--network", "none", "busybox", "sleep", "100000"))
        beside[name] = _private_kib(engine, CONTAINER)
        output(engine("rm", "-f", CONTAINER, other))
    row.note = "the only one, with the pages of its program: " + ", ".join(alone)
    return row.times(beside, "{:.0f} KiB", lambda kib: kib)


def _private_kib(engine, container):
    """The private memory of a container's monitor, which is its first process's parent."""
    pid = output(engine("inspect", "-f", "{{.State.Pid}}", container))
    with open(f"/proc/{pid}/status") as file:
        monitor = re.search(r"^PPid:\s*(\d+)", file.read(), re.M).group(1)
    with open(f"/proc/{monitor}/smaps_rollup") as file:
        return sum(int(size) for size in re.findall(r"^Private_(?:Clean|Dirty):\s*(\d+)", file.read(), re.M))


def binary_size(bench):
    row = Row("release binary", "≤ 12 MiB, static")
    static = subprocess.run(["ldd", bench.binary], capture_output=True, text=True)
    linked = "static" if "statically linked" in static.stdout or static.returncode else "DYNAMIC"
    size = os.path.getsize(bench.binary)
    row.values["ctr"] = (f"{size / 2**20:.1f} MiB, {linked}", None)
    total, missing = 0, []
    for program in ("podman", "conmon", "crun", "netavark"):
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/lib/podman:/usr/libexec/podman")
        total += os.path.getsize(path) if path else 0
        missing += [] if path else [program]
    if total:
        names = "podman + conmon + crun + netavark" + (f" (without {', '.join(missing)})" if missing else "")
        row.values[names] = (f"{total / 2**20:.1f} MiB", total / size)
    return row


ROWS = {
    "run": run_true,
    "exec": exec_true,
    "at-once": run_at_once,
    "ps": ps_none,
    "ps-1000": ps_thousand,
    "pull": pull,
    "memory": monitor_memory,
    "size": binary_size,
    **builds.ROWS,
}


def table(rows):
    lines = ["| work | ctr | peers, and how many times ctr's figure | goal |", "|---|---|---|---|"]
    for row in rows:
        ours = row.values.get("ctr", ("–", None))[0]
        others = ", ".join(
            f"{name} {text}" + (f" ({ratio:.{0 if ratio >= 10 else 1 if ratio >= 1 else 2}f}×)" if ratio else "")
            for name, (text, ratio) in row.values.items()
            if name != "ctr"
        )
        note = f" ({row.note})" if row.note else ""
        lines.append(f"| {row.work}{note} | {ours} | {others} | {row.goal} |")
    return "\n".join(lines)


def spreads(rows):
    lines = ["| work | program | samples | fastest | slowest |", "|---|---|---|---|---|"]
    for row in rows:
        for name, (least, most, count) in row.spread.items():
            lines.append(f"| {row.work} | {name} | {count} | {least:.1f} ms | {most:.1f} ms |")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    filesystem = output(["stat", "-f", "-c", "%T", tempfile.gettempdir()])
    return (
        f"{os.cpu_count()} × {model.group(1) if model else os.uname().machine}, {memory:.0f} GiB, "
        f"Linux {os.uname().release}, {filesystem}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ctr", required=True, metavar="BINARY")
    parser.add_argument("--results", required=True, metavar="FILE")
    parser.add_argument("--rows", default=",".join(ROWS), help="some of: %(default)s")

    parser.add_argument("--quick", action="store_true", help="fewer samples")
    options = parser.parse_args()

    work = tempfile.mkdtemp(prefix="ctr-bench-")
    bench = None
    rows, skipped, failures = [], [], []
    try:
        bench = Bench(options.ctr, work, options.quick)
        for name in options.rows.split(","):
            print(f"{name} …", flush=True)
            try:
                rows.append(ROWS[name](bench))
                print(table(rows[-1:]).splitlines()[-1], flush=True)
            except Skipped as reason:
                skipped.append(f"{name}: {reason}")
                print(f"  left out: {reason}", flush=True)
            except (Failed, OSError) as error:
                failures.append(f"{name}: {error}")
                print(f"  failed: {error}", flush=True)
                for engine in bench.engines:
                    subprocess.run(engine("rm", "-f", CONTAINER), capture_output=True)
    finally:
        if bench:
            bench.close()
        shutil.rmtree(work, ignore_errors=True)
    text = "\n".join(
        [
            "# Measured beside the peers",
            "",
            f"`make bench`, {time.strftime('%Y-%m-%d', time.gmtime())}, as an unprivileged user with subordinate ids, image present.",
            "Medians of interleaved runs; a ratio above 1 means that ctr took less.",
            "",
            f"Machine: {machine()}",
            "",
            table(rows),
            "",
            spreads(rows),
            "",
            *(f"- {line}" for line in peers.versions(options.ctr)),
            *(f"- Left out: {line}" for line in skipped),
            *(f"- Failed: {line}" for line in failures),
            "",
        ]
    )
    print("\n" + text)
    if set(options.rows.split(",")) == set(ROWS) and not options.quick:
        with open(options.results, "w") as file:
            file.write(text)
    raise SystemExit(bool(failures))


main()

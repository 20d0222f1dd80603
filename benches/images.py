"""Images to measure with: a small one from busybox, and a large one whose bytes are the same on every machine."""

import gzip
import hashlib
import io
import json
import os
import platform
import random
import shutil
import subprocess
import tarfile
import time
import urllib.request

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def _add(tar, name, content=None, mode=0o755, link=None):
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = mode, 1_600_000_000
    if link is not None:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    elif content is None:
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content) if content is not None else None)


def busybox_tar(path):
    """Writes a root file system of the distribution's static busybox."""
    program = shutil.which("busybox")
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for directory in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
            _add(tar, directory)
        with open(program, "rb") as file:
            _add(tar, "bin/busybox", file.read())
        for applet in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                _add(tar, f"bin/{applet}", link="busybox")
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
        _add(tar, "etc/group", b"root:x:0:\n", 0o644)


class _Bytes:
    """Pseudo-random bytes of which gzip makes about two fifths, as it does of a distribution's files."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        # Words drawn unevenly are text-like; raw random bytes between them are like code and compressed data.
        self.words = [self.random.randbytes(self.random.randrange(3, 12)) for _ in range(4096)]

    def take(self, size):
        parts, length = [], 0
        while length < size:
            if self.random.random() < 0.02:
                part = self.random.randbytes(512)
            else:
                part = b"".join(self.words[int(4096 * self.random.random() ** 3)] for _ in range(64))
            parts.append(part)
            length += len(part)
        return b"".join(parts)[:size]


def _write_layer(path, seed, small_files, large_bytes):
    """Writes one layer: many small files, or files of 8 MiB."""
    source = _Bytes(seed)
    # Drawing every byte anew would take minutes; pieces of a pool in another order compress no better, because they
    # lie further apart than gzip's window.
    pool = source.take(16 << 20)

    def content(size):
        pieces = []
        while size > 0:
            piece = min(size, 1 << 18)
            start = source.random.randrange(len(pool) - piece)
            pieces.append(pool[start : start + piece])
            size -= piece
        return b"".join(pieces)

    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, f"layer{seed}")
        for index in range(small_files):
            if index % 100 == 0:
                _add(tar, f"layer{seed}/d{index // 100}")
            _add(tar, f"layer{seed}/d{index // 100}/f{index}", content(source.random.randrange(200, 8000)), 0o644)
        for index in range(large_bytes >> 23):
            _add(tar, f"layer{seed}/large{index}", content(1 << 23), 0o644)


def _digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return "sha256:" + sha.hexdigest()


def large_image(directory):
    """Makes the layers of the large image in `directory`; returns (path, diff_id, digest) of each."""
    layers = []
    # Six layers, about 900 MB: one of 20,000 small files, the others of large ones, as a toolchain image has them.
    for seed, (small_files, megabytes) in enumerate([(0, 80), (20_000, 0), (0, 300), (0, 240), (0, 150), (0, 50)]):
        tar = os.path.join(directory, f"{seed}.tar")
        _write_layer(tar, seed, small_files, megabytes << 20)
        diff_id = _digest(tar)
        with open(tar, "rb") as plain, open(tar + ".gz", "wb") as packed:
            with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=6, mtime=0) as stream:
                shutil.copyfileobj(plain, stream, 1 << 20)
        layers.append((tar + ".gz", diff_id, _digest(tar + ".gz"), os.path.getsize(tar)))
        os.unlink(tar)
    return layers


class Registry:
    """Debian's docker-registry on a free loopback port."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        config = os.path.join(directory, "config.json")
        with open(config, "w") as file:
            json.dump(
                {
                    "version": "0.1",
                    "log": {"accesslog": {"disabled": True}, "level": "info"},
                    "storage": {"filesystem": {"rootdirectory": os.path.join(directory, "data")}},
                    "http": {"addr": "127.0.0.1:0"},
                },
                file,
            )
        log = os.path.join(directory, "log")
        with open(log, "w") as file:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=file, stderr=file)
        for _ in range(100):
            with open(log) as file:
                text = file.read()
            if "listening on 127.0.0.1:" in text:
                self.host = "localhost:" + text.split("listening on 127.0.0.1:")[1].split('"')[0].split()[0]
                return
            time.sleep(0.05)
        raise RuntimeError(f"docker-registry did not start:\n{text}")

    def url(self, repository, kind, reference):
        return f"http://{self.host}/v2/{repository}/{kind}/{reference}"

    def push(self, repository, tag, layers, config):
        """Pushes an image of `layers` (as `large_image` returns them)."""
        for path, _, digest, _ in layers:
            with open(path, "rb") as file:
                self._put_blob(repository, digest, file, os.path.getsize(path))
        config = json.dumps(
            {
                "created": "2026-01-01T00:00:00Z",
                "architecture": ARCHITECTURE,
                "os": "linux",
                "config": config,
                "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id, _, _ in layers]},
            }
        ).encode()
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        self._put_blob(repository, digest, config, len(config))
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": digest,
                    "size": len(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                        "digest": digest,
                        "size": os.path.getsize(path),
                    }
                    for path, _, digest, _ in layers
                ],
            }
        ).encode()
        request = urllib.request.Request(
            self.url(repository, "manifests", tag), manifest, {"Content-Type": MANIFEST_TYPE}, method="PUT"
        )
        urllib.request.urlopen(request).close()

    def _put_blob(self, repository, digest, data, size):
        start = urllib.request.Request(f"http://{self.host}/v2/{repository}/blobs/uploads/", b"", method="POST")
        with urllib.request.urlopen(start) as answer:
            location = answer.headers["Location"]
        location += ("&" if "?" in location else "?") + "digest=" + digest
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        urllib.request.urlopen(urllib.request.Request(location, data, headers, method="PUT")).close()

    def stop(self):
        self.process.terminate()
        self.process.wait()

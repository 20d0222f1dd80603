"""The base images of the corpus, made from the static busybox: corpus-base, and corpus-onbuild with triggers."""

import hashlib
import io
import json
import subprocess
import tarfile

PASSWD = """root:x:0:0:root:/root:/bin/sh
app:x:1000:1000::/home/app:/bin/sh
other:x:1001:1002::/:/bin/sh
"""
GROUP = """root:x:0:
app:x:1000:
staff:x:50:app
others:x:1002:
"""
TIME = 946684800


class Base:
    # A file by which the layer is known.
    MARK = {
        "type": "file",
        "mode": "0644",
        "owner": "0:0",
        "mtime": TIME,
        "size": 0,
        "sha256": hashlib.sha256(b"").hexdigest()[:16],
    }

    # Name → what the config has besides PATH and the command.
    IMAGES = {
        "corpus-base": {"Labels": {"of": "base"}},
        "corpus-onbuild": {
            "OnBuild": ["COPY trigger.txt /triggered", "RUN echo onbuild > /onbuild", "ENV FROM_ONBUILD=yes"]
        },
    }

    @staticmethod
    def archive(name, path, busybox="/bin/busybox"):
        """Writes one of the images as a docker-archive."""
        layer = Base._layer(busybox)
        config = {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": ["sh"],
            **Base.IMAGES[name],
        }
        document = {
            "architecture": Base.architecture(),
            "os": "linux",
            "created": "2000-01-01T00:00:00Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
            "history": [{"created": "2000-01-01T00:00:00Z", "created_by": "the corpus"}],
        }
        text = json.dumps(document).encode()
        named = hashlib.sha256(text).hexdigest() + ".json"
        manifest = [{"Config": named, "RepoTags": [f"{name}:latest"], "Layers": ["layer.tar"]}]
        with tarfile.open(path, "w") as outer:
            for file, content in [
                (named, text),
                ("layer.tar", layer),
                ("manifest.json", json.dumps(manifest).encode()),
            ]:
                Base._add(outer, file, content)

    @staticmethod
    def architecture():
        import platform

        return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

    @staticmethod
    def _layer(busybox):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path, mode, owner in [
                ("bin", 0o755, 0),
                ("dev", 0o755, 0),
                ("etc", 0o755, 0),
                ("home", 0o755, 0),
                ("home/app", 0o755, 1000),
                ("proc", 0o755, 0),
                ("root", 0o700, 0),
                ("run", 0o755, 0),
                ("sys", 0o755, 0),
                ("tmp", 0o1777, 0),
                ("usr", 0o755, 0),
                ("var", 0o755, 0),
            ]:
                Base._add(tar, path, None, mode, owner)
            for path, content in [
                (".base", b""),
                ("etc/group", GROUP.encode()),
                ("etc/hostname", b""),
                ("etc/hosts", b""),
                ("etc/passwd", PASSWD.encode()),
                ("etc/resolv.conf", b""),
            ]:
                Base._add(tar, path, content)
            with open(busybox, "rb") as program:
                Base._add(tar, "bin/busybox", program.read(), 0o755)
            applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
            for applet in sorted(set(applets) - {"busybox"}):
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname, link.mode, link.mtime = tarfile.SYMTYPE, "busybox", 0o777, TIME
                tar.addfile(link)
        return buffer.getvalue()

    @staticmethod
    def _add(tar, path, content, mode=0o644, owner=0):
        member = tarfile.TarInfo(path)
        member.mode, member.mtime, member.uid, member.gid = mode, TIME, owner, owner
        if content is None:
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        else:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

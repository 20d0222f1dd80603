"""What is in an image: its layers, one on the other, and its config. Read from a docker-archive."""

import hashlib
import json
import stat
import tarfile

# Times before this are a file's own; later ones are the build's, and differ from build to build.
BUILD_TIME = 1_400_000_000

KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
}


class Image:
    def __init__(self, archive):
        """Reads a docker-archive with one image."""
        with tarfile.open(archive) as outer:
            (manifest,) = json.load(outer.extractfile("manifest.json"))
            self.json = json.load(outer.extractfile(manifest["Config"]))
            self.layers = len(manifest["Layers"])
            self.tree = {}
            self.first = {}
            for index, name in enumerate(manifest["Layers"]):
                with tarfile.open(fileobj=outer.extractfile(name)) as layer:
                    self._lay(layer)
                if index == 0:
                    self.first = dict(self.tree)

    def describe(self):
        """Returns the image as JSON: its tree, without what is in the base's layer; its config; how many layers it has."""
        from base import Base

        names = {}
        for path, entry in self.tree.items():
            names.setdefault(entry.get("inode", path), []).append(path)
        tree = {path: self._plain(entry, names) for path, entry in self.tree.items()}
        base = {path: self._plain(entry, {}) for path, entry in self.first.items()}
        layers = self.layers
        if base.get("/.base") == Base.MARK:
            layers -= 1
            gone = {path: {"type": "removed"} for path in base.keys() - tree.keys()}
            above = {path for path in gone if path.rpartition("/")[0] in gone}
            changed = {path: entry for path, entry in tree.items() if base.get(path) != entry}
            tree = changed | {path: entry for path, entry in gone.items() if path not in above}
        config = {key: value for key, value in self.json.get("config", {}).items() if self._says_something(key, value)}
        config["architecture"] = "native"
        config["os"] = self.json["os"]
        # Some say what the root directory is, some do not.
        if tree.get("/", {}).items() <= {"type": "directory", "mode": "0755", "owner": "0:0"}.items():
            tree.pop("/", None)
        return {"tree": tree, "config": config, "layers": layers}

    @staticmethod
    def _says_something(key, value):
        # What BuildKit writes for Windows, what buildah leaves of its containers, and what is the default.
        if key in ("ArgsEscaped", "Image", "Hostname") or (key, value) == ("WorkingDir", "/"):
            return False
        return value not in (None, "", [], {}, False)

    @staticmethod
    def _plain(entry, names):
        plain = {key: value for key, value in entry.items() if key != "inode"}
        together = names.get(entry.get("inode"), [])
        if len(together) > 1:
            plain["linked"] = sorted(together)[0]
        # A directory's time changes with what is put into it later.
        if plain["mtime"] >= BUILD_TIME or plain["type"] == "directory":
            del plain["mtime"]
        return plain

    def _lay(self, layer):
        """Lays one layer over what is there."""
        below = dict(self.tree)
        for member in layer:
            path = "/" + member.name.strip("/").removeprefix("./").strip("/")
            path = "/" if path == "/." else path
            parent, _, name = path.rpartition("/")
            if name == ".wh..wh..opq":
                self._remove_below(parent, below)
            elif name.startswith(".wh."):
                gone = f"{parent}/{name.removeprefix('.wh.')}"
                self.tree.pop(gone, None)
                self._remove_below(gone, below)
            elif member.islnk():
                self.tree[path] = self.tree["/" + member.linkname.removeprefix("./").strip("/")]
            else:
                if not member.isdir():
                    self._remove_below(path, below)
                self.tree[path] = self._entry(member, layer)

    def _remove_below(self, directory, below):
        for path in [path for path in self.tree if path.startswith(directory + "/")]:
            if self.tree[path] is below.get(path):
                del self.tree[path]

    @staticmethod
    def _entry(member, layer):
        entry = {
            "type": KINDS[member.type],
            "mode": f"{stat.S_IMODE(member.mode):04o}",
            "owner": f"{member.uid}:{member.gid}",
            "mtime": int(member.mtime),
            "inode": object(),
        }
        if member.isreg():
            entry["size"] = member.size
            entry["sha256"] = hashlib.sha256(layer.extractfile(member).read()).hexdigest()[:16]
        elif member.issym():
            entry["target"] = member.linkname
            del entry["mode"]
        elif member.isdev() and not member.isfifo():
            entry["device"] = f"{member.devmajor}:{member.devminor}"
        prefix = "SCHILY.xattr."
        xattrs = {key.removeprefix(prefix): value for key, value in member.pax_headers.items() if key.startswith(prefix)}
        # What an overlay needs to remember is no part of the image.
        xattrs = {key: value for key, value in xattrs.items() if ".overlay." not in key}
        if xattrs:
            entry["xattrs"] = xattrs
        return entry

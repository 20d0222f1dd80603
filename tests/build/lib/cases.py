"""The cases: what is in their directories, and the context a builder gets."""

import json
import os
import shutil
import subprocess
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "corpus"

# Every file of a context is from here: 2001-02-03 04:05:06 UTC.
FILE_TIME = 981173106


class Case:
    def __init__(self, name):
        self.name = name
        self.directory = CORPUS / name
        settings = self.directory / "case.json"
        self.settings = json.loads(settings.read_text()) if settings.exists() else {}

    def skipped_by(self, engine):
        """Returns why an engine cannot do this case, or None."""
        return self.settings.get("skip", {}).get(engine)

    def expected(self):
        """Returns what is recorded, with what the recording engine got wrong put right: `corrections` in case.json."""
        expected = json.loads((self.directory / "expected.json").read_text())
        for where, (value, _reason) in self.settings.get("corrections", {}).items():
            part, _, rest = where.partition(" ")
            if not rest:
                expected[part] = value
            elif value is None:
                expected[part].pop(rest, None)
            elif part == "tree" and rest.rpartition(" ")[0] in expected["tree"]:
                path, _, field = rest.rpartition(" ")
                expected["tree"][path][field] = value
            else:
                expected[part][rest] = value
        return expected

    def record(self, expected):
        text = json.dumps(expected, indent=1, sort_keys=True, ensure_ascii=False)
        (self.directory / "expected.json").write_text(text + "\n")

    def arguments(self, place):
        """Returns the flags of the build; `{case}` in them is where the case was laid out."""
        return [word.replace("{case}", str(place)) for word in self.settings.get("args", [])]

    def lay_out(self, place, peer):
        """Copies the case to `place`, which must not exist, and makes what git cannot hold.

        Modes and times do not depend on the clone. A script `prepare` is run in the context. For a peer that does not
        know the case's language, Dockerfile.peer says the same in older words.
        """
        shutil.copytree(self.directory, place, symlinks=True)
        if peer and (place / "Dockerfile.peer").exists():
            os.replace(place / "Dockerfile.peer", place / "Dockerfile")
            if (place / "Dockerfile.peer.dockerignore").exists():
                os.replace(place / "Dockerfile.peer.dockerignore", place / "Dockerfile.dockerignore")
        context = place / "context"
        context.mkdir(exist_ok=True)
        for path in [place, *place.rglob("*")]:
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if executable else 0o644)
        self._set_times(context)
        if (place / "prepare").exists():
            environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
            script = "umask 022; . ../prepare"
            subprocess.run(["sh", "-eu", "-c", script], cwd=context, env=environment, check=True)
            self._set_times(context, kept=lambda status: status.st_mtime < FILE_TIME + 1)
        return context

    @staticmethod
    def _set_times(context, kept=lambda status: False):
        # Children first, for a directory's time changes with them.
        for path in sorted([context, *context.rglob("*")], reverse=True):
            if not kept(path.lstat()):
                os.utime(path, (FILE_TIME, FILE_TIME), follow_symlinks=False)

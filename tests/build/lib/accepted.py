"""Differences that are meant: the file `accepted`, one a line: ENGINE CASE WHERE -- REASON, with shell patterns."""

import fnmatch
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "accepted"


class Accepted:
    def __init__(self, rules):
        self.rules = rules

    @staticmethod
    @cache
    def read():
        rules = []
        for line in FILE.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                patterns, reason = line.split(" -- ", 1)
                engine, case, where = patterns.split(None, 2)
                rules.append((engine, case, where.strip(), reason.strip()))
        return Accepted(rules)

    def reason(self, *words):
        """Returns why (engine, case, where) may differ, or None."""
        for *patterns, reason in self.rules:
            if all(fnmatch.fnmatchcase(word, pattern) for word, pattern in zip(words, patterns)):
                return reason
        return None

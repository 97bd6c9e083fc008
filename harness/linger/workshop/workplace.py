"""The student's files: labs/NAME.c, its backups, what was solved (labs/.NAME.solved.c), and
labs/.progress.json, what is done."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from linger.lab import files
from linger.lab.errors import Broken, Usage
from linger.lab.files import read_regular
from linger.lab.programs import ROOT, WRITABLE
from linger.workshop.texts import LETTERS, Text

PROGRESS = ".progress.json"
FLAGS = "compile_flags.txt"  # lets editors find the headers (clangd)
ELSEWHERE = "choose other folders with LABS=DIR and RESULTS=DIR"
# The facts recorded for an exercise: a student can write anything into the file.
FACTS = {
    "began": lambda value: _is_time(value),
    "runs": lambda value: _is_count(value),
    "hints": lambda value: _is_count(value),
    "predicted": lambda value: isinstance(value, str) and value in ("", *LETTERS),
    "answered": lambda value: isinstance(value, bool),
    "solved": lambda value: value is None or _is_time(value),
    "digest": lambda value: isinstance(value, str),
}
EDITORS = ("-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", f"-I{ROOT / 'harness'}")
LATEST = 253402300799  # s since 1970: the year 9999
MOST_SOURCE, MOST_NOTED = 1 << 20, 1 << 20  # bytes of a student's file, of the notes


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= LATEST


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= 10**6


def _is_sound(noted: object) -> bool:
    """Whether the contents of a progress file have the types that we write."""
    return isinstance(noted, dict) and all(
        isinstance(facts, dict)
        and {"began", "runs", "hints"} <= facts.keys() <= FACTS.keys()
        and all(FACTS[name](value) for name, value in facts.items())
        for facts in noted.values()
    )


def read_source(file: Path) -> bytes:
    """A student's program. Errors: as read_regular()."""
    return read_regular(file, MOST_SOURCE)


def strip_comments(source: str) -> str:
    """C without its comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.DOTALL)


def bare(source: str) -> str:
    """A program to repair, without what gives the answer away: every LESSON, and the head except its first
    paragraph."""
    source = re.sub(r"^[ \t]*/\* LESSON:.*?\*/\n", "", source, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^ \*\n.*?^ \*/\n", " */\n", source, count=1, flags=re.DOTALL | re.MULTILINE)


def same_code(one: str, other: str) -> bool:
    """Whether two C files differ in comments and white space only."""
    return strip_comments(one).split() == strip_comments(other).split()


class Workplace:
    """A folder with exercises: the checkout's own labs/, that of the working folder when linger is
    installed, or the one $LABS names."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(os.environ.get("LABS") or WRITABLE / "labs")

    def file(self, text: Text) -> Path:
        """The student's copy of the program of an exercise."""
        return self.folder / f"{text.stem}.c"

    def start(self, text: Text) -> bool:
        """Copy the buggy program unless the student has a copy; returns whether it is new."""
        assert text.buggy
        file = self.file(text)
        files.make_folder(self.folder, ELSEWHERE)
        flags = self.folder / FLAGS
        if not os.path.lexists(flags):
            files.write_text(flags, "".join(f"{word}\n" for word in EDITORS), ELSEWHERE)
        if file.exists():
            return False
        files.write_text(file, bare(text.buggy.read_text()), ELSEWHERE)
        return True

    def keep(self, text: Text) -> None:
        """Keep the solved program: it counts, whatever happens to the file."""
        kept = read_source(self.file(text)).decode(errors="replace")
        files.write_text(self._kept(text), kept, ELSEWHERE)

    def judged(self, text: Text) -> Path:
        """The program that counts: the kept one, else the file itself."""
        kept = self._kept(text)
        return kept if os.path.lexists(kept) else self.file(text)

    def _kept(self, text: Text) -> Path:
        return self.folder / f".{text.stem}.solved.c"

    def reset(self, text: Text) -> Path | None:
        """Put the buggy program back; returns the backup of the student's program, None if that was untouched.

        Errors: Usage when there is nothing to reset.
        """
        file = self.file(text)
        if not text.buggy or not file.exists():
            raise Usage(f"{text.name} has not been started, so there is nothing to reset")
        if read_source(file).decode(errors="replace") == bare(text.buggy.read_text()):
            self._kept(text).unlink(missing_ok=True)
            return None
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
        backup = next(
            path
            for path in (file.with_name(f"{text.stem}.{stamp}{n}.c") for n in ("", *range(2, 999)))
            if not path.exists()
        )
        with files.writing(backup, ELSEWHERE):
            file.rename(backup)
            self._kept(text).unlink(missing_ok=True)
        self.start(text)
        return backup

    def digest(self, text: Text) -> str:
        """A fingerprint of the program that counts. Errors: as read_source()."""
        return hashlib.sha256(read_source(self.judged(text))).hexdigest() if text.buggy else ""

    def progress(self) -> dict[str, dict[str, Any]]:
        """The recorded FACTS of each exercise.

        Errors: Broken when the file is not what it should be; as read_regular().
        """
        try:
            noted = json.loads(read_regular(self.folder / PROGRESS, MOST_NOTED))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):  # the latter: brackets in brackets in brackets
            noted = None
        if not _is_sound(noted):
            raise Broken(f"{self.folder / PROGRESS} is damaged; move it away to start a new one")
        return noted

    def note(self, name: str, **facts: Any) -> dict[str, Any]:
        """Record facts about an exercise; returns all that is known about it."""
        noted = self.progress()
        mine = noted.setdefault(name, {"began": time.time(), "runs": 0, "hints": 0})
        mine.update(facts)
        files.make_folder(self.folder, ELSEWHERE)
        files.write_json(self.folder / PROGRESS, noted, ELSEWHERE)
        return mine

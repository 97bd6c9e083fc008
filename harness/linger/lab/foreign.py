"""Third-party texts: a program's output, its chosen name, a folder's name.

Such a text may control a terminal, end a line of KTAP and begin one that says "ok", be invalid in XML, or
command a CI service. printable() alone handles that: code that takes in, prints or writes such a text calls
it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

TAIL = 1 << 16  # bytes read from the end of a file
LONGEST = 2000  # characters of a line to show
# Commands of CI services: "::error::", "##[error]", "##vso[...]". The match is made unrecognizable.
ORDER = re.compile(r"^\s*:(?=:.*::)|#(?=#\w*\[)")
SUSPECT = re.compile(r"\\|::|##")  # in a JSON document, only a text with one of these may need a change


def printable(line: str) -> str:
    """A text as one line of visible characters and tabs. Others are replaced: controls, line ends, invalid
    characters and lone surrogates, changes of direction. So is the beginning of a CI command."""
    shown = line if line.isprintable() else "".join(map(_shape, line))
    return ORDER.sub("\ufffd", shown)


def _shape(character: str) -> str:
    return character if character.isprintable() or character in "\t\u00a0" else "\ufffd"


def printable_lines(text: str) -> str:
    """A text of several lines, each of them printable; only "\\n" ends a line."""
    return "\n".join(map(printable, text.split("\n")))


def read_json(text: str) -> Any:
    """A JSON document, with all texts in it printable, each as one line. Errors: ValueError."""
    document = json.loads(text)
    # Most documents need no change: no escape, no control, and no place where a command can begin.
    plain = text.removesuffix("\n").isprintable()
    return document if plain and not SUSPECT.search(text) else printable_all(document)


def printable_all(value: Any) -> Any:
    """The content of a JSON document, with all texts in it printable, each as one line."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [printable_all(one) for one in value]
    if isinstance(value, dict):
        return {printable(str(key)): printable_all(one) for key, one in value.items()}
    return value


def tail_of(file: Path, lines: int = 6) -> str:
    """The last lines of a file, to append to a sentence; "" if there are none.

    The file may have any size: a program can make its output terabytes large (ftruncate(2)).
    """
    last = end_of(file).rstrip("\n\0").split("\n")[-lines:]
    return "".join(f"\n    | {printable(line[:LONGEST])}" for line in last if line or last[1:])


def end_of(file: Path, most: int = TAIL) -> str:
    """The end of a file, such as a log; "" if it cannot be read. most: bytes."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - most))
            return log.read(most).decode(errors="replace")
    except OSError:
        return ""

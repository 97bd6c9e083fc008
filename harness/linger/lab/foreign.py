"""Third-party texts: a program's output, its name for itself, a folder's name.

Such a text may steer a terminal, end a line of KTAP and begin one that says "ok", be invalid in
XML, or command a CI service. Only printable() decides that: code that takes in, prints or writes
such a text calls it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

TAIL = 1 << 16  # bytes of the end of a file that are looked at
LONGEST = 2000  # characters of a line to show
# What CI services obey: "::error::", "##[error]", "##vso[...]". The match becomes unreadable to them.
ORDER = re.compile(r"^\s*:(?=:.*::)|#(?=#\w*\[)")
SUSPECT = re.compile(r"\\|::|##")  # in a JSON document: only with one of these a text may need a change


def printable(line: str) -> str:
    """A text as one line in which every character has a shape or is a tab: each other one, such as
    a control, an end of line, half of a character, a turn of the direction, is replaced. So is the
    beginning of an order to a CI service."""
    shown = line if line.isprintable() else "".join(map(_shape, line))
    return ORDER.sub("\ufffd", shown)


def _shape(character: str) -> str:
    return character if character.isprintable() or character in "\t\u00a0" else "\ufffd"


def printable_lines(text: str) -> str:
    """A text of several lines, each of them printable; "\\n" alone ends one."""
    return "\n".join(map(printable, text.split("\n")))


def read_json(text: str) -> Any:
    """A JSON document, with all texts in it printable, each as one line. Errors: ValueError."""
    document = json.loads(text)
    # Most hold none that is not: no escape, no control, and no place where an order can begin.
    plain = text.removesuffix("\n").isprintable()
    return document if plain and not SUSPECT.search(text) else printable_all(document)


def printable_all(value: Any) -> Any:
    """What a JSON document holds, with all texts in it printable, each as one line."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [printable_all(one) for one in value]
    if isinstance(value, dict):
        return {printable(str(key)): printable_all(one) for key, one in value.items()}
    return value


def tail_of(file: Path, lines: int = 6) -> str:
    """The last lines of a file, to be put behind a sentence; "" when there are none.

    It may have any size: a program can make its output a file of terabytes (ftruncate(2)).
    """
    last = end_of(file).rstrip("\n\0").split("\n")[-lines:]
    return "".join(f"\n    | {printable(line[:LONGEST])}" for line in last if line or last[1:])


def end_of(file: Path, most: int = TAIL) -> str:
    """What the end of a file says, of a log, say; "" when it cannot be read. most: bytes."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - most))
            return log.read(most).decode(errors="replace")
    except OSError:
        return ""

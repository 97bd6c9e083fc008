r"""What clients and a server say to each other before the first request: --dialogue FILE.

    # SMTP
    < ^220
    > EHLO client\r\n
    < ^250 

`> text` is sent as it stands, with \r \n \t \\ and \xNN for other bytes. `< regex` is looked for in
what the server has said since the last line was sent or found (Python's re on bytes; ^ and $ match at every
line).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from linger.check.server.connection import Connection
from linger.check.server.crowd import Crowd
from linger.lab.errors import Usage, os_sentence
from linger.lab.foreign import printable

WITHIN = 10.0  # s: for each line
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.?)", re.S)
PLAIN = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
SHOWN = 80  # characters of what was said instead


@dataclass(frozen=True)
class Line:
    """One line of a dialogue."""

    number: int
    text: str  # as it is in the file
    sent: bytes = b""
    awaited: re.Pattern[bytes] | None = None  # None: it is sent


Dialogue = tuple[Line, ...]


def read(path: Path) -> Dialogue:
    """Read the dialogue in a file. Errors: Usage, for a line that is neither."""
    try:
        texts = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = os_sentence(error) if isinstance(error, OSError) else f"{path}: not a text file"
        raise Usage(f"cannot read the dialogue: {why}") from None
    lines = [
        _line(path, number, text)
        for number, text in enumerate(texts, 1)
        if text.strip() and not text.startswith("#")
    ]
    if not lines:
        raise Usage(f"the dialogue in {path} is empty")
    return tuple(lines)


def _line(path: Path, number: int, text: str) -> Line:
    kind, content = text[:2], text[2:]
    where = f"{path}:{number}"
    if kind == "> ":
        return Line(number, text, _unescaped(where, content))
    if kind != "< ":
        raise Usage(f"{where}: neither `> text` nor `< regex`: {text!r}")
    try:
        return Line(number, text, awaited=re.compile(content.encode("latin-1"), re.M))
    except (re.error, UnicodeEncodeError) as error:
        raise Usage(f"{where}: not a regular expression: {error}") from None


def _unescaped(where: str, text: str) -> bytes:
    def byte(match: re.Match[str]) -> str:
        word = match[1]
        if word[:1] == "x" and len(word) == 3:
            return chr(int(word[1:], 16))
        if word not in PLAIN:
            raise Usage(f"{where}: no such escape: {match[0]}; there are \\r \\n \\t \\\\ and \\xNN")
        return PLAIN[word]

    try:
        return ESCAPE.sub(byte, text).encode("latin-1")
    except UnicodeEncodeError:
        raise Usage(f"{where}: a character beyond \\xff; write its bytes as \\xNN") from None


def hold(dialogue: Dialogue, crowd: Crowd) -> str:
    """Hold a dialogue on all connections of a crowd; returns "", or which line failed and how."""
    heard = dict.fromkeys(crowd.open, 0)  # bytes of the reply that the lines so far have consumed
    for line in dialogue:
        if not line.awaited:
            heard = {one: len(one.reply) for one in crowd.open}
            crowd.send(line.sent, WITHIN)
            continue
        waiting = set(crowd.open)
        crowd.read(WITHIN, partial(_answered, line.awaited, heard, waiting))
        if waiting:
            return _failed(line, heard, waiting.pop())
    return ""


def _answered(
    awaited: re.Pattern[bytes], heard: dict[Connection, int], waiting: set[Connection], one: Connection
) -> bool:
    """Whether the answer to a line has come; if so, the connection no longer waits."""
    if one in waiting and (match := awaited.search(one.reply[heard[one] :])):
        heard[one] += match.end()
        waiting.discard(one)
    return one not in waiting


def _failed(line: Line, heard: dict[Connection, int], one: Connection) -> str:
    said = printable(one.reply[heard[one] :].decode("latin-1"))[:SHOWN]
    instead = f"it said {said!r}" if said else "it said nothing"
    ended = f", then {one.ended}" if one.ended else f" within {WITHIN:g} s"
    return f"line {line.number} of the dialogue, `{line.text}`, failed: {instead}{ended}"

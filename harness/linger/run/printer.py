"""The one printer: lines, prose and tables for a person, as wide as the terminal.

Prose is wrapped. A table never cuts a name or a number: cells break between words, and columns that
do not fit side by side are stacked. Without a terminal a table takes the width it needs. NO_COLOR
(https://no-color.org) is respected.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from typing import Iterator, Sequence, TextIO

from linger.lab.foreign import printable_lines
from linger.lab.programs import typed

Row = Sequence[str]
PROSE = 98  # columns of a line of prose at most: a longer one is hard to read
GAP = "  "
COLOURS = {"green": "32", "red": "31", "yellow": "33", "magenta": "35", "bold": "1"}
# paint() marks words with something unpredictable; only say() turns it into terminal sequences.
OURS = os.urandom(8).hex()
PAINTED = re.compile(rf"(\x1b{OURS}\[\d+m)")
STYLE = {
    "PASS": "green",
    "REPRODUCED": "magenta",
    "TOLD APART": "green",
    "FAIL": "red",
    "LEAK": "red",
    "STARVE": "red",
    "BROKEN": "red",
    "WARN": "yellow",
    "CANNOT RUN": "yellow",
}


def is_terminal(out: TextIO | None = None) -> bool:
    """Whether out (standard output) is a terminal on which lines can be redrawn."""
    return (out or sys.stdout).isatty() and os.environ.get("TERM", "dumb") != "dumb"


def columns(out: TextIO | None = None) -> int:
    """How wide a line of prose may be there."""
    asked = os.environ.get("COLUMNS", "")
    if not is_terminal(out) and not asked.isdecimal():
        return PROSE
    return max(40, min(PROSE, shutil.get_terminal_size((PROSE, 24)).columns))


def paint(words: str, colour: str, out: TextIO | None = None) -> str:
    """Words in a colour of COLOURS, for say(), if out is a terminal that wants colours."""
    if not is_terminal(out) or os.environ.get("NO_COLOR"):
        return words
    return f"\x1b{OURS}[{COLOURS[colour]}m{words}\x1b{OURS}[0m"


def say(line: str = "", out: TextIO | None = None) -> None:
    """Print lines at once; if the reader has gone (`| head`), the run continues silently.

    Whatever the text, only the colours of paint() control the terminal.
    """
    out = out or sys.stdout
    shown = "".join(part.replace(OURS, "") if PAINTED.fullmatch(part) else printable_lines(part)
                    for part in PAINTED.split(line))  # fmt: skip
    try:
        print(typed(shown), file=out, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def wrapped(text: str, first: str = "  ", indent: str = "  ", out: TextIO | None = None) -> str:
    """A paragraph as lines. first, indent: the beginning of the first line, and of the others."""
    return textwrap.fill(
        " ".join(typed(text).split()), columns(out), initial_indent=first, subsequent_indent=indent,
        break_on_hyphens=False, break_long_words=False,  # names stay in one piece
    )  # fmt: skip


def paragraphs(text: str, indent: str = "  ", out: TextIO | None = None) -> str:
    """A text of several paragraphs as lines; a drawing, a table and code stay as they are."""
    parts = []
    for part in text.strip("\n").split("\n\n"):
        drawn = any(line.startswith((" ", "|", "-")) for line in part.splitlines())
        parts.append(textwrap.indent(part, indent) if drawn else wrapped(part, indent, indent, out))
    return "\n\n".join(parts)


def print_table(head: Row, rows: Sequence[Row], out: TextIO | None = None) -> None:
    """Print aligned columns, or records if they do not fit (above)."""
    width = shutil.get_terminal_size().columns if is_terminal(out) else sys.maxsize
    rows = [[printable_lines(cell) for cell in row] for row in rows]
    for line in layout(head, rows, width):
        say(line, out) if line == "" else say(_coloured(line, out), out)


def layout(head: Row, rows: Sequence[Row], width: int) -> Iterator[str]:
    """The lines of a table on a terminal of width columns."""
    widths = _widths([head, *rows], width - len(GAP))
    if not widths:
        yield from _records(head, rows, width)
        return
    for row in (head, *rows):
        cells = [textwrap.wrap(cell, room, break_long_words=False, break_on_hyphens=False) or [""]
                 for cell, room in zip(row, widths)]  # fmt: skip
        for i in range(max(map(len, cells))):
            parts = (cell[i] if i < len(cell) else "" for cell in cells)
            line = GAP.join(part.ljust(room) for part, room in zip(parts, widths))
            yield GAP + line.rstrip()


def _widths(table: Sequence[Row], width: int) -> list[int]:
    """Columns for each cell; the widest shrink first; [] if words would have to be cut."""
    count = len(table[0])
    widths = [max(len(row[i]) for row in table) for i in range(count)]
    least = [max(len(word) for row in table for word in row[i].split() or [""]) for i in range(count)]
    while sum(widths) + len(GAP) * (count - 1) > width:
        spare = [w - at_least for w, at_least in zip(widths, least)]
        if max(spare) <= 0:
            return []
        giving = max(range(count), key=lambda i: (spare[i] > 0, widths[i]))
        widths[giving] -= 1
    return widths


def _records(head: Row, rows: Sequence[Row], width: int) -> Iterator[str]:
    """Each row as a block: its first cell, then a line for each other cell."""
    room = max(len(name) for name in head)
    for row in rows:
        yield GAP + " ".join(filter(None, (head[0], row[0])))
        for name, cell in zip(head[1:], row[1:]):
            first = f"{2 * GAP}{name:{room}}{GAP}"
            lines = textwrap.wrap(cell, max(8, width - len(first)), break_long_words=False,
                                  break_on_hyphens=False) or [""]  # fmt: skip
            yield (first + lines[0]).rstrip()
            yield from (" " * len(first) + line for line in lines[1:])


def _coloured(line: str, out: TextIO | None) -> str:
    """A line of a table with its verdict in colour."""
    for words, colour in STYLE.items():
        before, found, after = line.rpartition(f"{GAP}{words}")
        if found and (not after or after.startswith(" ")):
            return f"{before}{GAP}{paint(words, colour, out)}{after}"
    return line

"""Lines and tables for a person: by rich on a terminal, plain elsewhere. NO_COLOR
(https://no-color.org) is respected.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Sequence, TextIO

Row = Sequence[str]
STYLE = {
    "PASS": "green",
    "REPRODUCED": "magenta",
    "TOLD APART": "green",
    "FAIL": "red",
    "BROKEN": "red",
    "CANNOT RUN": "yellow",
}


def is_terminal(out: TextIO | None = None) -> bool:
    """Whether out (standard output) is a terminal on which rich, if there, can draw lines again."""
    terminal = (out or sys.stdout).isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return terminal and importlib.util.find_spec("rich") is not None


def say(line: str = "") -> None:
    """Print a line at once; when nobody reads any more (`| head`), the run goes on unheard."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_table(head: Row, rows: list[Row], colour: bool) -> None:
    """Print aligned columns; on a terminal as a rich table, which wraps and colours."""
    if colour:
        from rich.console import Console as Terminal
        from rich.table import Table

        shown = Table(*head)
        for row in rows:
            shown.add_row(*(f"[{STYLE[cell]}]{cell}" if cell in STYLE else cell for cell in row))
        Terminal().print(shown)
        return
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        say("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())

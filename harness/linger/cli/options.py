"""What several subcommands' options have in common."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Callable

from linger.lab.programs import WRITABLE

RESULTS = Path(os.environ.get("RESULTS") or WRITABLE / "results")
CORES = os.cpu_count() or 1
# Tests, or checks, at the same time: they wait more than they compute. Inside a test there are
# fewer.
AT_ONCE = int(os.environ.get("LINGER_AT_ONCE") or 4 * CORES)
JSON = "print run.json on standard output, everything else on standard error"
TAP = "print KTAP on standard output, everything else on standard error"
WHERE = "the folder of runs (default results, or $RESULTS)"

# Adds a subcommand by its name, its action, and what it does in a few words.
Add = Callable[[str, "Callable[[argparse.Namespace], int]", str], argparse.ArgumentParser]


def count(text: str) -> int:
    """A number of things, for add_argument(type=)."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"write a whole number, 1 or more, not {text!r}")
    return int(text)


def folder(text: str) -> Path:
    """A path, for add_argument(type=)."""
    if not text:
        raise argparse.ArgumentTypeError("write a folder, not an empty word")
    return Path(text)


class _Command(argparse.Action):
    """The words of a command, without the "--" before them."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        setattr(namespace, self.dest, values[1:] if values[:1] == ["--"] else values)


def add_command(command: argparse.ArgumentParser) -> None:
    """Take the words of a command, which come last, after "--"."""
    command.add_argument("command", nargs=argparse.REMAINDER, action=_Command, help=argparse.SUPPRESS)


def add_results(command: argparse.ArgumentParser, help: str = WHERE) -> None:
    """Add --results, the folder where runs are."""
    command.add_argument("--results", type=folder, default=RESULTS, metavar="DIR", help=help)

"""linger lab, lab-score: the workshop."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from linger.cli import modules
from linger.cli.options import Add, add_results
from linger.lab import files
from linger.lab.programs import program
from linger.run.printer import say

if TYPE_CHECKING:  # not for the other commands
    from linger.workshop.texts import Text

LAST_HINT = "blame"


def add_to(add: Add) -> None:
    lab = add("lab", _lab, "list the exercises, or work on one")
    lab.add_argument(
        "name", nargs="?", metavar="NAME", help="an exercise; without one, list them all"
    )
    lab.add_argument("--hint", choices=("1", "2", "3", LAST_HINT), default="0", metavar="K",
                     help="show the hints up to this one, 1 to 3; blame: also the lines of the buggy "
                     "program that hold its connections")  # fmt: skip
    lab.add_argument("--predict", default="", metavar="LETTER", help="your prediction")
    lab.add_argument(
        "--show", action="store_true", help="show the situation and the task again, without a run"
    )
    lab.add_argument("--reset", action="store_true", help="begin again; your program is kept as a backup")
    add_results(lab)
    score = add("lab-score", _score, "show who has solved which exercises")
    score.add_argument(
        "folders", nargs="*", metavar="DIR", help="the labs/ of a checkout (default: yours)"
    )
    score.add_argument("--regrade", action="store_true", help="run every program again")
    score.add_argument("--watch", action="store_true", help="serve a page for the projector")
    score.add_argument("--port", type=int, default=8080, metavar="PORT",
                       help="its port on the loopback interface (default 8080; 0: a free one)")  # fmt: skip
    add_results(score, "where labs.json and labs.html go (default results, or $RESULTS)")


def _lab(options: argparse.Namespace) -> int:
    from linger.workshop import exercise, texts  # not at the top: the other commands do without

    if options.name:
        modules.require(options.called, "pytest")  # of the run, whose sentence would not name us
    last = options.hint == LAST_HINT
    options.hint = texts.HINTS if last else int(options.hint)
    return exercise.lab(options, _blame if last else None)


def _blame(text: Text, copy: Path) -> None:
    """The last hint: what blame reports about the exercise's original program, in the lines of the copy."""
    from linger.blame import documents, wording
    from linger.blame.moved import moved
    from linger.run import scenarios
    from linger.workshop.workplace import read_source

    assert text.buggy
    sources = (text.buggy.name, text.buggy.read_text(), copy.name, read_source(copy).decode(errors="replace"))
    with files.scratch() as scratch:
        words = [program("linger"), "run", text.name, "--deep", "--results", scratch]
        subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
        found = [*documents.of_variant(scratch / "latest" / text.name / scenarios.BUGGY)]
        say("Which lines of the buggy program hold its connections, by their numbers in your file:")
        for path in found:
            for line in wording.lines(moved(documents.read(path), *sources)):
                say(f"  {line}")
        if not found:
            say(f"  blame could not follow it; linger run {text.name} --blame says why")
        say()


def _score(options: argparse.Namespace) -> int:
    from linger.workshop import exercise

    return exercise.score(options)

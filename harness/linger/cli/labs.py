"""linger lab, lab-score: the workshop."""

from __future__ import annotations

import argparse

from linger.cli.options import Add, add_results


def add_to(add: Add) -> None:
    lab = add("lab", _lab, "list the exercises, or work on one")
    lab.add_argument("name", nargs="?", metavar="NAME", help="an exercise; none: list them all")
    lab.add_argument("--hint", type=int, choices=(1, 2, 3), default=0, metavar="K",
                     help="show the hints up to this one, 1 to 3")  # fmt: skip
    lab.add_argument("--predict", default="", metavar="LETTER", help="your prediction")
    lab.add_argument("--show", action="store_true", help="the situation and the task again; no run")
    lab.add_argument("--reset", action="store_true", help="begin again; yours is kept as a backup")
    add_results(lab)
    score = add("lab-score", _score, "show who has solved what")
    score.add_argument("folders", nargs="*", metavar="DIR", help="the labs/ of a checkout; yours")
    score.add_argument("--regrade", action="store_true", help="run every program once more")
    score.add_argument("--watch", action="store_true", help="serve a page for the projector")
    score.add_argument("--port", type=int, default=8080, metavar="PORT",
                       help="of that page, on the loopback interface (default 8080; 0: a free one)")  # fmt: skip
    add_results(score, "where to")


def _lab(options: argparse.Namespace) -> int:
    from linger.workshop import exercise  # not at the top: the other commands do without

    return exercise.lab(options)


def _score(options: argparse.Namespace) -> int:
    from linger.workshop import exercise

    return exercise.score(options)

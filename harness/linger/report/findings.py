"""The pages of a run of `linger check`: the findings, and a page for each.

A trial leaves what the lab of a scenario leaves, so it is drawn by the same parts.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from linger.check import finding, output
from linger.lab.errors import CannotRun
from linger.report import blamed
from linger.report.collect import Repetition, Run, read_json

CLASSES = {  # of the style sheet, by verdict
    finding.PASS: "pass",
    **dict.fromkeys(finding.BAD, "fail"),
    finding.WARN: "cannot-run",
}
SEVERITY = (*finding.BAD, finding.WARN, finding.NOT_TESTED, finding.CHOICE, finding.PASS)
Draw = Callable[..., str]


@dataclass(frozen=True)
class Shown:
    """A check with what it found and what it left."""

    check: dict[str, Any]  # of finding.json
    found: dict[str, Any]  # of check.json
    one: Repetition
    style: str

    @property
    def details(self) -> list[str]:
        """What is held, and notes, a line each."""
        return output.details(self.found)


def is_of(path: Path) -> bool:
    """Whether the run in a directory is one of `linger check`."""
    return (path / "check").is_dir()


def pages(path: Path, draw: Draw) -> dict[Path, str]:
    """The pages of a run, by their paths.

    draw: makes a page of a template's name, the run, and values. Errors: CannotRun when the run
    was not finished, OSError when it cannot be read.
    """
    summary = read_json(path / "check" / "check.json")
    if summary is None:
        raise CannotRun(f"{path} is a check that did not finish, so there is nothing to report")
    run = Run(path, read_json(path / "environment.json"))
    all_shown = sorted(
        (_shown(path, found) for found in summary["results"]),
        key=lambda shown: SEVERITY.index(shown.found["verdict"]),
    )
    words = [found["verdict"] for found in summary["results"]]
    common = {"command": shlex.join(summary["command"]), "meaning": finding.MEANING,
              "tool": summary["tool"], "program": summary["program"]}  # fmt: skip
    drawn = {}
    for shown in all_shown:
        blame = blamed.told(shown.one.folder)
        page = draw("finding.html.j2", run=run, shown=shown, blamed=blame, **common)
        drawn[shown.one.folder / "index.html"] = page
    drawn[path / "index.html"] = draw(
        "findings.html.j2",
        run=run,
        summary=summary,
        all_shown=all_shown,
        bad=[shown for shown in all_shown if shown.found["verdict"] in (*finding.BAD, finding.WARN)],
        counted=", ".join(f"{words.count(w)} {w}" for w in finding.WORDS if w in words),
        **common,
    )
    return drawn


def _shown(path: Path, found: dict[str, Any]) -> Shown:
    folder = path / "check" / found["id"]
    one = Repetition(folder, (found["id"],), read_json(folder / "result.json"), "")
    style = CLASSES.get(found["verdict"], "")
    check = (read_json(folder / "finding.json") or {}).get("check")
    if not check:
        raise CannotRun(f"{folder} does not say what the check was about: an older linger made it")
    return Shown(check, found, one, style)

"""What a trial writes into its folder: result.json, like a scenario's, and finding.json."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from linger.check.battery import Check
from linger.check.finding import BAD, NOT_TESTED, Finding
from linger.lab import Lab, files
from linger.run import results

SCHEMA = 4  # of finding.json (schema/finding.schema.json); 2: what is held as objects; 3: timeline; 4: crashed
Result = dict[str, Any]
VERDICTS = {NOT_TESTED: "cannot run", **dict.fromkeys(BAD, "fail")}  # of result.json


def empty(folder: Path) -> None:
    """Make the folder of a trial, empty: in a second try, a log with lines of two programs would prove nothing.
    Errors: CannotRun."""
    if folder.exists():
        shutil.rmtree(folder)
    files.make_folder(folder)


def write(
    lab: Lab,
    check: Check,
    finding: Finding,
    connections: int,
    measured: dict[str, Any],
    seconds: float,
    steps: list[str],
) -> Result:
    """Write both files of a trial into the folder of its lab; returns the finding as a result.

    measured: of Lab.result(); seconds: how long it took; steps: what happened, in words.
    """
    files.write_json(
        lab.evidence / "result.json",
        {
            "schema": results.SCHEMA,
            "scenario": "check",
            "variant": check.id,
            "repetition": 1,
            "connections": connections,
            "claims": [],
            "verdict": VERDICTS.get(finding.verdict, "pass"),
            "message": finding.measured if finding.verdict in VERDICTS else None,
            "failures": [],
            **measured,
        },
    )
    found = {
        "id": check.id,
        "verdict": finding.verdict,
        "crashed": finding.crashed,
        "measured": finding.measured,
        "held": [held.told() for held in finding.held],
        "notes": finding.notes,
        "seconds": round(seconds, 3),
    }
    files.write_json(
        lab.evidence / "finding.json",
        {
            "schema": SCHEMA, **found, "ports": finding.ports,
            "timeline": finding.timeline, "check": check.told(),
            "since": lab.since, "steps": steps,
        },  # fmt: skip
    )
    return found

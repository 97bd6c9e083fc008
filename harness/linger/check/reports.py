"""What a run of checks writes for machines: JSON, JUnit XML and KTAP."""

from __future__ import annotations

import json
import shlex
import socket
import time
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Mapping

from linger.check import finding
from linger.check.battery import Check
from linger.check.output import details, explained
from linger.check.record import Result
from linger.lab import files
from linger.lab.errors import CannotRun
from linger.lab.foreign import printable, printable_all, printable_lines

SCHEMA = 2  # of check.json (schema/check.schema.json); 2: what is held as objects
FIELDS = ("id", "verdict", "measured", "held", "notes", "seconds")


def summary(
    about: Mapping[str, Any],
    found: list[Result],
    wrong: dict[str, str],
    expected: dict[str, list[str]],
    code: int,
    folder: Path,
) -> dict[str, Any]:
    """The whole run, in the form of check.json.

    about: what was checked and by which tool: its command, port, request, clients; folder: of the run.
    """
    return {
        "schema": SCHEMA,
        **about,
        "results": [
            {
                **{name: one[name] for name in FIELDS},
                "expected": expected.get(one["id"]),
                "wrong": wrong.get(one["id"]),
            }
            for one in found
        ],
        "wrong": list(wrong.values()),
        "exit": code,
        "evidence": str(folder / "check"),
    }


def _write(path: Path, text: str) -> None:
    """Write a report to the caller's path. That may be a device, so it is not replaced by renaming."""
    try:
        with files.writing(path, "choose another file"):
            path.write_text(text)
    except CannotRun:
        if path.is_file():
            path.unlink()  # half a report looks like one, too
        raise


def write_json(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary as JSON. Errors: CannotRun when the file cannot be written."""
    _write(path, json.dumps(printable_all(summary), indent=2) + "\n")


def write_expected(path: Path, summary: dict[str, Any]) -> None:
    """Write the verdicts as a file for --expected. Errors: as write_json()."""
    lines = [f"# {shlex.join(summary['command'])}"]
    lines += [f"{one['id']:22} {one['verdict']:6} # {one['measured']}" for one in summary["results"]]
    _write(path, "\n".join(map(printable, lines)) + "\n")


def write_junit(
    path: Path, summary: dict[str, Any], checks: Mapping[str, Check], began: float
) -> None:
    """Write the summary as JUnit XML: a wrong verdict is a failure, N/A is skipped.

    checks: by id; began: the start of the run, in seconds since 1970. Errors: as write_json().
    """
    cases = []
    for one in summary["results"]:
        case = ElementTree.Element(
            "testcase", classname=summary["tool"].replace(" ", "."), name=one["id"], time=str(one["seconds"])
        )
        if one["wrong"]:
            failure = ElementTree.SubElement(case, "failure", message=one["measured"])
            failure.set("type", one["verdict"])
            failure.text = explained(checks[one["id"]], one, Path(summary["evidence"]))
        elif one["verdict"] == finding.NOT_TESTED:
            ElementTree.SubElement(case, "skipped", message=one["measured"])
        ElementTree.SubElement(case, "system-out").text = f"{one['verdict']}: {one['measured']}"
        cases.append(case)
    suite = ElementTree.Element(
        "testsuite",
        name=f"{summary['tool']} {shlex.join(summary['command'])}",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{time.time() - began:.3f}",
        timestamp=datetime.fromtimestamp(began, timezone.utc).isoformat(timespec="seconds"),
        hostname=socket.gethostname(),
    )
    suite.extend(cases)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    for element in root.iter():
        element.text = printable_lines(element.text or "") or None
        element.attrib.update({name: printable(said) for name, said in element.attrib.items()})
    _write(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def ktap(summary: dict[str, Any]) -> str:
    """The summary as KTAP, as `linger run --tap` writes it (tap.py)."""
    from linger.run import tap  # it needs pytest, a check does not

    lines = [tap.VERSION, f"1..{len(summary['results'])}"]
    for number, one in enumerate(summary["results"], 1):
        wrong, known = one["wrong"], one["verdict"] in finding.BAD
        lines += [f"# {one['verdict']}: {one['measured']}"]
        lines += [f"# {text}" for text in details(one)]
        line = f"{'not ok' if wrong or known else 'ok'} {number} {one['id']}"
        if one["verdict"] == finding.NOT_TESTED and not wrong:
            line += " # SKIP not tested"
        elif known and not wrong:
            line += " # TODO known"
        lines.append(line)
    return "\n".join(map(printable, lines))

"""What a run of checks writes for machines: JSON, JUnit XML and KTAP."""

from __future__ import annotations

import json
import shlex
import socket
import time
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Mapping, Sequence

from linger.check import finding, known
from linger.check.battery import Battery, Check
from linger.check.output import details, explained
from linger.check.record import Result
from linger.lab import files
from linger.lab.errors import CannotRun
from linger.lab.foreign import printable, printable_all, printable_lines

SCHEMA = 3  # of check.json (schema/check.schema.json); 2: what is held as objects; 3: crashed, better, known_in
FIELDS = ("id", "verdict", "crashed", "measured", "held", "notes", "seconds")


def summary(
    about: Mapping[str, Any],
    found: list[Result],
    wrong: dict[str, str],
    expected: dict[str, list[str]],
    known_in: Path | None,
    code: int,
    folder: Path,
) -> dict[str, Any]:
    """The whole run, in the form of check.json.

    about: what was checked and by which tool: its command, port, request, clients; expected, known_in: the known
    verdicts and their file; folder: of the run.
    """
    return {
        "schema": SCHEMA,
        **about,
        "known_in": str(known_in) if known_in else None,
        "results": [
            {
                **{name: one[name] for name in FIELDS},
                "expected": expected.get(one["id"]),
                "better": known.better(one, expected.get(one["id"])),
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


def write_expected(path: Path, summary: dict[str, Any], battery: Battery) -> None:
    """Write the verdicts into a file for --expected, new or not. Errors: as write_json() and known.read()."""
    _write(path, known.updated(path, battery, summary))


def write_junit(
    path: Path, summary: dict[str, Any], checks: Mapping[str, Check], began: float
) -> None:
    """Write the summary as JUnit XML: a wrong verdict is a failure; a known failure and N/A are skipped.

    checks: by id; began: the start of the run, in seconds since 1970. Errors: as write_json().
    """
    cases = []
    for one in summary["results"]:
        case = ElementTree.Element(
            "testcase", classname=summary["tool"].replace(" ", "."), name=one["id"], time=str(one["seconds"])
        )
        if one["wrong"]:
            message = one["wrong"].removeprefix(f"{one['id']}: ")
            failure = ElementTree.SubElement(case, "failure", message=message, type=known.word(one))
            if one["better"]:
                failure.attrib.update(message=f"better than {summary['known_in']}: {message}", type="better")
            else:
                failure.text = explained(checks[one["id"]], one, Path(summary["evidence"]))
        elif one["verdict"] in finding.BAD:
            where = f" ({summary['known_in']})" if summary["known_in"] else ""
            ElementTree.SubElement(case, "skipped", message=f"known failure: {known.word(one)}{where}")
        elif one["verdict"] == finding.NOT_TESTED:
            ElementTree.SubElement(case, "skipped", message=one["measured"])
        ElementTree.SubElement(case, "system-out").text = f"{one['verdict']}: {one['measured']}"
        cases.append(case)
    _write_suite(path, summary["tool"], summary["command"], cases, began)


def write_junit_error(path: Path, tool: str, command: Sequence[str], error: Exception, began: float) -> None:
    """Write JUnit XML for a run that ended before its first check, as an error. The rest as write_junit()."""
    case = ElementTree.Element("testcase", classname=tool.replace(" ", "."), name="start", time="0")
    sentence, *_ = str(error).splitlines()
    ElementTree.SubElement(case, "error", message=sentence, type=type(error).__name__).text = str(error)
    _write_suite(path, tool, command, [case], began)


def _write_suite(
    path: Path, tool: str, command: Sequence[str], cases: list[ElementTree.Element], began: float
) -> None:
    def count(tag: str) -> str:
        return str(sum(case.find(tag) is not None for case in cases))

    suite = ElementTree.Element(
        "testsuite",
        name=f"{tool} {shlex.join(command)}",
        tests=str(len(cases)),
        failures=count("failure"),
        errors=count("error"),
        skipped=count("skipped"),
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
        wrong, bad = one["wrong"], one["verdict"] in finding.BAD
        lines += [f"# {one['verdict']}: {one['measured']}"]
        lines += [f"# {text}" for text in details(one)]
        line = f"{'not ok' if wrong or bad else 'ok'} {number} {one['id']}"
        if one["verdict"] == finding.NOT_TESTED and not wrong:
            line += " # SKIP not tested"
        elif bad and not wrong:
            line += " # TODO known"
        lines.append(line)
    return "\n".join(map(printable, lines))

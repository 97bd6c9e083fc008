"""Known verdicts of `linger check`: how the file is read, written and compared, and how a run reports it.

No server runs.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from test_formats import misplaced, validator

from linger.check import known, output, reports
from linger.check.finding import Held
from linger.check.server import BATTERY
from linger.lab.errors import Usage

BATTERY.load()
SOCKETS = [Held(20, "connection", "CLOSE_WAIT", "node", 7).told()]


def found(id: str, verdict: str, measured: str = "20 sockets", crashed: bool = False) -> dict[str, Any]:
    held = SOCKETS if verdict == "LEAK" else []
    return {"id": id, "verdict": verdict, "crashed": crashed, "measured": measured, "held": held,
            "notes": ["boom"] if crashed else [], "seconds": 1.0}  # fmt: skip


CRASHED = found("descriptor-limit", "FAIL", "the server ended with status 1", crashed=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "closing.txt"


def compared(file: Path, *results: dict[str, Any]) -> dict[str, Any]:
    """The summary of a run with these results, compared with the file."""
    about = {"tool": "linger check", "program": "server", "command": ["node", "a b"], "port": 1, "request": "",
             "clients": 20}  # fmt: skip
    expected = known.read(file, BATTERY)
    wrong = known.judge(results, expected, strict=False)
    summary = reports.summary(about, list(results), wrong, expected, file, int(bool(wrong)), file.parent)
    validator("check").validate(summary)
    return summary


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("abandon", "abandon has no verdict; write one of PASS, FAIL, "),
        ("abandon GOOD", "unknown verdict 'GOOD'; write one of "),
        ("abandonn PASS", "unknown check 'abandonn'; did you mean abandon?"),
        ("abandon PASS LEAK", r"unknown verdict 'PASS LEAK'; .*, or several with \| between"),
        ("idle PASS\nabandon PASS\nabandon LEAK", "abandon already has a line"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(file: Path, text: str, sentence: str) -> None:
    file.write_text(f"# known\n\n{text}")
    with pytest.raises(Usage, match=rf"closing.txt:{text.count(chr(10)) + 3}: {sentence}"):
        known.read(file, BATTERY)


@pytest.mark.parametrize(
    "line, result, sentence, better",
    [
        ("abandon LEAK|FAIL # before 1.2", found("abandon", "LEAK"), None, False),
        ("abandon leak | fail", found("abandon", "FAIL"), None, False),
        ("abandon LEAK|FAIL", found("abandon", "PASS"), "abandon: PASS, known as LEAK or FAIL; delete its line, ", True),
        ("abandon LEAK", found("abandon", "WARN"), "abandon: WARN, known as LEAK; delete its line, ", True),
        ("abandon LEAK", found("abandon", "N/A"), "abandon: N/A (20 sockets), known as LEAK", False),
        ("abandon LEAK", found("abandon", "FAIL"), "abandon: FAIL (20 sockets), known as LEAK", False),
        ("abandon N/A", found("abandon", "LEAK"), "abandon: LEAK (20 sockets), known as N/A", False),
        ("abandon PASS", found("abandon", "CHOICE"), "abandon: CHOICE (20 sockets), known as PASS", False),
        ("", found("abandon", "LEAK"), "abandon: LEAK (20 sockets)", False),
        ("", found("abandon", "WARN"), None, False),
        ("descriptor-limit CRASH", CRASHED, None, False),
        ("descriptor-limit FAIL", CRASHED, "descriptor-limit: CRASH (the server ended with status 1), known as FAIL", False),
        ("descriptor-limit CRASH", found("descriptor-limit", "FAIL"), "descriptor-limit: FAIL (20 sockets), known as CRASH", False),
    ],
)  # fmt: skip
def test_what_differs_from_its_line_is_wrong(
    file: Path, line: str, result: dict[str, Any], sentence: str | None, better: bool
) -> None:
    """A crash is never covered by another FAIL, and what could not be tested is not better."""
    file.write_text(line)
    [one] = compared(file, result)["results"]
    assert (one["wrong"] or "").startswith(sentence or "") and bool(one["wrong"]) == bool(sentence), one
    assert one["better"] == better


def test_strict_makes_a_warning_fail() -> None:
    warned = [found("vanished-idle", "WARN", "kept")]
    assert known.judge(warned, {}, strict=False) == {}
    assert known.judge(warned, {}, strict=True) == {"vanished-idle": "vanished-idle: WARN (kept)"}
    assert known.judge(warned, {"vanished-idle": ["WARN"]}, strict=True) == {}


def test_a_file_is_updated_and_keeps_what_still_holds(file: Path) -> None:
    file.write_text("# ours\nidle       CHOICE   # not run\nabandon LEAK|FAIL # issue 12\nhalf-close FAIL\n")
    results = found("abandon", "LEAK"), found("half-close", "PASS", "all\x1b whole"), CRASHED
    reports.write_expected(file, compared(file, *results), BATTERY)
    assert file.read_text().splitlines() == [
        "# ours",
        "idle       CHOICE   # not run",
        "abandon LEAK|FAIL # issue 12",
        "half-close             PASS   # all\ufffd whole",
        "descriptor-limit       CRASH  # the server ended with status 1",
    ]
    summary = compared(file, *results)
    assert summary["wrong"] == []
    new = file.with_name("new")
    reports.write_expected(new, summary, BATTERY)
    head, *lines = new.read_text().splitlines()
    assert head == "# node 'a b'" and [line.split()[0] for line in lines] == [one["id"] for one in results]


def printed(summary: dict[str, Any]) -> str:
    out = io.StringIO()
    output.Console(out, "check", BATTERY.checks, quiet=False).conclude(summary)
    return out.getvalue()


def test_a_known_failure_is_one_line_and_one_test_that_is_skipped(file: Path) -> None:
    file.write_text("abandon LEAK\n")
    summary = compared(file, found("abandon", "LEAK"), found("idle", "PASS"))
    said = printed(summary)
    assert "Likely cause" not in said and "different" not in said
    assert said.endswith(f"\n{file}: 1 known failure, nothing worse, nothing better\n")
    root = _junit(file, summary)
    assert [one.get("message") for one in root.iter("skipped")] == [f"known failure: LEAK ({file})"]
    assert not list(root.iter("failure"))


def test_better_and_worse_are_told_apart(file: Path) -> None:
    file.write_text("abandon LEAK\ndescriptor-limit FAIL\n")
    summary = compared(file, found("abandon", "PASS"), CRASHED)
    said = printed(summary)
    worse, better = said.index(f"\nworse than {file}, or different:\n"), said.index(f"\nbetter than {file}:\n")
    assert worse < said.index("descriptor-limit: CRASH (") < better < said.index("abandon: PASS, known as LEAK")
    assert "an unhandled error or a signal ended the server; its last output is above." in " ".join(said.split())
    assert said.endswith(f"\n{file}: no known failures, 1 worse, 1 better\n")
    failures = {one.get("type"): one.get("message") for one in _junit(file, summary).iter("failure")}
    assert failures["CRASH"] == "CRASH (the server ended with status 1), known as FAIL"
    assert (failures["better"] or "").startswith(f"better than {file}: PASS, known as LEAK; delete its line")


def _junit(file: Path, summary: dict[str, Any]) -> ElementTree.Element:
    junit = file.with_name("junit.xml")
    reports.write_junit(junit, summary, BATTERY.checks, 0.0)
    root = ElementTree.parse(junit).getroot()
    assert not misplaced(root)
    return root

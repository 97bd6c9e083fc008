"""check --blame: which checks are repeated, and what is reported. Nothing is run."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import pytest
from test_blame import RULES, report, resolved  # noqa: F401, a fixture

from linger.cli import leaking
from linger.lab.errors import TargetDied


class Battery:
    """Stands in for one: it finds a leak first, and under blame leaves what a tracer would."""

    def __init__(self, folder: Path, rule: str = "eof", fails: bool = False) -> None:
        self.folder, self.rule, self.fails = folder, rule, fails
        self.seen: list[argparse.Namespace] = []

    def __call__(self, options: argparse.Namespace) -> int:
        self.seen.append(options)
        if len(self.seen) == 1:
            os.environ["LINGER_RUN"] = str(self.folder)
            verdicts = {"abandon": "PASS", "half-request-fin": "LEAK"}
            for name in verdicts:
                (self.folder / "check" / name).mkdir(parents=True)
            results = [{"id": name, "verdict": verdict} for name, verdict in verdicts.items()]
            (self.folder / "check/check.json").write_text(json.dumps({"results": results}))
            return 1
        if self.fails:
            raise TargetDied("the server ended")
        print("a table that nobody wants twice")
        traced = next(word for word in options.command if word.startswith("--output="))
        for pid, rule in ((1, "open"), (2, self.rule)):
            path = Path(traced.removeprefix("--output=").replace("%p", str(pid)))
            path.write_text(json.dumps(report(RULES[rule])))
        return 1


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> argparse.Namespace:
    monkeypatch.setenv("LINGER_RUN", str(tmp_path))
    return argparse.Namespace(blame=True, list=False, only=None, results=tmp_path, tap=True, junit="x",
                              json="x", write_expected="x", command=["--", "./server", "8000"])  # fmt: skip


def test_only_what_leaked_is_repeated(
    options: argparse.Namespace, tmp_path: Path, resolved: Any, capsys: pytest.CaptureFixture[str]  # noqa: F811
) -> None:
    battery = Battery(tmp_path)
    assert leaking.blamed(battery, options) == 1, "the code is that of the first run"
    first, again = battery.seen
    assert again.only == "half-request-fin" and not again.json and not again.junit and not again.tap
    assert "trace" in again.command and again.command[-2:] == ["./server", "8000"]
    said = capsys.readouterr().out
    assert "half-request-fin, again under blame:" in said and "EOF read, never closed" in said
    assert "a table" not in said
    assert [path.name for path in (tmp_path / "check/half-request-fin").iterdir()] == ["2.blame.json"]


@pytest.mark.parametrize("rule, fails, sentence", [("open", False, "under blame the program held nothing"),
                                                   ("eof", True, "the server ended")])  # fmt: skip
def test_what_blame_cannot_tell(
    options: argparse.Namespace, tmp_path: Path, resolved: Any, rule: str, fails: bool, sentence: str,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert leaking.blamed(Battery(tmp_path, rule, fails), options) == 1
    assert sentence in capsys.readouterr().out


def test_without_blame_nothing_is_repeated(options: argparse.Namespace, tmp_path: Path) -> None:
    options.blame = False
    battery = Battery(tmp_path)
    assert leaking.blamed(battery, options) == 1 and len(battery.seen) == 1

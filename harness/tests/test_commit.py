"""The commit in environment.json: told by a run of tests to the runs within it, and never of another clone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from linger.lab.programs import ROOT
from linger.run import results


def written(folder: Path) -> object:
    """The commit that a run writes down."""
    results.Environment().write(folder)
    return json.loads((folder / "environment.json").read_text())["commit"]


@pytest.mark.parametrize("told, found", [("abc", "abc"), ("", None)])
def test_what_was_told_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str, found: str | None
) -> None:
    monkeypatch.setenv(results.TOLD, f"{ROOT}:{told}")
    assert written(tmp_path) == found


def test_another_clone_asks_for_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = subprocess.run(results.COMMIT, capture_output=True, text=True).stdout.strip() or None
    monkeypatch.setenv(results.TOLD, f"{ROOT}/another:abc")
    assert written(tmp_path) == asked != "abc"
    monkeypatch.setenv(results.TOLD, "")
    results.tell_commit()
    assert written(tmp_path) == asked

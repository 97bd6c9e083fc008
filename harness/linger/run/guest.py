"""Runs another project's test with its lab: our plugin's part inside the sandbox (linger.pytest).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Iterator

import _pytest
import pluggy
import pytest

from linger.lab.errors import LingerError, NotHeld, Usage
from linger.lab.lab import Lab

LINGER = str(Path(__file__).parents[1])
PYTEST = tuple(str(Path(each.__file__).parent) for each in (_pytest, pluggy))
LAB = pytest.StashKey[Lab]()


def make(node: Any, places: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab of a test, with its evidence in a folder under pytest's base temp."""
    if "LINGER_SANDBOX" not in os.environ:
        raise Usage(
            "a lab needs the sandbox, and pytest did not see in time that this test wants one; "
            "let the test, or one of its fixtures, take `lab` as an argument"
        )
    evidence = places.mktemp(re.sub(r"[^\w.-]+", "_", node.name)[:60] + "-lab")
    node.user_properties.append(("evidence", str(evidence)))
    lab = node.stash[LAB] = Lab(f"{evidence.name}.{os.getpid()}", evidence)
    try:
        yield lab
    finally:
        lab.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """The test has passed; that counts only if it also proved that something happened."""
    lab = item.stash.get(LAB, None)
    if lab and not lab.verdict.struck:
        raise NotHeld(
            "nothing proves that anything happened in the lab, so the test may pass vacuously; "
            "add a guard, such as lab.happened(server, ESTABLISHED=1)"
        )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """For a failure of ours, show the caller's lines that led to it, and say where to look next."""
    error = call.excinfo and call.excinfo.value
    sentence = str(error) if isinstance(error, LingerError) and not _cut(error) else ""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed and sentence:
        report.longrepr = sentence
    if report.failed and (lab := item.stash.get(LAB, None)):
        report.sections.append(("lab", f"evidence: {lab.evidence}"))


def _cut(error: LingerError) -> bool:
    """Cut the stack of an error where the caller's code called ours; False if it never did."""
    last, entry = None, error.__traceback__
    while entry and not entry.tb_frame.f_code.co_filename.startswith(LINGER):
        last, entry = entry, entry.tb_next
    if not last or last.tb_frame.f_code.co_filename.startswith(PYTEST):
        return False
    last.tb_next = None
    return True

"""A plugin of the sessions of `linger run --blame`: every program of a pair runs under blame.

Only those; the scripted peers and the tools of the lab run as always.
"""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import pytest

from linger.blame import documents, tracing
from linger.lab.lab import Lab
from linger.run.plugin import Under

FOLDERS, NOT = ("servers", "clients"), "clients/peer"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="record each line that runs next")


def pytest_linger_under(item: pytest.Item) -> Under:
    """How our programs are started (run/plugin.py, Hooks)."""
    deep = item.config.getoption("deep")

    def under(program: str, log: Path) -> Sequence[str]:
        if program.partition("/")[0] not in FOLDERS or program == NOT:
            return ()
        return tracing.words(documents.traced_beside(log), deep=deep)

    return under


def pytest_linger_observe(item: pytest.Item, lab: Lab) -> None:
    """Ask while they still run: when the sandbox ends, so do they and their tracers (Hooks)."""
    documents.make_in(lab.evidence)

"""The cmocka tests of the C parts; each program is one test here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from linger.lab.programs import ROOT, program

SOURCES = sorted((ROOT / "harness").glob("*/test_*.c"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem[5:]}")
def test_unit(source: Path) -> None:
    name = f"tests/{source.parent.name}_{source.stem}"
    done = subprocess.run([program(name)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[  PASSED  ]" in done.stderr + done.stdout, "it ran no test"

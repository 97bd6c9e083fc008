"""--keep: the shells of failed labs, one after the other on one terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TWICE = """
from types import SimpleNamespace
from linger.run import shell
for name in ("first", "second"):
    shell.open_in(SimpleNamespace(name=name, hosts={}), "it failed")
"""


def test_each_lab_that_failed_has_its_turn(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(TWICE)
    done = subprocess.run(
        ["script", "-qec", f"{sys.executable} {tmp_path / 'twice.py'}", "/dev/null"],
        env={**os.environ, "LINGER_RUN": str(tmp_path)},
        input="exit\nexit\n", capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "first: it failed" in done.stdout and "second: it failed" in done.stdout

"""Where linger's own files are: the built programs, and the folder that everything belongs to."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKED = Path(__file__).resolve().parents[1] / "programs"  # in a copy that pip installed (pack.py)


def program(name: str) -> Path:
    """The path of a built program, such as "census" or "servers/closewait_leak_buggy"."""
    return Path(
        os.environ.get("LINGER_BUILD") or (PACKED if PACKED.exists() else ROOT / "build"), name
    )

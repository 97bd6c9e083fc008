"""The ladders of a run, derived from its recorded packets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from linger.lab import wire

NARROW = 64  # minimum columns of a ladder (harness/wire/wire.h)


def ladders(path: Path, result: dict[str, Any], width: int) -> str:
    """The ladders of one variant of a run as text, groups separated by empty lines; "" without any.

    path: its directory; result: its result.json; width: columns of a line. Errors: Broken when they cannot be
    derived.
    """
    judged = result["began"] + result["seconds"]
    names = hosts(path)
    if not names:
        return ""
    return wire.tell(path, names, "--width", str(max(NARROW, width)), verdict=judged).decode().rstrip("\n")


def hosts(path: Path) -> list[str]:
    """The hosts of a variant, by its ladder.json."""
    try:
        return list(json.loads((path / "ladder.json").read_text())["hosts"])
    except (OSError, ValueError):  # the run was ended before or while it was written
        return []

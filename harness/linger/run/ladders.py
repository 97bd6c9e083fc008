"""The ladders of a run, derived from the packets that it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from linger.lab import wire

NARROW = 64  # columns that a ladder needs at least (harness/wire/wire.h)


def ladders(path: Path, result: dict[str, Any], width: int) -> str:
    """The ladders of one variant of one run as text, groups divided by empty lines; "" without.

    path: its directory; result: its result.json; width: columns of a line. Errors: Broken when they cannot be derived.
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
    except (OSError, ValueError):  # the run was ended before it could be written, or meanwhile
        return []

"""The ladders of a run, derived from the packets that it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from linger.lab import wire


def ladders(path: Path, result: dict[str, Any]) -> str:
    """The ladders of one variant of one run as text, groups divided by empty lines; "" without.

    path: its directory; result: its result.json. Errors: Broken when they cannot be derived.
    """
    judged = result["began"] + result["seconds"]
    names = hosts(path)
    if not names:
        return ""
    return wire.tell(path, names, verdict=judged).decode().rstrip("\n")


def hosts(path: Path) -> list[str]:
    """The hosts of a variant, by its ladder.json."""
    try:
        return list(json.loads((path / "ladder.json").read_text())["hosts"])
    except (OSError, ValueError):  # the run was ended before it could be written, or meanwhile
        return []

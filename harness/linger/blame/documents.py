"""Documents of blame beside the logs of the programs that they are about."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Iterator

from linger.blame import document, reasons, tracing
from linger.lab import files
from linger.lab.errors import TargetDied, Usage

TRACED, MADE = ".traced.json", ".blame.json"  # behind the stem of a log


def traced_beside(log: Path) -> Path:
    """Where the tracer of the program writes whose output goes to a log."""
    return log.with_suffix(TRACED)


def make_in(folder: Path) -> None:
    """Make the documents of all programs in a folder, asking those that run what they hold."""
    for traced in sorted(folder.glob(f"*{TRACED}")):
        with contextlib.suppress(TargetDied):  # then its last report is there
            tracing.ask(traced)
        made = document.make(tracing.read(traced))
        files.write_json(traced.with_name(traced.name.removesuffix(TRACED) + MADE), made)


def conclude(folder: Path, place: Path) -> dict[str, Any] | None:
    """Of the tracers' last reports in a folder the one with the most connections that are held.

    place: where its document is written, beside the other evidence. Returns it; None: all is well.
    """
    made = {traced: document.make(tracing.read(traced)) for traced in sorted(folder.glob(f"*{TRACED}"))}
    counts = {traced: _held(one) for traced, one in made.items()}
    worst = max(counts, key=lambda traced: counts[traced], default=None)
    if not worst or not counts[worst]:
        return None
    files.write_json(place / (worst.name.removesuffix(TRACED) + MADE), made[worst])
    return made[worst]


def _held(made: dict[str, Any]) -> int:
    """How many connections of a document something is known to be wrong with."""
    return sum(group["count"] for group in made["groups"] if group["rule"] not in reasons.IDLE)


def read(path: Path) -> dict[str, Any]:
    """A document. Errors: Usage."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        raise Usage(f"{path} is no document of blame") from None


def of_variant(folder: Path) -> Iterator[Path]:
    """The documents in the folder of a variant: of its programs in the order of their start."""
    return iter(sorted(folder.rglob(f"*{MADE}"), key=lambda path: path.name.rsplit("-", 1)[-1]))

"""Documents of blame, beside the logs of their programs."""

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
    """Where the tracer of the program that writes a log puts its report."""
    return log.with_suffix(TRACED)


def make_in(folder: Path) -> None:
    """Make the documents of all programs in a folder; running ones are asked what they hold."""
    for traced in sorted(folder.glob(f"*{TRACED}")):
        with contextlib.suppress(TargetDied):  # its last report exists then
            tracing.ask(traced)
        made = document.make(tracing.read(traced))
        files.write_json(traced.with_name(traced.name.removesuffix(TRACED) + MADE), made)


def conclude(folder: Path, place: Path) -> dict[str, Any] | None:
    """Choose, of the tracers' last reports in a folder, the one with the most held connections.

    place: where its document is written, beside the other evidence. Returns the document; None: nothing is wrong.
    """
    made = {traced: document.make(tracing.read(traced)) for traced in sorted(folder.glob(f"*{TRACED}"))}
    counts = {traced: _held(one) for traced, one in made.items()}
    worst = max(counts, key=lambda traced: counts[traced], default=None)
    if not worst or not counts[worst]:
        return None
    files.write_json(place / (worst.name.removesuffix(TRACED) + MADE), made[worst])
    return made[worst]


def _held(made: dict[str, Any]) -> int:
    """How many connections of a document are known to be faulty."""
    return sum(group["count"] for group in made["groups"] if group["rule"] not in reasons.IDLE)


def read(path: Path) -> dict[str, Any]:
    """A document. Errors: Usage."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        raise Usage(f"{path} is not a blame document") from None


def of_variant(folder: Path) -> Iterator[Path]:
    """The documents in the folder of a variant, in the order in which its programs started."""
    return iter(sorted(folder.rglob(f"*{MADE}"), key=lambda path: path.name.rsplit("-", 1)[-1]))

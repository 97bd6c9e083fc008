"""What a program that lasts does, second by second: connections opened and held, errors."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Sequence

from linger.check.client.vigil import connections, opens
from linger.lab.host import Host

LOOK = 0.1  # s


@dataclass(frozen=True)
class Look:
    """What was seen at one moment."""

    at: float  # s since the first look
    phase: str  # "good", or the fault in force
    opened: int  # connections so far, including refused ones
    errors: int  # bytes on standard error so far
    held: dict[str, int] = field(default_factory=dict)  # sockets by state


class Pulse:
    """Watches the program of a host."""

    def __init__(self, host: Host, port: int, errors: Path) -> None:
        """port: of the server; errors: the program's standard error."""
        self._host, self._port, self._errors = host, port, errors
        self._began, self._first = time.monotonic(), opens(host)
        self.looks: list[Look] = []

    def look(self, phase: str) -> None:
        """Look once."""
        states: Counter[str] = connections(self._host, self._port)
        del states["unread"]
        size = self._errors.stat().st_size if self._errors.exists() else 0
        held = {state: count for state, count in states.items() if count}
        at = time.monotonic() - self._began
        self.looks.append(Look(at, phase, opens(self._host) - self._first, size, held))

    def watch(self, phase: str, seconds: float, until: Callable[[], object]) -> None:
        """Look repeatedly, for the given seconds or until something is true."""
        deadline = time.monotonic() + seconds
        while True:
            self.look(phase)
            if until() or time.monotonic() >= deadline:
                return
            time.sleep(LOOK)  # the next look


def after(looks: Sequence[Look], of: str, since: float) -> float | None:
    """How long after since a counter of the looks, "opened" or "errors", grew; None: never."""
    before = [getattr(look, of) for look in looks if look.at <= since]
    grown = [look.at for look in looks if look.at > since and getattr(look, of) > before[-1]]
    return grown[0] - since if grown else None


def timeline(looks: Sequence[Look]) -> list[dict[str, Any]]:
    """The looks as rows of about a second each; equal ones are merged. Times in seconds."""
    rows: list[dict[str, Any]] = []
    opened = 0
    for number, look in enumerate(looks):
        following = looks[number + 1] if number + 1 < len(looks) else None
        if following and int(following.at) == int(look.at) and following.phase == look.phase:
            continue
        row = {"phase": look.phase, "connects": look.opened - opened, "held": look.held}
        opened = look.opened
        same = rows and (rows[-1]["phase"], rows[-1]["held"]) == (look.phase, look.held)
        if same and not row["connects"]:
            rows[-1]["until"] = round(look.at, 1)
        else:
            since = rows[-1]["until"] if rows else 0.0
            rows.append({"since": since, "until": round(look.at, 1), **row})
    return rows


def told(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The timeline in words, a line each."""
    lines = []
    for row in rows:
        seconds = max(row["until"] - row["since"], LOOK)
        rate = f", {row['connects'] / seconds:.0f} a second" if row["connects"] > seconds + 1 else ""
        connects = f"{row['connects']} connect{'s' * (row['connects'] != 1)}{rate}"
        held = ", ".join(f"{count} {state}" for state, count in row["held"].items()) or "no socket"
        lines.append(f"{row['since']:5.1f} - {row['until']:4.1f} s  {row['phase']:8} {connects}; {held}")
    return lines

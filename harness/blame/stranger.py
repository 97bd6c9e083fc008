"""A third-party program, ready to run: for strangers.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

FILES_ONLY = "(files)"  # instead of a function: it leaks files, not connections


@dataclass(frozen=True)
class Stranger:
    """A program that is ready to run."""

    name: str
    function: str  # to be named, or FILES_ONLY
    file: str  # that contains it
    words: list[str]
    folder: Path  # in which it runs
    fault: tuple[str, ...] = ("connect", "fin")  # of the clients (clients/peer)
    behind: list[str] = field(default_factory=list)  # a server that it needs; []: echo
    env: dict[str, str] = field(default_factory=dict)

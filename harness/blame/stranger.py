"""A program that nobody here wrote, ready to run: for strangers.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

FILES_ONLY = "(files)"  # instead of a function: what it leaks is no connection


@dataclass(frozen=True)
class Stranger:
    """A program that is ready to run."""

    name: str
    function: str  # that is to be named, or FILES_ONLY
    file: str  # where that is
    words: list[str]
    folder: Path  # in which it runs
    fault: tuple[str, ...] = ("connect", "fin")  # of the clients (clients/peer)
    behind: list[str] = field(default_factory=list)  # a server that it needs; [] is echo
    env: dict[str, str] = field(default_factory=dict)

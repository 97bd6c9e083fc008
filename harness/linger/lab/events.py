"""An event: a line `ev=NAME key=value ...` on a program's standard output."""

from __future__ import annotations

from typing import AbstractSet as Set
from typing import Mapping

Event = dict[str, str]


def parse_event(line: str) -> Event | None:
    """The event in a line, {"ev": "recv", "n": "0", ...}, or None if the line is not one."""
    if not line.startswith("ev="):
        return None
    pairs = (word.partition("=") for word in line.split())
    return {key: value for key, _, value in pairs}


def words_of(name: str, fields: Mapping[str, object]) -> str:
    """An event and its required fields, in words: "recv n=0"."""
    return " ".join([name, *(f"{key}={value}" for key, value in fields.items())])


def wanted_items(name: str, fields: Mapping[str, object]) -> Set[tuple[str, str]]:
    """What an event of that name with these fields must contain, as items of a dict."""
    return {"ev": name, **{key: str(value) for key, value in fields.items()}}.items()

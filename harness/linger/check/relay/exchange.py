"""A good exchange, as messages that the relay reported, and the places where a strike may fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping, Sequence

MOST, LAST = 12, 4  # messages of the backend that are struck, and how many of them from the end
Sizes = tuple[int, ...]  # bytes of each message of the backend on one connection


@dataclass(frozen=True)
class Place:
    """Where a strike falls: after that many bytes of a backend's message on a connection."""

    connection: int  # from 1 on, in the order of their beginning
    message: int  # from 1 on
    after: int = 0  # bytes; 0: at the boundary

    def __str__(self) -> str:
        """Itself, in turncoat's notation."""
        return f"{self.connection}.{self.message}" + (f"+{self.after}" if self.after else "")


def sizes(accepts: Sequence[Mapping[str, str]], messages: Iterable[Mapping[str, str]]) -> tuple[Sizes, ...]:
    """What a backend said on each connection of a run.

    accepts: turncoat's events of the connections, oldest first; messages: those of the messages, on any
    connection.
    """
    found: dict[str, list[int]] = {event["conn"]: [] for event in accepts}
    for event in messages:
        if event["by"] == "backend" and event["conn"] in found:
            found[event["conn"]].append(int(event["bytes"]))
    return tuple(map(tuple, found.values()))


def agreed(one: Sequence[Sizes], other: Sequence[Sizes]) -> tuple[Sizes, ...]:
    """What two runs have in common: the connections, messages and bytes that both had.

    If a server sometimes sends a message in two pieces, later numbers would be ambiguous.
    """
    return tuple(tuple(map(min, ours, theirs)) for ours, theirs in zip(one, other))


def places(exchange: Sequence[Sizes], most: int = MOST) -> list[Place]:
    """The boundary and the middle of each message; if there are very many, of the first and the last.

    most: messages. One byte has no middle.
    """
    all_messages = [(c, m, size) for c, said in enumerate(exchange, 1) for m, size in enumerate(said, 1)]
    if len(all_messages) > most:
        last = min(LAST, most // 2)
        all_messages = all_messages[: most - last] + all_messages[-last:]
    found = []
    for connection, message, size in all_messages:
        found.append(Place(connection, message))
        if size > 1:
            found.append(Place(connection, message, size // 2))
    return found


def count(exchange: Sequence[Sizes]) -> int:
    """How many messages a backend said."""
    return sum(map(len, exchange))

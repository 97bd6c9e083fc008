"""The words of a page: what a scenario says about itself, names of rows, links within a text."""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from linger.report.collect import Run
from linger.run import scenarios

# What to call the rows whose names are not words: counters (snmp_counter.rst), classes of sockets.
SPOKEN = {
    "OutRsts": "RST segments sent",
    "PAWSEstab": "segments discarded for their timestamp",
    "PassiveOpens": "connections from clients",
    "TCPAbortOnClose": "connections reset because close() left data unread",
    "TCPAbortOnData": "connections reset by SO_LINGER 0, or by data after close()",
    "TCPTimeWaitOverflow": "TIME_WAITs not made because of the limit",
    "TW": "TIME_WAITs begun",
    "TWRecycled": "TIME_WAITs used again by connect()",
    "CLOSE_WAIT.unaccepted": "CLOSE_WAIT that nobody has accepted",
    "CLOSE_WAIT.unread": "CLOSE_WAIT whose EOF nobody has read",
    "LAST_ACK.orphan": "LAST_ACK that no process holds",
    "LAST_ACK.owned": "LAST_ACK that a process holds",
    "accept_queue": "connections that wait for accept()",
    "busy_percent": "percent of a processor",
    "descriptors": "descriptors of connections",
    "ghosts": "descriptors whose connection is gone",
    "held": "held at the end",
    "unconnected": "descriptors never connected",
}


class Prose(NamedTuple):
    """The docstring of a scenario; blocks are ("drawing", "prose" or "items", lines)."""

    title: str
    blocks: list[tuple[str, list[str]]]
    file: str


def tell(name: str) -> Prose:
    """What a scenario says about itself; its title is a remark when the file is no longer there."""
    path = scenarios.path_of(name)
    file = f"scenarios/{path.name}"
    if not path.exists():
        return Prose("This scenario no longer exists.", [], file)
    text = scenarios.docstring(name).partition("\n")[2].strip("\n")
    return Prose(scenarios.title(name), list(_blocks(text)), file)


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Paragraphs as they are written: indented ones are drawings, lines after "- " are items."""
    for paragraph in filter(str.strip, re.split(r"\n\s*\n", text)):
        lines = paragraph.split("\n")
        if lines[0][:1].isspace():
            yield "drawing", lines
            continue
        kind, block = "prose", []
        for line in lines:
            if line.startswith("- "):
                if kind == "prose":
                    if block:
                        yield kind, block
                    kind, block = "items", []
                block.append(line[2:])
            elif kind == "items" and line[:1].isspace():
                block[-1] += " " + line.strip()
            else:
                if kind == "items":
                    yield kind, block
                    kind, block = "prose", []
                block.append(line)
        yield kind, block


def spoken(label: str) -> str:
    """The name of a row in words."""
    name, then, _ = label.partition(", then")
    return SPOKEN.get(name, name) + (then and label[len(name) :])


def linked(text: str, run: Run, above: str = "") -> Markup:
    """A text in which each scenario that the run holds is a link to its page.

    above: the way from the page to the folder of the run, "../" or nothing.
    """
    names = {scenario.name for scenario in run.scenarios}
    parts = re.split(r"(?<![\w-])([a-z0-9]+(?:-[a-z0-9]+)+)(?![\w-])", text)
    for i in range(1, len(parts), 2):
        if parts[i] in names:
            parts[i] = Markup('<a href="{}{}/index.html">{}</a>').format(above, quote(parts[i]), parts[i])
    return Markup("").join(parts)

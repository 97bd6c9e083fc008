"""A document of blame in words, for a terminal and for a page."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Iterator

from linger.blame import places, reasons
from linger.blame.symbols import Frame

WIDTH = 11  # of the labels before the places
MANY_FILES = 10  # open files of a process from which on they are mentioned
MOST_NEXT = 8  # functions whose next lines are listed


def lines(document: dict[str, Any]) -> Iterator[str]:
    """The document as lines of text."""
    groups = document["groups"]
    if not groups:
        yield "no TCP connection is held"
    for group in groups:
        yield head(group)
        for label, text in rows(group, document["seconds"]):
            yield f"    {label:{WIDTH}} {text}"
        yield from _source(group)
    yield from notes(document)


def head(group: dict[str, Any]) -> str:
    """ "100 × CLOSE_WAIT in server (pid 28): EOF read, never closed"."""
    what = "LISTEN" if group["rule"] == "unaccepted" else group["state"]
    if what == "gone":
        what = "connection that is gone" if group["count"] == 1 else "connections that are gone"
    name = PurePath(group["program"]).name or "a program"
    end = ", ended" if group["ended"] else ""
    return f"{group['count']} × {what} in {name} (pid {group['pid']}{end}): {group['sentence']}"


def rows(group: dict[str, Any], now: float) -> Iterator[tuple[str, str]]:
    """The rows of a group: a label, and where. now: seconds since the start."""
    for touch in group["touches"]:
        ago, call = "", f"{touch['call']} at " if touch["call"] else ""
        if touch["kind"] in ("read", "last") and call and not group["ended"]:
            ago = f", {max(0.0, now - touch['at']):.1f} s ago"
        yield touch["label"], f"{call}{place(touch['where'])}{ago}"
    has_end = any(touch["kind"] == "end" for touch in group["touches"])
    for one in group["next"]:
        if text := _next(one["lines"]):
            what = "it was taken" if one["after"] == "taken" else "that" if has_end else "an end"
            yield "ran next", f"after {what}: {text}; then it {one['then']}"
    if "now" in group and group["rule"] not in ("shared", "copied", "gone"):
        yield "now", f"its thread waits in {group['now']['call']}() at {place(group['now']['where'])}"


def place(where: dict[str, Any] | None) -> str:
    """A place in words."""
    return places.named(Frame(**where)) if where else "an unknown place"


def _next(found: list[dict[str, Any]]) -> str:
    """ "readable_cb() server.c:24-26, 28": by function, in the order of their first run."""
    ran: dict[tuple[str, str], set[int]] = {}
    for one in found:
        name = one["function"] or "?", PurePath(one["file"]).name
        ran.setdefault(name, set()).add(one["line"])
    told = [f"{name}() {file}:{ranges(numbers)}" for (name, file), numbers in ran.items()]
    return "; ".join(told[:MOST_NEXT]) + (" …" if len(told) > MOST_NEXT else "")


def ranges(numbers: set[int]) -> str:
    """{1, 2, 3, 7} is "1-3, 7"."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{a}-{b}" if a < b else str(a) for a, b in parts)


def _source(group: dict[str, Any]) -> Iterator[str]:
    if not (source := group.get("source")):
        return
    for number, text in enumerate(source["lines"], source["first"]):
        mark = ">" if number == source["line"] else " "
        yield f"    {'':{WIDTH}} {mark}{number:5}  {text}"


def notes(document: dict[str, Any]) -> Iterator[str]:
    """What the report does not know."""
    if document["sample"] > 1:
        yield f"sampled: only descriptors that are a multiple of {document['sample']} were followed"
    if document["lost"]:
        yield f"{document['lost']} calls came too fast to be recorded"
    for process in document["processes"]:
        if process["files"] >= MANY_FILES:
            yield (f"pid {process['pid']} held {process['files']} files open, which blame does not follow; "
                   f"while it runs, ls -l /proc/{process['pid']}/fd lists them")  # fmt: skip
        if process["io_uring_refused"]:
            yield (f"pid {process['pid']} was refused io_uring, which blame cannot see into; without "
                   "blame it may behave differently")  # fmt: skip
    if any(group["rule"] not in reasons.IDLE and not _has_line(group) for group in document["groups"]):
        yield "no lines: the program has no debug information; build it with -g, or give --symbols FILE"


def _has_line(group: dict[str, Any]) -> bool:
    return any(touch["where"] and touch["where"]["line"] for touch in group["touches"])

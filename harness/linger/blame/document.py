"""The report as one JSON document: schema/blame.schema.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

from linger.blame import helping, places, reasons
from linger.blame.symbols import Frame, Stacks
from linger.lab.foreign import printable

SCHEMA = 1
CONTEXT = 1  # lines of source before and after the one shown
WIDEST = 160  # characters of a source line
LARGEST = 4 << 20  # bytes: a larger source file is not read


def make(report: dict[str, Any], symbols: Path | None = None) -> dict[str, Any]:
    """Make the document of a tracer's report (tracing.read()).

    symbols: a file of the program's name with its debug information.
    """
    stacks = Stacks(report, symbols)
    after = {(one["stack"], one["after"]): one for one in report["after"]}
    told = [(group, reasons.rule_of(group)) for group in report["groups"]]
    told = [(group, rule) for group, rule in told if rule != "listening"]
    shown = [(group, rule, reasons.told(group, rule)) for group, rule in told]
    _resolve(stacks, shown, after)
    programs = {process["pid"]: process["program"] for process in report["processes"]}
    groups = [
        _group(group, rule, kinds, stacks, after, programs.get(group["pid"], ""))
        for group, rule, kinds in shown
    ]
    groups = _merged(groups)
    groups.sort(key=lambda group: (reasons.RULES.index(group["rule"]), -group["count"]))
    return {
        "schema": SCHEMA,
        **{name: report[name] for name in ("why", "seconds", "sample", "deep", "watched", "lost")},
        "processes": report["processes"],
        "groups": groups,
    }


def _resolve(stacks: Stacks, shown: list[Any], after: dict[tuple[int, str], Any]) -> None:
    numbers: set[int] = set()
    lines: list[list[int]] = []
    for group, _, kinds in shown:
        numbers |= {group[kind]["stack"] for kind in kinds}
        numbers.add(group.get("now", {}).get("stack", 0))
        for one in _afters(group, after):
            numbers |= {call["stack"] for call in one["calls"]}
            lines += one["lines"]
    stacks.resolve(numbers, lines)


def _afters(group: dict[str, Any], after: dict[tuple[int, str], Any]) -> Iterator[dict[str, Any]]:
    """What ran after a socket ended, and after it was taken. If nothing accepts: what ran after other sockets
    ended, since that is when a program may go on to accept."""
    for kind in ("end", "taken"):
        found = after.get((group[kind]["stack"], kind)) if kind in group else None
        if found:
            yield found
    if group.get("waiting") and "end" not in group:
        yield from (one for one in after.values() if one["after"] == "end")


def _group(
    group: dict[str, Any],
    rule: str,
    kinds: list[str],
    stacks: Stacks,
    after: dict[tuple[int, str], Any],
    program: str,
) -> dict[str, Any]:
    touches = [_touch(kind, group[kind], stacks, program) for kind in kinds]
    told = {kind: helping.where(printable(text)) for kind, text in group["told"].items() if kind in kinds}
    touches = [_as_told(touch, told) if touch["kind"] in told else touch for touch in touches]
    made = {
        **{name: group[name] for name in ("pid", "state", "count", "unread", "ended")},
        "program": printable(program),
        "rule": rule,
        "sentence": reasons.sentence_of(group, rule),
        "touches": touches,
        "next": [] if told else [_next(one, stacks, program) for one in _afters(group, after)],
        "descriptors": group["descriptors"],
    }
    if group.get("now", {}).get("stack") and not told:
        now = group["now"]
        made["now"] = {"call": now["call"], **_where(stacks.frames(now["stack"]), program)}
    last = next((touch for touch in reversed(touches) if touch["kind"] in ("last", "end", "read",
                 "adopted", "taken") and touch["where"]), None)  # fmt: skip
    if last and (source := _source(last["where"])):
        made["source"] = source
    return made


def _as_told(touch: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """A touch with its place in the program's own language. The last line that a helper reported need not be
    that of the last call."""
    own = {"label": "last line", "call": ""} if touch["kind"] == "last" else {}
    return {**touch, **own, "where": told[touch["kind"]]}


def _merged(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge groups with the same text: their stacks differ only further out."""
    merged: dict[str, dict[str, Any]] = {}
    for group in groups:
        touches = [(touch["kind"], touch["where"], touch.get("error")) for touch in group["touches"]]
        same = [group[name] for name in ("pid", "state", "rule", "sentence", "ended")]
        first = merged.setdefault(repr((same, touches)), group)
        if first is not group:
            first["count"] += group["count"]
            first["unread"] += group["unread"]
            first["descriptors"] = sorted(first["descriptors"] + group["descriptors"])
            first["next"] = first["next"] or group["next"]
    return list(merged.values())


def _touch(kind: str, touch: dict[str, Any], stacks: Stacks, program: str) -> dict[str, Any]:
    values = {name: touch[name] for name in ("at", "took", "result", "error", "thread")
              if name in touch}  # fmt: skip
    return {
        "kind": kind,
        "label": reasons.label_of(kind, touch),
        "call": reasons.call_of(kind, touch),
        **values,
        **_where(stacks.frames(touch["stack"]), program),
    }


def _where(frames: list[Frame], program: str) -> dict[str, Any]:
    frame = places.own(frames, program)
    return {"where": frame.record() if frame else None, "frames": [one.record() for one in frames]}


def _next(after: dict[str, Any], stacks: Stacks, program: str) -> dict[str, Any]:
    """The lines of the program that ran next, each once."""
    frames = [frame for module, address in after["lines"] for frame in stacks.at(module, address)]
    if not frames:
        called = (places.own(stacks.frames(call["stack"]), program) for call in after["calls"])
        frames = [frame for frame in called if frame]
    lines: dict[tuple[str, str, int], Frame] = {}
    for frame in frames:
        if places.is_own_line(frame, program):
            lines.setdefault((frame.function, frame.file, frame.line), frame)
    return {
        "after": after["after"],
        "lines": [frame.record() for frame in lines.values()],
        "then": after["then"],
    }


def _source(where: dict[str, Any]) -> dict[str, Any] | None:
    """The source around a place, if it can be read here."""
    path = Path(where["file"])
    try:
        if not where["line"] or not path.is_file() or path.stat().st_size > LARGEST:
            return None
        text = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    if where["line"] > len(text):
        return None
    first = max(1, where["line"] - CONTEXT)
    lines = [printable(line.expandtabs(4)[:WIDEST]) for line in text[first - 1 : where["line"] + CONTEXT]]
    return {"file": where["file"], "line": where["line"], "first": first, "lines": lines}

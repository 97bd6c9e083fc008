"""The file of known verdicts: a line for each check, "ID VERDICT" or "ID VERDICT|VERDICT"; # begins a comment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Mapping, Sequence

from linger.check.battery import Battery
from linger.check.finding import BAD, CHOICE, NOT_TESTED, PASS, WARN, WORDS
from linger.lab.errors import Usage, os_sentence
from linger.lab.foreign import printable
from linger.run import near

CRASH = "CRASH"  # in the file only: a FAIL because the program ended; the word FAIL does not cover it
KNOWN = (*WORDS, CRASH)
SEVERITY = {PASS: 0, CHOICE: 1, NOT_TESTED: 1, WARN: 2, **dict.fromkeys((*BAD, CRASH), 3)}


def word(result: Mapping[str, Any]) -> str:
    """The verdict of a result as the file has it."""
    return CRASH if result["crashed"] else str(result["verdict"])


def read(path: Path, battery: Battery) -> dict[str, list[str]]:
    """Read a file: the known verdicts by check.

    Errors: Usage, for a file that cannot be read, and for a line with an unknown check, a check that has a line
    already, an unknown verdict or none.
    """
    expected: dict[str, list[str]] = {}
    for number, line in enumerate(_lines(path), 1):
        try:
            id, verdicts = _parsed(line, battery)
            if id in expected:
                raise Usage(f"{id} already has a line")
        except Usage as error:
            raise Usage(f"{path}:{number}: {error}") from None
        if id:
            expected[id] = verdicts
    return expected


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = os_sentence(error) if isinstance(error, OSError) else f"{path}: not a text file"
        raise Usage(f"cannot read the expected verdicts: {why}") from None


def _parsed(line: str, battery: Battery) -> tuple[str, list[str]]:
    """The check of a line, and its verdicts; "" and none for a comment. Errors: Usage."""
    id, *rest = line.partition("#")[0].split() or [""]
    if not id:
        return "", []
    if id not in battery.checks:
        raise near.unknown("check", id, battery.checks, f"{battery.tool} --list")
    if not rest:
        raise Usage(f"{id} has no verdict; write one of {', '.join(KNOWN)}")
    verdicts = [one.strip() for one in " ".join(rest).upper().split("|")]
    for one in verdicts:
        if one not in KNOWN:
            raise Usage(f"unknown verdict {one!r}; write one of {', '.join(KNOWN)}, or several with | between")
    return id, verdicts


def better(result: Mapping[str, Any], wanted: Sequence[str] | None) -> bool:
    """Whether a result is better than each verdict that its line has. wanted: these; None: it has no line.

    What could not be tested is not better.
    """
    best = min((SEVERITY[one] for one in wanted or ()), default=0)
    return result["verdict"] != NOT_TESTED and SEVERITY[word(result)] < best


def judge(
    results: Sequence[Mapping[str, Any]], expected: Mapping[str, list[str]], strict: bool
) -> dict[str, str]:
    """What is wrong with a run, a sentence per check; empty: all is as it should be.

    results: as the trials return them; expected: the known verdicts by id; any difference is reported, even a
    better verdict; strict: WARN is wrong as well.
    """
    wrong = {}
    for result in results:
        found, wanted = word(result), expected.get(result["id"])
        if better(result, wanted):
            why = f"{found}, known as {' or '.join(wanted or ())}"
            wrong[result["id"]] = f"{why}; delete its line, or run again with --write-expected"
        elif wanted and found not in wanted:
            wrong[result["id"]] = f"{found} ({result['measured']}), known as {' or '.join(wanted)}"
        elif not wanted and (result["verdict"] in BAD or strict and found == WARN):
            wrong[result["id"]] = f"{found} ({result['measured']})"
    return {id: f"{id}: {why}" for id, why in wrong.items()}


def updated(path: Path, battery: Battery, summary: Mapping[str, Any]) -> str:
    """The text of a file that has the verdicts of a run.

    If there is a file, its comments stay, its lines of other checks, and those lines that already cover the
    verdict. Errors: as read().
    """
    new = {one["id"]: one for one in summary["results"]}
    lines = _lines(path) if path.is_file() else [printable(f"# {shlex.join(summary['command'])}")]
    for place, line in enumerate(lines):
        id, verdicts = _parsed(line, battery)
        one = new.pop(id, None)
        if one and word(one) not in verdicts:
            lines[place] = _line(one)
    return "\n".join([*lines, *map(_line, new.values())]) + "\n"


def _line(one: Mapping[str, Any]) -> str:
    return printable(f"{one['id']:22} {word(one):6} # {one['measured']}")

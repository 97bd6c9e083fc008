"""linger explain, from its options to its output."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from linger.explain import fitting, observe, sums, symptoms, telling
from linger.explain.symptoms import Symptom
from linger.lab.errors import HELD, Broken, Usage, complain, os_sentence
from linger.lab.foreign import read_json
from linger.lab.programs import program
from linger.run.printer import say

LOOK = 5.0  # s between looks at something that must last longer than requested
MOMENT = 0.1  # s, at least


def run(options: argparse.Namespace) -> int:
    """Explain a process. Errors: TargetDied, CannotRun, Usage, Broken."""
    rules = symptoms.load()
    more = sums.of_capture(_ladders(options.capture, options.port)) if options.capture else {}
    if options.blame:
        more |= _blamed(options.blame, options.pid)
    last, values, seconds = _watched(options, rules, more)
    made = telling.document(last, seconds, values, fitting.fits(rules, values, seconds))
    if options.json:
        print(json.dumps(made, indent=1, ensure_ascii=False))
    else:
        say("\n".join(telling.lines(made)))
    return HELD


def _watched(
    options: argparse.Namespace, rules: list[Symptom], more: sums.Values
) -> tuple[observe.Observation, sums.Values, float]:
    """Watch a process until it is clear what lasts; returns the last observation, the numbers that
    held all the time, and for how many seconds. Errors: as observe.once(); Usage for a port of no socket."""
    first = observe.once(options.pid, options.port)
    if options.port and not any(one["rows"] or one["listeners"] for one in first.members):
        raise _without(options.pid, options.port)
    values = sums.measured(first) | more | {"cpu": 100}
    began, next, longest = time.monotonic(), options.seconds, 0.0
    while next:
        percent = observe.wanted(options.pid, next)
        seconds = time.monotonic() - began
        last = observe.once(options.pid, options.port)
        now = sums.measured(last) | more | {"cpu": min(100, round(percent))}
        values = sums.lasting(values, now)
        before, longest = longest, fitting.undecided(rules, values, seconds)
        if longest and not before:
            complain(f"linger: this may pass; watching for {longest:g} s in total")
        next = max(MOMENT, min(LOOK, longest - seconds)) if longest else 0.0
    return last, values, seconds


def _without(pid: int, port: int) -> Usage:
    """The error for a program with no socket on a local port, and what the caller may have meant."""
    remotes = [remote for one in observe.once(pid, None).members for remote in one["remotes"]]
    there = sum(remote["count"] for remote in remotes if remote["port"] == port)
    meant = f"; {there} of its sockets lead to port {port} at the other end: leave out --port" if there else ""
    return Usage(f"process {pid} has no TCP socket with the local port {port}{meant}")


def _ladders(capture: Path, port: int | None) -> dict[str, Any]:
    """What wire reports about a capture. Errors: Usage when it cannot be read."""
    words = [program("wire"), "ladder", "--json", "--groups", "1"]
    words += ["--port", str(port), capture] if port else [capture]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace")
    if done.returncode not in (0, 1):
        kinds = {Usage.code: Usage}
        raise kinds.get(done.returncode, Broken)(done.stderr.strip().removeprefix("wire: "))
    if done.returncode:  # it ends early: what came before counts
        complain(f"linger: {done.stderr.strip().removeprefix('wire: ')}")
    return json.loads(done.stdout)


def _blamed(report: Path, pid: int) -> sums.Values:
    """What blame reports. Errors: Usage when the file is not one of its reports."""
    try:
        return sums.of_blame(read_json(report.read_text(errors="replace")), pid)
    except OSError as error:
        raise Usage(os_sentence(error)) from None
    except (ValueError, KeyError, TypeError):
        raise Usage(f"{report} is not a report of linger blame --json") from None

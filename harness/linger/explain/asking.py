"""linger explain, from its options to what it prints."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from linger.explain import fitting, observe, sums, symptoms, telling
from linger.lab.errors import HELD, Broken, Usage, complain, os_sentence
from linger.lab.foreign import printable_all
from linger.lab.programs import program
from linger.run.printer import say


def run(options: argparse.Namespace) -> int:
    """Explain a process. Errors: TargetDied, CannotRun, Usage, Broken."""
    rules = symptoms.load()
    more = sums.of_capture(_ladders(options.capture, options.port)) if options.capture else {}
    if options.blame:
        more |= _blamed(options.blame, options.pid)
    first, second = observe.twice(options.pid, options.port, options.seconds)
    values = sums.lasting(first, second) | more
    [process, *_] = second.members[0]["processes"]
    unseen = dict.fromkeys((*first.unseen, *second.unseen))
    fits = fitting.fits(rules, values)
    made = telling.document(
        options.pid, process["process"], options.seconds, values, [*unseen], fits
    )
    if options.json:
        print(json.dumps(made, indent=1, ensure_ascii=False))
    else:
        say("\n".join(telling.lines(made)))
    return HELD


def _ladders(capture: Path, port: int | None) -> dict[str, Any]:
    """What wire says of a capture. Errors: Usage when it cannot be read."""
    words = [program("wire"), "ladder", "--json", "--groups", "1"]
    words += ["--port", str(port), capture] if port else [capture]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace")
    if done.returncode not in (0, 1):
        kinds = {Usage.code: Usage}
        raise kinds.get(done.returncode, Broken)(done.stderr.strip().removeprefix("wire: "))
    if done.returncode:  # it ends early: what comes before counts
        complain(f"linger: {done.stderr.strip().removeprefix('wire: ')}")
    return json.loads(done.stdout)


def _blamed(report: Path, pid: int) -> sums.Values:
    """What blame says. Errors: Usage when the file is none of its reports."""
    try:
        return sums.of_blame(printable_all(json.loads(report.read_text(errors="replace"))), pid)
    except OSError as error:
        raise Usage(os_sentence(error)) from None
    except (ValueError, KeyError, TypeError):
        raise Usage(f"{report} is no report of linger blame --json") from None

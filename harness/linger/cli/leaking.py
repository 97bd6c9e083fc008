"""check --blame, check-client --blame: repeat the checks that found a leak, under blame."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any, Callable

from linger.lab import files
from linger.lab.errors import LingerError
from linger.run.printer import say

LEAK = "LEAK"
REPEATED = "blame"  # the folder inside that of a run
AGAIN = {"blame": False, "json": None, "junit": None, "write_expected": None, "tap": False}


def blamed(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a battery; with --blame, then report for each check that found a leak which lines hold
    what.

    run: the battery, by its options. Returns its exit code, no matter what the repetition finds.
    """
    code = run(options)
    if options.blame and not options.list:
        folder = Path(os.environ["LINGER_RUN"])
        found = json.loads((folder / "check" / "check.json").read_text())["results"]
        for result in found:
            if result["verdict"] == LEAK:
                _repeat(run, options, folder, result)
    return code


def _repeat(
    run: Callable[[argparse.Namespace], int],
    options: argparse.Namespace,
    folder: Path,
    result: dict[str, Any],
) -> None:
    from linger.blame import documents, tracing, wording  # not at the top: as in checking.py

    place = folder / REPEATED / result["id"]
    files.make_folder(place)
    traced = tracing.words(place / f"%p{documents.TRACED}", at_rest=True)
    words = [*traced, *options.command]
    again = {**vars(options), **AGAIN, "only": result["id"], "results": place, "command": words}
    say(f"\n{result['id']}, again under blame:")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            run(argparse.Namespace(**again))
        made = documents.conclude(place, folder / "check" / result["id"])
    except LingerError as error:
        say(f"  {error}")
        return
    for line in wording.lines(made) if made else ["under blame the program held nothing"]:
        say(f"  {line}")

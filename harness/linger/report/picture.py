"""A scenario's picture for a document: one host in each variant, as a file by itself, light and dark.

    python3 -m linger.report.picture RUN SCENARIO [HOST]    # `make documents` calls it
"""

from __future__ import annotations

import sys
from pathlib import Path

from linger.lab.errors import Usage
from linger.report import palette, plot, timeline
from linger.run.results import read_result


def draw(run: Path, scenario: str, host: str = "server") -> str:
    """The counts of a host over time, a panel for each variant. Errors: Usage when the run lacks one."""
    panels, ended = {}, 0.0
    for path in sorted(run.glob(f"{scenario}/*/result.json")):
        result = read_result(path)
        seen = timeline.read(path.with_name("timeline.jsonl"), result["began"], result["seconds"])
        if seen:
            panels[f"{host}, {result['variant']}"] = seen.hosts[host]
            ended = max(ended, seen.ended)
    if not panels:
        raise Usage(f"{run} has no results of {scenario}")
    return _alone(plot.draw(timeline.Timeline(panels, ended)))


def _alone(drawing: str) -> str:
    """A part of a page as a file: with its own colours, for the reader's light or dark scheme."""
    style = (
        f"<style>svg{{{_declared('light')}}}"
        f"@media(prefers-color-scheme:dark){{svg{{{_declared('dark')}}}}}</style>"
    )
    head, tag, rest = drawing.partition(">")
    return f"{head}{tag}{style}{rest}\n"


def _declared(scheme: str) -> str:
    return palette.variables(scheme).replace("\n", "").replace(": ", ":")


if __name__ == "__main__":
    print(draw(Path(sys.argv[1]), *sys.argv[2:]), end="")

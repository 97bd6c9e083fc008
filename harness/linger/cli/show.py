"""linger show: the results of a scenario in plain text, for a terminal without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from linger.lab.errors import Usage
from linger.run import scenarios
from linger.run.ladders import hosts, ladders
from linger.run.printer import columns, print_table, say
from linger.run.results import read_result, shortest
from linger.run.tables import grid, table


def show(name: str, results: Path, run: Path | None = None, variant: str | None = None) -> None:
    """Print the title, the expectations, and the ladders and pcaps of each variant.

    results: where the runs are; run: one of them, by default the newest with the scenario.
    variant: only this one. Errors: Usage when there is no such scenario, run or variant.
    """
    [name] = scenarios.choose([name])
    folder = _folder(name, results, run)
    found = {path.parent: read_result(path) for path in folder.rglob("result.json")}
    shown = [path for path in sorted(found) if variant in (None, found[path]["variant"])]
    if not shown:
        variants = sorted({result["variant"] for result in found.values()})
        has = f"it has {', '.join(variants)}" if variants else "it was not finished"
        raise Usage(f"{shortest(folder)} has no variant {variant or 'at all'}; {has}")
    measured = [found[path] for path in shown]
    say(f"{name}: {scenarios.title(name)}\n")
    print_table(*table(measured))
    for outcomes in measured[0]["tables"]:
        say(f"\n  {outcomes['title']}")
        print_table(*grid(outcomes))
    for path in shown:
        _show_ladders(path, found[path])


def _folder(name: str, results: Path, run: Path | None) -> Path:
    """The directory of a scenario in a run."""
    if run:
        if not (run / name).is_dir():
            raise Usage(f"{run} has no results of {name}; run it: make scenario-{name}")
        return run / name
    runs = [path for path in results.glob(f"[0-9]*/{name}") if path.is_dir()]
    if not runs:
        raise Usage(f"{name} has not been run; run it: make scenario-{name}")
    return max(runs, key=lambda path: _made(path.parent))


def _made(run: Path) -> tuple[str, int]:
    """When a run was made, by its name: 2026-11-22T18-51-38, then .2 for the next in that second.

    The time of its directory changes whenever a report is written into it.
    """
    stamp, _, number = run.name.partition(".")
    return stamp, int(number) if number.isdecimal() else 0


def _show_ladders(path: Path, result: dict[str, Any]) -> None:
    """Print one variant of one run, every repetition of it."""
    say(f"\n{result['variant']}: {result['verdict']}" + _repetition(result))
    if result["message"]:
        say(f"  {result['message']}")
    told = ladders(path, result, columns())
    say(told or "  no packets were recorded")
    if told:
        say("  packets: " + " ".join(shortest(path / f"{name}.pcap") for name in hosts(path)))


def _repetition(result: dict[str, Any]) -> str:
    return f" (repetition {result['repetition']})" if result["repetition"] > 1 else ""

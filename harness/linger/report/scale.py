"""The page of a run of `make bench-scale`: the curves, the table, and what limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterable, Mapping

from linger.lab.errors import Broken, CannotRun
from linger.report import chart
from linger.report.collect import Run, read_json

Row = Mapping[str, Any]
MIB = 2**20
# What a column of the table holds, and how it is written; "-" for what was not measured.
COLUMNS = {
    "state": ("state", "{}"),
    "size": ("sockets", "{:,}"),
    "counted": ("counted", "{:,}"),
    "servers": ("servers", "{:,}"),
    "seconds": ("seconds", "{:.2f}"),
    "per_second": ("a second", "{:,}"),
    "kernel_bytes": ("kernel, bytes each", "{:,}"),
    "program_bytes": ("server, bytes each", "{:,}"),
    "count_seconds": ("count, seconds", "{:.4f}"),
    "owners_seconds": ("whole census, seconds", "{:.3f}"),
    "sampling_share": ("sampling, of a core", "{:.1%}"),
    "busy_share": ("cores busy", "{:.0%}"),
}
TIMES = {
    "made": ("seconds", "none"),
    "census": ("owners_seconds", "7 3"),
    "count": ("count_seconds", "2 3"),
}
MEMORY = {"kernel": ("kernel_bytes", "none"), "servers": ("program_bytes", "7 3")}


def is_of(path: Path) -> bool:
    """Whether the run in a directory is one of bench-scale."""
    return (path / "scale.json").is_file()


def pages(path: Path, draw: Callable[..., str]) -> dict[Path, str]:
    """The page of a run, by its path.

    draw: makes a page of a template's name, the run, and values. Errors: CannotRun when the run
    was not finished, OSError when it cannot be read.
    """
    scale = read_json(path / "scale.json")
    if scale is None:
        raise CannotRun(
            f"{path} is a bench-scale that did not finish, so there is nothing to report"
        )
    run = Run(path, read_json(path / "environment.json"))
    try:
        values = {
            "columns": [name for name, _ in COLUMNS.values()],
            "rows": [cells(row) for row in scale["rows"]],
            "drawings": drawings(scale["rows"]),
            "short": scale["short"],
            "limits": scale["limits"],
        }
    except (LookupError, TypeError, ValueError) as error:
        raise Broken(f"scale.json: evidence that is not as linger writes it ({error!r})") from error
    return {path / "index.html": draw("scale.html.j2", run=run, **values)}


def cells(row: Row) -> list[str]:
    """A row of the table as text."""
    return [
        "-" if row[key] is None else shape.format(row[key]) for key, (_, shape) in COLUMNS.items()
    ]


def drawings(rows: Iterable[Row]) -> dict[str, str]:
    """The curves of time and memory against the number of sockets, as SVG; "" where none is."""
    rows = list(rows)
    whose = " of CLOSE_WAIT and TIME_WAIT against their number; the table has the figures"
    return {
        "time": chart.draw("seconds", "sockets", _curves(rows, TIMES, _as_is), "Times" + whose),
        "memory": chart.draw("MiB", "sockets", _curves(rows, MEMORY, _in_mib), "Memory" + whose),
    }


def _as_is(row: Row, key: str) -> float:
    return row[key] or 0


def _in_mib(row: Row, key: str) -> float:
    return row["size"] * (row[key] or 0) / MIB


def _curves(
    rows: list[Row], kinds: Mapping[str, tuple[str, str]], value: Callable[[Row, str], float]
) -> list[chart.Curve]:
    return [
        chart.Curve(
            f"{state}, {name}",
            state,
            dash,
            [(row["size"], value(row, key)) for row in rows if row["state"] == state],
        )
        for state in dict.fromkeys(row["state"] for row in rows)
        for name, (key, dash) in kinds.items()
    ]

"""The rooms of harness/linger: arrows between them point downwards, and modules form no cycle."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from linger.lab.programs import ROOT

LINGER = ROOT / "harness" / "linger"
# From the ground up; rooms on one floor do not know each other.
FLOORS = [
    {"lab"},
    {"run"},
    {"claims", "check", "workshop", "blame", "explain"},
    {"report"},
    {"cli"},
]
FACE = {"linger", "linger.__main__", "linger.pytest"}  # what others see of the package
MOST_LINES = 310
FACES = {"__init__", "__main__"}


def name_of(path: Path) -> str:
    parts = path.relative_to(LINGER.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    """Every module of the driver by its dotted name."""
    return {name_of(path): path for path in sorted(LINGER.rglob("*.py"))}


def imports(text: str, known: set[str]) -> set[str]:
    """Our modules that a source imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in names]
        else:
            continue
        found |= {name for name in names if name in known}
    return found


def room(module: str) -> str:
    return module.split(".")[1]


def upward(module: str, imported: str) -> bool:
    """Whether an import leads to a higher floor, or to another room on the same floor."""
    floors = [
        next(n for n, rooms in enumerate(FLOORS) if room(m) in rooms) for m in (module, imported)
    ]
    return floors[0] < floors[1] or floors[0] == floors[1] and room(module) != room(imported)


def test_arrows_point_downwards() -> None:
    known = modules()
    arrows = [
        f"{module} imports {imported}"
        for module, path in known.items()
        if module not in FACE
        for imported in imports(path.read_text(), {*known})
        if imported in FACE or upward(module, imported)
    ]
    assert not arrows


def test_no_circle() -> None:
    known = modules()
    graph = {module: imports(path.read_text(), {*known}) for module, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_a_module_has_one_name_and_can_be_held_in_mind() -> None:
    known = modules()
    stems = Counter(path.stem for path in known.values() if path.stem not in FACES)
    assert [stem for stem, times in stems.items() if times > 1] == []
    lengths = {module: len(path.read_text().splitlines()) for module, path in known.items()}
    assert {module: n for module, n in lengths.items() if n > MOST_LINES} == {}


@pytest.mark.parametrize(
    "module, text, wrong",
    [
        ("linger.lab.x", "from linger.run import results", True),
        ("linger.run.x", "def f():\n    from linger.cli.console import Console", True),
        ("linger.check.x", "import linger.workshop.grade", True),
        ("linger.cli.x", "from linger.lab import Lab, faults", False),
        ("linger.report.x", "from linger.check import finding", False),
    ],
)
def test_what_is_an_arrow_upwards(module: str, text: str, wrong: bool) -> None:
    found = imports(text, {*modules()})
    assert found and any(upward(module, imported) for imported in found) == wrong

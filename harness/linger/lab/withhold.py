"""Withholding a fault, to show that the scenario notices.

A guard is worth something only if it can fail. So every call of a scenario that causes a fault is withheld
once, while everything else happens as usual: a peer reports its actions but does nothing, a client (whose
fault is its own) does nothing, a rule matches nothing, a process is neither frozen nor killed. The
scenario must then end with NotHeld before it could pass: because of a guard (`happened`, `happened_fault`,
`happened_event`, `happened_value`), an event that does not come, or a table that all variants share.
"""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, TypeVar

FAULTS: set[str] = set()  # names of functions that cause a fault when a scenario calls them
SETTINGS: set[str] = set()  # functions of faults.py that cause none
_F = TypeVar("_F", bound=Callable)


def fault(function: _F) -> _F:
    """Mark a function that causes a fault: prove withholds it, and it must ask withheld()."""
    FAULTS.add(function.__name__)
    return function


def setting(function: _F) -> _F:
    """Mark a function of faults.py that causes none: it counts, or sets a condition."""
    SETTINGS.add(function.__name__)
    return function


class Site(NamedTuple):
    """A call in a scenario that causes a fault."""

    call: str
    first: int  # line
    last: int

    def __str__(self) -> str:
        return f"{self.call}-{self.first}"


def sites(scenario: Path) -> list[Site]:
    """Where a scenario causes faults, in the order of its lines; only the first one on a line counts."""
    found: dict[int, Site] = {}
    for node in ast.walk(ast.parse(scenario.read_text())):
        if isinstance(node, ast.Call) and _does_a_fault(node):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found.setdefault(node.lineno, Site(name, node.lineno, node.end_lineno or node.lineno))
    return [found[line] for line in sorted(found)]


def _does_a_fault(node: ast.Call) -> bool:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    first = node.args[0] if node.args else None
    witness = isinstance(first, ast.Constant) and first.value == "stay"  # it does nothing anyway
    return name in FAULTS and not (name == "peer" and witness)


class _Withheld:
    """The site whose fault is withheld in this process, one at a time."""

    site: Site | None = None
    scenario = ""
    times = 0
    longest = 0.0


@contextlib.contextmanager
def withholding(scenario: Path, site: Site, longest: float) -> Iterator[type[_Withheld]]:
    """Withhold the fault at a site for the length of a block; `times` then says how often.

    longest: the default deadline from then on, in seconds: what does not come by then would not come later.
    If it is short and the machine is busy, a scenario may seem to notice what it does not, but never the
    reverse.
    """
    _Withheld.site, _Withheld.scenario, _Withheld.times = site, os.fspath(scenario), 0
    _Withheld.longest = longest
    try:
        yield _Withheld
    finally:
        _Withheld.site = None


def withheld() -> bool:
    """Whether the fault that is about to happen, wherever its code is, is the withheld one."""
    site = _Withheld.site
    if not site:
        return False
    frame = sys._getframe(1)
    while frame and frame.f_code.co_filename != _Withheld.scenario:
        frame = frame.f_back  # type: ignore[assignment]
    if not frame or not site.first <= frame.f_lineno <= site.last:
        return False
    _Withheld.times += 1
    return True


def shortened(seconds: float) -> float:
    """A default deadline, in seconds: shorter once the fault was withheld."""
    return min(seconds, _Withheld.longest) if _Withheld.site and _Withheld.times else seconds

"""The lab: a private network with its hosts, the faults in it, and what we expect of it.

    lab       hosts, links, programs              faults    what can go wrong, counted
    expect    guards and expectations             capture   segments kept for replay
    process   a program and its events            wire      every packet, shown as ladders
    census    what the kernel holds, counted      verdict   rows of expected and measured
    service   any command, started as its owner would
    host, netns, sockets, recorder, confine, withhold       their building blocks

Nothing here knows what a scenario, a check or an exercise is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linger.lab.lab import Lab as Lab


def __getattr__(name: str) -> Any:
    """Import `Lab` on demand: most commands need a module of this package but no lab."""
    if name != "Lab":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from linger.lab import lab

    return lab.Lab

"""The lab: a private network with its hosts, what happens in it, and what is expected of it.

    lab       hosts, links, programs              faults    what can go wrong, counted
    expect    guards and expectations             capture   segments kept, to be sent again
    process   a program and its events            wire      every packet, told as ladders
    census    what the kernel holds, counted      verdict   rows of expected and measured
    service   any command, as its owner starts it
    host, netns, sockets, recorder, confine, withhold       what those are made of

Nothing in here knows what a scenario, a check or an exercise is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linger.lab.lab import Lab as Lab


def __getattr__(name: str) -> Any:
    """`Lab`, when it is asked for: most commands need a module of this package and no lab."""
    if name != "Lab":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from linger.lab import lab

    return lab.Lab

"""linger: make TCP connections end badly on purpose, count what is left, prove the cure.

A scenario needs two names from here: `scenario`, the decorator that makes a test run in both
variants, and `connections`, the number of connections it runs with. Another project's tests take
the fixture `lab` instead (linger.pytest).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linger.run.scenarios import connections as connections
    from linger.run.scenarios import scenario as scenario

__all__ = ["connections", "scenario"]


def __getattr__(name: str) -> Any:
    """What a scenario needs, when it asks: linger.pytest is imported by every pytest there is."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from linger.run import scenarios

    return getattr(scenarios, name)

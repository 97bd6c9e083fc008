"""linger: make TCP connections end badly on purpose, count what is left, prove the cure.

A scenario needs two names from here: `scenario`, the decorator that makes a test run in both
variants, and `connections`, the number of connections it runs with.
"""

from linger.run.scenarios import connections, scenario

__all__ = ["connections", "scenario"]

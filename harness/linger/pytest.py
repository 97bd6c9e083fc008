"""The pytest plugin for other projects: the fixture `lab`, a private network for a test.

Where linger is installed every pytest imports this module, so it holds only what must be known before
a test that takes `lab` is about to run: run/delegate.py then has it run in a sandbox, where
run/guest.py makes the lab. Not for linger's own session, whose plugin is run/plugin.py.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:
    from linger.lab import Lab


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A private network of two hosts, "client" and "server", in which this test runs programs."""
    from linger.run import guest

    yield from guest.make(request.node, tmp_path_factory)


def pytest_configure(config: pytest.Config) -> None:
    if in_sandbox():
        from linger.run import guest

        config.pluginmanager.register(guest)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Let a test that takes our `lab` run in the sandbox, all others where they are."""
    if in_sandbox() or not takes_lab(item):
        return None
    from linger.run import delegate

    return delegate.run(item, nextitem if nextitem and takes_lab(nextitem) else None)


def in_sandbox() -> bool:
    return "LINGER_SANDBOX" in os.environ


def takes_lab(item: pytest.Item) -> bool:
    """Whether a test takes our fixture: a project's own `lab` overrides it, and may build on it."""
    fixtures: Any = getattr(item, "_fixtureinfo", None)
    for fixture in reversed(fixtures.name2fixturedefs.get("lab", ()) if fixtures else ()):
        if fixture.func.__module__ == __name__:
            return True
        if "lab" not in fixture.argnames:
            return False
    return False

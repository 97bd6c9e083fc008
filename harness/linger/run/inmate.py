"""The pytest session inside the sandbox, which gets the tests that take a lab from delegate.py.

It is a worker of the caller's session, as in pytest-xdist, and says so (`workerinput`): what a plugin does
once for all tests, such as JUnit's file, is done outside.
"""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from types import FrameType

import pytest
from _pytest._io import TerminalWriter
from _pytest.config import _prepareconfig


class Terminal:
    """Replaces pytest's reporter, because reports are shown outside."""

    @property
    def _tw(self) -> TerminalWriter:
        """Where the debugger writes (--pdb), once nothing is captured any more."""
        return TerminalWriter()


class Inmate:
    """A plugin whose loop runs the tests it is given, and sends their reports outside."""

    def __init__(self, config: pytest.Config, outside: Connection) -> None:
        self.config = config
        self.outside = outside
        self.hindrances: list[str] = []

    def pytest_sessionstart(self) -> None:
        self.config.pluginmanager.register(Terminal(), "terminalreporter")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.hindrances.append(report.longreprtext)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        if isinstance(excinfo.value, pytest.exit.Exception):  # by the debugger, for example
            self.outside.send(excinfo.value)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests that the other end names, (node id, the next one's), until it is gone.

        The answer to each: its reports, then None, or why it could not run, or what ends the session.
        """
        items = {item.nodeid: item for item in session.items}
        hook = self.config.hook
        while True:
            try:
                wanted, following = self.outside.recv()
            except EOFError:
                return True
            if item := items.get(wanted):
                hook.pytest_runtest_protocol(item=item, nextitem=items.get(following))
                self.outside.send(None)
            else:
                self.outside.send("\n".join([f"{wanted} is not collected", *self.hindrances]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.outside.send(data)


# What only the outer session does, by plugins' options; most plugins look at `workerinput`.
NOT_HERE = {
    "dist": "no", "distload": False, "tx": [], "numprocesses": None, "maxprocesses": None,
    "looponfail": False,
}  # fmt: skip


def main(fd: int) -> None:
    """Run the session. fd: the socket to the other end, which first says how it was started."""
    outside = Connection(fd)
    arguments, files, base, workerinput = outside.recv()
    config = _prepareconfig(arguments)
    config.pluginmanager.set_blocked("terminal")
    config.option.__dict__.update(NOT_HERE, basetemp=base)
    config.args = files
    config.workerinput = workerinput  # type: ignore[attr-defined]
    config.workeroutput = {}  # type: ignore[attr-defined]
    config.pluginmanager.register(Inmate(config, outside))
    signal.signal(signal.SIGINT, _interrupt)
    config.hook.pytest_cmdline_main(config=config)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough; we are ending
    raise KeyboardInterrupt

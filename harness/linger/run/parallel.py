"""Runs tests at the same time, each in a forked child of the session.

xdist does this too, and `linger test` uses it; but its workers are new interpreters, which costs 0.3 s before
the first test: more than a whole scenario takes. A forked child costs milliseconds, and a test that crashes
or exhausts its process takes nothing else down.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
from typing import Any, BinaryIO, Callable, Sequence

import pytest
from _pytest.reports import TestReport
from _pytest.runner import runtestprotocol

_to_parent: BinaryIO | None = None


def tell_parent(labels: Sequence[str], step: str) -> None:
    """Report a step of a test to the session that forked it; silent under xdist."""
    if _to_parent:
        _send({"labels": labels, "step": step})


def _send(message: dict[str, Any]) -> None:
    assert _to_parent
    _to_parent.write(json.dumps(message).encode() + b"\n")
    _to_parent.flush()


class ForkingLoop:
    """A pytest plugin whose loop runs every collected item in a child, several at once."""

    def __init__(self, at_once: int, on_step: Callable[[Sequence[str], str], None]) -> None:
        """at_once: children running at the same time; on_step: called with the steps of their tests."""
        self.at_once = at_once
        self.on_step = on_step

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("a scenario file could not be read")
        waiting = list(reversed(session.items))
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or selector.get_map():
                    while waiting and len(selector.get_map()) < self.at_once:
                        child = Child(waiting.pop())
                        selector.register(child.pipe, selectors.EVENT_READ, child)
                    for key, _ in selector.select():
                        if self._hear(key.data):
                            selector.unregister(key.fileobj)
                            key.data.collect()
            finally:
                for key in list(selector.get_map().values()):
                    key.data.kill()
        return True

    def _hear(self, child: Child) -> bool:
        """Act on what a child has sent; True when it has nothing more to send."""
        messages = child.receive()
        if messages is None:
            child.report_crash()
            return True
        for message in messages:
            if "reports" in message:
                child.report(message["reports"])
                return True
            self.on_step(message["labels"], message["step"])
        return False


class Child:
    """One item in one forked process."""

    def __init__(self, item: pytest.Item) -> None:
        self.item = item
        read, write = os.pipe()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            self._run(os.fdopen(write, "wb"))
        os.close(write)
        self.pipe = os.fdopen(read, "rb", buffering=0)
        self._partial = b""

    def receive(self) -> list[dict[str, Any]] | None:
        """The messages that have arrived, perhaps none; None when the child is gone."""
        data = self.pipe.read(1 << 16)
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def _run(self, pipe: BinaryIO) -> None:
        """What the child runs: the normal test protocol, with reports to the parent."""
        global _to_parent
        status = 1
        try:
            _to_parent = pipe
            hook = self.item.config.hook
            reports = [
                hook.pytest_report_to_serializable(config=self.item.config, report=report)
                for report in runtestprotocol(self.item, log=False)
            ]
            _send({"reports": reports})
            status = 0
        finally:
            os._exit(status)

    def report(self, reports: list[dict[str, Any]]) -> None:
        config = self.item.config
        for data in reports:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            if isinstance(report.longrepr, list):  # of a skip: JSON turned the tuple into a list
                report.longrepr = tuple(report.longrepr)
            self.item.ihook.pytest_runtest_logreport(report=report)

    def report_crash(self) -> None:
        """Report that the harness broke, for a child that ended without its reports."""
        report = TestReport(
            self.item.nodeid, self.item.location, {}, "failed",
            "the process of this test ended without a report", "call",
        )  # fmt: skip
        self.item.ihook.pytest_runtest_logreport(report=report)

    def collect(self) -> None:
        self.pipe.close()
        os.waitpid(self.pid, 0)
        self.item.ihook.pytest_runtest_logfinish(
            nodeid=self.item.nodeid, location=self.item.location
        )

    def kill(self) -> None:
        """End the test at once; what its lab holds goes with the sandbox."""
        os.kill(self.pid, signal.SIGKILL)
        self.pipe.close()
        os.waitpid(self.pid, 0)

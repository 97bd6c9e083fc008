"""Runs tests at the same time, in forked children of the session.

xdist's workers are new interpreters, each of which imports and collects everything again: for all our tests
that takes 1.5 s of processor, twelve times, before the first begins. A forked child has everything already.
And a test that crashes or exhausts its process takes nothing else down.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import traceback
import warnings
from typing import Any, BinaryIO, Callable, Sequence

import pytest
from _pytest.reports import TestReport
from _pytest.runner import runtestprotocol

from linger.run import alone

OnStep = Callable[[Sequence[str], str], None]
_to_parent: BinaryIO | None = None


def tell_parent(labels: Sequence[str], step: str) -> None:
    """Report a step of a test to the session that forked it; silent in a session without children."""
    if _to_parent:
        _send(_to_parent, {"labels": labels, "step": step})


def _send(to: BinaryIO, message: dict[str, Any]) -> None:
    to.write(json.dumps(message).encode() + b"\n")
    to.flush()


class ForkingLoop:
    """A pytest plugin whose loop runs the collected items in children, several at once."""

    def __init__(
        self, at_once: int, on_step: OnStep = lambda labels, step: None, afresh: bool = True
    ) -> None:
        """at_once: children at the same time, unless -n (run/plugin.py) has another number.

        on_step: called with the steps of their tests. afresh: each item gets a new child; otherwise a child
        runs one after the other, with folders for tmp_path, processes and a /run of its own.
        """
        self.at_once = at_once
        self.on_step = on_step
        self.afresh = afresh

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        option = session.config.option
        at_once = self.at_once if option.workers is None else option.workers
        if option.collectonly or at_once <= 0:
            return None  # to pytest's own loop
        if session.testsfailed and not option.continue_on_collection_errors:
            raise session.Interrupted("a scenario file could not be read")
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        if terminal:
            terminal.showfspath = False  # tests of many files end in any order
        if not self.afresh:
            session.config._tmp_path_factory.getbasetemp()  # made once, for all
        waiting = list(reversed(range(len(session.items))))
        forked = 0
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or selector.get_map():
                    while waiting and len(selector.get_map()) < at_once:
                        forked += 1
                        child = Child(session, waiting.pop(), 0 if self.afresh else forked)
                        selector.register(child.channel, selectors.EVENT_READ, child)
                    for key, _ in selector.select():
                        if not self._hear(key.data, waiting):
                            selector.unregister(key.fileobj)
                            key.data.collect()
                        _stop_if_asked(session)
            finally:
                for key in list(selector.get_map().values()):
                    key.data.kill()
        return True

    def _hear(self, child: Child, waiting: list[int]) -> bool:
        """Act on what a child has sent; False when it has ended."""
        messages = child.receive()
        for message in messages or ():
            if "reports" in message:
                child.report(message["reports"])
                child.order(waiting.pop() if waiting and not self.afresh else None)
            elif "warning" in message:
                child.warn(*message["warning"])
            elif "died" in message:
                child.died(message["died"])
            else:
                self.on_step(message["labels"], message["step"])
        return messages is not None


def _stop_if_asked(session: pytest.Session) -> None:
    """As pytest's own loop does after each test (--exitfirst, --maxfail)."""
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


class Child:
    """A forked process that runs one item, and further ones as ordered."""

    def __init__(self, session: pytest.Session, number: int, worker: int) -> None:
        """number: the first item, by its place in the session; worker: the number of its folder, or 0."""
        self._session = session
        self._item = session.items[number]  # that it runs, or ran last
        self._busy = True
        self._partial = b""
        self._died = ""
        self._reports: list[TestReport] = []
        self.channel, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.channel.close()
            self._serve(theirs.makefile("rwb"), number, worker)
        theirs.close()

    # In the child.

    def _serve(self, parent: BinaryIO, number: int | None, worker: int) -> None:
        """Run items by the normal test protocol, with reports to the parent, until there is no more."""
        global _to_parent
        config, status = self._session.config, 1
        try:
            if worker:
                alone.enter(worker)
            self._separate(worker)
            config.pluginmanager.register(self)  # which repeats all earlier warnings
            _to_parent = parent
            # A session in place of the next item: pytest then keeps the session's fixtures, and only these.
            following: Any = self._session if worker else None
            while number is not None:
                item = self._session.items[number]
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                whole = config.hook.pytest_report_to_serializable
                _send(parent, {"reports": [whole(config=config, report=report) for report in self._reports]})
                number = json.loads(parent.readline())
            self._session._setupstate.teardown_exact(None)
            status = 0
        except BaseException:
            _send(parent, {"died": traceback.format_exc()})
        finally:
            os._exit(status)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """As pytest does, but the plugins that show reports are the parent's."""
        self._reports = runtestprotocol(item, log=False, nextitem=nextitem)
        return True

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        text = f"{warning_message.category.__name__}: {warning_message.message}"
        if _to_parent:
            _send(_to_parent, {"warning": [text, warning_message.filename, warning_message.lineno]})

    def _separate(self, worker: int) -> None:
        """Share no file with other children: neither that of captured output nor, as a worker, a tmp_path."""
        config: Any = self._session.config
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture:
            capture.stop_global_capturing()
            capture.start_global_capturing()
        if worker:
            folder = config._tmp_path_factory.getbasetemp() / f"worker-{worker}"
            folder.mkdir(0o700)
            config._tmp_path_factory._basetemp = folder

    # In the parent.

    def receive(self) -> list[dict[str, Any]] | None:
        """The messages that have arrived, perhaps none; None when the child is gone."""
        data = self.channel.recv(1 << 16)
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def order(self, number: int | None) -> None:
        """Have it run another item; None: it shall end."""
        self._busy = number is not None
        if number is not None:
            self._item = self._session.items[number]
        with contextlib.suppress(BrokenPipeError):  # collect() says so
            self.channel.sendall(json.dumps(number).encode() + b"\n")

    def report(self, reports: list[dict[str, Any]]) -> None:
        """Report its item to the plugins of the session."""
        config, found = self._session.config, []
        for data in reports:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            if isinstance(report.longrepr, list):  # of a skip: JSON turned the tuple into a list
                report.longrepr = tuple(report.longrepr)
            found.append(report)
        self._log(found)

    def _log(self, reports: list[TestReport]) -> None:
        item = self._item
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def warn(self, text: str, file: str, line: int) -> None:
        """Pass a warning on to the plugins of the session."""
        warning = warnings.WarningMessage(UserWarning(text), UserWarning, file, line)
        about = dict(when="runtest", nodeid=self._item.nodeid, location=None)
        self._item.ihook.pytest_warning_recorded.call_historic(kwargs={"warning_message": warning, **about})

    def died(self, why: str) -> None:
        """Remember why it cannot go on."""
        self._died = why

    def collect(self) -> None:
        """Wait for its end. Unless it was ordered to end, and did so well, the harness broke."""
        self.channel.close()
        _, status = os.waitpid(self.pid, 0)
        if self._busy or status:
            why = self._died or "the process of this test ended without a report"
            self._log([TestReport(self._item.nodeid, self._item.location, {}, "failed", why, "call")])

    def kill(self) -> None:
        """End it at once; what its lab holds goes with the sandbox."""
        os.kill(self.pid, signal.SIGKILL)
        self.channel.close()
        os.waitpid(self.pid, 0)

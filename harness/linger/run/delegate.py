"""Another project's tests that take a lab, handed to a pytest session in the sandbox.

Only they go there: the rest of the session keeps its network, its processes and its terminal, and every
report is shown once, by the session that the caller started. That may be a pytest-xdist worker, or
pytest.main() in any program. As with xdist, session-scoped fixtures are set up again in the inner session
(inmate.py), which starts with the first such test.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Iterator

import pytest

from linger.lab.environment import outside
from linger.lab.errors import Broken, CannotRun, LingerError, signal_name
from linger.lab.programs import program

ENDING = 10.0  # s that the inner session's fixtures have to end
INTERRUPTED = 1.0  # s that a test has after the caller's interrupt
LATE = 5.0  # s by which an inner time limit, which started later, may follow the outer one
REPLACED = Path("/run")  # by the sandbox
# ^C reaches both; only the outer session answers it.
CHILD = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.path[:] = {path!r}; from linger.run import inmate; inmate.main({fd})"
)


def run(item: pytest.Item, following: pytest.Item | None) -> bool:
    """Run a test inside, and report on it. following: the next test, if it goes there too."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, following):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reports(item: pytest.Item, following: pytest.Item | None) -> Iterator[pytest.TestReport]:
    config = item.config
    when = "setup"  # of the next report
    try:
        for data in _inside(item.session).run(item, following):
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            when = "teardown" if report.failed or report.when == "call" else "call"
            yield report
    except LingerError as error:
        yield _report(item, "failed", str(error), when)
        if when != "teardown":  # JUnit's and other reporters take that as the end of the test
            yield _report(item, "passed", None, "teardown")


def _report(item: pytest.Item, outcome: Any, why: str | None, when: Any) -> pytest.TestReport:
    keywords = dict.fromkeys(item.keywords, 1)
    return pytest.TestReport(item.nodeid, item.location, keywords, outcome, why, when)


def _inside(session: pytest.Session) -> Inside:
    """The inner session, started when needed. Errors: CannotRun, the same each time."""
    stash = session.config.stash
    if not (found := stash.get(INSIDE, None)):
        try:
            found = Inside(session)
            session.config.add_cleanup(found.close)
        except CannotRun as error:
            found = error
        stash[INSIDE] = found
    if isinstance(found, CannotRun):
        raise found
    return found


class Inside:
    """The inner session, as seen from outside."""

    def __init__(self, session: pytest.Session) -> None:
        """Start it. Errors: CannotRun with the sandbox's sentence."""
        self.config = session.config
        _must_be_possible(self.config)
        places = self.config._tmp_path_factory  # type: ignore[attr-defined]
        base = str(places.mktemp("linger"))
        # pytest-cov starts when it is configured, and takes `workerinput` for xdist's.
        measured = ["--no-cov"] if self.config.pluginmanager.hasplugin("pytest_cov") else []
        arguments = [*measured, *map(str, self.config.invocation_params.args)]
        files = dict.fromkeys(str(item.path) for item in session.items if item.path)
        workerinput = getattr(self.config, "workerinput", {"workerid": "linger"})
        here, there = socket.socketpair()
        with there, _standard_input(self.config):
            code = CHILD.format(path=sys.path, fd=there.fileno())
            flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
            self._process = subprocess.Popen(
                [program("sandbox"), sys.executable, *flags, "-c", code],
                pass_fds=[there.fileno()],
                cwd=self.config.invocation_params.dir,
                env=outside(),
            )
        self._connection = Connection(here.detach())
        self._busy = False
        with contextlib.suppress(OSError):  # it has ended already, as run() will see
            self._connection.send((arguments, list(files), base, workerinput))

    def run(self, item: pytest.Item, following: pytest.Item | None) -> Iterator[dict[str, Any]]:
        """Run a test; yields its reports as they come. Errors: CannotRun when it cannot run."""
        self._busy = True
        try:
            self._connection.send((item.nodeid, following and following.nodeid))
            while isinstance(answer := self._receive(), dict):
                yield answer
        except (EOFError, OSError, pytest.fail.Exception) as error:
            self.close()
            del self.config.stash[INSIDE]  # the next test starts a new session
            if isinstance(error, pytest.fail.Exception):
                raise Broken(str(error)) from None
            raise Broken(f"the session in the sandbox ended {self._ending()}") from None
        self._busy = False
        if isinstance(answer, pytest.exit.Exception):
            raise answer
        if answer:
            raise Broken(f"in the sandbox {answer}")

    def _receive(self) -> Any:
        """The next answer. Errors: EOFError, OSError; what pytest-timeout raises, unless it also does so
        inside."""
        try:
            self._connection.poll(None)
        except pytest.fail.Exception:
            if not self._connection.poll(LATE):
                raise
        return self._connection.recv()

    def _ending(self) -> str:
        status = self._process.returncode
        return f"by {signal_name(-status)}" if status < 0 else f"with status {status}"

    def close(self) -> None:
        """Let the inner session end, or end it."""
        self._connection.close()
        try:
            self._process.wait(INTERRUPTED if self._busy else ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and with it everything that it started
        self._process.wait()


INSIDE = pytest.StashKey["Inside | CannotRun"]()


def _must_be_possible(config: pytest.Config) -> None:
    """Errors: CannotRun with the sandbox's own sentence."""
    base = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    if REPLACED in base.parents:
        raise CannotRun(f"{base} is under {REPLACED}, which the sandbox replaces; use --basetemp")
    try:
        asked = subprocess.run(
            [program("sandbox"), "true"], capture_output=True, text=True, env=outside(),
            cwd=config.invocation_params.dir,
        )  # fmt: skip
    except OSError as error:
        raise CannotRun(f"{program('sandbox')}: {error.strerror}; build linger: make") from None
    if asked.returncode:
        raise CannotRun(asked.stderr.strip() or f"sandbox ended with status {asked.returncode}")


@contextlib.contextmanager
def _standard_input(config: pytest.Config) -> Iterator[None]:
    """Give programs started in the block the caller's terminal, for a debugger. pytest captures standard
    input all the time, output only while a test runs."""
    if capture := config.pluginmanager.getplugin("capturemanager"):
        capture.suspend_global_capture(in_=True)
    try:
        yield
    finally:
        if capture:
            capture.resume_global_capture()
            capture.suspend_global_capture(in_=False)

"""One pytest session: how it is started and interrupted, and its exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Sequence

import pytest
from _pytest.config import get_config

from linger.lab import files, interrupt
from linger.lab.errors import BROKEN, CANNOT_RUN, HELD, NOT_HELD, USAGE, Usage, complain
from linger.lab.programs import INSTALLED, ROOT
from linger.run import junit, results
from linger.run.summary import Summary

# Proves that every guard can fail; not a test file by its name, and not for users.
PROVE = Path(__file__).with_name("prove.py")

OURS = ["-p", "linger.run.plugin"]  # so that its options are known too


def tests_named(words: Sequence[str]) -> list[str]:
    """The files, folders and node ids among pytest's arguments; pytest itself tells which words belong to
    options.

    Errors: Usage for one that does not exist, and for a plugin that cannot be imported.
    """
    config = get_config()
    try:
        config.pluginmanager.consider_preparse([*OURS, *words])
        known = config._parser.parse(list(words))
    except ImportError as error:
        raise Usage(str(error)) from None
    except pytest.UsageError:
        return []  # pytest will say so when it runs
    for path in (word.partition("::")[0] for word in known.file_or_dir):
        if not known.pyargs and not os.path.exists(path):
            raise Usage(f"there is no file or folder {path!r} with tests")
    return known.file_or_dir


def run_pytest(run: Path, arguments: list[str], plugins: list[object]) -> int:
    """Run pytest in this process; returns the exit code of linger."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):  # the caller's are for other projects
        os.environ.pop(name, None)
    sys.dont_write_bytecode |= INSTALLED  # pytest's versions of scenarios would stay there forever
    environment = results.Environment()
    codes, summary = ExitCode(), Summary(run)
    fixed = ["-c", str(ROOT / "harness/pytest.ini"), "--rootdir", str(ROOT)]
    fixed += ["-p", "linger.run.plugin", f"--junitxml={run / 'junit.xml'}"]
    ended_by = interrupt.once(*interrupt.ENDING)
    try:
        result = pytest.main([*fixed, *arguments], plugins=[codes, summary, *plugins])
    except KeyboardInterrupt:  # before pytest was ready for it
        result = pytest.ExitCode.INTERRUPTED
    except OSError as error:  # while the file was written, which leaves a part of it
        (run / "junit.xml").unlink(missing_ok=True)
        raise files.unwritable(run / "junit.xml", error) from error
    junit.tidy(run / "junit.xml")
    environment.write(run)
    if ended_by:
        complain(f"linger: interrupted by {ended_by[0].name}")
    code = 128 + ended_by[0] if ended_by else codes.of(result)
    summary.write(code)
    return code


class ExitCode:
    """Turn what happened to the tests into the exit code of linger."""

    def __init__(self) -> None:
        self.codes: set[int] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.codes.add(dict(report.user_properties).get("exit", BROKEN))
        elif report.skipped:  # what did not run did not pass
            self.codes.add(BROKEN)

    def of(self, pytest_code: int) -> int:
        """The code of the session: a failed expectation outweighs a broken harness, which outweighs the rest.

        Errors: Usage when nothing was selected.
        """
        if pytest_code == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise Usage("nothing was selected, so nothing was tested")
        for code in (NOT_HELD, BROKEN, USAGE, CANNOT_RUN):
            if code in self.codes:
                return code
        known = {pytest.ExitCode.OK: HELD, pytest.ExitCode.USAGE_ERROR: USAGE}
        return known.get(pytest.ExitCode(pytest_code), BROKEN)

"""linger run, prove, soak, test: run scenarios and tests in the sandbox."""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Sequence

from linger.cli import modules
from linger.cli.options import AT_ONCE, CORES, JSON, TAP, Add, add_results, count
from linger.lab import confine, files, netns
from linger.lab.errors import CannotRun, LingerError, Usage, complain
from linger.lab.programs import INSTALLED, ROOT
from linger.run import scenarios
from linger.run.printer import say

PLAIN = dict(n=None, v=False, repeat=1, keep=False, prove=False, blame=False, deep=False, tap=False, json=False, yours=())  # a run
# Plugins of pytest that no scenario needs: together they take a tenth of its start-up time.
UNUSED = ("doctest unittest nose debugging faulthandler pastebin stepwise setuponly "
          "setupplan logging").split()  # fmt: skip
SPARE_DESCRIPTORS = 64  # of a program, besides its connections


def add_to(add: Add) -> None:
    run = add("run", run_scenarios, "run scenarios in a sandbox, both variants at once")
    run.add_argument("names", nargs="*", metavar="NAME", help="a scenario, or: all")
    run.add_argument("-n", type=count, metavar="N", help="use N connections instead of the default")
    run.add_argument("-v", action="store_true", help="show every step")
    run.add_argument("--repeat", type=count, default=1, metavar="K", help="run K times")
    run.add_argument("--blame", action="store_true",
                     help="report which lines of its programs hold connections")  # fmt: skip
    run.add_argument("--deep", action="store_true",
                     help="as --blame, with each line that ran after a connection ended; slower")  # fmt: skip
    run.add_argument("--keep", action="store_true", help="on failure open a shell in the lab")
    add_results(run)
    _add_formats(run)
    run.add_argument("--yours", action="append", default=[], metavar="PROGRAM",
                     help="also run this program, in the role of the pair's own")  # fmt: skip
    run.set_defaults(prove=False)
    prove = add("prove", run_scenarios, "show that every expectation and every guard can fail")
    prove.add_argument("names", nargs="*", metavar="NAME", help="a scenario, or: all")
    add_results(prove)
    prove.set_defaults(**{**PLAIN, "prove": True})
    soak = add("soak", soak_scenarios, "run scenarios again and again, also on a busy machine")
    soak.add_argument("names", nargs="*", metavar="NAME", help="a scenario; by default all")
    soak.add_argument("--runs", type=count, default=200, metavar="K", help="rounds in total")
    soak.add_argument("--fresh", action="store_true", help="forget the rounds so far")
    add_results(soak)
    test = add("test", run_tests, "run everything: C tests, driver tests, all scenarios")
    add_results(test)
    _add_formats(test)
    test.add_argument("pytest", nargs=argparse.REMAINDER, help="options for pytest, after --")


def _add_formats(command: argparse.ArgumentParser) -> None:
    formats = command.add_mutually_exclusive_group()
    formats.add_argument("--tap", action="store_true", help=TAP)
    formats.add_argument("--json", action="store_true", help=JSON)


def run_scenarios(options: argparse.Namespace) -> int:
    from linger.cli.console import Console
    from linger.run import results, session
    from linger.run.parallel import ForkingLoop
    from linger.run.printer import is_terminal

    names = scenarios.choose(options.names)
    if len(names) > 1:
        modules.require(options.called, "jinja2")  # the last part of its report
    if options.n:
        os.environ["LINGER_CONNECTIONS"] = str(options.n)
    yours = [os.path.abspath(path) for path in options.yours]
    for why in filter(None, map(confine.cannot_start, yours)):
        raise Usage(why)
    if yours:
        os.environ["LINGER_YOURS"] = os.pathsep.join(yours)
    _allow_descriptors(options.n or 100)
    tempfile.tempdir = "/run"  # the sandbox's own, so that a killed process leaves nothing in /tmp
    run = results.begin(options.results)
    arguments = [str(scenarios.path_of(name)) for name in names]
    arguments += [f"--repeat={options.repeat}"]
    arguments += ["--keep"] if options.keep else []
    arguments += ["-p", "linger.workshop.examine"] if options.yours else []
    if options.blame or options.deep:
        arguments += ["-p", "linger.blame.witness", *(["--deep"] if options.deep else [])]
    arguments += [word for name in UNUSED for word in ("-p", f"no:{name}")]
    if options.prove:
        arguments += ["--prove", f"--withhold={','.join(names)}"]
        arguments += [str(session.PROVE)]
    with _for_machines(options, run) as tap:
        live = is_terminal() and modules.present("rich") and not options.keep and not options.v
        cure = len(names) == 1 and not options.prove
        console = Console(run, names, options.v, live, cure)
        loop = ForkingLoop(AT_ONCE, console.on_step)
        try:
            code = session.run_pytest(run, arguments, [console, loop, *tap])
            return _report_on(run, code) if len(names) > 1 else code
        finally:
            console.conclude()
            if (options.blame or options.deep) and len(names) == 1:
                _say_blame(run / names[0])


def _say_blame(scenario: Path) -> None:
    """Print what blame found about the buggy programs of a scenario."""
    from linger.blame import documents, wording

    for path in documents.of_variant(scenario / scenarios.BUGGY):
        for line in wording.lines(documents.read(path)):
            say(line)


def soak_scenarios(options: argparse.Namespace) -> int:
    from linger.run import soak

    names = scenarios.choose(options.names or ["all"])
    return soak.run(names, options.runs, (options.results / "soak").absolute(), options.fresh)


def run_tests(options: argparse.Namespace) -> int:
    if INSTALLED:
        raise CannotRun("the tests are not installed; clone the repository and run: make test")
    modules.require("test", "pytest", "jsonschema", "jinja2")
    from linger.report import collect
    from linger.run import results, session
    from linger.run.parallel import ForkingLoop

    _allow_descriptors(100)
    more = [word for word in options.pytest if word != "--"]
    named = session.tests_named(more)
    run = results.begin(options.results)
    if not named:
        more += [str(scenarios.SCENARIOS), str(ROOT / "harness" / "tests"), str(session.PROVE)]
    with files.scratch() as scratch, _in_memory(scratch), _for_machines(options, run) as tap:
        os.environ["LINGER_AT_ONCE"] = str(CORES)
        results.tell_commit()
        # Some tests only wait for others' timeouts, so there is room for half as many again.
        loop = ForkingLoop(AT_ONCE + AT_ONCE // 2, afresh=False)
        fixed = [f"--basetemp={scratch}/pytest"]
        fixed += ["-W", "ignore:Module already imported"]  # the plugin, asked for its options
        code = session.run_pytest(run, [*fixed, *more], [loop, *tap])
        if len(collect.names_in(run)) > 1:
            code = _report_on(run, code)
        if (run / "index.html").exists():
            say(f"report: {run / 'index.html'}")
        say(f"evidence: {run}")
    return code


@contextlib.contextmanager
def _in_memory(folder: Path) -> Iterator[None]:
    """Keep a folder's files in memory, where that is allowed: tests make thousands that nobody keeps."""
    refused = netns.mount("tmpfs", folder, 0, "tmpfs", "mode=700")
    try:
        yield
    finally:
        if not refused:
            subprocess.run(["umount", "--lazy", folder])


def _allow_descriptors(connections: int) -> None:
    """Raise the soft limit of descriptors for all later programs, as far as allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + SPARE_DESCRIPTORS:
        raise CannotRun(
            f"{connections} connections need {connections + SPARE_DESCRIPTORS} descriptors, "
            f"and the hard limit is {hard}; raise it (ulimit -Hn, as root) or use fewer"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def _for_machines(options: argparse.Namespace, run: Path) -> Iterator[list[object]]:
    """The plugins for --tap and --json. Output for people then goes to standard error."""
    if not options.tap and not options.json:
        yield []
        return
    if not sys.stdout:
        raise Usage("--tap and --json write to standard output, which is closed")
    from linger.run import summary
    from linger.run.tap import Tap

    with os.fdopen(os.dup(sys.stdout.fileno()), "w", errors="replace") as out:
        tap = [Tap(run, out)] if options.tap else []
        with contextlib.redirect_stdout(sys.stderr):
            try:
                yield tap
            finally:
                for one in tap:
                    one.conclude()
        if options.json and (document := summary.text(run)):
            out.write(document)


def _report_on(run: Path, code: int) -> int:
    """Write the report of a run that ended with a code; returns the final code.

    An interrupted run gets no report: the user does not want to wait.
    """
    from linger.report import pages

    if code >= 128:
        return code
    try:
        pages.write(run)
    except LingerError as error:  # the run's own failure matters more
        complain(f"linger: {error}")
        return code or error.code
    return code


def measure(names: Sequence[str], folder: Path) -> Path:
    """Run scenarios with all output on standard error; returns the run's directory."""
    with contextlib.redirect_stdout(sys.stderr):
        run_scenarios(argparse.Namespace(called="claims", names=names, results=folder, **PLAIN))
    return Path(os.environ["LINGER_RUN"])

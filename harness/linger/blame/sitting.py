"""`linger blame`: from its options (linger.cli.blaming) to its exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from linger.blame import document, helping, tracing, wording
from linger.lab import files
from linger.lab.errors import HELD, CannotRun, TargetDied, Usage
from linger.run.printer import say


INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)  # by itself, or as a shell says it


def run(options: argparse.Namespace) -> int:
    """Do what the options ask for; returns the exit code, for a command its own."""
    if sum((bool(options.command), options.report, options.pid is not None)) != 1:
        raise Usage("give one of: -- COMMAND, --report, --pid P; see linger blame --help")
    if options.sample & options.sample - 1:
        raise Usage(f"--sample takes a power of two, not {options.sample}")
    if options.symbols and not options.symbols.is_file():
        raise Usage(f"--symbols: no such file: {options.symbols}")
    if options.report:
        return _report(options)
    if options.pid is not None:
        return _watch(options)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    """Run a command, and report at its end what it held."""
    folder = _folder()
    traced = folder / f"{os.getpid()}.traced.json"
    words = tracing.words(traced.absolute(), options.sample, options.deep)
    # A terminal's signals reach the command as well; signals that the caller ignores stay ignored.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}

    def as_before() -> None:
        for number in (number for number, action in before.items() if action != signal.SIG_IGN):
            signal.signal(number, signal.SIG_DFL)

    child = subprocess.Popen([*words, *options.command], env=helping.environment(), preexec_fn=as_before)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, frame: child.send_signal(got))
    status = child.wait()
    try:
        if not traced.exists():  # it has said why
            return status if status > 0 else 128 - status
        report = tracing.read(traced)
        _say(document.make(report, options.symbols), options, sys.stderr)
        if not tracing.runs(report["tracer"]):
            traced.unlink()
        elif left := _left(report, status):  # else the tracer is about to end, too
            say(f"{left}; ask with linger blame --report", sys.stderr)
    except BrokenPipeError:
        pass
    return status if status >= 0 else 128 - status


def _left(report: dict[str, Any], status: int) -> str:
    """What the command has left behind, in words; "" for nothing. status: of the command."""
    living = {process["pid"] for process in report["processes"] if not process["ended"]}
    left = len(living - {report["program"]})  # its end may be newer than the report
    if not left:
        return ""
    after = " after the ^C" if status in INTERRUPTED else ""
    return f"{f'{left} processes still run' if left > 1 else 'a process still runs'} under blame{after}"


def _report(options: argparse.Namespace) -> int:
    """Ask all of our programs under blame, and report what they hold."""
    found = False
    for traced in _traced():
        try:
            tracing.ask(traced)
            report = tracing.read(traced)
        except TargetDied:
            if not Path("/proc", traced.name.partition(".")[0]).exists():  # else its owner reads it
                traced.unlink(missing_ok=True)
            continue
        except Usage:  # its owner has taken it meanwhile
            continue
        found = True
        _say(document.make(report, options.symbols), options, sys.stdout)
    if not found:
        raise Usage("no program of yours runs under blame; start one: linger blame -- COMMAND")
    return HELD


def _watch(options: argparse.Namespace) -> int:
    """Watch a running process until ^C, and report what it holds."""
    with files.scratch() as scratch:
        traced = scratch / "watched.json"
        tracing.watch(options.pid, traced)
        _say(document.make(tracing.read(traced), options.symbols), options, sys.stdout)
    return HELD


def _say(made: dict[str, Any], options: argparse.Namespace, out: Any) -> None:
    if options.json:
        files.write_json(options.json, made, otherwise="name another file")
    for line in wording.lines(made):
        say(line, out)


def _folder() -> Path:
    """The folder of this user's reports, which nobody else can read."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    place = Path(runtime or tempfile.gettempdir(), f"linger-blame-{os.getuid()}")
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        raise files.unwritable(place, error, "choose another folder with XDG_RUNTIME_DIR=DIR") from error
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700 or not stat.S_ISDIR(found.st_mode):
        raise CannotRun(f"{place} is open to other users; choose another folder with XDG_RUNTIME_DIR=DIR")
    return place


def _traced() -> list[Path]:
    """The reports in that folder, oldest first. Their owners may remove them at any moment."""
    found = []
    for path in _folder().glob("*.traced.json"):
        with contextlib.suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found)]

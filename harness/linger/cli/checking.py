"""linger check: the options."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from linger.check import PATIENCE
from linger.cli import leaking
from linger.cli.options import AT_ONCE, Add, add_command, add_results, folder

CLIENTS = 20


def add_to(add: Add) -> None:
    check = add("check", _check, "judge how any server ends its TCP connections")
    check.usage = "linger check --port P [OPTION]... -- COMMAND..."
    option = check.add_argument
    option("--port", type=int, metavar="P", help="the port that the server listens on")
    option("--with", action="append", default=[], dest="helpers", metavar="COMMAND",
           help="a shell command to run first, on the same host: a backend, a mkdir")  # fmt: skip
    option("--request", type=Path, metavar="FILE", help="a request that the server answers")
    option("--large-request", type=Path, metavar="FILE", help="a request with a reply of several megabytes")
    option("--upload-request", type=Path, metavar="FILE",
           help="the start of an HTTP upload of 10 MB: its path and headers")  # fmt: skip
    option("--dialogue", type=Path, metavar="FILE",
           help="a dialogue before any request: lines of `> text` and `< regex`")  # fmt: skip
    option("--tls", action="store_true", help="use TLS; certificates are not verified")
    option("--tls-name", default="", metavar="NAME", help="the server name that clients send (SNI)")
    option("--http", action="store_true", help="send GET / HTTP/1.0 as the request")
    option("--stop", type=_signal, default=signal.SIGTERM, metavar="SIGNAL",
           help="the signal that stops the server gracefully (default TERM)")  # fmt: skip
    option("-n", type=int, default=CLIENTS, metavar="N", help=f"number of clients (default {CLIENTS})")
    add_course(check, PATIENCE, "connections still held are a leak, also with --quick")


def add_course(command: argparse.ArgumentParser, patience: float, late: str) -> None:
    """Add the common options of both batteries: which checks, how to judge and report.

    patience: the default, in seconds; late: what happens after that time.
    """
    option = command.add_argument
    option("--only", metavar="ID,...", help="run only these checks")
    option("--checks", type=folder, action="append", default=[], metavar="DIR",
           help="also run your own checks: the files NAME.py in a folder")  # fmt: skip
    option("--quick", action="store_true", 
           help="run only checks that wait for no timeouts; a leak may still take --patience")  # fmt: skip
    option("--patience", type=float, default=patience, metavar="S",
           help=f"seconds after which {late} (default {patience:g})")  # fmt: skip
    option("--strict", action="store_true", help="make WARN fail, too")
    option("--expected", type=Path, metavar="FILE", help="known verdicts: lines of ID VERDICT; a difference fails")
    option("--write-expected", type=Path, metavar="FILE",
           help="write or update a file of known verdicts; without --expected, the exit code is then 0")  # fmt: skip
    option("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit XML; makes the folder")
    option("--json", type=Path, metavar="FILE", help="write the verdicts as JSON")
    option("--tap", action="store_true", help="print KTAP instead of a table")
    option("--jobs", type=int, default=AT_ONCE, metavar="J",
           help=f"how many checks run at the same time (default {AT_ONCE})")  # fmt: skip
    add_results(command, "the folder of runs, each with its evidence (default results, or $RESULTS)")
    option("--blame", action="store_true",
           help="repeat the checks that found a leak, and report which lines hold it")  # fmt: skip
    option("--list", action="store_true", help="explain every check, and start nothing")
    add_command(command)


def _signal(name: str) -> signal.Signals:
    try:
        return signal.Signals["SIG" + name.upper().replace("SIG", "", 1)]
    except KeyError:
        raise argparse.ArgumentTypeError(f"write a signal such as TERM or QUIT, not {name!r}") from None


def _check(options: argparse.Namespace) -> int:
    from linger.check.server import command  # not at the top: the other commands do without

    return leaking.blamed(command.run, options)

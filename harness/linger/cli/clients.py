"""linger check-client: the options."""

from __future__ import annotations

import argparse

from linger.cli import leaking
from linger.cli.checking import add_course
from linger.cli.options import Add

FAILURES = 20
PATIENCE = 30.0  # s


def add_to(add: Add) -> None:
    check = add("check-client", _check, "judge how any client behaves when its server ends badly")
    check.usage = (
        "linger check-client [OPTION]... -- COMMAND... {url}\n"
        "       linger check-client --with BACKEND [OPTION]... -- COMMAND... {host} {port}"
    )
    option = check.add_argument
    option("--with", action="append", default=[], dest="helpers", metavar="BACKEND",
           help="a shell command that starts a real server, of any protocol, on {port}; if "
           "repeated, the earlier ones run first")  # fmt: skip
    option("--port", type=int, metavar="P", help="with --with: the port that clients use, or the "
           "server's if its command has no {port}")  # fmt: skip
    option("--driver", action="store_true",
           help="the command reads requests from a pipe, and answers each with a line of JSON")  # fmt: skip
    option("--tls", action="store_true", help="use TLS, with a CA that the client is made to trust")
    option("--verify", default="", metavar="COMMAND",
           help="a shell command that reads a run's output, and exits with 0 if the run succeeded")  # fmt: skip
    option("--long", action="store_true", help="wait 330 s instead of 30 for a client to give up")
    option("-n", type=int, default=FAILURES, metavar="N",
           help=f"number of failures in a row (default {FAILURES})")  # fmt: skip
    add_course(check, PATIENCE, "a client that still waits has no timeout")


def _check(options: argparse.Namespace) -> int:
    from linger.check.client import inquiry  # not at the top: the other commands do without
    from linger.check.relay import errand

    code = leaking.blamed(errand.run if options.helpers else inquiry.run, options)
    if options.list and not options.helpers:
        print("\nWith a real server of any protocol (--with)\n")
        errand.run(options)
    return code

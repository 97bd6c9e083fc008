"""linger blame: the options."""

from __future__ import annotations

import argparse
from pathlib import Path

from linger.cli.options import Add, add_command, count

ABOUT = """
Runs a command unchanged, and reports which of its lines took the TCP connections that it holds,
and which touched them last: when the command ends (^C), and on `linger blame --report` from
another terminal. It makes a program 2 to 6 times slower, and more when it does little but
system calls, so it is for staging and tests; --sample 8 costs less. Programs that gain rights by
exec (setuid) do not gain them under blame unless it runs as root, and io_uring is refused. It sees
lines of C, C++, Rust and Go built with debug information, and of Python and node; of Java only
native code.
"""


def add_to(add: Add) -> None:
    blame = add("blame", _blame, "report which lines of a program hold its connections")
    blame.usage = (
        "linger blame [OPTION]... -- COMMAND...\n       linger blame [OPTION]... --report\n"
        "       linger blame [OPTION]... --pid P"
    )
    blame.description = ABOUT
    option = blame.add_argument
    option("--report", action="store_true", help="report what the programs under blame hold now")
    option("--pid", type=count, metavar="P",
           help="watch a running process without stopping it (as root)")  # fmt: skip
    option("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    option("--sample", type=count, default=1, metavar="N",
           help="follow only descriptors that are multiples of N, a power of two")  # fmt: skip
    option("--deep", action="store_true",
           help="record each line that ran after a connection was taken or ended")  # fmt: skip
    option("--symbols", type=Path, metavar="FILE",
           help="an unstripped file of the program with the same name")  # fmt: skip
    add_command(blame)


def _blame(options: argparse.Namespace) -> int:
    from linger.blame import sitting  # not at the top: the other commands do not need it

    return sitting.run(options)

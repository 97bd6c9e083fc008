"""The command line of linger.

Counting and ladders are separate programs, build/census and build/wire.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Sequence

from linger.lab import interrupt
from linger.lab.errors import BROKEN, CANNOT_RUN, LingerError, complain, os_sentence
from linger.lab.programs import ROOT, program

# The modules that add commands, in the order of --help, and the commands of each. When one of these
# is called, no other module is loaded and no other command gets its options: both take as long as
# all the rest of the start.
MODULES = {
    "running": ("run", "prove", "soak", "test"),
    "checking": ("check",),
    "clients": ("check-client",),
    "blaming": ("blame",),
    "explaining": ("explain",),
    "labs": ("lab", "lab-score"),
    "reading": ("list", "pairs", "show", "report", "claims"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit code. Every error is one sentence on standard error."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it is ignored, every child seems to succeed
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")  # a wrong arrow beats no verdict
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser(*words[:1]).parse_args(words)
    try:
        code = _act(options)
        interrupt.never(*interrupt.ENDING)  # everything is done
    except KeyboardInterrupt as interrupted:  # pytest has handled those that came while it ran
        number = signal.Signals(*interrupted.args or (signal.SIGINT,))
        complain(f"linger: interrupted by {number.name}")
        code = 128 + number
    finally:
        _write_what_is_left()
    return code


def _act(options: argparse.Namespace) -> int:
    _interruptible()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # linger.sh blocked it
        return options.action(options)
    except LingerError as error:
        complain(f"linger: {error}")
        return error.code
    except BrokenPipeError:  # our reader has gone, as in `linger list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if missing := _unbuilt(error):
            complain(f"linger: {missing} is not built; run: make")
            return CANNOT_RUN
        complain(f"linger: {os_sentence(error)}")
        return BROKEN
    except Exception as error:  # Python would end with 1, the code of a failed expectation
        if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("linger"):
            from linger.cli import modules

            error = modules.lacking(options.called, str(error.name))
            complain(f"linger: {error}")
            return error.code
        import traceback  # which every start would pay for

        complain(f"{traceback.format_exc()}linger: this is a bug in linger, please report it: {error!r}")
        return BROKEN


def _unbuilt(error: OSError) -> Path | None:
    """Which of our programs an error is about that does not exist; None for any other error."""
    from linger.run.results import shortest

    path = Path(str(error.filename or ""))
    is_ours = program("") in path.parents and isinstance(error, FileNotFoundError)
    return shortest(path) if is_ours and not path.exists() else None


def _interruptible() -> None:
    """Treat every terminating signal like ^C: stop what was started first.

    Not in the sandbox, where everything ends with its first process; nor what is ignored, as SIGHUP
    by nohup(1).
    """
    ours = interrupt.ENDING[: 1 if "LINGER_SANDBOX" in os.environ else None]
    usual = signal.SIG_DFL, signal.default_int_handler
    interrupt.once(*(number for number in ours if signal.getsignal(number) in usual))


def _write_what_is_left() -> None:
    """Flush the streams. A reader that has gone is not our failure; Python would end with status
    120."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Version(argparse.Action):
    """As in argparse, but the file is read only when needed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print("linger", (ROOT / "harness/VERSION").read_text().strip())
        parser.exit()


def _parser(called: str = "") -> argparse.ArgumentParser:
    """The parser of the command that is called; of all commands if that is none of them."""
    parser = argparse.ArgumentParser(
        prog="linger",
        description="How TCP connections end badly, and what the right code does instead.",
        epilog="Two separate programs need no Python: census counts sockets, wire records packets "
        "and draws ladders. See census --help and wire --help.",
    )
    parser.add_argument("--version", action=Version, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, action: Callable[..., int], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(action=action, called=name)
        return sub

    having = [name for name, commands in MODULES.items() if called in commands]
    for name in having or MODULES:
        importlib.import_module(f"linger.cli.{name}").add_to(command)
    return parser

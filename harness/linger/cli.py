"""The command line of linger.

Counting (`linger census`) is a program of its own, build/census.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator, Sequence

from linger import story
from linger.census import program
from linger.errors import BROKEN, HELD, CannotRun, LingerError, Usage, complain, os_sentence
from linger.check import command as check_command

RESULTS = Path(os.environ.get("RESULTS") or story.ROOT / "results")
AT_ONCE = 4 * (os.cpu_count() or 1)  # tests at the same time: most wait more than they compute
VALUED = ("-k", "-m", "-n", "-o", "-p", "-r", "-W")  # options of pytest that take a word
TAP = "KTAP on standard output, everything else on standard error"
SPARE_DESCRIPTORS = 64  # of a program, besides its connections


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit code, every error one sentence on standard error."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")  # rather a wrong arrow than no verdict
    options = _parser().parse_args(arguments)
    try:
        return options.action(options)
    except LingerError as error:
        complain(f"linger: {error}")
        return error.code
    except BrokenPipeError:  # whoever read our output has gone, as in `linger list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        complain(f"linger: {os_sentence(error)}")
        return BROKEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="linger",
        description=__doc__.partition(":")[0] + ".",
        epilog="Counting sockets is a program of its own: see `linger census --help`.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, action: Callable[..., int], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(action=action)
        return sub

    listing = command("list", list_scenarios, "show every scenario and what it is about")
    listing.add_argument("--markdown", action="store_true", help="as the table in the README")
    command("pairs", check_pairs, "check that every pair differs only in its lesson")
    run = command("run", run_scenarios, "run scenarios in a sandbox, both variants at once")
    run.add_argument("names", nargs="*", metavar="NAME", help="a scenario, or: all")
    run.add_argument("-n", type=_count, metavar="N", help="connections instead of the default")
    run.add_argument("-v", action="store_true", help="show every step")
    run.add_argument("--repeat", type=_count, default=1, metavar="K", help="run K times")
    run.add_argument("--keep", action="store_true", help="on failure open a shell in the lab")
    run.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    run.add_argument("--tap", action="store_true", help=TAP)
    run.add_argument("--yours", action="append", default=[], metavar="PROGRAM",
                     help="run this program too, in place of the pair's own")  # fmt: skip
    run.set_defaults(prove=False)
    prove = command("prove", run_scenarios, "show that every expectation can fail, and every guard")
    prove.add_argument("names", nargs="*", metavar="NAME", help="a scenario, or: all")
    prove.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    prove.set_defaults(n=None, v=False, repeat=1, keep=False, prove=True, tap=False, yours=[])
    shown = command("show", show_run, "show what a run left: the table, the ladders, the packets")
    shown.add_argument("name", metavar="NAME", help="a scenario")
    shown.add_argument("--variant", metavar="V", help="only this one")
    shown.add_argument("--run", type=_folder, metavar="DIR", help="instead of the newest with it")
    shown.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    report = command("report", write_report, "write a run as web pages")
    report.add_argument("run", nargs="?", metavar="RUN", help="its directory or name; the newest")
    report.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    report.add_argument("--open", action="store_true", help="show it, if there is a display")
    lab = command("lab", labs("lab"), "list the exercises, or start or go on with one")
    lab.add_argument("name", nargs="?", metavar="NAME", help="an exercise")
    lab.add_argument("--hint", type=int, choices=(1, 2, 3), default=0, help="show hints up to K")
    lab.add_argument("--predict", default="", metavar="LETTER", help="your prediction")
    lab.add_argument("--reset", action="store_true", help="begin again, keeping a backup")
    lab.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    score = command("lab-score", labs("score"), "show who has solved what")
    score.add_argument("folders", nargs="+", metavar="DIR", help="the labs/ of a checkout")
    score.add_argument("--regrade", action="store_true", help="run every program once more")
    score.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="where to")
    soak = command("soak", soak_scenarios, "run scenarios again and again, also on a busy machine")
    soak.add_argument("names", nargs="*", metavar="NAME", help="a scenario; by default all")
    soak.add_argument("--runs", type=_count, default=200, metavar="K", help="rounds in all")
    soak.add_argument("--fresh", action="store_true", help="forget the rounds so far")
    soak.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    test = command("test", run_tests, "run everything: C tests, driver tests, all scenarios")
    test.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    test.add_argument("--tap", action="store_true", help=TAP)
    test.add_argument("pytest", nargs=argparse.REMAINDER, help="options for pytest, after --")
    claims = command("claims", show_claims, "judge the claims of the ledger by what a run measured")
    claims.add_argument("names", nargs="*", metavar="NAME", help="a claim, or a scenario")
    claims.add_argument("--run", type=_folder, metavar="DIR", help="this run, not the newest")
    claims.add_argument("--markdown", action="store_true", help="as the table in the README")
    claims.add_argument("--results", type=_folder, default=RESULTS, metavar="DIR", help="evidence")
    check = command("check", check_server, "judge how any server ends its TCP connections")
    check_command.add_options(check, RESULTS)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number from 1 on, not {text!r}")
    return int(text)


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("a folder, not an empty word")
    return Path(text)


def labs(action: str) -> Callable[..., int]:
    """An action of the workshop, whose modules the other commands do without."""

    def act(options: argparse.Namespace) -> int:
        from linger.labs import command

        return getattr(command, action)(options)

    return act


def list_scenarios(options: argparse.Namespace) -> int:
    if options.markdown:
        print("| scenario | what happens |\n| --- | --- |")
    shape = "| {} | {} |" if options.markdown else "{:28} {}"
    for name in story.names():
        print(shape.format(name, story.title(name)))
    return 0


def check_pairs(options: argparse.Namespace) -> int:
    from linger import pairs

    count = pairs.check()
    print(f"{count} pair{'s keep' if count > 1 else ' keeps'} the rules")
    return 0


def show_run(options: argparse.Namespace) -> int:
    from linger.show import show

    show(options.name, options.results, options.run, options.variant)
    return 0


def check_server(options: argparse.Namespace) -> int:
    return check_command.run(options)


def run_scenarios(options: argparse.Namespace) -> int:
    from linger import session
    from linger.console import Console
    from linger.parallel import ForkingLoop

    names = story.choose(options.names)
    if options.n:
        os.environ["LINGER_CONNECTIONS"] = str(options.n)
    if options.yours:
        os.environ["LINGER_YOURS"] = os.pathsep.join(os.path.abspath(p) for p in options.yours)
    _allow_descriptors(options.n or 100)
    run = session.begin(options.results)
    arguments = [str(story.path_of(name)) for name in names]
    arguments += [f"--repeat={options.repeat}"]
    arguments += ["--keep"] if options.keep else []
    if options.prove:
        arguments += ["--prove", f"--withhold={','.join(names)}"]
        arguments += [str(story.ROOT / "harness/tests/test_withheld.py")]
    with _tap(options, run) as tap:
        terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        live = terminal and not options.keep and not options.v
        cure = len(names) == 1 and not options.prove
        console = Console(run, names, options.v, live, cure)
        loop = ForkingLoop(AT_ONCE, console.on_step)
        try:
            code = session.run_pytest(run, arguments, [console, loop, *tap])
            return _report_on(run, code) if len(names) > 1 else code
        finally:
            console.conclude()


@contextlib.contextmanager
def _tap(options: argparse.Namespace, run: Path) -> Iterator[list[object]]:
    """The plugin that --tap asks for, if it does; all but its output goes to standard error."""
    if not options.tap:
        yield []
        return
    if not sys.stdout:
        raise Usage("--tap writes to standard output, which is closed")
    from linger.tap import Tap

    with os.fdopen(os.dup(sys.stdout.fileno()), "w", errors="replace") as out:
        tap = Tap(run, out)
        with contextlib.redirect_stdout(sys.stderr):
            try:
                yield [tap]
            finally:
                tap.conclude()


def soak_scenarios(options: argparse.Namespace) -> int:
    from linger import soak

    names = story.choose(options.names or ["all"])
    return soak.run(names, options.runs, (options.results / "soak").absolute(), options.fresh)


def run_tests(options: argparse.Namespace) -> int:
    from linger import session
    from linger.report import collect

    _allow_descriptors(100)
    run = session.begin(options.results)
    more = [word for word in options.pytest if word != "--"]
    if not any(map(_names_tests, more, ["", *more])):
        more += [str(story.SCENARIOS), str(story.ROOT / "harness" / "tests")]
    with tempfile.TemporaryDirectory(prefix="linger-") as scratch, _tap(options, run) as tap:
        parallel = ["-p", "xdist.plugin", "-n", str(AT_ONCE), f"--basetemp={scratch}/pytest"]
        code = session.run_pytest(run, [*parallel, *more], tap)
        if len(collect.scenarios(run)) > 1:
            code = _report_on(run, code)
        if (run / "index.html").exists():
            print(f"report: {run / 'index.html'}")
        print(f"evidence: {run}")
    return code


def _report_on(run: Path, code: int) -> int:
    """Write the report of a run that ended with a code; returns the code it then ends with.

    A run that was interrupted gets none: whoever interrupts does not want to wait.
    """
    from linger.report import pages

    if code >= 128:
        return code
    try:
        pages.write(run)
    except LingerError as error:  # the run's own failure matters more
        print(f"linger: {error}", file=sys.stderr)
        return code or error.code
    return code


def write_report(options: argparse.Namespace) -> int:
    from linger import results
    from linger.report import pages

    index = pages.write(results.find_run(options.results, options.run))
    print(index)
    if options.open and any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
        subprocess.run(["xdg-open", index], check=False)
    return 0


def show_claims(options: argparse.Namespace) -> int:
    """Read the newest run that decides the claims; without one, measure them in the sandbox."""
    from linger import claims_run, claims_text, results

    chosen = claims_run.choose(options.names)
    if options.run:
        found = claims_run.judge(options.run, chosen)
    else:
        found = claims_run.newest(options.results, chosen)
        if not found and "LINGER_SANDBOX" not in os.environ:
            words = [str(program("sandbox")), sys.executable, "-m", "linger", *sys.argv[1:]]
            os.execv(words[0], words)
        if not found:
            names = claims_run.scenarios(chosen)
            found = claims_run.judge(_measure(names, options.results), chosen)
    run, environment, judged = found
    if options.markdown:
        print(*claims_text.markdown(judged, environment), sep="\n")
    else:
        print(*claims_text.plain(judged), sep="\n")
        print(
            f"measured on {claims_text.measured_on(environment)}; evidence: {results.shortest(run)}"
        )
    return HELD


def _measure(names: Sequence[str], folder: Path) -> Path:
    """Run scenarios, all output on standard error; returns the run's directory."""
    with contextlib.redirect_stdout(sys.stderr):
        run_scenarios(_parser().parse_args(["run", *names, "--results", str(folder)]))
    return Path(os.environ["LINGER_RUN"])


def _names_tests(word: str, before: str) -> bool:
    """Whether a word for pytest is a file, a folder or a node id, not the value of an option."""
    return word[:1] != "-" and before not in VALUED and Path(word.partition("::")[0]).exists()


def _allow_descriptors(connections: int) -> None:
    """Raise the soft limit of descriptors for all programs to come, as far as allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + SPARE_DESCRIPTORS:
        raise CannotRun(
            f"{connections} connections need {connections + SPARE_DESCRIPTORS} descriptors, "
            f"and the hard limit is {hard}; raise it (ulimit -Hn, as root) or use fewer"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

"""linger list, pairs, show, report, claims: what exists, and what runs have left."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from linger.cli import running
from linger.cli.options import Add, add_results, folder
from linger.lab.errors import HELD
from linger.lab.programs import MAIN, program
from linger.run import scenarios
from linger.run.printer import say


def add_to(add: Add) -> None:
    listing = add("list", list_scenarios, "show every scenario and what it is about")
    listing.add_argument("--markdown", action="store_true", help="print Markdown, as in scenarios/README.md")
    add("pairs", check_pairs, "check that every pair differs only in its lesson")
    shown = add("show", show_run, "show the results of a run: the table, the ladders, the packets")
    shown.add_argument("name", metavar="NAME", help="a scenario")
    shown.add_argument("--variant", metavar="V", help="show only this variant")
    shown.add_argument("--run", type=folder, metavar="DIR", help="use this run, not the newest with the scenario")
    add_results(shown)
    report = add("report", write_report, "write a run as web pages")
    report.add_argument("run", nargs="?", metavar="RUN", help="the folder or name of a run (default: the newest)")
    add_results(report)
    report.add_argument("--open", action="store_true", help="open it, if there is a display")
    claims = add("claims", show_claims, "judge the claims of the ledger by a run's measurements")
    claims.add_argument("names", nargs="*", metavar="NAME", help="a claim, or a scenario")
    source = claims.add_mutually_exclusive_group()
    source.add_argument("--run", type=folder, metavar="DIR", help="use this run, not the newest")
    source.add_argument("--runs", type=folder, nargs="+", metavar="DIR",
                        help="runs on several kernels, one column each")  # fmt: skip
    claims.add_argument("--markdown", action="store_true",
                        help="print Markdown, as in scenarios/CLAIMS.md or KERNELS.md")  # fmt: skip
    add_results(claims)


def list_scenarios(options: argparse.Namespace) -> int:
    if options.markdown:
        print("| scenario | what happens |\n| --- | --- |")
    shape = "| {} | {} |" if options.markdown else "{:28} {}"
    for name in scenarios.names():
        print(shape.format(name, scenarios.title(name)))
    return 0


def check_pairs(options: argparse.Namespace) -> int:
    from linger.run import pairs

    count = pairs.check()
    print(f"{count} pair{'s keep' if count > 1 else ' keeps'} the rules")
    return 0


def show_run(options: argparse.Namespace) -> int:
    from linger.cli.show import show

    show(options.name, options.results, options.run, options.variant)
    return 0


def write_report(options: argparse.Namespace) -> int:
    from linger.report import pages
    from linger.run import results

    index = pages.write(results.find_run(options.results, options.run))
    say(str(index))
    if options.open and any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
        subprocess.run(["xdg-open", index], check=False)
    return 0


def show_claims(options: argparse.Namespace) -> int:
    """Read the newest run that decides the claims; without one, measure them in the sandbox."""
    from linger.claims import across, measured, text
    from linger.run import results

    chosen = measured.choose(options.names)
    if options.runs:
        show = across.markdown if options.markdown else across.plain
        say("\n".join(show(chosen, across.columns(options.runs, chosen))))
        return HELD
    if options.run:
        found = measured.by_run(options.run, chosen)
    else:
        found = measured.newest(options.results, chosen)
        if not found and "LINGER_SANDBOX" not in os.environ:
            words = [str(program("sandbox")), sys.executable, "-c", MAIN, *sys.argv[1:]]
            os.execv(words[0], words)
        if not found:
            names = measured.deciders(chosen)
            found = measured.by_run(running.measure(names, options.results), chosen)
    run, environment, judged = found
    if options.markdown:
        kernels = across.columns(across.in_folder(options.results / "kernels"), chosen)
        say("\n".join(text.markdown(judged, environment, kernels)))
    else:
        say("\n".join(text.plain(judged)))
        say(
            f"measured on {text.measured_on(environment)}; evidence: {results.shortest(run)}"
        )
    return HELD

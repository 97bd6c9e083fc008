"""How close blame comes to the line that matters: every pair, and other kinds of programs.

    make blame-figures

The right place in a pair is where its repair changes it; in the programs of leaky/ it is the line marked
LEAK. It is found when the report shows a line of the right function within 5 lines of it. `--deep`
everywhere.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

from lessons import Score, Spot, score, spots

from linger.blame import document, documents, reasons, tracing
from linger.run import pairs, scenarios

NAMED = (
    "accept-queue-undrained client-reconnect-leak close-on-free-missing closewait-leak "
    "connect-failure-leak descriptor-exhaustion half-close-relay half-open-peer idle-connection "
    "inherited-fd pool-keeps-dead read-disabled-masks-eof recv-timeout-leak reset-leak self-connect "
    "shutdown-without-close worker-blocked"
).split()
LEAST_NAMED, LEAST = 15, 0.8
LEAKY = Path(__file__).with_name("leaky")
PORT = "9000"
MUSL = f"usr/lib/{platform.machine()}-linux-musl/musl-gcc.specs"
KINDS = {  # of other programs: the source, the function that leaks, and how it is built
    "C, threads, -O3 -flto": ("leaky.c", "serve", "cc -g -O3 -flto -pthread -o {out} {source}"),
    "C, -O0": ("leaky.c", "serve", "cc -g -O0 -pthread -o {out} {source}"),
    "C, static glibc": ("leaky.c", "serve", "cc -g -O2 -static -pthread -o {out} {source}"),
    "C, static musl": ("leaky.c", "serve", "cc -specs={musl} -g -O2 -static -o {out} {source}"),
    "C, no debug information": ("leaky.c", "serve", "cc -O2 -pthread -o {out} {source}"),
    "C, stripped": ("leaky.c", "serve", "cc -O2 -s -pthread -o {out} {source}"),
    "Go": ("leaky.go", "main.serve", "go build -o {out} {source}"),
    "Rust, -O": ("leaky.rs", "serve", "rustc -g -O -o {out} {source}"),
}


def best(made: list[dict[str, Any]], buggy: Path, lesson: list[Spot]) -> Score:
    """The best score of a program's documents."""
    scores = [score(one, buggy, lesson) for one in made] or [Score(False, None)]
    return min(scores, key=lambda one: (not one.right, not one.function, one.distance or 0))


def of_pair(name: str, build: Path, folder: Path) -> tuple[int, bool, Score]:
    """Run a pair; returns the exit code, whether its buggy program holds what it should not, and its
    score."""
    buggy, fixed = pairs.pair_of(name)
    results = folder / name
    words = [str(build / "linger"), "run", name, "--deep", "--results", str(results)]
    ran = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    made = [documents.read(path) for path in documents.of_variant(results / "latest" / name / "buggy")
            if buggy.stem in path.name]  # fmt: skip
    held = any(group["rule"] not in reasons.IDLE for one in made for group in one["groups"])
    return ran.returncode, held or name in NAMED, best(made, buggy, spots(buggy, fixed))


def musl(folder: Path) -> Path | None:
    """The file for gcc's -specs that selects musl, found where it was unpacked; None: it was not."""
    for root in (os.environ.get("ROOT", ""), "/"):
        if (found := Path(root, MUSL)).exists():
            specs = folder / "musl.specs"
            specs.write_text(found.read_text().replace("/usr/", f"{root.rstrip('/')}/usr/"))
            return specs
    return None


def of_kind(kind: str, folder: Path) -> str:
    """Build a program of a kind, let it leak, and say how close the report comes."""
    name, function, recipe = KINDS[kind]
    source, out = LEAKY / name, folder / kind.replace(" ", "_").replace(",", "")
    specs = musl(folder) if "{musl}" in recipe else None
    words = recipe.format(out=out, source=source, musl=specs).split()
    if not shutil.which(words[0]) or ("{musl}" in recipe and not specs):
        return f"not tried: no {'musl' if '{musl}' in recipe else words[0]}"
    built = subprocess.run(words, capture_output=True, text=True, check=False)
    if built.returncode:
        return f"not built: {built.stderr.strip().splitlines()[-1]}"
    marked = next(n for n, line in enumerate(source.read_text().splitlines(), 1) if "LEAK" in line)
    report = Path(f"{out}.traced.json")
    server = subprocess.Popen([*tracing.words(report, deep=True), out, PORT], stdout=subprocess.PIPE)
    try:
        server.stdout.readline()
        peer = [folder.parent / "clients/peer", "-p", PORT, "-n", "10", "connect", "hello", "fin"]
        subprocess.run(peer, stdout=subprocess.DEVNULL, check=True, timeout=60)
        until = [folder.parent / "census", "--until", "CLOSE_WAIT == 10", "--within", "20s"]
        if subprocess.run([*until, "--port", PORT], stdout=subprocess.DEVNULL, check=False).returncode:
            return "not tried: its clients left no connections behind"
        tracing.ask(report)
        made = document.make(tracing.read(report))
    finally:
        server.kill()
        server.wait()
    names = {place["function"] for group in made["groups"] for touch in group["touches"]
             for place in touch["frames"]}  # fmt: skip
    found = best([made], source, [Spot(function, marked, marked)])
    if found.distance is not None:
        return f"{'right' if found.right else 'function'}, {found.distance} lines away"
    if any(function.rpartition(".")[2] in one for one in names):
        return "right function, no lines"
    return "an address only" if made["groups"] else "nothing held"


def table(build: Path, folder: Path, wanted: list[str]) -> Iterator[str]:
    """The lines of the table; the last one says whether all is as required."""
    right_named = leaking = right = 0
    for name in wanted or scenarios.names():
        if not pairs.pair_of(name):
            continue
        code, held, found = of_pair(name, build, folder)
        ran = f"; its run FAILED, exit code {code}" if code else ""
        if not held and not code:  # a run that FAILED proves nothing, so it counts as not named
            yield f"{name:26} holds nothing that it should not"
            continue
        leaking += 1
        right += found.right
        right_named += found.right and name in NAMED
        distance = "-" if found.distance is None else found.distance
        verdict = "right" if found.right else "right function" if found.function else "elsewhere"
        yield f"{name:26} {verdict:15} {distance:>3} lines{ran}"
    yield f"{right} of {leaking} leaking pairs, {right_named} of the {len(NAMED)} named ones"
    if not wanted:
        good = right_named >= LEAST_NAMED and right >= LEAST * leaking
        yield "as required" if good else "NOT as required"


def main() -> int:
    parser = argparse.ArgumentParser(description="How close blame comes to the right line.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("names", nargs="*", help="these pairs only")
    parser.add_argument("--kinds", action="store_true", help="only the programs of other kinds")
    options = parser.parse_args()
    os.environ["LINGER_BUILD"] = str(options.build)
    root = os.environ.get("ROOT", "")
    os.environ["PATH"] += f":{root}/usr/bin:{root}/usr/lib/go-1.19/bin"
    os.environ.update(GOROOT=f"{root}/usr/lib/go-1.19", GOFLAGS="-mod=mod", GO111MODULE="off",
                      GOCACHE=str(options.build / "go-cache"))  # fmt: skip
    folder = options.build / "blame-figures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    last = ""
    for last in () if options.kinds else table(options.build, folder, options.names):
        print(last, flush=True)
    if options.kinds or not options.names:
        for kind in KINDS:
            print(f"{kind:26} {of_kind(kind, folder)}", flush=True)
    return 1 if last.startswith("NOT") else 0


if __name__ == "__main__":
    sys.exit(main())

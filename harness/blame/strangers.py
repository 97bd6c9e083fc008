"""Third-party programs: does blame name the function that leaks?

    make blame-strangers

C servers of Debian with one line removed, unknown to blame (debian.py), and npm releases as published
(npm.py). Clients leave in the way that the line handled, and the report is compared with it. Nothing is
installed; everything is in build/strangers.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path, PurePath
from typing import Any, Iterator

import debian
import npm
from lessons import places
from stranger import FILES_ONLY, Stranger

from linger.blame import document, helping, reasons, tracing, wording
from linger.lab.errors import CANNOT_RUN, HELD, NOT_HELD

PORT, BEHIND, CLIENTS = 9000, 9001, 20


def await_rest(report: Path) -> None:
    """Wait until nothing changes any more: several equal reports in a row."""
    before, same = None, 0
    for _ in range(40):
        tracing.ask(report)
        now = tracing.read(report)["groups"]
        same = same + 1 if now == before else 0
        if same == 3:
            return
        before = now
        time.sleep(1)  # the next look


def observed(stranger: Stranger, folder: Path, build: Path) -> dict[str, Any] | str:
    """Run it, let its clients leave, and return its document; or why there is none."""
    report = folder / f"{stranger.name}.traced.json"
    report.unlink(missing_ok=True)
    env = {**helping.environment(), **stranger.env}
    behind = stranger.behind or [str(build / "servers/echo"), "-p", str(BEHIND)]
    started = [subprocess.Popen(words, cwd=stranger.folder, env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
               for words in (behind, [*tracing.words(report, deep=True), *stranger.words])]  # fmt: skip
    until = [build / "census", "--within", "30s", "--until"]
    peer = [build / "clients/peer", "-p", str(PORT), "-n", str(CLIENTS), *stranger.fault]
    try:
        for port in (BEHIND, PORT):
            if subprocess.run([*until, "LISTEN >= 1", "--port", str(port)], stdout=subprocess.DEVNULL).returncode:
                return f"not tried: nothing listens on port {port}"
        if subprocess.run(peer, stdout=subprocess.DEVNULL, timeout=60).returncode:
            return "not tried: its clients did not get far enough to leave"
        await_rest(report)
        return document.make(tracing.read(report))
    finally:
        for one in started:
            one.kill()
            one.wait()


def judge(stranger: Stranger, made: dict[str, Any]) -> str:
    """Whether a document names what it should."""
    if stranger.function == FILES_ONLY:
        said = next((line for line in wording.notes(made) if "files open" in line), "")
        return f"cannot name it, and says why: {said}" if said else "not named, and no reason given"
    worst = [group for group in made["groups"] if group["rule"] not in reasons.IDLE]
    worst = worst or [group for group in made["groups"] if group["rule"] == "open"]
    if not worst:
        return "nothing was held"
    names = [place["function"] for group in worst for place in places(group)]
    around = [frame["function"] for group in worst for touch in group["touches"] for frame in touch["frames"]]
    files = {PurePath(place["file"]).name for group in worst for place in places(group)}
    right = re.compile(rf"\b{re.escape(stranger.function)}\b")
    said = worst[0]["sentence"]
    if any(map(right.search, names)):
        return f"right function: {said}"
    if any(map(right.search, around)):
        return f"right function, further out in the stack: {said}"
    same = ", the right file" if PurePath(stranger.file).name in files else ""
    return f"not named{same}: {said}"


def strangers(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Stranger | str]]:
    """Each with its name, ready to run; or why it is not."""
    wanted = set(options.names)
    for source in debian.SOURCES:
        if not wanted or source.package in wanted:
            yield source.package, debian.ready(source, folder, options.apt.split(), PORT, BEHIND)
    for stranger in npm.ready(options.build / "reported/node_modules", folder, PORT, BEHIND):
        if not wanted or stranger.name in wanted:
            yield stranger.name, stranger


def main() -> int:
    parser = argparse.ArgumentParser(description="Third-party programs under blame.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--apt", default="apt-get", help="apt-get with options that find sources")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    os.environ["LINGER_BUILD"] = str(options.build)
    folder = options.build / "strangers"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    right = tried = untried = 0
    for name, stranger in strangers(options, folder):
        made = stranger if isinstance(stranger, str) else observed(stranger, folder, options.build)
        if isinstance(stranger, str) or isinstance(made, str):
            print(f"{name:24} {made}", flush=True)
            untried += 1
            continue
        (folder / f"{name}.txt").write_text("\n".join(wording.lines(made)) + "\n")
        said = judge(stranger, made)
        tried += 1
        right += said.startswith(("right function", "cannot"))
        print(f"{name:24} {stranger.function:22} {said}", flush=True)
    print(f"{right} of {tried}, {untried} not tried")
    return ends_with(right, tried, untried)


def ends_with(right: int, tried: int, untried: int) -> int:
    """The exit code: a program that was not tried counts as not named."""
    if right < tried:
        return NOT_HELD
    return CANNOT_RUN if untried or not tried else HELD


if __name__ == "__main__":
    sys.exit(main())

"""The documents are true: each transcript is what its command prints, each link leads somewhere.

A transcript is a fenced block whose first line begins with `$ `, under a comment that names its stage: `<!--
transcript: plain -->`. Numbers, times and places may differ, and so may the order of lines; a line `...`
stands for any lines. `make documents` rewrites the transcripts and the catalogue of scenarios.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest
from conftest import HANGS, Run

from linger.lab import Lab, netns
from linger.lab.environment import outside
from linger.lab.programs import ROOT, program

ROOMS = ("clients", "harness", "scenarios", "servers")  # build/, labs/ and results/ have others' files
DOCUMENTS = sorted([
    *ROOT.glob("*.md"), *ROOT.glob("results/*.md"),
    *(path for room in ROOMS for path in (ROOT / room).rglob("*.md")),
])  # fmt: skip
REWRITE = bool(os.environ.get("LINGER_DOCUMENTS"))
N = 100
BLOCK = re.compile(r"(<!-- transcript: (\w+) -->\n)?```\w*\n\$ (.*)\n((?:.*\n)*?)```\n")
CATALOGUE = re.compile(r"\| scenario \| what happens \|\n(?:\|.*\n)+")


class Transcript(NamedTuple):
    document: Path
    stage: str
    command: str
    shown: str

    @property
    def id(self) -> str:
        return f"{self.document.relative_to(ROOT)}: {self.command}"[:70]


def transcripts() -> Iterator[Transcript]:
    for document in DOCUMENTS:
        for _, stage, command, shown in BLOCK.findall(document.read_text()):
            yield Transcript(document, stage, command, shown)


def plain(lab: Lab, work: Path) -> Callable[[str], str]:
    """Any command, from the top of the repository."""
    return lambda command: _output(command, ROOT, work)


def leak(lab: Lab, work: Path) -> Callable[[str], str]:
    """In the host of a server, pid 1234, that has leaked 100 connections."""
    server = lab.server("closewait_leak", "buggy")
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N, CLOSE_WAIT=N)

    def play(command: str) -> str:
        with netns.inside(server.host.path):
            return _output(command.replace("1234", str(server.pid)), ROOT, work)

    return play


def capture(lab: Lab, work: Path) -> Callable[[str], str]:
    """With a capture of such a server in server.pcap, always the same one."""
    shutil.copy(ROOT / "harness/tests/captures/closewait-leak.pcap", work / "server.pcap")
    return lambda command: _output(command, work, work)


STAGES = {stage.__name__: stage for stage in (plain, leak, capture)}


def _output(command: str, where: Path, work: Path) -> str:
    path = f"{program('.')}{os.pathsep}{os.environ['PATH']}"
    env = outside(MAKELEVEL="0", MAKEFLAGS="", RESULTS=str(work / "results"), LABS=str(work / "labs"), PATH=path, COLUMNS="80")
    done = subprocess.run(
        ["sh", "-c", command], cwd=where, env=env, text=True, timeout=HANGS,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout.replace(f"{work}/", "")


def alike(line: str) -> str:
    """A line without what differs each time."""
    line = re.sub(r"results/[\w./:-]+", "results/", line)
    line = re.sub(r"\d[\d.,:]*\d|\d", "0", line)
    return re.sub(r"([ ─])\1*", r"\1", line.rstrip())


def unfolded(text: str) -> list[str]:
    """Its lines; where the census goes on below (at a pid of another length elsewhere), one line."""
    return re.sub(r"\n {6}(?=\S)", " ", text.rstrip()).splitlines()


def differences(shown: str, printed: str) -> tuple[Counter[str], Counter[str]]:
    """The lines that only the document has, and those that only the command printed."""
    lines = unfolded(shown)
    wanted = Counter(alike(line) for line in lines if line.strip() != "...")
    found = Counter(map(alike, unfolded(printed)))
    return wanted - found, Counter() if "..." in map(str.strip, lines) else found - wanted


@pytest.mark.parametrize("transcript", transcripts(), ids=lambda one: one.id)
def test_a_transcript_is_what_the_command_prints(
    lab: Lab, tmp_path: Path, transcript: Transcript
) -> None:
    assert transcript.stage, "a transcript needs a comment `<!-- transcript: STAGE -->` above it"
    printed = STAGES[transcript.stage](lab, tmp_path)(transcript.command)
    made_up, left_out = differences(transcript.shown, printed)
    if (made_up or left_out) and REWRITE:
        text = transcript.document.read_text()
        head = f"$ {transcript.command}\n"
        transcript.document.write_text(text.replace(head + transcript.shown, head + printed.rstrip() + "\n"))
    else:
        assert not made_up and not left_out, printed


def test_the_catalogue_is_what_linger_lists(run: Run) -> None:
    """The only place besides its own files that names a scenario; it is generated."""
    table = run("linger", "list", "--markdown").stdout
    document = ROOT / "scenarios/README.md"
    if REWRITE:
        document.write_text(CATALOGUE.sub(lambda _: table, document.read_text()))
    assert CATALOGUE.findall(document.read_text()) == [table], "run: make documents"


def test_a_transcript_that_is_made_up_is_noticed() -> None:
    assert differences("a 1\nb\n", "b\na 2\n") == (Counter(), Counter())
    assert differences("a\n...\n", "b\na\n") == (Counter(), Counter())
    assert differences("a\nc\n", "a\nb\n") == (Counter(["c"]), Counter(["b"]))
    assert differences("PASS 1\n", "FAIL 1\n")[0]
    assert differences("  a b\n      c\n", "  a\n      b c\n") == (Counter(), Counter())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_path_leads_somewhere(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", text):
        assert (document.parent / target).exists(), target
    for target in re.findall(r"`((?:harness|scenarios|servers|clients)/[\w./-]+)`", text):
        assert "NAME" in target or (ROOT / target).exists() or program(target).exists(), target


def test_the_readme_fits_its_readers() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200

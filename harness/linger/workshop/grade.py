"""Compile a student's program, run the scenario with it, and say what is wrong with it.

The program runs only in the sandbox. The judge stays outside, where the program can neither stop
nor deceive it.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any, Sequence

from linger.lab import files
from linger.lab.environment import outside
from linger.lab.errors import Broken, CannotRun, last_sentence
from linger.lab.foreign import LONGEST, end_of, printable
from linger.lab.process import MOST_LOG
from linger.lab.programs import ROOT, program
from linger.lab.stall import STALL
from linger.run import summary
from linger.run.pairs import pair_of
from linger.run.results import GOOD
from linger.workshop import build, examine
from linger.workshop.diagnose import diagnose
from linger.workshop.evidence import Diagnosis, Evidence
from linger.workshop.texts import Text
from linger.workshop.workplace import read_source, same_code

LIMIT = 30  # s: for a run, for each student's program in it


class Stalled(Broken):
    """The machine stalled, so a run proved nothing."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of one scenario on disk."""

    folder: Path | None  # results/<run>/<scenario>; None when it ended too early
    code: int  # the exit code of linger run; -9 when it took too long
    complaint: str  # why it failed, or what ended it

    def evidence(self, variant: str) -> Evidence:
        """What it left of a variant."""
        names = ("result.json", "trial.json", "ladder.json")
        return Evidence(*(self._read(variant, name) for name in names))

    def results(self) -> list[dict[str, Any]]:
        """Every result.json, in the order buggy, fixed, then the student's."""
        paths = sorted(self.folder.glob("*/result.json")) if self.folder else []
        return [json.loads(path.read_text()) for path in paths]

    def _read(self, variant: str, name: str) -> dict[str, Any] | None:
        try:
            return json.loads((self.folder / variant / name).read_text()) if self.folder else None
        except (FileNotFoundError, ValueError):
            return None


@dataclasses.dataclass(frozen=True)
class Grade:
    """The result for one program."""

    diagnosis: Diagnosis
    run: Run | None  # None when it could not even be compiled
    complaint: str = ""  # the compiler's


def run_scenario(name: str, programs: Sequence[Path], results: Path, sanitized: bool = False) -> Run:
    """Run a scenario in the sandbox, with these programs besides its own.

    Without a student's program it may take its time: timewait-lifetime needs a minute. Errors: CannotRun when
    the sandbox cannot run here.
    """
    words = [str(program("linger")), "run", "--json", name, "--results", str(results)]
    words += [word for path in programs for word in ("--yours", str(path))]
    environment = outside(**{"LINGER_SANITIZED": "1"} if sanitized else {})
    limit = LIMIT * len(programs)
    try:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=limit if programs else None)  # fmt: skip
    except subprocess.TimeoutExpired:
        return Run(None, -9, f"the run took longer than {limit} s")
    document = json.loads(done.stdout) if done.stdout else None
    complaint = summary.complaints(document) if document else done.stderr.strip()
    if done.returncode == CannotRun.code:
        raise CannotRun(last_sentence(complaint))
    folder = Path(document["run"]) / name if document else None
    return Run(folder, done.returncode, complaint)


def trust(run: Run, name: str) -> None:
    """Check that the pair's own programs behaved as usual, and that the machine did not stall.

    Errors: Broken when they did not, Stalled when it did.
    """
    for result in run.results():
        if result["verdict"] == "broken" and result["stalled"] >= STALL:
            raise Stalled(result["message"])
    for variant in ("buggy", "fixed"):
        result = run.evidence(variant).result
        if result and result["verdict"] not in GOOD:
            raise Broken(f"{name}/{variant}, which is ours, did not behave as expected, so yours "
                         f"cannot be judged: {result['message']}{_edited(name)}")  # fmt: skip
    service = (run.evidence("fixed").trial or {}).get("service")
    if service and (service["errors"] or service["status"] != 0):
        raise Broken(f"{name}: our fixed program does not give the service "
                     f"\"{service['words']}\": {service['done']}, {service['errors']}")  # fmt: skip


def _edited(name: str) -> str:
    """What to do if the pair was edited instead of the copy, as far as git knows."""
    pair = pair_of(name)
    words = ["git", "-C", str(ROOT), "diff", "--name-only", "HEAD", "--", *map(str, pair or ())]
    try:
        found = subprocess.run(words, capture_output=True, text=True).stdout.split() if pair else []
    except OSError:  # no git
        found = []
    if not found:
        return ""
    folder = found[0].partition("/")[0]
    return (f"\n{' and '.join(found)} was edited, but is the lesson itself; the program to repair "
            f"is its copy in labs/. Copy your change there, then: git checkout {folder} && make")  # fmt: skip


def grade(text: Text, source: Path, results: Path) -> Grade:
    """Compile and judge one program, in its own folder: another may be judged at the same time.

    source: its file; results: for the evidence. Errors: Broken, CannotRun; as read_source().
    """
    with files.scratch() as binaries:
        return _grade(text, source, binaries, results)


def _grade(text: Text, source: Path, binaries: Path, results: Path) -> Grade:
    """grade() with a folder for what is compiled."""
    binary = binaries / f"{text.stem}_yours"
    compiled, complaint = build.compile(source, binary)
    if not compiled:
        return Grade(refused(complaint), None, complaint)
    try:
        found, run = _judged(text, source, binary, results)
    except Stalled:
        found, run = _judged(text, source, binary, results)  # once more, before anybody has to
    if found.word == "crashes":
        found = dataclasses.replace(found, report=autopsy(text, source, binaries, results)
                                    or found.report)  # fmt: skip
    return Grade(found, run, complaint)


def _judged(text: Text, source: Path, binary: Path, results: Path) -> tuple[Diagnosis, Run]:
    """The diagnosis of a compiled program, and the run that proves it. Errors: as trust() and judge()."""
    run = run_scenario(text.name, [binary], results)
    trust(run, text.name)
    return judge(text, source, run, "yours"), run


def refused(complaint: str) -> Diagnosis:
    """The diagnosis of a program that does not compile."""
    count = build.wrongs(complaint)
    return Diagnosis("does-not-compile", "Your program does not compile.",
                     "Start with the first error; the others often follow from it."
                     if count > 1 else "", complaint)  # fmt: skip


def judge(text: Text, source: Path, run: Run, variant: str) -> Diagnosis:
    """The diagnosis of one program of a run.

    Errors: Stalled when it looks repaired, but the machine stalled: a program that does not run leaves
    connections to the kernel, as one with a limit does.
    """
    assert text.buggy
    written = read_source(source).decode(errors="replace")
    untouched = same_code(written, text.buggy.read_text())
    evidence = [run.evidence(name) for name in (variant, "fixed", "buggy")]
    found = diagnose(text, written, untouched, *evidence)
    stalled = (evidence[0].result or {}).get("stalled", 0.0)
    if found.repaired and stalled >= STALL:
        raise Stalled(f"the machine stalled for {stalled:.1f} s, so this proves nothing; try again")
    return found


def autopsy(text: Text, source: Path, binaries: Path, results: Path) -> str:
    """What AddressSanitizer and UBSan say about a program that crashed; "" if nothing."""
    binary = binaries / f"{text.stem}_sanitized"
    if not build.compile(source, binary, *build.SANITIZERS)[0]:
        return ""
    run = run_scenario(text.name, [binary], results, sanitized=True)
    if not run.folder:
        return ""
    for log in sorted((run.folder / examine.label(binary)).glob(f"*{binary.name}*.log")):
        lines = end_of(log, MOST_LOG).splitlines()
        for number, line in enumerate(lines):
            if "ERROR: " in line or "runtime error:" in line:
                return "\n".join(printable(line[:LONGEST]) for line in lines[number : number + 8])
    return ""

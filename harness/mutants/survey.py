"""`make mutants`: would the judge notice if the fixed programs were slightly wrong?

Every mutant (mutate.py) is compiled like a student's program, runs in its pair's scenario, and gets a
diagnosis. One that is "repaired", without any remark, has survived: a hole in the scenario or in the judge,
unless equivalent.toml gives a rule by which it does the same as the program. Known verdicts are in
results/mutants/judged.jsonl, one line per mutant: an interrupted run continues there. Verdicts by another
scenario or another judge are renewed.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import fnmatch
import hashlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterable, Sequence

import mutate
from linger.lab import files
from linger.lab.errors import HELD, NOT_HELD, Broken, LingerError, Usage, complain
from linger.lab.programs import ROOT
from linger.run import printer, scenarios, toml
from linger.workshop import build, grade, texts
from linger.workshop.remarks import conduct

EQUIVALENT = Path(__file__).with_name("equivalent.toml")
SURVIVED = "survived"
IN_A_RUN = 12  # mutants of one program in one sandbox; ending it loses no more than these
RUNS = 2  # at a time: most of a run is waiting
QUICK = ("linger-zero", ["serve close#1 twice", "serve close#1 as shutdown"])
# If one of these changes, a verdict is out of date.
JUDGE = ("harness/linger/lab/*.py", "harness/linger/run/*.py", "harness/linger/workshop/*.py",
         "harness/common/*.c", "clients/peer.c")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """A mutant of the fixed program of an exercise."""

    text: texts.Text
    mutant: mutate.Mutant

    @property
    def name(self) -> str:
        return f"{self.text.name}: {self.mutant.name}"

    def digest(self, judge: str) -> str:
        """What its verdict depends on. judge: digest of the judge."""
        path = scenarios.path_of(self.text.name)
        scenario = path.read_text() + path.with_suffix(".toml").read_text()
        return hashlib.sha256((self.mutant.source + scenario + judge).encode()).hexdigest()[:16]


def cases(names: Sequence[str] = ()) -> list[Case]:
    """The mutants of these exercises, by default of all. Errors: Usage for an unknown one."""
    known = {text.name: text for text in texts.course() if text.buggy}
    if unknown := set(names) - known.keys():
        raise Usage(f"{min(unknown)} is not an exercise with a program")
    return [
        Case(text, mutant)
        for name, text in known.items()
        if name in names or not names
        for mutant in mutate.mutants(text.buggy.with_name(f"{text.stem}_fixed.c").read_text())
    ]


def rules() -> dict[str, str]:
    """Why mutants are equivalent, by a pattern of their names."""
    return {pattern: rule["why"] for rule in toml.read(EQUIVALENT)["rule"] for pattern in rule["mutants"]}


def reason(name: str, known: dict[str, str]) -> str:
    """Why a mutant is equivalent; "" if no rule says so."""
    return next((why for pattern, why in known.items() if fnmatch.fnmatchcase(name, pattern)), "")


def compile_all(group: Sequence[Case], folder: Path) -> list[Path]:
    """The programs of some mutants. Errors: Broken when one does not compile, with the complaint."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda job: _compile(*job, folder), enumerate(group)))


def _compile(number: int, case: Case, folder: Path) -> Path:
    binary = folder / f"{case.text.stem}_m{number:02}"
    source = binary.with_suffix(".c")
    source.write_text(case.mutant.source)
    build.compile_ours(source, binary)
    return binary


def judge(group: Sequence[Case], evidence: Path) -> list[str]:
    """How each mutant of one program was noticed: a diagnosis, a remark, or SURVIVED.

    Errors: Broken when the pair's own programs did not behave as usual.
    """
    text = group[0].text
    with files.scratch() as folder:
        folder.chmod(0o755)
        programs = compile_all(group, folder)
        run = grade.run_scenario(text.name, programs, evidence)
        grade.trust(run, text.name)
        found = []
        for binary in programs:
            label = binary.name.rpartition("_")[2]
            diagnosis = grade.judge(text, binary.with_suffix(".c"), run, label)
            remarked = conduct(text, run.evidence(label).trial)
            word = "remark" if remarked else SURVIVED
            found.append(word if diagnosis.repaired else diagnosis.word)
    return found


def survey(wanted: Iterable[Case], record: Path, quiet: bool = False) -> dict[str, str]:
    """The verdicts of mutants by name; unknown ones are determined now.

    Those that cannot be judged now, because the pair's own programs did not behave as usual, are left out.
    """
    judged_by = hashlib.sha256(
        b"".join(path.read_bytes() for pattern in JUDGE for path in sorted(ROOT.glob(pattern)))
    ).hexdigest()
    keys = {case.name: case.digest(judged_by) for case in wanted}
    known = {line["digest"]: line["verdict"] for line in _lines(record)}
    todo: dict[str, list[Case]] = collections.defaultdict(list)
    for case in wanted:
        if keys[case.name] not in known:
            todo[case.text.name].append(case)
    groups = [cases[at : at + IN_A_RUN] for cases in todo.values() for at in range(0, len(cases), IN_A_RUN)]

    def one(group: Sequence[Case]) -> None:
        began = time.monotonic()
        try:
            verdicts = judge(group, record.parent)
        except Broken as error:  # because of one of them, or a busy machine: that one stays unknown
            if len(group) == 1:
                complain(f"mutants: {group[0].name}: {error}")
            else:
                one(group[::2])
                one(group[1::2])
            return
        with open(record, "a") as file:
            for case, verdict in zip(group, verdicts):
                known[keys[case.name]] = verdict
                line = {"digest": keys[case.name], "mutant": case.name, "verdict": verdict}
                file.write(json.dumps(line) + "\n")
        if not quiet:
            survived = verdicts.count(SURVIVED)
            printer.say(f"{group[0].text.name}: {len(group)} mutants, {survived} survived, "
                        f"{time.monotonic() - began:.0f} s")  # fmt: skip

    with ThreadPoolExecutor(RUNS) as pool:
        list(pool.map(one, groups))
    return {name: known[key] for name, key in keys.items() if key in known}


def _lines(record: Path) -> list[dict[str, Any]]:
    """The earlier verdicts; the last line may be incomplete."""
    found = []
    for line in record.read_text().splitlines() if record.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def show(wanted: Sequence[Case], verdicts: dict[str, str]) -> bool:
    """Print the results, one line per exercise; returns whether all is explained."""
    known = rules()
    rows, open_ones, wrong = [], [], []
    for name in dict.fromkeys(case.text.name for case in wanted):
        mine = [case for case in wanted if case.text.name == name]
        survivors = [case for case in mine if verdicts[case.name] == SURVIVED]
        unexplained = [case for case in survivors if not reason(case.name, known)]
        open_ones += unexplained
        wrong += [case for case in mine if verdicts[case.name] != SURVIVED and reason(case.name, known)]
        rows.append([name, str(len(mine)), str(len(mine) - len(survivors)),
                     str(len(survivors) - len(unexplained)), str(len(unexplained))])  # fmt: skip
    total = ["all", *(str(sum(int(row[at]) for row in rows)) for at in range(1, 5))]
    printer.print_table(["exercise", "mutants", "killed", "equivalent", "surviving"], [*rows, total])
    words = collections.Counter(verdicts.values())
    printer.say("\nnoticed by: " + ", ".join(f"{word} {n}" for word, n in words.most_common() if word != SURVIVED))
    for case in open_ones:
        printer.say(f"survived: {case.name} (line {case.mutant.line})")
    for case in wrong:
        printer.say(f"killed, although listed as equivalent: {case.name} ({verdicts[case.name]})")
    return not open_ones and not wrong


def main(arguments: Sequence[str]) -> int:
    """Judge the mutants of the named exercises, or of all."""
    parser = argparse.ArgumentParser(prog="mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="an exercise; by default all")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="evidence")
    options = parser.parse_args(arguments)
    wanted = cases(options.names)
    folder = options.results / "mutants"
    files.make_folder(folder)
    verdicts = survey(wanted, folder / "judged.jsonl")
    if len(verdicts) < len(wanted):
        raise Broken(f"{len(wanted) - len(verdicts)} of {len(wanted)} mutants could not be judged; "
                     "run it again on a less busy machine: it continues where it stopped")  # fmt: skip
    return HELD if show(wanted, verdicts) else NOT_HELD


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LingerError as error:
        complain(f"mutants: {error}")
        sys.exit(error.code)

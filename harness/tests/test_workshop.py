"""The exercises as a student meets them: the first call, the hints, the verdicts, the score."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run

from linger.blame import moved
from linger.lab.environment import outside
from linger.lab.errors import Broken, CannotRun
from linger.lab.failure import EVENT, Failure
from linger.lab.programs import MAIN, program
from linger.run import scenarios
from linger.workshop import build, diagnose, endings, exercise, grade, remarks, score, screen, texts
from linger.workshop.evidence import Evidence
from linger.workshop.workplace import Workplace, bare, same_code

LEAK = "closewait-leak"
CURE = "\t\tclose(fd);\n\t\treturn;"


class Student:
    """A student with their own labs/."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.place = Workplace(folder / "labs")
        self.results = folder / "results"
        self.file = self.place.file(texts.load(LEAK))

    def lab(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = outside(LABS=str(self.place.folder), RESULTS=str(self.results))
        return self.run("linger", "lab", *words, env=env, stdin=subprocess.DEVNULL)

    def writes(self, before: str, after: str) -> None:
        """Edit the file of the leak."""
        source = self.file.read_text()
        assert source.count(before) == 1
        self.file.write_text(source.replace(before, after))

    @property
    def noted(self) -> dict[str, object]:
        return self.place.progress()[LEAK]


@pytest.fixture
def student(run: Run, tmp_path: Path) -> Student:
    return Student(run, tmp_path / "anna")


def test_from_the_first_call_to_the_cure(student: Student) -> None:
    first = student.lab(LEAK, "--predict", "b")
    assert first.returncode == 1, first.stderr
    order = ["three weeks", "Predict first", "variant", "the bug, measured", "You said b",
             "Your task", "Edit "]  # fmt: skip
    places = [first.stdout.index(words) for words in order]
    assert places == sorted(places)
    assert "RFC 9293" not in first.stdout, "the explanation comes with the repair"
    assert re.search(r"yours +100 \(peak 100\) +100 .* FAIL", first.stdout)
    ladder = r"One connection of yours:\n\n +client 10\.0\.0\.1:.*\n(?: .*\n)+ +99 further connections"
    assert re.search(ladder, first.stdout)

    student.writes("\t\treturn;\n\t}\n\tn = send", f"{CURE}\n\t}}\n\tn = send")
    second = student.lab(LEAK)
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.search(r"yours +0 \(peak \d+\) +0 .* PASS", second.stdout)
    assert "Repaired" in second.stdout and "RFC 9293" in second.stdout
    assert "Predict first" not in second.stdout and "\x1b" not in second.stdout
    assert (student.noted["predicted"], student.noted["runs"]) == ("b", 2)
    assert student.noted["solved"]
    assert re.search(r"^ +\d+  done   closewait-leak", student.lab().stdout, re.M)


def test_the_situation_is_shown_again_and_solved_stays_solved(student: Student) -> None:
    student.lab(LEAK)
    student.place.keep(texts.load(LEAK))
    student.place.note(LEAK, solved=1.0)
    shown = student.lab(LEAK, "--show")
    assert shown.returncode == 0
    assert "three weeks" in shown.stdout and "Your task" in shown.stdout and "variant" not in shown.stdout
    again = student.lab(LEAK)
    assert again.returncode == 1 and "Your solved version is kept" in again.stdout
    assert student.noted["solved"] == 1.0


def test_a_copy_does_not_tell_the_answer(tmp_path: Path) -> None:
    for text in texts.course():
        if text.buggy:
            source = text.buggy.read_text()
            copy = bare(source)
            assert "LESSON" in source and "LESSON" not in copy
            assert same_code(copy, source) and copy.index(" */") < 250, text.name
    place = Workplace(tmp_path / "labs")
    place.start(texts.load(LEAK))
    flags = (place.folder / "compile_flags.txt").read_text().split()
    words = ["gcc", "-fsyntax-only", *flags, str(place.file(texts.load(LEAK)))]
    assert subprocess.run(words, cwd="/").returncode == 0, "an editor finds the headers"


def test_hints_come_one_by_one(student: Student) -> None:
    for number in (1, 3):
        done = student.lab(LEAK, "--hint", str(number))
        assert done.stdout.count(" of 3:\n") == number
        assert student.noted["hints"] == number
    assert done.stdout.rstrip().splitlines()[-1].split()[2] == "HINT=blame"


def test_the_last_hint_names_lines_of_the_copy(student: Student) -> None:
    student.lab(LEAK)
    student.writes("\tchar message[512];\n", "\tint unused;\n\n\tchar message[512];\n")
    done = student.lab(LEAK, "--hint", "blame")
    lines = student.file.read_text().splitlines()
    [read] = re.findall(r"EOF +recv\(\) = 0 at closewait_leak\.c:(\d+)", done.stdout)
    assert " = recv(" in lines[int(read) - 1]
    assert "LESSON" not in done.stdout and "_buggy.c" not in done.stdout
    assert done.stdout.index("by their numbers in your file") < done.stdout.index(f"Edit {student.file}")


def test_lines_move_with_what_is_before_them() -> None:
    told = moved.moved(
        {"a": [{"file": "/x/a.c", "line": 2}, {"file": "b.c", "line": 2}, {"file": None, "line": 0}],
         "source": {"lines": ["spoiler"]}},
        "a.c", "one\ntwo\n", "mine.c", "zero\none\n2\n",
    )  # fmt: skip
    assert told == {"a": [{"file": "mine.c", "line": 2}, {"file": "b.c", "line": 2}, {"file": None, "line": 0}]}


def test_a_ladder_in_ascii_is_shown_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "  7 connections: 7 orderly\n\n  A -- SYN -->  B\n  6 further connections like this"
    monkeypatch.setattr(screen, "ladders", lambda *_: told)
    (tmp_path / "yours").mkdir()
    (tmp_path / "yours" / "result.json").write_text('{"seconds": 1}')
    screen.ladder(grade.Run(tmp_path, 0, ""), "yours")
    shown = capsys.readouterr().out
    assert "A -- SYN -->  B" in shown and "orderly" not in shown


def test_a_prediction_after_the_answer_does_not_count(student: Student) -> None:
    first = student.lab(LEAK)
    assert "so the answer follows" in first.stdout
    late = student.lab(LEAK, "--predict", "c")
    assert "no longer counts" in late.stdout and not student.noted["predicted"]


def test_a_letter_that_is_no_choice_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = iter(["x", "b"])
    monkeypatch.setattr(exercise, "at_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: next(given))
    assert exercise.ask(3) == "b" and capsys.readouterr().out == "Type a, b or c, or just Enter to skip.\n"


def test_a_started_file_is_never_overwritten(student: Student) -> None:
    student.place.folder.mkdir(parents=True)
    student.file.write_text("mine")
    assert student.lab(LEAK).returncode == 1
    assert student.file.read_text() == "mine"
    for kept in ("mine", "mine too"):
        student.file.write_text(kept)
        done = student.lab(LEAK, "--reset")
        assert done.returncode == 0 and "closewait_leak." in done.stdout
        assert f"Next: make lab-{LEAK}" in done.stdout
    text = texts.load(LEAK)
    assert student.place.reset(text) is None, "nothing to keep"
    assert text.buggy and student.file.read_text() == bare(text.buggy.read_text())
    backups = {path.read_text() for path in student.place.folder.glob("closewait_leak.*.c")}
    assert backups == {"mine", "mine too"}


def test_a_program_that_does_not_compile(student: Student) -> None:
    student.lab(LEAK)
    student.place.note(LEAK, answered=False)
    student.writes("event_free(readable);", "event_fre(readable)")
    done = student.lab(LEAK)
    assert not student.noted["answered"], "nothing was measured"
    assert done.returncode == 1
    assert "does not compile" in done.stdout and "closewait_leak.c:" in done.stdout
    assert "variant" not in done.stdout, "nothing ran"


def test_a_caller_who_ignores_its_children_compiles_nothing_else(student: Student) -> None:
    student.place.folder.mkdir(parents=True)
    student.file.write_text("int main(void) { return }")
    words = [sys.executable, "-c", MAIN, "lab", LEAK]  # not by a shell, which may undo it
    done = subprocess.run(
        words, env=outside(LABS=str(student.place.folder), RESULTS=str(student.results)),
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert "does not compile" in done.stdout


def test_a_warning_is_shown_and_does_not_matter(student: Student) -> None:
    student.lab(LEAK)
    student.writes("\t\treturn;\n\t}\n\tn = send", f"\t\tint unused;\n{CURE}\n\t}}\n\tn = send")
    done = student.lab(LEAK)
    assert done.returncode == 0 and "unused variable" in done.stdout


def test_a_crash_is_explained_by_the_sanitizer(student: Student) -> None:
    student.lab(LEAK)
    student.writes("event_free(readable);", "event_free(readable); free(readable);")
    done = student.lab(LEAK)
    assert done.returncode == 1 and "Your program crashed" in done.stdout
    assert "AddressSanitizer: " in done.stdout and "free" in done.stdout


def test_an_exercise_about_the_kernel(student: Student) -> None:
    done = student.lab("timewait-no-descriptor", "--predict", "b")
    assert done.returncode == 0, done.stderr
    assert "As you predicted" in done.stdout and "condition" in done.stdout
    assert "Who sent the 50 FINs?" in done.stdout


def test_a_story_that_fails_is_never_taken_for_a_program_to_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its 1 would mean "not repaired yet", which make ignores."""
    text, place = texts.load("timewait-no-descriptor"), Workplace(tmp_path)
    monkeypatch.setattr(grade, "run_scenario", lambda *_: grade.Run(None, 1, "no TIME_WAIT"))
    options = argparse.Namespace(predict="a", results=tmp_path)
    with pytest.raises(Broken, match="teaches nothing:\nno TIME_WAIT"):
        exercise.predict(text, place, options)
    assert not place.progress()[text.name].get("solved")


@pytest.mark.parametrize("word, stalled, said", [
    ("repaired", 0.9, ""), ("repaired", 1.2, "the machine stalled for 1.2 s"), ("half-repaired", 1.2, "")])
def test_a_stall_never_repairs_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, stalled: float, said: str
) -> None:
    """A program that gets no processor leaves connections in its queue, as one with a limit does."""
    (tmp_path / "yours").mkdir()
    (tmp_path / "yours" / "result.json").write_text(json.dumps({"stalled": stalled}))
    monkeypatch.setattr(grade, "diagnose", lambda *_: grade.Diagnosis(word, "", ""))
    text = texts.load(LEAK)
    assert text.buggy
    with pytest.raises(Broken, match=said) if said else contextlib.nullcontext():
        assert grade.judge(text, text.buggy, grade.Run(tmp_path, 0, ""), "yours").word == word


@pytest.mark.parametrize("stalls", [0, 1, 2])
def test_after_a_stall_a_program_is_run_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stalls: int
) -> None:
    runs: list[grade.Run] = []

    def run_scenario(*_: object) -> grade.Run:
        runs.append(grade.Run(None, 0, ""))
        return runs[-1]

    def trust(run: grade.Run, name: str) -> None:
        if len(runs) <= stalls:
            raise grade.Stalled(f"the machine stalled during {name}")

    text = texts.load(LEAK)
    assert text.buggy
    monkeypatch.setattr(grade, "run_scenario", run_scenario)
    monkeypatch.setattr(grade, "trust", trust)
    monkeypatch.setattr(grade, "judge", lambda *_: grade.Diagnosis("half-repaired", "", ""))
    with pytest.raises(Broken, match="stalled") if stalls == 2 else contextlib.nullcontext():
        assert grade.grade(text, text.buggy, tmp_path).run is runs[-1]
    assert len(runs) == 1 + min(stalls, 1)


def test_only_a_students_program_is_short_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of our own scenarios may take a minute; a hanging program must not."""
    monkeypatch.setattr(grade, "LIMIT", 0.01)
    theirs = program("servers/closewait_leak_fixed")
    codes = [grade.run_scenario(LEAK, given, tmp_path / "results").code for given in ([], [theirs])]
    assert codes == [0, -9]


WRONG = {
    "did you mean closewait-leak?": ["closewait-leek"],
    "a prediction must be one of a, b, c, not 'z'": [LEAK, "--predict", "z"],
    "has not been started": [LEAK, "--reset"],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_usage(student: Student, sentence: str) -> None:
    done = student.lab(*WRONG[sentence])
    assert done.returncode == 2 and sentence in done.stderr.splitlines()[-1]


def test_the_score_believes_files_and_not_their_owners(student: Student, tmp_path: Path) -> None:
    """One has solved it, one claims to, one has not begun, one has broken notes."""
    text = texts.load(LEAK)
    assert text.buggy
    names = ["anna", "bert <b>", "carla", "dora"]
    places = {name: Workplace(tmp_path / name / "labs") for name in names}
    for place in places.values():
        place.folder.mkdir(parents=True, exist_ok=True)
    fixed = text.buggy.with_name("closewait_leak_fixed.c")
    shutil.copy(fixed, places["anna"].file(text))
    shutil.copy(text.buggy, places["bert <b>"].file(text))
    for name in names[:2]:
        places[name].note(LEAK, solved=time.time(), digest=places[name].digest(text), hints=2)
    (places["dora"].folder / ".progress.json").write_text("[]")
    folders = [str(place.folder) for place in places.values()]
    for regrade, solved in (([], {"anna", "bert <b>"}), (["--regrade"], {"anna"})):
        out = tmp_path / f"score{len(regrade)}"
        done = student.run("linger", "lab-score", "--results", out, *regrade, *folders)
        assert done.returncode == 0, done.stderr
        told = json.loads((out / "labs.json").read_text())["students"]
        assert {one["who"] for one in told if one["labs"].get(LEAK, {}).get("solved")} == solved, told
        assert [one["error"] is None for one in told] == [True, True, True, False]
        page = (out / "labs.html").read_text()
        assert "bert &lt;b&gt;" in page and "<b>" not in page and "2 hints" in page
        assert page.count("scope=col") == 1  # only what somebody has begun
    assert "untouched" in page
    left = {path.name for place in places.values() for path in place.folder.iterdir()}
    assert left == {".progress.json", "closewait_leak.c"}  # not the place for our binaries


def test_what_the_other_side_did_not_say_is_told() -> None:
    silent = Failure(EVENT, "echo", "close why=idle", ">= 20", 0, "4 s passed")
    result = {"verdict": "fail", "message": str(silent), "failures": [silent.record()],
              "expectations": []}  # fmt: skip
    [found] = diagnose._expectations(Evidence(result, {}))
    assert found.word == "fails" and 'echo, said "close why=idle" 0 times instead of 20' in found.advice


@pytest.mark.parametrize("number, name", [(9, "SIGKILL"), (34, "SIGRTMIN"), (40, "SIGRTMIN+6")])
def test_any_signal_can_end_a_program(number: int, name: str) -> None:
    subject = {"killed": False, "status": -number, "tail": ""}
    [found] = endings.signalled({"subjects": [subject]})
    assert found.sentence == f"{name} ended your program."


@pytest.mark.parametrize(
    "facts",
    [
        '{"began": 1, "runs": 1, "hints": "<b>"}',
        '{"began": 1, "runs": null, "hints": 0}',
        '{"began": 1, "runs": 1, "hints": 0, "solved": "now"}',
        '{"began": 1, "runs": 1, "hints": 0, "solved": 1e300}',
        '{"began": 1, "runs": 1, "hints": 0, "solved": NaN}',
        '{"runs": 1, "hints": 0}',
        "[" * 100_000,
    ],
)
def test_one_damaged_note_does_not_end_the_score(tmp_path: Path, facts: str) -> None:
    text = texts.load(LEAK)
    places = [Workplace(tmp_path / name / "labs") for name in ("anna", "eve")]
    for place in places:
        place.start(text)
        place.note(LEAK, solved=time.time(), digest=place.digest(text))
    (places[1].folder / ".progress.json").write_text(f'{{"{LEAK}": {facts}}}')
    scores = score.collect([place.folder for place in places], [text], False, tmp_path)
    assert scores[0]["labs"][LEAK]["solved"] and not scores[0]["error"]
    assert not scores[1]["labs"] and "damaged" in scores[1]["error"]
    score.write(scores, [text], tmp_path)


def test_folders_are_named_from_where_the_caller_is(run: Run, tmp_path: Path) -> None:
    """The compiler runs in the project's folder, but still finds what the caller means."""
    text = texts.load(LEAK)
    assert text.buggy
    folder = tmp_path / "anna" / "labs"
    folder.mkdir(parents=True)
    shutil.copy(text.buggy.with_name("closewait_leak_fixed.c"), Workplace(folder).file(text))
    env = outside(LABS="anna/labs", RESULTS="results")
    solved = run("linger", "lab", LEAK, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert (solved.returncode, "Repaired" in solved.stdout) == (0, True), solved.stdout
    done = run("linger", "lab-score", "--regrade", "anna/labs", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [told] = json.loads((tmp_path / "results" / "labs.json").read_text())["students"]
    assert told["labs"][LEAK]["diagnosis"] == "repaired"


COMPLAINTS = {
    "labs/x.c:9:10: fatal error: event2/event.h: No such file or directory": "event2/event.h",
    "labs/x.c:9:10: fatal error: stdio.h: No such file or directory": "stdio.h",
    "/usr/bin/ld: cannot find -levent_core: No such file or directory": "-levent_core",
    "/usr/bin/ld: cannot find -levent_core": "-levent_core",
    "labs/x.c:9:10: fatal error: mine.h: No such file or directory": "",
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_half_a_compiler_is_no_error_of_the_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaint: str
) -> None:
    (tmp_path / "x.c").touch()
    compiler = ["sh", "-c", f"echo '{complaint}' >&2; exit 1"]
    monkeypatch.setattr(build, "command", lambda *_: compiler)
    if missing := COMPLAINTS[complaint]:
        with pytest.raises(CannotRun, match=f"gcc, libc6-dev .*there is no {missing}; run: make deps"):
            build.compile(tmp_path / "x.c", tmp_path / "x")
    else:
        assert not build.compile(tmp_path / "x.c", tmp_path / "x")[0]


def test_no_compiler_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.c").touch()
    monkeypatch.setattr(build, "command", lambda *_: ["nowhere-cc"])
    with pytest.raises(CannotRun, match="there is no nowhere-cc; run: make deps"):
        build.compile(tmp_path / "x.c", tmp_path / "x")


def test_a_full_disk_leaves_no_half_of_a_program(tmp_path: Path) -> None:
    """It would be taken for the student's own from then on."""
    text, place = texts.load(LEAK), Workplace(tmp_path / "labs")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(CannotRun, match=f"cannot write {place.file(text)}: File too large.*LABS="):
            place.start(text)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not place.file(text).exists()


def test_what_was_solved_counts_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    """But not what is only claimed to be solved: then the kept program is a different one."""
    text, place = texts.load(LEAK), Workplace(tmp_path / "anna" / "labs")

    def solved() -> float | None:
        return score.collect([place.folder], [text], False, tmp_path)[0]["labs"][LEAK]["solved"]

    place.start(text)
    place.keep(text)
    place.note(LEAK, solved=1.0, digest=place.digest(text))
    place.file(text).write_text("int main;")
    assert solved() == 1.0
    place.judged(text).write_text("int main;")
    assert solved() is None
    place.reset(text)
    assert place.judged(text) == place.file(text)


GOOD = texts.table(LEAK)
BAD = {
    "task is missing": {"task": ""},
    "colour is unknown": {"colour": "red"},
    "is not the letter of a choice": {"answer": "d"},
    "choices: give 2 to 4": {"choices": ["yes"]},
    "hints: give 3": {"hints": ["one"]},
    "service is missing": {"service": ""},
    "a pattern and a text": {"discuss": [{"pattern": "x"}]},
    "unterminated": {"discuss": [{"pattern": "(", "text": "x"}]},
}


@pytest.mark.parametrize("fault", BAD)
def test_a_wrong_table_is_named_with_its_fault(fault: str) -> None:
    assert any(fault in found for found in texts.faults(LEAK, {**GOOD, **BAD[fault]}))


def test_every_table_is_right() -> None:
    course = texts.course()  # Broken with what is wrong
    assert course and len({text.order for text in course}) == len(course)
    assert not texts.faults(LEAK, GOOD)


def test_the_workshop_has_every_exercise_in_its_order() -> None:
    page = (scenarios.SCENARIOS / "WORKSHOP.md").read_text()
    listed = re.findall(
        r"(\d+) ([a-z]+(?:-[a-z]+)+)", page.partition("The order of all")[2].partition("\n## ")[0]
    )
    assert listed == [(str(text.order), text.name) for text in texts.course()]


def test_a_file_that_is_no_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "SCENARIOS", tmp_path)
    (tmp_path / "x.toml").write_text("[exercise\n")
    with pytest.raises(Broken, match="x.toml: "):
        texts.table("x")


def test_comments_and_spaces_are_no_change() -> None:
    assert same_code("int x; /* a */\n// b\n", "int  x;")
    assert not same_code("int x;", "int y;")


def test_remarks_are_about_the_code_alone() -> None:
    text = texts.load(LEAK)
    assert not remarks.remarks(text, "/* SO_LINGER */ int x;")
    assert "sysctl" in remarks.remarks(text, 'open("/proc/sys/net", 0)')[0]
    assert not remarks.remarks(text, "if (n) { event_free(e); close(fd); } event_free(e);")
    assert "before you close" in remarks.remarks(text, "close(fd); say(1); event_free(e);")[0]

"""`linger lab [NAME]` and `linger lab-score`: what `make lab`, `make lab-NAME` call."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Callable

from linger.lab.errors import HELD, NOT_HELD, Broken, Usage
from linger.run import scenarios
from linger.run.printer import say, wrapped
from linger.run.results import shortest
from linger.workshop import grade, screen, texts
from linger.workshop.remarks import conduct, own_time, remarks
from linger.workshop.texts import LETTERS, Text
from linger.workshop.workplace import Workplace, read_source


LastHint = Callable[[Text, Path], None]  # called with the exercise, and the student's file


def lab(options: argparse.Namespace, last_hint: LastHint | None = None) -> int:
    """List the exercises, or start, continue or reset one; 0 only when it is done.

    last_hint: shows what comes after the exercise's own hints.
    """
    place = Workplace()
    if not options.name:
        screen.course(texts.course(), place.progress())
        return HELD
    text = texts.load(scenarios.choose([options.name])[0])
    if options.predict and options.predict not in LETTERS[: len(text.choices)]:
        raise Usage(f"a prediction must be one of {', '.join(LETTERS[: len(text.choices)])}, "
                    f"not {options.predict!r}")  # fmt: skip
    if options.show:
        screen.opening(text)
        screen.section("Your task:", text.task)
        return HELD
    if options.reset:
        backup = place.reset(text)
        place.note(text.name, solved=None)
        kept = f"; yours is kept as {shortest(backup)}" if backup else ""
        say(wrapped(f"{shortest(place.file(text))} is the buggy program again{kept}", "", ""))
        say(f"Next: make lab-{text.name}")
        return HELD
    if not text.buggy:
        return predict(text, place, options)
    return repair(text, place, options, last_hint)


def begin(text: Text, place: Workplace, given: str) -> str:
    """Show what an exercise is about, and ask for the prediction; returns it, "" without one."""
    mine = place.note(text.name)
    first, said = not mine["runs"], mine.get("predicted", "")
    if first:
        screen.opening(text)
    if mine.get("answered"):
        predicted = said
        if given and given != said:
            say("The answer has been shown already, so this prediction no longer counts.\n")
    else:
        predicted = given or said or (first and ask(len(text.choices))) or ""
    if predicted and first:
        say(f"You predict {predicted}. Let's see.\n")
    if first and not predicted:
        say(wrapped("(No prediction, so the answer follows at once. In the next exercise: make lab-NAME "
                    "PREDICT=a)", "", "") + "\n")  # fmt: skip
    place.note(text.name, runs=mine["runs"] + 1, predicted=predicted)
    return predicted


def ask(choices: int) -> str:
    """A letter from the student, or "" without a terminal or an answer."""
    if not at_terminal():
        return ""
    letters = LETTERS[:choices]
    while True:
        try:
            answer = input(f"Your prediction ({letters[0]}-{letters[-1]}, Enter to skip): ")
        except EOFError:
            return ""
        answer = answer.strip().lower()
        if answer in ("", *letters):
            return answer
        say(f"Type {', '.join(letters[:-1])} or {letters[-1]}, or just Enter to skip.")


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def repair(
    text: Text, place: Workplace, options: argparse.Namespace, last_hint: LastHint | None = None
) -> int:
    """An exercise with a program to repair."""
    new = place.start(text)
    predicted = begin(text, place, options.predict)
    first = place.progress()[text.name]["runs"] == 1
    file = place.file(text)
    say(f"{'A copy of the buggy program for you' if new else 'Your program'}: "
        f"{shortest(file)}\n")  # fmt: skip
    given = grade.grade(text, file, options.results)
    found = given.diagnosis
    if given.complaint and given.run:
        say(f"The compiler warns:\n{given.complaint}\n")
    if given.run:
        screen.measured(given.run)
        screen.ladder(given.run, "yours")
    screen.verdict(found)
    trial = given.run.evidence("yours").trial if given.run else None
    source = read_source(file).decode(errors="replace")
    told = [*remarks(text, source), *conduct(text, trial)]
    for remark in told + own_time(text, source) * found.repaired:
        screen.section("About your approach:", remark)
    if given.run and not place.progress()[text.name].get("answered"):
        screen.answered(text, predicted)
        place.note(text.name, answered=True)
    if found.repaired:
        place.keep(text)
        place.note(text.name, solved=time.time(), digest=place.digest(text))
        screen.closing(text)
        return HELD
    if place.progress()[text.name].get("solved"):
        say("This version is not repaired. Your solved version is kept, and counts.")
    advance(text, place, options.hint, first, last_hint)
    return NOT_HELD


def advance(
    text: Text, place: Workplace, hint: int, first: bool, last_hint: LastHint | None
) -> None:
    """The task, the requested hints and, at the end, the next step."""
    if first:
        screen.section("Your task:", text.task)
    if hint:
        screen.hints(text, hint)
    if last_hint:
        last_hint(text, place.file(text))
    used = max(hint, place.progress()[text.name]["hints"])
    place.note(text.name, hints=used)
    say(f"Edit {shortest(place.file(text))}, then:\n    make lab-{text.name}")
    say(f"    make lab-{text.name} SHOW=1    # the situation and the task again")
    if used < len(text.hints):
        say(f"    make lab-{text.name} HINT={used + 1}    # with a hint")
    elif not last_hint:
        say(f"    make lab-{text.name} HINT=blame    # with the lines of code")


def predict(text: Text, place: Workplace, options: argparse.Namespace) -> int:
    """An exercise about the kernel: predict, run, explain. Errors: Broken when it fails here."""
    predicted = begin(text, place, options.predict)
    run = grade.run_scenario(text.name, [], options.results)
    screen.measured(run)
    if run.code:
        raise Broken(f"{text.name} failed here, so it teaches nothing:\n{run.complaint}")
    screen.answered(text, predicted)
    screen.closing(text)
    place.note(text.name, solved=time.time(), answered=True)
    return HELD


def score(options: argparse.Namespace) -> int:
    """Who has solved what."""
    from linger.workshop import projector, score

    folders = [Path(name) for name in options.folders] or [Workplace().folder]
    for folder in folders:
        if not os.path.lexists(folder):
            raise Usage(f"there is no {folder}; name the labs/ folders of the checkouts")
    course = texts.course()
    if options.watch:
        if options.regrade:
            raise Usage("--watch shows what students' notes say; run --regrade separately")
        return projector.serve(folders, course, options.port)
    scores = score.collect(folders, course, options.regrade, options.results)
    score.show(scores, course, options.regrade)
    page, data = score.write(scores, course, options.results)
    say(f"\n{shortest(page)}, {shortest(data)}")
    return HELD

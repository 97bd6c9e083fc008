"""What a student sees: short and calm, coloured only on a terminal (NO_COLOR respected)."""

from __future__ import annotations

import re
import textwrap
from typing import Any, Sequence

from linger.run.ladders import ladders
from linger.run.printer import columns, paint, paragraphs, print_table, say, wrapped
from linger.run.tables import grid, table
from linger.workshop.evidence import Diagnosis
from linger.workshop.grade import Run
from linger.workshop.texts import LETTERS, Text

ALIKE = re.compile(r"^ +(\d+) further connections? like this$", re.MULTILINE)  # below a ladder

ARROW = re.compile("──|--")  # the second where the terminal shows only ASCII


def section(title: str, words: str) -> None:
    """A text with a heading; nothing if there is no text."""
    if words:
        say(paint(wrapped(title, "", ""), "bold"))
        say(f"{paragraphs(words)}\n")


def course(texts: Sequence[Text], progress: dict[str, dict[str, Any]]) -> None:
    """The exercises in teaching order, and what is done."""
    for number, text in enumerate(texts, 1):
        mine = progress.get(text.name, {})
        mark = "done" if mine.get("solved") else "begun" if mine else ""
        first = f"{number:3}  {mark:6} {text.name:26} "
        line = wrapped(text.symptom, first, " " * len(first))
        say(paint(line, "green") if mark == "done" else line)
    done = sum(bool(progress.get(text.name, {}).get("solved")) for text in texts)
    say(f"\n{done} of {len(texts)} done; start or continue one: make lab-NAME")


def opening(text: Text) -> None:
    """The situation and the question, before anything has run."""
    head = wrapped(f"{text.name}: {text.symptom}", "", "  ")
    say(f"{head.replace(text.name, paint(text.name, 'bold'), 1)}\n")
    say(f"{paragraphs(text.situation)}\n")
    section("Predict first:", text.question)
    for letter, choice in zip(LETTERS, text.choices):
        say(wrapped(choice, f"    {letter}) ", "       "))
    say()


def answered(text: Text, predicted: str) -> None:
    """The answer to the question, once it has been measured."""
    right = f"{text.answer}) {text.choices[LETTERS.index(text.answer)]}"
    yours = f" You said {predicted}." if predicted and predicted != text.answer else ""
    yours = " As you predicted." if predicted == text.answer else yours
    section(f"Your question has an answer: {right}.{yours}", text.because)


def measured(run: Run) -> None:
    """The table of what was measured, the variants side by side."""
    results = run.results()
    if not results:
        return
    print_table(*table(results))
    for outcomes in results[0]["tables"]:
        say(f"\n  {outcomes['title']}")
        print_table(*grid(outcomes))
    say()


def ladder(run: Run, variant: str) -> None:
    """The ladder of the commonest kind of connection, if packets were recorded."""
    folder = run.folder / variant if run.folder else None
    result = run.evidence(variant).result
    told = ladders(folder, result, columns() - 2) if folder and result else ""
    drawn = [part for part in told.split("\n\n") if ARROW.search(part)]  # the first part sums them up
    if drawn:
        say(f"One connection of {variant}:\n")
        most = max(drawn, key=lambda part: sum(map(int, ALIKE.findall(part))))
        say(textwrap.indent(most, "  ") + "\n")


def verdict(found: Diagnosis) -> None:
    """What is wrong with a program, if anything."""
    say(paint(wrapped(found.sentence, "", ""), "green" if found.repaired else "red"))
    if found.advice:
        say(wrapped(found.advice, "", ""))
    if found.report:
        say(textwrap.indent(found.report.strip("\n"), "  "))
    say()


def hints(text: Text, upto: int) -> None:
    """The hints up to a number."""
    for number, hint in enumerate(text.hints[:upto], 1):
        section(f"Hint {number} of {len(text.hints)}:", hint)


def closing(text: Text) -> None:
    """What to learn, when it is done."""
    section("Why:", text.explanation)
    section("In the wild:", text.wild)
    section("To think about:", text.further)

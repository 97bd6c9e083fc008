"""The claims ledger and its verdicts: only measurement decides."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest
from conftest import Run

from linger.claims import judge, ledger
from linger.lab.census import STATES
from linger.lab.errors import Broken
from linger.lab.programs import ROOT
from linger.lab.verdict import ABSENT, make_row
from linger.run import scenarios

LEDGER = """
[[claim]]
id = "x-one"
article = "linger"
sentence = "One is so."
case = [
    { scenario = "one", when = "it is leaky", measured = ["buggy server CLOSE_WAIT == 2 * N + 1"] },
    { scenario = "one", when = "it is sound", measured = ["fixed server error, then == -"] },
]
[[claim]]
id = "x-two"
article = "close-wait"
sentence = "Two is so."
note = "Half of it."
[[claim.case]]
scenario = "two"
struck = ["condition network packets lost >= 3"]
tables = [
    { variant = "condition", title = "binds", row = "old", column = "new", is = "N ok" },
    { variant = "condition", title = "binds", row = "old", column = "newer", is = "ok" },
]
"""


CLAIMS = ledger.load()


def entries(tmp_path: Path, text: str = LEDGER) -> list[ledger.Claim]:
    (tmp_path / "claims.toml").write_text(text)
    return ledger.load(tmp_path / "claims.toml")


def result(scenario: str, variant: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "scenario": scenario, "variant": variant, "connections": 10, "verdict": "pass",
        "message": None, "struck": [], "expectations": list(rows), "tables": [], **more,
    }  # fmt: skip


def cell(column: str, measured: str) -> dict[str, str]:
    return {"row": "old", "column": column, "measured": measured}


def measured(left: int = 21, error: str = "-", lost: int = 3, **cells: str) -> list[dict[str, Any]]:
    """The results of a run in which both claims hold, except for what is given."""
    words = {"new": "10 ok", "newer": "ok", **cells}
    return [
        result("one", "buggy", make_row("server", "CLOSE_WAIT", 21, left)),
        result(
            "one", "fixed",
            make_row("server", "error", "EMFILE", "EMFILE"), make_row("server", "error", "-", error),
        ),
        result(
            "two", "condition", struck=[make_row("network", "packets lost", 3, lost)],
            tables=[{"title": "binds", "cells": [cell(*word) for word in words.items()]}],
        ),
    ]  # fmt: skip


def verdicts(tmp_path: Path, results: list[dict[str, Any]]) -> list[str | None]:
    return [judged.verdict for judged in judge.judge(results, entries(tmp_path))]


def test_what_is_measured_decides(tmp_path: Path) -> None:
    one, two = judge.judge(measured(), entries(tmp_path))
    assert (one.verdict, two.verdict) == ("holds", "holds")
    assert one.evidence == "one/buggy: server CLOSE_WAIT 21\none/fixed: server error, then -"
    assert two.evidence == (
        "two/condition: network packets lost 3, old / new: 10 ok, old / newer: ok"
    )
    assert (two.scenario, two.scenarios, two.note) == ("two", ("two",), "Half of it.")


@pytest.mark.parametrize(
    "altered, expected",
    [
        ({"left": 20}, "holds when it is sound"),
        ({"error": "EMFILE"}, "holds when it is leaky"),
        ({"left": 20, "error": "EMFILE"}, "fails"),
    ],
)
def test_another_measurement_gives_another_verdict(
    tmp_path: Path, altered: dict[str, Any], expected: str
) -> None:
    assert verdicts(tmp_path, measured(**altered)) == [expected, "holds"]


@pytest.mark.parametrize("altered", [{"lost": 2}, {"new": "9 ok"}, {"newer": "EPERM"}])
def test_every_predicate_of_a_case_counts(tmp_path: Path, altered: dict[str, Any]) -> None:
    assert verdicts(tmp_path, measured(**altered)) == ["holds", "fails"]


def test_one_repetition_against_it_is_enough(tmp_path: Path) -> None:
    repeated = [*measured(), *measured(left=7), *measured()]
    one, two = judge.judge(repeated, entries(tmp_path))
    assert (one.verdict, two.verdict) == ("holds when it is sound", "holds")
    assert one.evidence.startswith("one/buggy: server CLOSE_WAIT 7\n")


def test_a_failed_run_is_judged_by_what_it_measured(tmp_path: Path) -> None:
    results = measured(left=20)
    results[0] |= {"verdict": "fail", "message": "server has CLOSE_WAIT 20, expected == 21"}
    assert verdicts(tmp_path, results) == ["holds when it is sound", "holds"]


def test_a_cell_that_this_kernel_lacks_does_not_count(tmp_path: Path) -> None:
    assert verdicts(tmp_path, measured(newer=ABSENT)) == ["holds", "holds"]
    results = measured(new=ABSENT, newer=ABSENT)
    results[2]["struck"] = [make_row("network", "packets lost", 3, 2)]
    assert verdicts(tmp_path, results)[1] == "fails"


def gap(tmp_path: Path, results: list[dict[str, Any]], text: str = LEDGER) -> str:
    """Why the run does not decide the claim x-one, or x-two when it decides that."""
    undecided = [x for x in judge.judge(results, entries(tmp_path, text)) if x.verdict is None]
    assert len(undecided) == 1
    return undecided[0].evidence


def test_without_a_measurement_there_is_no_verdict(tmp_path: Path) -> None:
    assert gap(tmp_path, measured()[:2]) == "two/condition was not run"
    for verdict in ("broken", "cannot run", "told apart"):
        results = measured()
        results[0]["verdict"] = verdict
        assert gap(tmp_path, results) == f"one/buggy measured nothing to judge by ({verdict})"
    results = measured()
    results[0] |= {"verdict": "fail", "message": "the fault did not happen", "expectations": []}
    assert gap(tmp_path, results) == (
        "one/buggy did not measure server CLOSE_WAIT: it ended before: the fault did not happen"
    )
    assert "'newer'" not in gap(tmp_path, [*measured()[:2], result("two", "condition")])
    text = LEDGER.replace("network packets lost >= 3", "network packets lost >= many")
    assert "which has no order" in gap(tmp_path, measured(), text)
    only = LEDGER.replace('struck = ["condition network packets lost >= 3"]', "")
    results = measured(new=ABSENT, newer=ABSENT)
    assert gap(tmp_path, results, only).startswith("this kernel cannot show it")


WRONG = {
    "claim x-one is in claims.toml twice": ('"x-two"', '"x-one"'),
    "the article is one of": ('"close-wait"', '"a-rumour"'),
    "claim x-two: unknown key remark": ("note", "remark"),
    "unknown key hit in a case": ("struck", "hit"),
    "it needs an id and a sentence": ('"Two is so."', '""'),
    "not a predicate: 'condition network lost'": ("network packets lost >= 3", "network lost"),
    "each needs a `when`": ('when = "it is sound", ', ""),
    "a table needs column, is, row, title, variant": (', is = "ok"', ""),
    "claims.toml: ": ("[[claim.case]]", "[[claim.case"),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_an_entry_that_cannot_be_decided_is_refused(tmp_path: Path, sentence: str) -> None:
    with pytest.raises(Broken, match=sentence.replace("[", r"\[")):
        entries(tmp_path, LEDGER.replace(*WRONG[sentence], 1))


def test_a_claim_needs_a_scenario_that_decides_it(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="claim x: no scenario decides it"):
        entries(tmp_path, '[[claim]]\nid = "x"\narticle = "linger"\nsentence = "So."\n')


def test_the_ledger_and_the_scenarios_agree(tmp_path: Path) -> None:
    found = entries(tmp_path)
    agreed = {"one": ("x-one",), "two": ("x-two",), "three": ()}
    ledger.compare(found, agreed)
    for altered, sentence in [
        ({"three": ("x-nine",)}, "scenario three names claim x-nine, which is not in claims.toml"),
        ({"three": ("x-one",)}, "claim x-one: decided by three. claims.toml has no such case"),
        ({"two": ()}, "claim x-two: decided by two. its scenario does not say so"),
    ]:
        with pytest.raises(Broken, match=sentence):
            ledger.compare(found, {**agreed, **altered})
    del agreed["two"]
    with pytest.raises(Broken, match="claim x-two: there is no scenario two"):
        ledger.compare(found, agreed)


def test_the_project_has_a_sound_ledger() -> None:
    """Every predicate is about a variant that its scenario has."""
    found = ledger.load()
    assert {claim.article for claim in found} == set(ledger.ARTICLES)
    for claim in found:
        for case in claim.cases:
            source = scenarios.path_of(case.scenario).read_text()
            variants = {"buggy", "fixed"} if "variants=" not in source else {"condition", "control"}
            assert {predicate.variant for predicate in case.predicates} <= variants, claim.id


# The command.


def test_claims_are_measured_once_and_then_read(run: Run, tmp_path: Path) -> None:
    words = ("linger", "claims", "fd-limit-1024", "closewait-lifetime", "--results", tmp_path)
    first, second = run(*words), run(*words)
    assert first.returncode == second.returncode == 0, first.stderr
    assert "passed, 0 failed" in first.stderr and not second.stderr
    assert first.stdout == second.stdout
    assert "  verdict   holds when the program does not close, and has set " in first.stdout
    assert "  measured  closewait-lifetime/condition: kernel timers 50, " in first.stdout
    assert "0 hold, 2 hold under a condition, 0 fail\n" in first.stdout
    assert f"measured on Linux {os.uname().release.partition('-')[0]}, " in first.stdout
    environment = tmp_path / "latest" / "environment.json"
    environment.write_text(environment.read_text().replace(os.uname().release, "2.6.32"))
    assert "passed, 0 failed" in run(*words).stderr, "a run of another kernel decides nothing here"


def test_a_run_that_is_named_must_decide_every_claim(run: Run, tmp_path: Path) -> None:
    done = run("linger", "claims", "fd-limit-1024", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    named = tmp_path / "latest"
    words = ("linger", "claims", "--run", named, "--results", tmp_path)
    assert run(*words, "kernel-defaults", "--markdown").stdout.count("\n| ") == 6
    done = run(*words, "fd-limit-1024", "fd-double-close")
    assert done.returncode == 70
    assert "does not decide claim fd-double-close: double-close/buggy was not run" in done.stderr


def test_the_newest_run_that_decides_counts(run: Run, tmp_path: Path) -> None:
    words = ("linger", "claims", "fd-limit-1024", "--results", tmp_path)
    assert "1 hold under a condition" in run(*words).stdout
    newer = shutil.copytree(tmp_path / "latest", tmp_path / "a-newer-run")
    environment = json.loads((newer / "environment.json").read_text())
    environment["date"] = "2999-01-01T00:00:00Z"
    (newer / "environment.json").write_text(json.dumps(environment))
    result = newer / "kernel-defaults" / "condition" / "result.json"
    result.write_text(result.read_text().replace("EMFILE at 256", "EMFILE at 1024"))
    done = run(*words)
    assert "1 hold, 0 hold under" in done.stdout and "a-newer-run" in done.stdout
    result.unlink()
    done = run(*words)
    assert "1 hold under a condition" in done.stdout and not done.stderr, "the older one decides"


WRONG_NAMES = {
    "unknown claim or scenario 'cw-tow-hours'; did you mean cw-two-hours?": "cw-tow-hours",
    "unknown claim or scenario 'nonsense'; `linger claims` shows them": "nonsense",
    "nowhere holds no finished run": "--run=nowhere",
}


@pytest.mark.parametrize("sentence", WRONG_NAMES)
def test_wrong_usage_of_claims(run: Run, tmp_path: Path, sentence: str) -> None:
    done = run("linger", "claims", WRONG_NAMES[sentence], "--results", tmp_path)
    assert done.returncode == 2 and sentence in done.stderr
    assert not list(tmp_path.iterdir()), "nothing was run"


def test_the_readme_has_the_claims_of_the_ledger() -> None:
    """In words and with their scenarios; the verdicts there name the kernel and the day."""
    readme = (ROOT / "scenarios/CLAIMS.md").read_text()
    head, rows = re.search(r"^(\| claim \|.*)\n\|[- |]+\n((?:\|.*\n)+)", readme, re.M).groups()
    assert re.fullmatch(
        r"\| claim \| in words \| from \| on Linux \d\S+, \d{4}-\d\d-\d\d \| differs on \| measured by \|",
        head,
    )
    shown = [row.strip("| ").split(" | ") for row in rows.splitlines()]
    assert [(row[0], row[1], row[2], row[5]) for row in shown] == [
        (claim.id, claim.sentence, claim.article, ", ".join(claim.scenarios))
        for claim in ledger.load()
    ]
    for claim, row in zip(ledger.load(), shown):
        conditions = row[3].replace("holds when ", "").split("; or when ")
        assert row[3] in (judge.HOLDS, judge.FAILS) or {*conditions} <= {
            case.when for case in claim.cases
        }


def expected(rows: Any) -> Iterator[tuple[str, Any]]:
    """The rows of a variant in EXPECT, however they are grouped there."""
    for group in rows if isinstance(rows, tuple) else [rows]:
        for name, value in group.items():
            yield from expected(value) if isinstance(value, dict) else [(name, value)]


@pytest.mark.parametrize("name", sorted({name for claim in CLAIMS for name in claim.scenarios}))
def test_a_claim_asks_for_what_its_story_expects(name: str) -> None:
    """A scenario may change. What decides a claim must then still be measured, and a claim that holds in
    words (the README's) must hold for what the scenario expects."""
    readme = (ROOT / "scenarios/CLAIMS.md").read_text()
    told = runpy.run_path(str(scenarios.path_of(name)))
    for claim in (claim for claim in CLAIMS if name in claim.scenarios):
        holds = re.search(rf"^\| {claim.id} \|.* \| holds \| [^|]* \| [^|]* \|$", readme, re.M)
        for case in claim.cases:
            for row in case.predicates:
                if case.scenario != name or getattr(row, "where", "") != "expectations":
                    continue
                rows = [one for one in expected(told["EXPECT"][row.variant])
                        if one[0] == row.name.partition(", then")[0]]  # fmt: skip
                assert rows, f"{claim.id}: {name}/{row.variant} does not measure {row.name}"
                numbers = [value for _, value in rows if isinstance(value, int)]
                true = [value for value in numbers if judge._compare(value, row, told.get("N", 1))]
                assert true or not holds or not numbers, f"{claim.id}: {row}, of {numbers}"


# What would have helped.


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_says_what_helps_and_what_does_not(name: str) -> None:
    answers = scenarios.answers(name)
    for sentences in (answers.helps, answers.does_not_help):
        assert 1 <= len(sentences) <= 4
        assert all(sentence.endswith(".") and len(sentence) < 140 for sentence in sentences)
    named = re.findall(r"\(([a-z]+(?:-[a-z]+)+)\)", " ".join(answers.helps + answers.does_not_help))
    assert {*named} <= {*scenarios.names()}, "a scenario that does not exist"


def test_packets_differ_in_a_state_of_a_host() -> None:
    places = {place for name in scenarios.names() for place in scenarios.disagreements(name)}
    assert places and places <= {f"{host} {state}" for host in ("client", "server") for state in STATES}


def test_a_reason_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "SCENARIOS", tmp_path)
    (tmp_path / "x_leak.toml").write_text("packets_differ = 1\n")
    with pytest.raises(Broken, match="packets_differ needs one sentence"):
        scenarios.disagreements("x-leak")


@pytest.mark.parametrize(
    "text, sentence",
    [
        ('helps = ["A."]\n', "are lists of sentences"),
        ('helps = ["A."]\ndoes_not_help = "B."\n', "are lists of sentences"),
        ('helps = ["A."]\ndoes_not_help = []\n', "are lists of sentences"),
        ('helps = ["A."]\ndoes_not_help = ["B."]\nhint = 1\n', "unknown key hint"),
        ("helps", "x_leak.toml: "),
        (None, "x_leak.toml: No such file"),
    ],
)
def test_answers_that_are_missing_or_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, sentence: str
) -> None:
    monkeypatch.setattr(scenarios, "SCENARIOS", tmp_path)
    if text is not None:
        (tmp_path / "x_leak.toml").write_text(text)
    with pytest.raises(Broken, match=sentence):
        scenarios.answers("x-leak")

"""Which claims are true: the ledger compared with what a run measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from linger.claims import ledger
from linger.claims.ledger import Case, Cell, Claim, Row
from linger.lab import census
from linger.lab.verdict import is_absent
from linger.run.predicate import is_number, number
from linger.run.results import labels

HOLDS, FAILS = "holds", "fails"
JUDGEABLE = ("reproduced", "pass", "fail")  # verdicts of results with measured rows
Results = Sequence[Mapping[str, Any]]


class Unmeasured(Exception):
    """The results do not contain what a predicate is about; the sentence says what is missing."""


@dataclass(frozen=True)
class Judged:
    """A claim and what the run says about it.

    verdict: "holds", "fails", "holds when ..."; None when the run does not decide it; then evidence is the
    sentence that says why. evidence: what was measured, in words, one case per line. scenarios: those that
    decide it; scenario: the first of them. note: what is right instead, or "".
    """

    id: str
    article: str
    sentence: str
    verdict: str | None
    evidence: str
    scenario: str
    scenarios: tuple[str, ...]
    note: str


def judge(results: Results, claims: Iterable[Claim] | None = None) -> list[Judged]:
    """Judge claims by the results of one run; pure, so the same results give the same verdicts.

    results: result.json documents, in any order; every repetition counts.
    claims: entries of the ledger; by default all. Errors: Broken for a ledger that
    contradicts itself or the scenarios.
    """
    return [_judge(claim, results) for claim in (ledger.load() if claims is None else claims)]


def _judge(claim: Claim, results: Results) -> Judged:
    try:
        outcomes = [_decide(case, results) for case in claim.cases]
    except Unmeasured as gap:
        verdict, evidence = None, str(gap)
    else:
        verdict = _verdict(claim, [held for held, _ in outcomes])
        evidence = "\n".join(words for _, words in outcomes)
    scenarios = claim.scenarios
    return Judged(
        claim.id, claim.article, claim.sentence, verdict, evidence, scenarios[0], scenarios,
        claim.note,
    )  # fmt: skip


def _verdict(claim: Claim, held: Sequence[bool]) -> str:
    if all(held):
        return HOLDS
    conditions = [case.when for case, true in zip(claim.cases, held) if true]
    return f"{HOLDS} when {'; or when '.join(dict.fromkeys(conditions))}" if conditions else FAILS


def _decide(case: Case, results: Results) -> tuple[bool, str]:
    """Whether a case is as the claim says in every repetition, and what was measured, in words."""
    held = []
    shown: dict[str, list[str]] = {}
    for predicate in case.predicates:
        answers = [_measure(predicate, r) for r in _of(results, case.scenario, predicate.variant)]
        decided = [answer for answer in answers if answer[0] is not None]
        against = [words for true, words in decided if not true]
        held.append(not against if decided else None)
        words = shown.setdefault(f"{case.scenario}/{predicate.variant}", [])
        words.append((against or [words for _, words in answers])[0])
    evidence = "; ".join(f"{who}: {', '.join(dict.fromkeys(what))}" for who, what in shown.items())
    if all(true is None for true in held):
        raise Unmeasured(f"this kernel cannot show it: {evidence}")
    return False not in held, evidence


def _of(results: Results, scenario: str, variant: str) -> Results:
    """The results of a variant of a scenario. Errors: Unmeasured when it has not been run."""
    wanted = [r for r in results if (r["scenario"], r["variant"]) == (scenario, variant)]
    if not wanted:
        raise Unmeasured(f"{scenario}/{variant} was not run")
    for result in wanted:
        if result["verdict"] not in JUDGEABLE:
            raise Unmeasured(
                f"{scenario}/{variant} measured nothing to judge by ({result['verdict']})"
            )
    return wanted


def _measure(predicate: Row | Cell, result: Mapping[str, Any]) -> tuple[bool | None, str]:
    """Whether a predicate is true in a result (None: this kernel cannot tell), and the words."""
    if isinstance(predicate, Cell):
        return _look_up(predicate, result)
    rows = result[predicate.where]
    wanted = (predicate.subject, predicate.name)
    for row, name in zip(rows, labels(rows)):
        if (row["subject"], name) == wanted:
            true = _compare(row["measured"], predicate, result["connections"])
            return true, f"{row['subject']} {name} {row['measured']}"
    raise Unmeasured(
        f"{result['scenario']}/{result['variant']} did not measure "
        f"{predicate.subject} {predicate.name}" + _because(result)
    )


def _look_up(predicate: Cell, result: Mapping[str, Any]) -> tuple[bool | None, str]:
    wanted = (predicate.title, predicate.row, predicate.column)
    for table in result["tables"]:
        for cell in table["cells"]:
            if (table["title"], cell["row"], cell["column"]) == wanted:
                measured = cell["measured"]
                outcome = re.sub(r"\bN\b", str(result["connections"]), predicate.outcome)
                true = None if is_absent(measured) else measured == outcome
                return true, f"{cell['row']} / {cell['column']}: {measured}"
    raise Unmeasured(
        f"{result['scenario']}/{result['variant']} did not measure "
        f"{predicate.row} / {predicate.column} of {predicate.title!r}" + _because(result)
    )


def _because(result: Mapping[str, Any]) -> str:
    return f": it ended before: {result['message']}" if result["message"] else ""


def _compare(measured: int | str, predicate: Row, connections: int) -> bool:
    names = {"N": connections}
    if isinstance(measured, int) and is_number(predicate.value, names):
        return census.holds(measured, f"{predicate.sign} {number(predicate.value, names)}")
    if predicate.sign not in ("==", "!="):
        raise Unmeasured(f"{predicate.name} is the word {measured!r}, which has no order")
    return (str(measured) == predicate.value) == (predicate.sign == "==")

"""The claims ledger, scenarios/claims.toml: what people say about the end of a connection.

A claim has cases, and each case says what a run would measure *if the claim held*. So measurement shows a
false claim to be false, and on another kernel the result may differ.

    [[claim]]
    id = "cw-missing-close"
    article = "close-wait"
    sentence = "A CLOSE_WAIT that stays is a close() forgotten."
    [[claim.case]]
    scenario = "closewait-leak"
    when = "recv() has returned 0"                     # optional with a single case
    measured = ["buggy server CLOSE_WAIT == N"]        # rows of result.json's "expectations"
    struck = ["buggy server ESTABLISHED == N"]         # rows of its "struck"
    tables = [{ variant = "condition", title = "binds", row = "old", column = "new", is = "ok" }]

A predicate is: variant, subject (a host, or the source of a finding), name, comparison, and a word or a
number. A number may be computed from N, the run's connections, from left to right: "3 * N / 4 + 10". A name
that a scenario expects twice is followed by ", then" the second time, as on the terminal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from linger.lab.errors import Broken
from linger.run import predicate, scenarios, toml

ARTICLES = ("close-wait", "TIME_WAIT & CLOSE_WAIT", "linger")  # the last one: our own findings
FILE = "claims.toml"
_PREDICATE = re.compile(rf"(\S+) (\S+) (.+?) ({predicate.SIGNS}) (.+)")
_KEYS = {
    "claim": {"id", "article", "sentence", "note", "case"},
    "case": {"scenario", "when", "measured", "struck", "tables"},
    "table": {"variant", "title", "row", "column", "is"},
}


@dataclass(frozen=True)
class Row:
    """A predicate on a row of result.json. where: "expectations" or "struck"."""

    where: str
    variant: str
    subject: str
    name: str
    sign: str
    value: str


@dataclass(frozen=True)
class Cell:
    """A predicate on a cell of a table of outcomes: it is this outcome, N again the connections."""

    variant: str
    title: str
    row: str
    column: str
    outcome: str


@dataclass(frozen=True)
class Case:
    """What one scenario measures if the claim holds; when: under which condition, or ""."""

    scenario: str
    when: str
    predicates: tuple[Row | Cell, ...]


@dataclass(frozen=True)
class Claim:
    """An entry of the ledger. note: if the article is half right, what is right; or ""."""

    id: str
    article: str
    sentence: str
    note: str
    cases: tuple[Case, ...]

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that decide it, in the order of its cases."""
        return tuple(dict.fromkeys(case.scenario for case in self.cases))


def load(path: Path | None = None) -> list[Claim]:
    """Read and check the ledger.

    path: a file other than the project's, which is also compared with the scenarios. Errors: Broken
    with a sentence that names the claim, when an entry cannot be decided or the scenarios disagree.
    """
    entries = toml.read(path or scenarios.SCENARIOS / FILE)
    if entries.keys() != {"claim"}:
        raise Broken(f"{FILE} holds [[claim]] entries and nothing else")
    claims = [_claim(entry) for entry in entries["claim"]]
    ids = [claim.id for claim in claims]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        raise Broken(f"claim {twice} is in {FILE} twice")
    if path is None:
        compare(claims, {name: scenarios.claims(name) for name in scenarios.names()})
    return claims


def compare(claims: list[Claim], decided: Mapping[str, tuple[str, ...]]) -> None:
    """Check that the ledger and the scenarios agree on who decides what, in both directions.

    decided: for each scenario, the ids that its decorator names. Errors: Broken.
    """
    known = {claim.id for claim in claims}
    for name, ids in decided.items():
        for unknown in sorted(set(ids) - known):
            raise Broken(f"scenario {name} names claim {unknown}, which is not in {FILE}")
    for claim in claims:
        for name in claim.scenarios:
            if name not in decided:
                raise Broken(f"claim {claim.id}: there is no scenario {name}")
        naming = {name for name, ids in decided.items() if claim.id in ids}
        for name in sorted(naming ^ set(claim.scenarios)):
            missing = f"{FILE} has no such case" if name in naming else "its scenario does not say so"
            raise Broken(f"claim {claim.id}: decided by {name}? {missing}")


def _claim(entry: dict[str, Any]) -> Claim:
    name = entry.get("id", "without id")
    wrong = entry.keys() - _KEYS["claim"]
    if wrong:
        raise Broken(f"claim {name}: unknown key {min(wrong)}")
    if not entry.get("id") or not entry.get("sentence"):
        raise Broken(f"claim {name}: it needs an id and a sentence")
    if entry.get("article") not in ARTICLES:
        raise Broken(f"claim {name}: the article is one of {', '.join(ARTICLES)}")
    cases = tuple(_case(name, case) for case in entry.get("case", ()))
    if not cases:
        raise Broken(f"claim {name}: no scenario decides it")
    if len(cases) > 1 and not all(case.when for case in cases):
        raise Broken(f"claim {name}: with several cases, each needs a `when`")
    return Claim(name, entry["article"], entry["sentence"], entry.get("note", ""), cases)


def _case(claim: str, entry: dict[str, Any]) -> Case:
    wrong = entry.keys() - _KEYS["case"]
    if wrong:
        raise Broken(f"claim {claim}: unknown key {min(wrong)} in a case")
    predicates: list[Row | Cell] = []
    for key, where in (("measured", "expectations"), ("struck", "struck")):
        for text in entry.get(key, ()):
            match = _PREDICATE.fullmatch(text)
            if not match:
                raise Broken(f"claim {claim}: not a predicate: {text!r}")
            predicates.append(Row(where, *match.groups()))
    for table in entry.get("tables", ()):
        if table.keys() != _KEYS["table"]:
            raise Broken(f"claim {claim}: a table needs {', '.join(sorted(_KEYS['table']))}")
        predicates.append(
            Cell(table["variant"], table["title"], table["row"], table["column"], table["is"])
        )
    if not predicates or "scenario" not in entry:
        raise Broken(f"claim {claim}: a case needs a scenario and something measured")
    return Case(entry["scenario"], entry.get("when", ""), tuple(predicates))

"""The judged claims in text: on the terminal, and as the table of scenarios/CLAIMS.md."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from linger.claims import across
from linger.claims.judge import FAILS, HOLDS, Judged
from linger.claims.ledger import ARTICLES
from linger.run import results
from linger.run.printer import wrapped


def measured_on(environment: Mapping[str, Any]) -> str:
    """Where and when the verdicts were measured: "Linux 6.18.44, 2026-11-22"."""
    linux = environment.get("linux") or results.linux(environment["kernel"])
    return f"Linux {linux}, {environment['date'][:10]}"


def plain(judged: Sequence[Judged]) -> Iterator[str]:
    """The lines for a terminal: each claim with its verdict, what was measured, and the note."""
    for article in ARTICLES:
        mine = [claim for claim in judged if claim.article == article]
        if mine:
            yield "Our own findings" if article == ARTICLES[-1] else f'From "{article}"'
            yield ""
        for claim in mine:
            yield wrapped(f"{claim.id}: {claim.sentence}", "", "")
            yield from _field("verdict", claim.verdict or "none")
            for number, case in enumerate(claim.evidence.splitlines()):
                yield from _field("" if number else "measured", case)
            if claim.note:
                yield from _field("note", claim.note)
            yield ""
    yield tally(judged)


def _field(name: str, text: str) -> list[str]:
    return wrapped(text, f"  {name:9} ", " " * 12).splitlines()


def tally(judged: Sequence[Judged]) -> str:
    """How many hold and how many do not, in words."""
    verdicts = [claim.verdict for claim in judged if claim.verdict]
    hold, fail = verdicts.count(HOLDS), verdicts.count(FAILS)
    return f"{hold} hold, {len(verdicts) - hold - fail} hold under a condition, {fail} fail"


def markdown(
    judged: Sequence[Judged], environment: Mapping[str, Any], kernels: Sequence[across.Column]
) -> Iterator[str]:
    """The lines of the table in scenarios/CLAIMS.md. kernels: those that may show something else."""
    yield f"| claim | in words | from | on {measured_on(environment)} | differs on | measured by |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for claim in judged:
        other = ", ".join(column.linux for column in across.differs_on(claim, kernels)) or "-"
        by = ", ".join(claim.scenarios)
        cells = (claim.id, claim.sentence, claim.article, claim.verdict, other, by)
        yield f"| {' | '.join(map(str, cells))} |"

"""Verdicts and their display: every rule must be able to fail."""

from __future__ import annotations

import pytest

from linger.lab.errors import Broken, NotHeld, Usage
from linger.lab.verdict import ABSENT, Verdict, make_row
from linger.run import tables


def guarded(prove: bool = False) -> Verdict:
    verdict = Verdict(prove)
    verdict.guard("server", "ESTABLISHED", 3, 3, "")
    return verdict


def test_the_guard_fails_when_the_fault_did_not_strike() -> None:
    with pytest.raises(NotHeld, match="did not happen: server has rst 0, expected >= 1"):
        Verdict(False).guard("server", "rst", ">= 1", 0, "")


def test_no_expectation_without_a_guard() -> None:
    with pytest.raises(Broken, match="nothing yet proves"):
        Verdict(False).expect([make_row("server", "ghosts", 0, 0)])


def test_words_must_be_equal_and_numbers_compare() -> None:
    assert make_row("client", "error", "ECONNRESET", "ECONNRESET")["held"]
    assert not make_row("client", "error", "ECONNRESET", "-")["held"]
    assert make_row("client", "bytes", "< 10", 9)["held"]
    assert not make_row("client", "bytes", "< 10", 10)["held"]
    with pytest.raises(Usage):
        make_row("client", "bytes", "many", 10)


def test_every_failed_row_is_named() -> None:
    rows = [make_row("server", name, 1, measured) for name, measured in zip("abc", (0, 1, 2))]
    with pytest.raises(NotHeld, match="server has a 0, expected == 1; server has c 2"):
        guarded().expect(rows)


def test_what_did_not_last_does_not_hold() -> None:
    with pytest.raises(NotHeld, match="that did not last"):
        guarded().expect([make_row("server", "a", 1, 1)], stayed=False)


def test_to_prove_every_row_must_fail() -> None:
    guarded(prove=True).expect([make_row("server", "a", 1, 0)])
    with pytest.raises(NotHeld, match="does not tell the variants apart: server has b 1"):
        guarded(prove=True).expect([make_row("server", "a", 1, 0), make_row("server", "b", 1, 1)])


def test_what_is_withheld_is_not_judged_by_expectations() -> None:
    verdict = Verdict(withhold=True)
    verdict.guard("server", "ESTABLISHED", 3, 3, "")
    verdict.expect([make_row("server", "a", 1, 0)])
    with pytest.raises(NotHeld, match="did not happen"):
        verdict.guard("server", "rst", 1, 0, "")


TABLE = {("old", "new"): "ok", ("old", "newer"): "EADDRINUSE"}


def test_a_table_is_judged_cell_by_cell() -> None:
    verdict = Verdict(False)
    verdict.tabulate("binds", TABLE, TABLE)
    with pytest.raises(NotHeld, match="old / newer is ok, expected EADDRINUSE"):
        verdict.tabulate("binds", TABLE, {**TABLE, ("old", "newer"): "ok"})


def test_to_prove_a_table_of_each_variant_must_differ() -> None:
    Verdict(prove=True, swapped=[TABLE]).tabulate("binds", TABLE, dict.fromkeys(TABLE, "ok"))
    with pytest.raises(NotHeld, match="does not tell the variants apart"):
        Verdict(prove=True, swapped=[TABLE]).tabulate("binds", TABLE, dict(TABLE))
    with pytest.raises(NotHeld, match="old / newer is ok"):  # one that both share is unchanged
        Verdict(prove=True).tabulate("binds", TABLE, dict.fromkeys(TABLE, "ok"))


def test_a_table_that_shows_nothing_is_no_table() -> None:
    with pytest.raises(Broken, match="shows nothing"):
        Verdict(False).tabulate("binds", dict.fromkeys(TABLE, "ok"), dict.fromkeys(TABLE, "ok"))
    with pytest.raises(Broken, match="no cell can be measured"):
        Verdict(False).tabulate("binds", TABLE, dict.fromkeys(TABLE, ABSENT))


def test_a_grid_shows_what_differs() -> None:
    verdict = Verdict(False)
    measured = {("old", "new"): "EPERM", ("old", "newer"): ABSENT}
    with pytest.raises(NotHeld):
        verdict.tabulate("binds", TABLE, measured)
    head, rows = tables.grid(verdict.tables[0])
    assert head == ["", "new", "newer"]
    assert rows == [["old", "EPERM (expected ok)", ABSENT]]


def result(variant: str, verdict: str, measured: dict[str, int]) -> dict[str, object]:
    rows = [
        {**make_row("client", name, 1, value), "peak": value} for name, value in measured.items()
    ]
    return {
        "variant": variant, "verdict": verdict, "seconds": 0.5, "owners": {}, "expectations": rows,
    }  # fmt: skip


def test_a_few_expectations_stand_side_by_side() -> None:
    head, rows = tables.table(
        [result("buggy", "pass", {"a": 1}), result("fixed", "fail", {"a": 0})]
    )
    assert head == ["variant", "a", "owner", "seconds", "expected", "verdict"]
    assert rows == [
        ["buggy", "1", "-", "0.50", "a 1", "PASS"],
        ["fixed", "0", "-", "0.50", "a 1", "FAIL"],
    ]


def test_many_expectations_stand_one_below_the_other() -> None:
    head, rows = tables.table([result("buggy", "pass", dict.fromkeys("abcdef", 1))])
    assert head == ["", "buggy", "expected"]
    assert rows[0] == ["a", "1", "1"] and rows[-1] == ["verdict", "PASS", ""]


def test_what_is_expected_twice_is_shown_twice() -> None:
    twice = result("buggy", "pass", {"a": 1})
    twice["expectations"] += [{**make_row("client", "a", 2, 2), "peak": 2}]  # type: ignore
    head, rows = tables.table([twice])
    assert head[1:3] == ["a", "a, then"] and rows[0][1:3] == ["1", "2"]


def test_repetitions_are_summed_up_and_a_failure_is_shown() -> None:
    _, rows = tables.table(
        [result("buggy", v, {"a": m}) for v, m in (("pass", 1), ("fail", 7), ("pass", 1))]
    )
    assert rows == [["buggy", "7", "-", "0.50", "a 1", "2 of 3 as predicted"]]

"""Texts that tell what to type, where linger is installed."""

from __future__ import annotations

import pytest
from linger.lab.programs import typed


@pytest.mark.parametrize(
    "told, here",
    [
        ("then make lab-reset-leak HINT=2", "then linger lab reset-leak --hint 2"),
        ("(To record: make lab-reset-leak PREDICT=a)", "(To record: linger lab reset-leak --predict a)"),
        ("(See make\nlab-reset-leak)", "(See linger\nlab reset-leak)"),
        ("<code>make scenario-a-b</code>", "<code>linger run a-b</code>"),
        ("report: make report", "report: linger report"),
        ("build/linger report x", "linger report x"),
        ("it lacks x; run: make deps all", "it lacks x; install what is missing"),
        ("not built; run: make", "not built; install linger again"),
        ("Recorders make labels", "Recorders make labels"),
    ],
)
def test_texts_say_what_to_type_where_there_is_no_makefile(told: str, here: str) -> None:
    assert typed(told, installed=True) == here
    assert typed(told, installed=False) == told

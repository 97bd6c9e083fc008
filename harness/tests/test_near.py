"""Suggestions for an unknown name: what was meant, never just any name."""

from __future__ import annotations

import pytest

from linger.run import near

NAMES = [
    "close-unread-reset", "closewait-half-close", "closewait-leak", "closewait-lifetime",
    "linger-zero-closewait", "half-close-relay", "inherited-fd", "reset-leak",
]  # fmt: skip
MEANT = {
    "closewait": ["closewait-leak", "closewait-lifetime", "closewait-half-close"],
    "half-close": ["half-close-relay", "closewait-half-close"],
    "Half_Close": ["half-close-relay", "closewait-half-close"],
    "zero": ["linger-zero-closewait"],
    "fd": ["inherited-fd"],
    "closewait-leek": ["closewait-leak"],
    "reset-closewait-leak": ["closewait-leak"],
    "nonsense": [],
    "walk": [],
    "e": [],
    "": [],
}


@pytest.mark.parametrize("word", MEANT)
def test_what_was_meant(word: str) -> None:
    assert near.meant(word, reversed(NAMES)) == MEANT[word]


@pytest.mark.parametrize(
    "word, sentence",
    [
        ("zeroo", "unknown scenario 'zeroo'; `linger list` shows them"),
        ("zero", "unknown scenario 'zero'; did you mean linger-zero-closewait?"),
        ("leak", "unknown scenario 'leak'; did you mean reset-leak or closewait-leak?"),
        ("close", "unknown scenario 'close'; did you mean closewait-leak, close-unread-reset or "
         "closewait-lifetime?"),
    ],
)  # fmt: skip
def test_the_sentence(word: str, sentence: str) -> None:
    assert str(near.unknown("scenario", word, NAMES, "linger list")) == sentence

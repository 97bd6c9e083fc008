"""Unknown names, and what was probably meant."""

from __future__ import annotations

import difflib
from typing import Iterable

from linger.lab.errors import Usage

MOST = 3  # names to suggest
ALIKE = 0.6  # difflib's ratio: by less, "nonsense" is nearest to close-unread-reset


def meant(word: str, known: Iterable[str]) -> list[str]:
    """The names that a word may stand for, likeliest first; none if it resembles none.

    Those that contain it, first those that begin with it, shorter before longer; if none does, the one most
    like it.
    """
    word, names = word.lower().replace("_", "-"), sorted(known)
    holding = [name for name in names if len(word) > 1 and word in name]
    if holding:
        return sorted(holding, key=lambda name: (not name.startswith(word), len(name)))[:MOST]
    return difflib.get_close_matches(word, names, 1, ALIKE)


def unknown(kind: str, word: str, known: Iterable[str], shown_by: str) -> Usage:
    """The error for an unknown name.

    kind: what it should name, such as "scenario"; shown_by: the command that lists the known names.
    """
    *others, last = meant(word, known) or [""]
    named = f"{', '.join(others)} or {last}" if others else last
    hint = f"did you mean {named}?" if named else f"`{shown_by}` shows them"
    return Usage(f"unknown {kind} {word!r}; {hint}")

"""Numbers computed from names: the language of the claims ledger and of the scenarios' symptoms.

A predicate is a name, a comparison and a number. The number may be computed from names, from left to right:
"3 * N / 4 + 10".
"""

from __future__ import annotations

import operator
from typing import Collection, Iterator, Mapping

SIGNS = "==|!=|<=|>=|<|>"
_COUNT = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv}


def counted_from(text: str) -> Iterator[str]:
    """The names that a number is computed from."""
    return (word for word in text.split()[::2] if not word.isdecimal())


def is_number(text: str, names: Collection[str]) -> bool:
    """Whether a text is a number, or computed from these names."""
    words = text.split()
    return (
        len(words) % 2 == 1
        and all(sign in _COUNT for sign in words[1::2])
        and all(name in names for name in counted_from(text))
    )


def number(text: str, values: Mapping[str, int]) -> int:
    """The number that a text is. values: of the names in it. Errors: KeyError without one."""
    first, *rest = (
        int(word) if word.isdecimal() else word if word in _COUNT else values[word]
        for word in text.split()
    )
    for sign, value in zip(rest[::2], rest[1::2]):
        first = _COUNT[sign](first, value)
    return first

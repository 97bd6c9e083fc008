"""The rules for pairs: each must be able to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from linger.lab.errors import NotHeld
from linger.run import pairs

LINES = [f"line {n};" for n in range(40)]


def write_pair(root: Path, buggy: list[str] | None, fixed: list[str] | None) -> None:
    (root / "servers").mkdir()
    for kind, lines in (("buggy", buggy), ("fixed", fixed)):
        if lines is not None:
            (root / "servers" / f"x_leak_{kind}.c").write_text("\n".join(lines))


def changed(*numbers: int, comment: str = " /* LESSON: look */") -> list[str]:
    return [f"other {n};{comment}" if n in numbers else line for n, line in enumerate(LINES)]


def test_the_pairs_of_the_project_keep_the_rules() -> None:
    assert pairs.check() >= 1


def test_a_good_pair(tmp_path: Path) -> None:
    write_pair(tmp_path, LINES, changed(5, 20))
    assert pairs.check(tmp_path) == 1


BAD = {
    "is missing": (LINES, None),
    "the same": (LINES, LINES),
    "4 hunks": (LINES, changed(1, 11, 21, 31)),
    "16 changed lines": (LINES, changed(*range(5, 21))),
    "without a LESSON": (LINES, changed(5, comment="")),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_pair_is_named_with_its_fault(tmp_path: Path, fault: str) -> None:
    write_pair(tmp_path, *BAD[fault])
    with pytest.raises(NotHeld, match=fault):
        pairs.check(tmp_path)


def test_no_pairs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotHeld, match="no pairs"):
        pairs.check(tmp_path)

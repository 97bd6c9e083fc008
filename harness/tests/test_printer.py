"""The printer: as wide as the terminal, and nothing important is ever cut."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest
from conftest import HANGS

from linger.lab.environment import outside
from linger.lab.programs import ROOT, program
from linger.run import printer

HEAD = ["variant", "CLOSE_WAIT", "descriptors", "owner", "seconds", "expected", "verdict"]
ROWS = [
    ["buggy", "100 (peak 100)", "100", "closewait_leak_buggy, pid 24", "0.23",
     "CLOSE_WAIT 100, descriptors 100", "REPRODUCED"],
    ["fixed", "0 (peak 0)", "0", "-", "0.23", "CLOSE_WAIT 0, descriptors 0", "PASS"],
]  # fmt: skip


def words_of(lines: list[str]) -> list[str]:
    return sorted(" ".join(lines).split())


@pytest.mark.parametrize("width", [200, 140, 120, 100, 80, 60, 40])
def test_a_table_keeps_every_word_whole_at_any_width(width: int) -> None:
    lines = list(printer.layout(HEAD, ROWS, width))
    assert max(map(len, lines)) <= width
    for cell in (cell for row in ROWS for cell in row):
        assert set(cell.split()) <= set(words_of(lines)), cell


def test_a_table_that_has_room_is_a_line_a_row() -> None:
    lines = list(printer.layout(HEAD, ROWS, 200))
    assert len(lines) == 3 and lines[1].split()[:2] == ["buggy", "100"]


def test_what_does_not_fit_side_by_side_is_a_record() -> None:
    lines = list(printer.layout(["check", "measured"], [["x" * 30, "y" * 30]], 40))
    assert lines == ["  check " + "x" * 30, "    measured  " + "y" * 30]


def test_a_drawing_in_a_text_stays_as_it_is() -> None:
    text = "one two\nthree\n\n   client ──veth── server\n\n| a | b |"
    assert printer.paragraphs(text) == (
        "  one two three\n\n     client ──veth── server\n\n  | a | b |"
    )


def on_a_terminal(columns: int, words: list[str], **env: str) -> str:
    """What a linger command shows on a terminal of that many columns."""
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    size = f"stty rows 24 cols {columns}; exec \"$@\""
    with subprocess.Popen(
        ["sh", "-c", size, "sh", *words], stdin=follower, stdout=follower, stderr=follower,
        cwd=ROOT, env=outside(TERM="xterm", **env), start_new_session=True,
    ) as process:  # fmt: skip
        os.close(follower)
        shown = b""
        while select.select([leader], [], [], HANGS)[0]:
            try:
                data = os.read(leader, 1 << 16)
            except OSError:  # the last one has closed it
                break
            shown += data
    os.close(leader)
    assert process.returncode in (0, 1), shown.decode()
    return shown.decode()


COMMANDS = {
    "run": ["run", "closewait-leak"],
    "opening": ["lab", "shutdown-without-close", "--predict", "c"],
    "lab": ["lab", "closewait-leak", "--predict", "c"],
    "check": ["check", "--list"],
    "exercises": ["lab"],
    "hints": ["lab", "closewait-leak", "--predict", "a", "--hint", "3"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_eighty_columns_are_enough(name: str, tmp_path: Path) -> None:
    env = {"RESULTS": str(tmp_path / "r"), "LABS": str(tmp_path / "l"), "NO_COLOR": "1"}
    shown = on_a_terminal(80, [str(program("linger")), *COMMANDS[name]], **env)
    assert "…" not in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r\n", "\n")
    long = [line for line in re.split(r"[\r\n]", plain) if len(line) > 80]
    whole = ("evidence:", "report:", "Next:", "the cure:", str(tmp_path), "/* LESSON")  # as they are
    assert [line for line in long if not any(words in line for words in whole)] == []
    if name in ("run", "lab"):
        assert "CLOSE_WAIT" in shown and not re.search(r"\b(CLOSE_W|ESTABLIS)\b", shown)

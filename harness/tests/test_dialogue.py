"""`linger check --dialogue`: protocols in which a dialogue must precede the first request."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest
from conftest import Run
from planted import talkers

from linger.check.server import dialogue
from linger.check.server.crowd import Crowd
from linger.lab.errors import Usage
from linger.lab.host import Host

TALKERS = Path(__file__).with_name("planted") / "talkers.py"
HERE = Host("here", "127.0.0.1", Path("/proc/self/ns/net"))
SAID = {
    "smtp": "< ^220\n> EHLO client\\r\\n\n< ^250 ",
    "mqtt": "> \\x10\\x12\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x06linger\n< ^\\x20\\x02\\x00\\x00",
    "redis": "# the password\n\n> AUTH secret\\r\\n\n< ^\\+OK",
    "ftp": "< ^220\n> USER anonymous\\r\\n\n< ^331\n> PASS x\\r\\n\n< ^230\n> PASV\\r\\n\n< 227 .*\\(([\\d,]+)\\)",
}
WRONG = {
    "smtp": ("< ^220\n> HELP\\r\\n\n< ^250 ", "line 3 of the dialogue, `< ^250 `, failed: it said '503 EHLO"),
    "mqtt": ("> GET\\r\\n\n< ^.", "line 2 of the dialogue, `< ^.`, failed: it said nothing, then FIN"),
    "redis": ("> AUTH wrong\\r\\n\n< ^\\+OK", "line 2 of the dialogue, `< ^\\+OK`, failed: it said '-NOAUTH"),
    "ftp": ("< ^220\n< ^220", "line 2 of the dialogue, `< ^220`, failed: it said ' ready"),
}  # fmt: skip


def held(name: str, text: str, path: Path) -> str:
    """Hold a dialogue with a talker, on three connections at a time; returns what failed."""
    path.write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=talkers.serve, args=(name, listener), daemon=True).start()
        with Crowd(HERE, listener.getsockname(), 3) as crowd:
            said = dialogue.hold(dialogue.read(path), crowd)
            crowd.fin()
        listener.shutdown(socket.SHUT_RDWR)  # it wakes accept()
    return said


@pytest.mark.parametrize("name", SAID)
def test_a_dialogue_is_held(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert held(name, SAID[name], tmp_path / "said") == ""
    text, sentence = WRONG[name]
    monkeypatch.setattr(dialogue, "WITHIN", 0.3)
    assert held(name, text, tmp_path / "wrong").startswith(sentence)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("EHLO", "said:1: neither `> text` nor `< regex`: 'EHLO'"),
        ("< (", "said:1: not a regular expression: missing )"),
        ("# x\n> \\q", "said:2: no such escape: \\\\q; there are"),
        ("> \\x1", "no such escape: \\\\x;"),
        ("> \u20ac", "a character beyond"),
    ],
)
def test_a_file_that_is_no_dialogue_is_wrong_usage(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "said"
    file.write_text(text)
    with pytest.raises(Usage) as wrong:
        dialogue.read(file)
    assert sentence.replace("\\\\", "\\") in str(wrong.value).replace("\\\\", "\\")


def test_escapes() -> None:
    assert dialogue._unescaped("", "a\\r\\n\\x00\\\\x41 \\xff") == b"a\r\n\x00\\x41 \xff"


@pytest.mark.parametrize("mode, verdict", [("ftp", "PASS"), ("ftp-leak", "LEAK")])
def test_a_data_port_goes_with_its_client(run: Run, tmp_path: Path, mode: str, verdict: str) -> None:
    (tmp_path / "said").write_text(SAID["ftp"])
    options = ["--dialogue", tmp_path / "said", "--patience", 4, "--only", "half-request-fin"]
    done = run("linger", "check", "--port", 9000, "--results", tmp_path, *options, "--",
               sys.executable, TALKERS, mode, 9000)  # fmt: skip
    assert f"half-request-fin: {verdict}\n" in done.stdout, done.stdout + done.stderr
    assert ("20 × listener 0.0.0.0" in done.stdout) == (verdict == "LEAK")


def test_a_dialogue_that_fails_ends_with_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "said").write_text(WRONG["redis"][0])
    done = run("linger", "check", "--port", 9000, "--results", tmp_path, "--dialogue", tmp_path / "said",
               "--", sys.executable, TALKERS, "redis", 9000)  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert "line 2 of the dialogue, `< ^\\+OK`, failed: it said '-NOAUTH" in done.stderr

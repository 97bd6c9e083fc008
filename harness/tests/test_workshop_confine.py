"""What a student's program cannot do, besides what no confined program can (test_confine.py)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from linger.lab import confine
from linger.workshop import examine, grade, texts
from linger.workshop.evidence import Diagnosis

# Each ends with status 0 if it could do what it should not.
ATTEMPTS = {
    "multiply": """
        int children[1000], n = 0;
        while (n < 1000 && (children[n] = fork()) > 0)
            n++;
        if (n < 1000 && children[n] == 0)
            return pause();
        for (int i = 0; i < n; i++)
            kill(children[i], SIGKILL);
        return n < 1000;
    """,
    "take a gigabyte": "volatile char *p = malloc(1 << 30); return !p;",
}


def compiled(tmp_path: Path, body: str) -> Path:
    source = tmp_path / "attempt.c"
    headers = ("fcntl.h", "signal.h", "stdlib.h", "sys/socket.h", "unistd.h")
    head = "".join(f"#include <{name}>\n" for name in headers)
    source.write_text(f"{head}int main(void)\n{{\n{body}\n}}\n")
    subprocess.run(["cc", "-w", source, "-o", tmp_path / "attempt"], check=True)
    return tmp_path / "attempt"


def confined(binary: Path) -> int:
    return subprocess.run([*confine.closed(**examine.LIMITS), "--", str(binary)]).returncode


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_exercise_is_limited(attempt: str, tmp_path: Path) -> None:
    binary = compiled(tmp_path, ATTEMPTS[attempt])
    assert confined(binary) == 1
    assert subprocess.run([binary]).returncode == 0, "this proves nothing"


def test_what_an_exercise_needs_it_can(tmp_path: Path) -> None:
    body = """
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        return listen(fd, 1) < 0 || open("/dev/null", O_RDWR) < 0 || system("true") != 0;
    """
    assert confined(compiled(tmp_path, body)) == 0


# Replaces main()'s first line: what a bad program does to its own run.
ATTACKS = {
    "kill everything": (
        "kill(-1, SIGKILL);",
        {"no-verdict", "not-repaired"},
    ),  # as nobody it reaches nobody
    "kill itself": ("kill(0, SIGKILL);", {"ended-by-signal"}),  # and no word of CPU time
    "a flood": ('for (;;)\n\t\tputs("ev=recv n=0");', {"babbles"}),
    "a stack without end": (
        "volatile char big[4096];\n\tbig[0] = 1;\n\treturn main(argc, argv) + big[0];",
        {"crashes"},
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_ends_in_a_diagnosis(attack: str, tmp_path: Path) -> None:
    code, words = ATTACKS[attack]
    found = attacked(tmp_path, code)
    assert found.word in words, found


def attacked(tmp_path: Path, code: str) -> Diagnosis:
    text = texts.load("closewait-leak")
    assert text.buggy
    source = tmp_path / "closewait_leak.c"
    whole = "#include <signal.h>\n#include <stdio.h>\n" + text.buggy.read_text()
    source.write_text(whole.replace("\toptions_parse(", f"\t{code}\n\toptions_parse(", 1))
    return grade.grade(text, source, tmp_path / "results").diagnosis

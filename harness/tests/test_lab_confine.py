"""What a student's program cannot do: reach out, write, signal, multiply, or end its judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conftest import Run
from linger.census import program
from linger.labs import grade, texts
from linger.labs.evidence import Diagnosis

HEAD = """
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
"""
# Each ends with status 0 when it could do what it should not.
ATTEMPTS = {
    "write the evidence": 'return open("{folder}/result.json", O_WRONLY | O_CREAT, 0600) < 0;',
    "change a sysctl": 'return open("/proc/sys/net/ipv4/tcp_fin_timeout", O_WRONLY) < 0;',
    "enter another network": 'return setns(open("/proc/1/ns/net", O_RDONLY), CLONE_NEWNET) < 0;',
    "read the harness's memory": 'return open("/proc/1/mem", O_RDWR) < 0;',
    "reach an address outside": """
        struct sockaddr_in to = {{.sin_family = AF_INET, .sin_port = htons(53)}};
        inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
        return connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof(to)) < 0;
    """,
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
    source.write_text(HEAD + "int main(void)\n{\n" + body + "\n}\n")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-w", source, "-o", tmp_path / "attempt"], check=True)
    return tmp_path / "attempt"


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_confined_program_cannot(attempt: str, tmp_path: Path) -> None:
    binary = compiled(tmp_path, ATTEMPTS[attempt].format(folder=tmp_path))
    assert subprocess.run([program("confine"), binary]).returncode == 1
    if attempt != "reach an address outside":  # which nobody in the sandbox can
        assert subprocess.run([binary]).returncode == 0, "this proves nothing"


def test_what_an_exercise_needs_it_can(tmp_path: Path) -> None:
    body = """
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        return listen(fd, 1) < 0 || open("/dev/null", O_RDWR) < 0 || system("true") != 0;
    """
    assert subprocess.run([program("confine"), compiled(tmp_path, body)]).returncode == 0


# In the place of main()'s first line: what a bad program does to the run it is in.
ATTACKS = {
    "kill everything": (
        "kill(-1, SIGKILL);",
        {"no-verdict", "not-repaired"},
    ),  # as nobody it reaches nobody
    "a flood": ('for (;;)\n\t\tputs("ev=recv n=0");', {"never-listens", "spins"}),
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
    return grade.grade(text, source, tmp_path / "build", tmp_path / "results").diagnosis


def test_wrong_usage_of_confine(run: Run) -> None:
    for words in ((), ("-x", "true"), ("-m", "5")):
        done = run("confine", *words)
        assert (done.returncode, "usage: confine" in done.stderr) == (2, True)

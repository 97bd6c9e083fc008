"""What all C programs have in common: --help, --version, and one sentence for a wrong word."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from linger.lab.programs import ROOT, program

BUILD = program(".")
SCRIPTS = {"linger", "python", "compile"}  # not made from C


def programs() -> list[Path]:
    """Every program that was built."""
    folders = [BUILD, BUILD / "servers", BUILD / "clients"]
    files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    return sorted(path for path in files if os.access(path, os.X_OK) and path.name not in SCRIPTS)


def name(path: Path) -> str:
    return path.name


def ran(path: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout, done.stderr


def test_there_are_programs() -> None:
    assert {"census", "wire", "sandbox", "echo", "peer"} <= {path.name for path in programs()}


@pytest.mark.parametrize("path", programs(), ids=name)
def test_help_is_what_help2man_reads(path: Path) -> None:
    code, said, complaint = ran(path, "--help")
    assert (code, complaint) == (0, "")
    usage, *rest = said.splitlines()
    assert usage.startswith(f"Usage: {path.name} ")
    assert max(map(len, rest)) <= 89


@pytest.mark.parametrize("path", programs(), ids=name)
def test_version(path: Path) -> None:
    version = (ROOT / "harness" / "VERSION").read_text().strip()
    assert ran(path, "--version") == (0, f"{path.name} (linger) {version}\n", "")


@pytest.mark.parametrize("path", programs(), ids=name)
def test_a_wrong_option_is_one_sentence_and_2(path: Path) -> None:
    code, said, complaint = ran(path, "--frobnicate")
    assert (code, said) == (2, "")
    assert complaint.startswith(f"{path.name}: ") and complaint.count("\n") == 1
    assert "--help" in complaint

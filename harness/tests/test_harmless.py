"""The census beside a server at full load, which must not notice: a second of `make test-harmless`."""

from __future__ import annotations

import os
import subprocess

import pytest
from beside import BY_BPF, COPY, WAYS, copied, counted

from linger.lab.programs import program

PORTS = {way: 9011 + number for number, way in enumerate((*WAYS, COPY))}  # they run side by side
BUILD = program("census").parent


@pytest.mark.parametrize("way", [way for way in WAYS if way != BY_BPF or os.geteuid() == 0])
def test_the_server_never_notices(way: str) -> None:
    if way == BY_BPF and subprocess.run([BUILD / "harmless/owners"]).returncode == 77:
        pytest.skip("this kernel has no BPF for us")
    told = counted(BUILD, "server", way, 0.5, PORTS[way])
    assert told.well, told
    assert told.connections > 50


def test_a_copy_is_its_death() -> None:
    """Otherwise the others would prove nothing."""
    told = copied(BUILD, "server", PORTS[COPY])
    assert "an event for a closed descriptor" in told.said, told

"""The census beside a server at full load, which must not notice: a second of `make test-harmless`."""

from __future__ import annotations

import pytest
from beside import COPY, WAYS, copied, counted

from linger.lab.programs import program

PORTS = {way: 9011 + number for number, way in enumerate((*WAYS, COPY))}  # they run side by side


@pytest.mark.parametrize("way", WAYS)
def test_the_server_never_notices(way: str) -> None:
    told = counted(program("census").parent, "server", way, 0.5, PORTS[way])
    assert told.well, told
    assert told.connections > 50


def test_a_copy_is_its_death() -> None:
    """Otherwise the others would prove nothing."""
    told = copied(program("census").parent, "server", PORTS[COPY])
    assert "an event for a closed descriptor" in told.said, told

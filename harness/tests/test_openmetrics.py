"""census --openmetrics: follows the standard, has the same numbers as the JSON, and is bounded."""

from __future__ import annotations

import json
import socket

import openmetrics
import pytest
from conftest import Run
from test_census_truth import holding, namespace_of

LINES = "# TYPE a gauge\n# HELP a A.\n"
WRONG = {
    "the end is missing": LINES + "a 1\n",
    "twice": LINES + "a 1\na 2\n# EOF\n",
    "begins twice": LINES + "a 1\n" + LINES + "# EOF\n",
    "a b": LINES + "a b\n# EOF\n",
    "unquoted": LINES + "a{x=1} 1\n# EOF\n",
    "quote within": LINES + 'a{x="""} 1\n# EOF\n',
    "not described": "# TYPE a gauge\na 1\n# EOF\n",
    "of another": LINES + "b 1\n# EOF\n",
    "unit": "# TYPE a gauge\n# UNIT a seconds\n# HELP a A.\na 1\n# EOF\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_the_reader_forgives_nothing(text: str) -> None:
    with pytest.raises(ValueError):
        openmetrics.read(text)


def test_the_numbers_of_the_json(run: Run) -> None:
    with holding("doubled") as holder:
        words = [*namespace_of(holder), "--age"]
        host = json.loads(run("census", "--json", *words).stdout)["hosts"][0]
        families = openmetrics.read(run("census", "--openmetrics", *words).stdout)
    states = families["linger_census_state_sockets"]
    assert states['host="local",state="CLOSE_WAIT"'] == host["states"]["CLOSE_WAIT"] == 3
    assert sum(families["linger_census_sockets"].values()) == sum(host["states"].values())
    (held,) = families["linger_census_process_descriptors"].items()
    assert held[1] == 9 and held[0].startswith('host="local",process="python3",unit="')
    assert families["linger_census_descriptors"]['host="local",kind="connected"'] == 9
    assert families["linger_census_accept_backlog"]['host="local",port="9000"'] == 100
    assert 'host="local",state="CLOSE_WAIT"' in families["linger_census_silent_seconds"]


def test_there_are_never_more_series_than_a_few_hundred(run: Run) -> None:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(700)]
    families = openmetrics.read(run("census", "--openmetrics").stdout)
    for listener in listeners:
        listener.close()
    ports = families["linger_census_accept_backlog"]
    assert len(ports) == 500 and ports['host="other",port="other"'] >= 201 * 128

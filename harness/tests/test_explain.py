"""linger explain: the rules, their numbers, and a sample of programs."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import jsonschema
import pytest
from conftest import Run
from patients import PATIENTS, Ward, explained
from test_census_truth import holding

import linger
from linger.explain import fitting, sums, symptoms, telling
from linger.explain.observe import Observation
from linger.lab import Lab, netns
from linger.lab.census import STATES
from linger.lab.errors import Broken
from linger.run import predicate, scenarios

SCHEMA = json.loads((Path(linger.__file__).parent / "schema" / "explain.schema.json").read_text())
CAPTURES = Path(__file__).parent / "captures"
RULES = symptoms.load()


@pytest.mark.parametrize(
    "text, value", [("7", 7), ("3 * N / 4 + 10", 85), ("N - M", 60), ("100 / 3 * 3", 99)]
)
def test_a_number_is_counted_from_left_to_right(text: str, value: int) -> None:
    values = {"N": 100, "M": 40}
    assert predicate.is_number(text, values) and predicate.number(text, values) == value


@pytest.mark.parametrize("text", ["", "N M", "N +", "N ^ 2", "K", "3 * K"])
def test_what_is_no_number(text: str) -> None:
    assert not predicate.is_number(text, {"N"})


def symptom(name: str = "x", order: int = 0, **table: Any) -> symptoms.Symptom:
    needs = {"needs": {"CLOSE_WAIT >= 1": "{CLOSE_WAIT|is one|are many} left"}, "look": "There."}
    return symptoms.read(name, {**needs, **table}, order)


@pytest.mark.parametrize(
    "table, sentence",
    [
        ({"needs": {}}, "it must have `needs` and `look`"),
        ({"look": ""}, "it must have `needs` and `look`"),
        ({"wants": {}}, "unknown key wants"),
        ({"lasts": "long"}, "`lasts` must be a number of seconds"),
        (
            {"for": {"CLOSE_WAITS >= 1": ""}},
            "not a predicate about measured numbers: 'CLOSE_WAITS >= 1'",
        ),
        ({"for": {"CLOSE_WAIT": ""}}, "not a predicate"),
        ({"for": {"gone >= 1": "{lost} left"}}, "{lost} is not measured"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Broken, match="symptom of x: ") as refused:
        symptom(**table)
    assert sentence in str(refused.value)


def test_facts_have_their_numbers() -> None:
    (need,) = symptom().needs
    assert (need.told({"CLOSE_WAIT": 1}), need.told({"CLOSE_WAIT": 7})) == (
        "1is one left", "7are many left",
    )  # fmt: skip
    assert need.holds({"CLOSE_WAIT": 1}) and need.holds({"CLOSE_WAIT": 0}) is False
    assert need.holds({}) is None, "what was not measured is neither"


def test_the_best_comes_first_and_what_lacks_a_need_is_left_out() -> None:
    gone = {"gone >= 1": "{gone} gone"}
    rules = [
        symptom("second", 2),
        symptom("first", 1),
        symptom("against", 0, against=gone),
        symptom("best", 3, **{"for": gone}),
        symptom("none", 0, needs={"silent >= 1": ""}),
    ]
    found = fitting.fits(rules, {"CLOSE_WAIT": 3, "gone": 2}, 1)
    assert [fit.symptom.scenario for fit in found] == ["best", "first", "second", "against"]
    assert found[0].supports == ("3are many left", "2 gone") and found[-1].opposes == ("2 gone",)
    assert fitting.fits(rules, {"CLOSE_WAIT": 0, "gone": 2}, 1) == []


def test_what_healthy_programs_show_for_a_while_must_last() -> None:
    rules, values = [symptom(lasts=10)], {"CLOSE_WAIT": 1}
    assert fitting.fits(rules, values, 9.9) == [] and fitting.undecided(rules, values, 9.9)
    assert fitting.fits(rules, values, 10) and not fitting.undecided(rules, values, 10)
    assert not fitting.undecided(rules, {"CLOSE_WAIT": 0}, 1)


def test_the_rules_of_all_scenarios_can_be_told() -> None:
    values = dict.fromkeys(sums.NAMES, 1)
    for rule in RULES:
        facts = (*rule.needs, *rule.supports, *rule.opposes)
        assert all(fact.told(values) and "{" not in fact.told(values) for fact in facts)
        nothing = {**dict.fromkeys(sums.NAMES, 0), "ports": 28232, "free": 1000}
        assert not all(fact.holds(nothing) for fact in rule.needs), rule
        assert scenarios.answers(rule.scenario).helps
    named = {fact.left for rule in RULES for fact in rule.needs}
    assert {rule.scenario for rule in RULES} >= {
        n.partition(",")[0] for n in PATIENTS
    } and "unread.in" in named


def snapshot(port: int, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One host in the census's form: a listener, and rows."""
    full = [
        {"port": port, "unread": 0, "keepalive": 0, "unaccepted": 0, "silent_ms": None, **row}
        for row in rows
    ]
    states = {state: sum(r["count"] for r in full if r["state"] == state) for state in STATES}
    return {
        "states": states, "rows": full, "owners": [], "remotes": [], "unread": sum(r["unread"] for r in full),
        "gone": 0, "descriptors": sum(states.values()), "processes": [
            {"pid": 7, "process": "srv", "unreadable": None, "waits": []}
        ],
        "listeners": [{"address": "0.0.0.0", "port": port, "recv_q": 2, "pid": 7}], **more,
    }  # fmt: skip


WAITS = (
    {
        "call": "poll",
        "timeout_ms": None,
        "timeout_known": True,
        "descriptor": None,
        "socket": False,
    },
    {"call": "poll", "timeout_ms": 50, "timeout_known": True, "descriptor": None, "socket": False},
    {"call": "read", "timeout_ms": None, "timeout_known": True, "descriptor": 3, "socket": True},
    {"call": "read", "timeout_ms": None, "timeout_known": True, "descriptor": 0, "socket": False},
    {
        "call": "epoll_wait",
        "timeout_ms": None,
        "timeout_known": True,
        "descriptor": 4,
        "socket": False,
    },
)
LEFT = [
    {"state": "CLOSE_WAIT", "count": 5, "unread": 4},
    {"state": "CLOSE_WAIT", "count": 2, "unread": 1, "port": 40000},
    {"state": "TIME_WAIT", "count": 3},
]
HOST = snapshot(80, [*LEFT, {"state": "CLOSE_WAIT", "count": 6, "unaccepted": 6}])
SEEN = Observation(
    7, (snapshot(80, LEFT),), frozenset([9]), HOST, 0, (1, 2), 5, WAITS, 60, 64, True, 28232, ()
)


def test_numbers_of_an_observation() -> None:
    values = sums.measured(SEEN)
    wanted = {
        "CLOSE_WAIT": 7, "CLOSE_WAIT.in": 5, "CLOSE_WAIT.out": 2, "unread": 5, "unread.in": 4,
        "unread.out": 1, "accept_queue": 2, "listeners": 1, "free": 4, "open": 60, "threads": 5,
        "waits.elsewhere": 2, "waits.events": 1, "CLOSE_WAIT.unaccepted": 6, "TIME_WAIT.in": 3,
        "TIME_WAIT.out": 0, "muted": 1, "unwatched": 2, "CLOSE_WAIT.inherited": 0, "libevent": 1, "ports": 28232,
    }  # fmt: skip
    assert {name: values[name] for name in wanted} == wanted
    assert values.keys() <= sums.NAMES


def test_what_another_program_holds_is_inherited() -> None:
    owner = {"pid": 9, "state": "CLOSE_WAIT", "port": 80, "sockets": 5}
    mine, elsewhere = {**owner, "pid": 7}, {**owner, "port": 81}
    neighbour = {**owner, "pid": 10}  # it listens there itself
    listeners = [{"port": 80, "pid": 9}, {"port": 80, "pid": 10}, {"port": 80, "pid": 7}]
    owners = [owner, mine, elsewhere, neighbour]
    host = {**HOST, "owners": owners, "listeners": listeners}
    assert sums.measured(dataclasses.replace(SEEN, host=host))["CLOSE_WAIT.inherited"] == 5


def test_what_was_gone_before_the_fork_is_no_leak() -> None:
    members = (snapshot(80, [], gone=3), snapshot(80, [], gone=1))
    values = sums.measured(dataclasses.replace(SEEN, members=members, shared=2))
    assert values["gone"] == 2


def test_only_what_lasts_counts_and_what_was_not_seen_has_no_number() -> None:
    members = (snapshot(80, [{"state": "CLOSE_WAIT", "count": 1}]),)
    later = dataclasses.replace(SEEN, members=members, host=None, limit=None, waits=None)
    values = sums.lasting(sums.measured(SEEN), sums.measured(later))
    assert (values["CLOSE_WAIT.in"], values["unread"]) == (1, 0)
    unseen = {"CLOSE_WAIT.unaccepted", "TIME_WAIT.in", "free", "waits.events", "waits.elsewhere"}
    assert not unseen & values.keys()


def test_numbers_of_the_other_ends() -> None:
    remotes = [
        {"state": "CLOSE_WAIT", "port": 5432, "count": 300},
        {"state": "CLOSE_WAIT", "port": None, "count": 999},
    ]
    rows = [{"state": "ESTABLISHED", "count": 1, "silent_ms": 700500}]
    values = sums.measured(
        dataclasses.replace(SEEN, members=(snapshot(80, rows, remotes=remotes),))
    )
    assert (values["one_remote"], values["silent"]) == (300, 700)


def test_numbers_of_blame() -> None:
    groups = [{"pid": 7, "rule": "eof", "count": 5}, {"pid": 7, "rule": "open", "count": 2},
              {"pid": 8, "rule": "shared", "count": 9}]  # fmt: skip
    assert sums.of_blame({"groups": groups}, 7)["blame.eof"] == 5
    assert sums.of_blame({"groups": groups}, 7)["blame.shared"] == 0
    assert sums.of_blame({"groups": groups}, 99)["blame.shared"] == 9, "of a run before"


def pool(pid: int = 7) -> dict[str, Any]:
    """A process with CLOSE_WAITs to two services."""
    remotes = [{"state": "CLOSE_WAIT", "address": "::1", "port": port, "count": count, "local_port": None}
               for port, count in ((5432, 300), (8443, 4))]  # fmt: skip
    process = {"pid": pid, "process": "srv", "unreadable": None, "waits": []}
    return snapshot(80, [], remotes=remotes, processes=[process])


def test_a_port_of_no_socket_is_no_all_clear(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        code = f"import socket, sys; s = socket.create_connection(('127.0.0.1', {port})); print(); sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-uc", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert client.stdout and client.stdout.readline()
            done = run("linger", "explain", "--pid", client.pid, "--port", port, "--for", 0.1)
            client.kill()
    assert (done.returncode, done.stdout) == (2, "")
    assert f"no TCP socket with the local port {port}; 1 of its sockets lead to port {port} at the other end" in done.stderr


def test_a_document_is_as_its_schema_says_and_in_words() -> None:
    seen = dataclasses.replace(
        SEEN, members=(snapshot(80, LEFT[:1]),), waits=WAITS[:2], host=None, left=None
    )
    values = {**sums.measured(seen), "cpu": 0}
    made = telling.document(seen, 1.0, values, fitting.fits(RULES, values, 1.0))
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(made, SCHEMA)
    text = "\n".join(telling.lines(made))
    assert "never read the FIN of 4 of 5 CLOSE_WAITs" in " ".join(text.split())
    assert "1 thread in poll() without a timeout, 1 thread in poll() for 50 ms" in " ".join(
        text.split()
    )
    assert "1. worker-blocked: " in text and "5. " not in text
    assert text.endswith("make scenario-worker-blocked")
    assert text.startswith("process 7 (srv), for 1 s:") and "service" not in text
    both = telling.document(dataclasses.replace(seen, members=(pool(), pool(8))), 1.0, values, [])
    jsonschema.validate(both, SCHEMA)
    told = [*telling.lines(both)]
    assert told[0] == "process 7 (srv) and 1 process below it (8), for 1 s:"
    assert "  CLOSE_WAITs to one service: at most 300, to [::1]:5432" in told
    nothing = telling.document(SEEN, 1.0, values, [])
    assert [*telling.lines(nothing)][-1] == "no scenario fits"


SAMPLE = ["closewait-leak", "worker-blocked", "inherited-fd", "client-reconnect-leak"]


@pytest.fixture
def apart(lab: Lab) -> Iterator[None]:
    """In a host of their own, patients are not blamed for ports that other tests use."""
    with netns.inside(lab.hosts["server"].path):
        yield


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("name", SAMPLE)
def test_a_program_is_recognized_and_its_repair_is_not(tmp_path: Path, name: str) -> None:
    for variant in scenarios.PAIR:
        with Ward(tmp_path, 3) as ward:
            found = explained(PATIENTS[name](ward, variant).pid, 0.2)
        assert (name in found[:2]) if variant == "buggy" else not found, found


@pytest.mark.usefixtures("apart")
def test_a_capture_and_a_report_of_blame_are_facts(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "blame.json"
    report.write_text('{"groups": [{"pid": 1, "rule": "eof", "count": 2}]}')
    with Ward(tmp_path, 2) as ward:
        server = PATIENTS["closewait-leak"](ward, "buggy")
        more = ("--capture", CAPTURES / "rst-never-shown.pcap", "--blame", report, "--for", 0.1)
        done = run("linger", "explain", "--pid", server.pid, "--json", *more)
        made = json.loads(done.stdout)
        text = run("linger", "explain", "--pid", server.pid, *more).stdout
        assert server.running
    jsonschema.validate(made, SCHEMA)
    assert (made["values"]["capture.reset"], made["values"]["blame.eof"]) == (1, 2)
    [first, *_] = made["scenarios"]
    assert any(fact.startswith("blame: ") for fact in first["for"])
    assert {"linger-zero", "close-unread-reset"} <= {one["scenario"] for one in made["scenarios"]}
    assert "1. closewait-leak: " in text and "no help" in text


def test_a_process_that_nobody_has_collected_has_ended(run: Run) -> None:
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        done = run("linger", "explain", "--pid", ended.pid)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"linger: process {ended.pid} has ended\n"


def test_a_process_may_live_on_without_its_leader(run: Run) -> None:
    with holding("leader") as holder:
        done = run("linger", "explain", "--pid", holder.pid, "--for", 0.1, "--json")
    made = json.loads(done.stdout)
    assert made["unseen"] == []
    assert (made["values"]["CLOSE_WAIT"], made["values"]["open"]) == (3, 7)


@pytest.mark.parametrize(
    "options, code, sentence",
    [
        (["--pid", 4194305], 3, "there is no process 4194305"),
        (["--pid", "x"], 2, "a whole number, 1 or more"),
        ([], 2, "--pid"),
        (["--pid", os.getpid(), "--port", 65536], 2, "a port from 1 to 65535"),
        (["--pid", os.getpid(), "--for", 0], 2, "seconds from 0.1 to 3600"),
        (["--pid", os.getpid(), "--capture", "/nowhere"], 2, "cannot read the capture: /nowhere"),
        (["--pid", os.getpid(), "--blame", "/nowhere"], 2, "/nowhere: No such file"),
        (["--pid", os.getpid(), "--blame", __file__], 2, "is not a report of linger blame"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(
    run: Run, options: list[object], code: int, sentence: str
) -> None:
    done = run("linger", "explain", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr and "Traceback" not in done.stderr

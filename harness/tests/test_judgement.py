"""A client behind a relay: messages, places, timelines, proofs and verdicts, as functions."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from linger.check.client.outcome import DIED, DONE, PENDING, RETRIES, WAITS, Outcome
from linger.check.client.yardstick import Product
from linger.check.finding import CHOICE, FAIL, LEAK, NOT_TESTED, PASS, WARN
from linger.check.relay import exchange, judgement, meetings, proof, pulse
from linger.check.relay.exchange import Place
from linger.check.relay.judgement import Survived
from linger.check.relay.phases import Lived
from linger.check.relay.pulse import Look
from linger.check.relay.stage import QUICKLY

ALL = Product(100, "all")
WHOLE = Outcome("fin@1.3", 9000, DONE, True, None, 100, "all", "status 0", 0.1)
PART = replace(WHOLE, size=59, digest="part")
ERROR = replace(WHOLE, success=False, size=0, digest="none", said="status 1, reset")
DEAD = Outcome("fin@1.3", 9000, DIED, said="it was ended by SIGPIPE")
HANGS = Outcome("fin@1.3", 9000, WAITS, said="it has no connection", seconds=5.0)
SLOW = Outcome("stall@1.1", 9000, PENDING, seconds=30.0)
AGAIN = Outcome("stall@1.1", 9000, RETRIES, seconds=30.0, connects=9)


def test_what_a_backend_says_is_counted_by_connection() -> None:
    accepts = [{"conn": "4"}, {"conn": "7"}]
    messages = [
        {"conn": conn, "by": by, "bytes": bytes}
        for conn, by, bytes in (("4", "backend", "9"), ("4", "client", "3"), ("7", "backend", "1"),
                                ("5", "backend", "8"), ("4", "backend", "2"))
    ]  # fmt: skip
    assert exchange.sizes(accepts, messages) == ((9, 2), (1,))


def test_what_two_runs_have_in_common() -> None:
    assert exchange.agreed(((9, 2, 5), (1,)), ((8, 3), (1, 1), (7,))) == ((8, 2), (1,))


def test_the_boundary_and_the_middle_of_each_message() -> None:
    assert exchange.places(((9, 1), (4,))) == [
        Place(1, 1), Place(1, 1, 4), Place(1, 2), Place(2, 1), Place(2, 1, 2)]  # fmt: skip
    assert [str(one) for one in exchange.places(((9,),))] == ["1.1", "1.1+4"]
    messages = [place.message for place in exchange.places((tuple([1] * 40),))]
    assert messages == [1, 2, 3, 4, 5, 6, 7, 8, 37, 38, 39, 40]


def test_a_part_is_recognized_by_what_good_runs_made() -> None:
    assert judgement.met(PART, ALL, verified=False).truncated
    assert not judgement.met(WHOLE, ALL, verified=False).truncated
    assert not judgement.met(ERROR, ALL, verified=False).truncated
    assert judgement.met(PART, None, verified=False).whole is None
    assert judgement.met(replace(PART, size=101), ALL, verified=False).whole is None
    assert judgement.met(PART, ALL, verified=True).whole is True  # --verify decides


@pytest.mark.parametrize(
    "outcomes, good, verdict",
    [
        ([ERROR, WHOLE], ALL, PASS),
        ([ERROR, PART], ALL, FAIL),
        ([ERROR, PART], None, NOT_TESTED),
        ([ERROR, ERROR], None, PASS),
        ([ERROR, replace(ERROR, success=None)], ALL, NOT_TESTED),
        ([ERROR, DEAD], ALL, FAIL),
        ([ERROR, HANGS], ALL, FAIL),
        ([ERROR, AGAIN], ALL, PASS),
    ],
)
def test_cut(outcomes: list[Outcome], good: Product | None, verdict: str) -> None:
    tries = [judgement.met(one, good, verified=False) for one in outcomes]
    finding = judgement.cut(tries, good, len(tries) + 1)
    assert finding.verdict == verdict
    assert ("1 of 3 strikes did not fall" in finding.measured) == (verdict == PASS)


@pytest.mark.parametrize(
    "outcomes, verdict, said",
    [
        ([WHOLE, WHOLE], PASS, "made the whole at 2 of 2 strikes"),
        ([WHOLE, SLOW], WARN, "still waits after 30 s at 1 of 2 strikes: no timeout (stall@1.1)"),
        ([ERROR, WHOLE], CHOICE, "after 0.1 s at most it gives up: status 1, reset"),
        ([AGAIN, WHOLE], CHOICE, "after 30.0 s at most it tries again"),
        ([SLOW, PART], FAIL, "exit code 0 and 59 of 100 bytes, or others, at 1 strike (fin@1.3)"),
        ([SLOW], WARN, "still waits after 30 s at 1 of 1 strike: no timeout"),
    ],
)
def test_waited(outcomes: list[Outcome], verdict: str, said: str) -> None:
    tries = [judgement.met(one, ALL, verified=False) for one in outcomes]
    finding = judgement.waited(tries, ALL, len(tries), 30.0)
    assert finding.verdict == verdict and finding.measured.startswith(said)


LOOKS = [
    Look(0.1, "good", 1, 0, {"ESTABLISHED": 1}), Look(1.1, "good", 1, 0, {"ESTABLISHED": 1}),
    Look(2.1, "good", 1, 0, {"ESTABLISHED": 1}), Look(2.3, "fin", 1, 0, {"CLOSE_WAIT": 1}),
    Look(2.7, "fin", 9, 40, {"CLOSE_WAIT": 2}), Look(3.1, "good", 10, 40, {"ESTABLISHED": 1}),
]  # fmt: skip
CAME_BACK = Lived(LOOKS, 2.1, back=0.5, attempts=8)


def test_a_timeline_says_in_one_row_what_is_alike() -> None:
    rows = pulse.timeline(LOOKS)
    assert [(row["since"], row["until"], row["phase"], row["connects"]) for row in rows] == [
        (0.0, 2.1, "good", 1), (2.1, 2.7, "fin", 8), (2.7, 3.1, "good", 1)]  # fmt: skip
    assert pulse.told(rows)[1] == "  2.1 -  2.7 s  fin      8 connects, 13 a second; 2 CLOSE_WAIT"


def test_how_soon_a_program_does_something() -> None:
    assert pulse.after(LOOKS, "errors", 2.1) == pytest.approx(0.6)
    assert pulse.after(LOOKS, "errors", 2.7) is None


@pytest.mark.parametrize(
    "lived, hard, verdict",
    [
        (CAME_BACK, True, PASS),
        (replace(CAME_BACK, back=10.1), True, CHOICE),
        (replace(CAME_BACK, back=None), True, FAIL),
        (replace(CAME_BACK, back=None), False, WARN),
        (replace(CAME_BACK, dead=4), True, LEAK),
        (replace(CAME_BACK, dead=3), True, PASS),  # of 8 attempts
        (replace(CAME_BACK, dead=1, attempts=1), True, PASS),
        (replace(CAME_BACK, back=None, ended="ended with status 1"), False, WARN),
        (replace(CAME_BACK, back=None, ended="was ended by SIGPIPE", killed=True), False, FAIL),
    ],
)
def test_recovered(lived: Lived, hard: bool, verdict: str) -> None:
    finding = judgement.recovered("4 s of FIN", lived, hard)
    assert finding.verdict == verdict and len(finding.timeline) == 3
    assert finding.notes[-5:-3] == ["first error after 0.6 s", "first connect after 0.6 s"]


BACK, LOST = Survived("fin@1.1", back=0.5), Survived("fin@1.2")
ENDED = Survived("rst@1.1", ended="ended with status 1")


@pytest.mark.parametrize(
    "tries, verdict, said",
    [
        ([BACK], PASS, "after 1 of 1 strike, in"),
        ([BACK, ENDED], WARN, "ends at 1 of 2 strikes"),
        ([BACK, ENDED, LOST], FAIL, "after 1 of 3 strikes"),
        ([BACK, replace(ENDED, killed=True)], FAIL, "rst@1.1: the program"),
    ],
)
def test_survived(tries: list[Survived], verdict: str, said: str) -> None:
    finding = judgement.survived(tries, len(tries))
    assert finding.verdict == verdict and said in finding.measured


@pytest.mark.parametrize("limit, rounds", [(0.5, 2), (QUICKLY, 2), (QUICKLY + 1, 1)])
def test_a_strike_that_was_missed_is_tried_again_where_nothing_waits_for_long(
    limit: float, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = [replace(WHOLE, port=1), replace(WHOLE, port=2)]
    asked: list[list[str]] = []
    relay = SimpleNamespace(port=int, struck=lambda port: port == 1, become=lambda port, strike: None)
    stage: Any = SimpleNamespace(
        relay=relay, serve=lambda: None, begin=lambda *strikes: None, task=SimpleNamespace(
            order=SimpleNamespace(yardstick=SimpleNamespace(good=ALL), verify="")),
        meets=lambda strikes, limit: asked.append(list(strikes)) or met[: len(strikes)],
    )  # fmt: skip
    monkeypatch.setattr(proof, "must_hold", lambda stage, planned: None)
    meetings.met_all(stage, ["1", "2"], limit)
    assert asked == [["1", "2"], ["2"]][:rounds]


ACCEPT = {"conn": "1", "peer": "10.0.0.1", "peerport": "5000", "port": "9000"}
PACKETS = {"client": "10.0.0.1:5000", "server": "10.0.0.2:9000", "server_bytes": 40, "history": "ShADadf"}


@pytest.mark.parametrize(
    "what, sent, packets, proved",
    [
        ("fin", "40", {}, True),
        ("fin", "41", {}, False),
        ("fin", "39", {}, False),
        ("trickle", "39", {}, True),
        ("trickle", "41", {}, False),
        ("rst", "40", {}, False),
        ("rst", "40", {"history": "ShADadr"}, True),
        ("half", "40", {"history": "ShADad"}, False),
        ("stall", "40", {"history": "ShADad"}, True),
        ("gone", "40", {"client": "10.0.0.1:5001"}, False),
        ("gone", "40", {"server": "10.0.0.2:9001"}, False),
    ],
)
def test_a_strike_is_proved_by_the_packets(
    what: str, sent: str, packets: dict[str, Any], proved: bool
) -> None:
    strike = {"conn": "1", "what": what, "sent": sent}
    assert (not proof.unproved([strike], [ACCEPT], [{**PACKETS, **packets}])) == proved


def test_a_port_that_is_used_again_hides_no_strike() -> None:
    refused = {**PACKETS, "server_bytes": 0, "history": "Sr"}
    strike = {"conn": "1", "what": "fin", "sent": "40"}
    assert not proof.unproved([strike], [ACCEPT], [PACKETS, refused])
    assert proof.unproved([strike], [ACCEPT], [refused]) == ["fin on port 9000: 0 bytes, not 40"]

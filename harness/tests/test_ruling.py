"""The verdicts on clients, as functions of measurements: each rule from both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from linger.check.client import ruling
from linger.check.client.driver import understood
from linger.check.client.outcome import DIED, DONE, PENDING, RETRIES, WAITS, Outcome
from linger.check.client.subject import Address, filled, must_name_the_server
from linger.check.client.yardstick import Product, Yardstick, product
from linger.check.finding import CHOICE, FAIL, LEAK, NOT_TESTED, PASS, WARN, Finding
from linger.lab.errors import TargetDied, Usage

WHOLE = 100
GOT = Outcome("b", 9000, DONE, True, 200, WHOLE, "all", "status 200", 0.1)
HALF = replace(GOT, size=50, digest="half")
ERROR = Outcome("b", 9000, DONE, False, None, 0, None, "ConnectionResetError", 0.1)
MUTE = replace(ERROR, success=None)
HANGS = Outcome("b", 9000, WAITS, said="it has no connection", seconds=5.2, notes=["node, pid 7: epoll_wait"])
KILLED = Outcome("b", 9000, DIED, said="the driver was ended by SIGPIPE")
SLOW = Outcome("b", 9000, PENDING, seconds=30.0)
AGAIN = Outcome("b", 9000, RETRIES, seconds=8.0, connects=4)


def verdicts(*findings: Finding) -> list[str]:
    return [finding.verdict for finding in findings]


@pytest.mark.parametrize("bad", [HANGS, KILLED])
def test_hanging_without_a_socket_or_dying_always_fails(bad: Outcome) -> None:
    findings = [
        ruling.cut_short([ERROR, bad], WHOLE), ruling.close_delimited(GOT, [ERROR, bad], WHOLE),
        ruling.unnotified(bad), ruling.cut_gzip(bad, 40), ruling.patience(bad, 30),
        ruling.stale(GOT, bad), ruling.answered(bad, "x"), ruling.early(GOT, bad, 413),
        ruling.recovery("a restart", 0.1, [bad, GOT]), ruling.raced(bad),
        ruling.idle([GOT, bad], [3, 3, 0], 3, 10, []),
    ]  # fmt: skip
    assert verdicts(*findings) == [FAIL] * len(findings)
    assert bad.said in findings[0].measured and findings[0].notes == bad.notes


def test_a_part_taken_for_the_whole() -> None:
    fails = ruling.cut_short([ERROR, HALF], WHOLE)
    assert (fails.verdict, fails.measured) == (FAIL, "50 of 100 bytes taken for the whole reply: b")
    assert fails.ports == [9000]
    assert verdicts(
        ruling.cut_short([ERROR, ERROR], WHOLE), ruling.cut_short([AGAIN], WHOLE),
        ruling.cut_short([MUTE, ERROR], WHOLE),
    ) == [PASS, PASS, NOT_TESTED]  # fmt: skip


def test_what_can_be_woken_goes_on() -> None:
    finding = ruling.released([ERROR, AGAIN])
    assert (finding.verdict, finding.measured) == (
        PASS, "done after 1 of 2 ends, in 0.1 s at most; after 1 it tries again"
    )  # fmt: skip


def test_a_reply_that_the_end_ends() -> None:
    assert verdicts(
        ruling.close_delimited(HALF, [ERROR] * 5, WHOLE),
        ruling.close_delimited(HALF, [ERROR, HALF, ERROR], WHOLE),
        ruling.close_delimited(ERROR, [ERROR], WHOLE), ruling.close_delimited(MUTE, [MUTE], WHOLE),
    ) == [PASS, FAIL, NOT_TESTED, NOT_TESTED]  # fmt: skip


def test_tls_and_gzip() -> None:
    assert verdicts(ruling.unnotified(HALF), ruling.unnotified(ERROR)) == [WARN, PASS]
    assert verdicts(
        ruling.cut_gzip(replace(HALF, size=77), 40), ruling.cut_gzip(replace(HALF, size=40), 40),
        ruling.cut_gzip(ERROR, 40),
    ) == [WARN, NOT_TESTED, PASS]  # fmt: skip


def test_patience() -> None:
    assert verdicts(
        ruling.patience(replace(ERROR, seconds=20.0), 30), ruling.patience(SLOW, 30),
        ruling.patience(AGAIN, 30), ruling.patience(HALF, 30),
    ) == [CHOICE, WARN, CHOICE, FAIL]  # fmt: skip
    assert "after 20.0 s" in ruling.patience(replace(ERROR, seconds=20.0), 30).measured


@pytest.mark.parametrize(
    "method, reused, reads, seconds, verdict",
    [
        ("POST", False, 1, 0.1, PASS), ("POST", False, 2, 0.1, FAIL), ("POST", True, 2, 0.1, WARN),
        ("GET", False, 2, 0.1, CHOICE), ("GET", True, 5, 0.1, CHOICE), ("GET", False, 6, 8.0, CHOICE),
        ("GET", False, 60, 8.0, FAIL), ("POST", True, 60, 8.0, FAIL),
    ],
)  # fmt: skip
def test_repeats(method: str, reused: bool, reads: int, seconds: float, verdict: str) -> None:
    once = ruling.Sent("GET", 9001, False, 1, 0.1)
    finding = ruling.repeated([ruling.Sent(method, 9000, reused, reads, seconds), once])
    assert finding.verdict == verdict
    assert ("read once: 2 of 2" in finding.measured) == (reads == 1)


def test_pools() -> None:
    assert verdicts(
        ruling.stale(GOT, GOT), ruling.stale(ERROR, None), ruling.stale(GOT, ERROR),
        ruling.idle([GOT], [3, 3, 0], 3, 10, []), ruling.idle([GOT], [3, 3, 3], 3, 10, []),
        ruling.idle([GOT], [3, 6, 9], 3, 10, []), ruling.idle([GOT], [0, 1, 1], 3, 10, []),
        ruling.answered(GOT, "all"), ruling.answered(GOT, "x"), ruling.answered(ERROR, "x"),
    ) == [PASS, FAIL, WARN, PASS, CHOICE, LEAK, CHOICE, FAIL, PASS, CHOICE]  # fmt: skip


def test_early_replies() -> None:
    told = replace(ERROR, status=413)
    said = replace(ERROR, said="HTTPError: 413 Payload Too Large")
    assert verdicts(
        ruling.early(told, told, 413), ruling.early(said, ERROR, 413), ruling.early(ERROR, ERROR, 413),
        ruling.early(told, SLOW, 413), ruling.early(SLOW, SLOW, 413),
    ) == [PASS, CHOICE, FAIL, WARN, FAIL]  # fmt: skip


def test_leaks_from_half_as_many_as_there_were_failures() -> None:
    assert verdicts(*(ruling.leak(left, 20, 4, 5, []) for left in (0, 1, 9, 10, 20))) == [
        PASS, PASS, PASS, LEAK, LEAK
    ]  # fmt: skip


def test_recovery_races_and_vanished_servers() -> None:
    late = replace(GOT, seconds=7.1)
    assert verdicts(
        ruling.recovery("a restart", 9.0, [ERROR, GOT]), ruling.recovery("a restart", None, [ERROR]),
        ruling.raced(GOT), ruling.raced(late), ruling.raced(ERROR), ruling.raced(SLOW),
        ruling.vanished(True, None, 30, []), ruling.vanished(False, 12.0, 30, []),
        ruling.vanished(False, None, 30, []),
    ) == [PASS, FAIL, PASS, WARN, FAIL, FAIL, PASS, PASS, WARN]  # fmt: skip


def test_of_several_findings_the_worst_counts_and_all_are_told() -> None:
    some = [Finding(PASS, "a"), Finding(WARN, "b", notes=["n"]), Finding(CHOICE, "c"), Finding(NOT_TESTED, "d")]
    assert ruling.worst(some) == Finding(WARN, "a; b; c", [], ["n"])
    assert ruling.worst([Finding(NOT_TESTED, "d")]).verdict == NOT_TESTED


def test_what_an_exit_code_says() -> None:
    good = Product(100, "digest")
    half = Product(50, "other")
    assert Yardstick().success(0, half) is True and Yardstick().success(4, good) is False
    mute = Yardstick(mute=True, good=good)
    assert (mute.success(0, good), mute.success(0, half), mute.success(1, half)) == (True, None, False)
    assert Yardstick(mute=True).success(0, good) is None


def test_what_a_run_made(tmp_path) -> None:
    stdout, out = tmp_path / "stdout", tmp_path / "out"
    stdout.write_bytes(b"x" * 10)
    empty = product(stdout, out)
    assert empty.size == 10
    out.mkdir()
    (out / "index.html").write_bytes(b"y" * 5)
    assert product(stdout, out).size == 15 and product(stdout, out) != empty


def test_places_in_a_command(tmp_path) -> None:
    at = Address(9000, tls=True, path="/good")
    words = ("curl", "{url}", "-o", "{out}", "{host}:{port}", "{else}")
    assert filled(words, at, tmp_path / "{url}") == [
        "curl", "https://server.test:9000/good", "-o", f"{tmp_path}/{{url}}", "server.test:9000", "{else}",
    ]  # fmt: skip
    with pytest.raises(Usage, match="--driver"):
        must_name_the_server(("curl", "http://localhost/"))


@pytest.mark.parametrize(
    "line",
    [
        b"hello", b"[]", b'{"ok": 1, "status": null, "bytes": 0, "sha256": null, "error": null}',
        b'{"ok": true, "status": true, "bytes": 0, "sha256": null, "error": null}',
        b'{"ok": true, "status": 200, "bytes": 0, "sha256": null}',
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_said_so(line: bytes) -> None:
    with pytest.raises(TargetDied, match="the driver's answer"):
        understood(line)


def test_an_answer() -> None:
    line = b'{"ok": false, "status": null, "bytes": 0, "sha256": null, "error": "x"}'
    assert understood(line)["error"] == "x"

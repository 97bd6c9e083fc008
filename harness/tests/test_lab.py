"""The lab itself: hosts, the vacuity guard, and expectations that can fail.

Every expectation of a scenario is also run here against the other variant: see test_swapped.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Callable, Mapping

import pytest

from linger.lab import Lab, census, netns
from linger.lab.errors import Broken, CannotRun, NotHeld, Usage
from linger.lab.host import SYSCTLS
from linger.lab.process import LONGEST
from linger.lab.samples import Samples
from linger.run.scenarios import connections

N = 20
EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "descriptors": N},
    "fixed": {"CLOSE_WAIT": 0, "descriptors": 0},
}
OTHER = {"buggy": "fixed", "fixed": "buggy"}


@pytest.mark.parametrize("variant", EXPECT)
def test_as_expected(lab: Lab, variant: str) -> None:
    server = lab.server("closewait_leak", variant)
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    lab.expect(server, EXPECT[variant])
    result = lab.result()
    assert [row["measured"] for row in result["expectations"]] == list(EXPECT[variant].values())
    owners = {(owner["process"], owner["pid"]) for owner in result["owners"]["server"]}
    leaker = {("closewait_leak_buggy", server.pid)}
    assert owners == (leaker if variant == "buggy" else set())


@pytest.mark.parametrize("row", EXPECT["buggy"])
@pytest.mark.parametrize("variant", EXPECT)
def test_swapped(lab: Lab, variant: str, row: str) -> None:
    """Each single row fails against the other variant."""
    server = lab.server("closewait_leak", variant)
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    wrong = EXPECT[OTHER[variant]][row]
    right = EXPECT[variant][row]
    with pytest.raises(NotHeld, match=f"server has {row} {right}, expected == {wrong}"):
        lab.expect(server, {row: wrong}, within=0.05)


def test_a_fault_that_did_not_strike(lab: Lab) -> None:
    """The evidence names the program that holds the connections."""
    server = lab.server("closewait_leak", "buggy")
    lab.peer("connect hello fin", connections=N - 1).wait()
    server.said("recv", N - 1, n=0)
    with pytest.raises(NotHeld, match=f"did not happen: server has ESTABLISHED {N - 1}, .* == {N}"):
        lab.happened(server, within=0.05, ESTABLISHED=N)
    assert [owner["pid"] for owner in lab.result()["owners"]["server"]] == [server.pid]


def test_guards_alone_name_the_owners_too(lab: Lab) -> None:
    server = lab.server("closewait_leak", "buggy")
    lab.peer("connect hello fin", connections=N).wait()
    server.said("recv", N, n=0)
    lab.happened(server, ESTABLISHED=N)
    assert [owner["pid"] for owner in lab.result()["owners"]["server"]] == [server.pid]


def test_nothing_is_settled_before_the_fault_is_proved(lab: Lab) -> None:
    server = lab.server("closewait_leak", "fixed")
    with pytest.raises(Broken, match="nothing yet proves"):
        lab.expect(server, {"CLOSE_WAIT": 0})


def test_a_dead_server_leaks_nothing_and_still_fails(lab: Lab) -> None:
    server = lab.server("closewait_leak", "fixed")
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    server.stop()
    with pytest.raises(NotHeld, match="was ended by SIGTERM instead of continuing to serve"):
        lab.expect(server, EXPECT["fixed"])


def test_an_absence_must_last(lab: Lab) -> None:
    """What is true at first but not throughout the window does not hold."""
    server = lab.server("closewait_leak", "buggy")
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    watch = [*map(str, census.command({"server": lab.hosts["server"].path}))]
    watch += ["--until", f"CLOSE_WAIT == {N}", "--hold", "100ms"]
    killer = subprocess.Popen(["sh", "-c", f'"$@" && kill {server.pid}', "sh", *watch])
    with pytest.raises(NotHeld, match=f"server has CLOSE_WAIT [0-9]+, expected == {N}"):
        lab.expect(server, {"CLOSE_WAIT": N}, within=0.05, hold=30)
    assert killer.wait() == 0


def test_a_client_that_is_not_served_fails(lab: Lab) -> None:
    server = lab.server("closewait_leak", "fixed")
    server.stop()
    with pytest.raises(NotHeld, match="peer ended with status 1(.|\n)*ECONNREFUSED"):
        lab.peer("connect hello fin").wait()


def test_a_server_that_cannot_listen_says_why(lab: Lab) -> None:
    lab.server("closewait_leak", "fixed")
    with pytest.raises(NotHeld, match="ended with status 1\n.*Address already in use"):
        lab.server("closewait_leak", "buggy")


def test_hosts_have_the_pinned_sysctls_and_can_reach_each_other(lab: Lab) -> None:
    for host in lab.hosts.values():
        with netns.inside(host.path):
            for name, value in netns.read_sysctls(SYSCTLS).items():
                path = Path("/proc/sys") / name.lstrip("-").replace(".", "/")
                if path.exists():
                    assert path.read_text().split() == value.split(), name
    lab.hosts["server"].sysctl(tcp_fin_timeout=7)
    with netns.inside(lab.hosts["server"].path):
        assert Path("/proc/sys/net/ipv4/tcp_fin_timeout").read_text() == "7\n"
    with pytest.raises(CannotRun, match="no sysctl net.ipv4.tcp_nonsense"):
        lab.hosts["server"].sysctl(tcp_nonsense=1)


def test_a_tool_that_refuses_or_is_missing(lab: Lab) -> None:
    host = lab.hosts["server"]
    with pytest.raises(Broken, match="nft list chain x on server: .*Error"):
        host.run("nft", "list", "chain", "x")
    with pytest.raises(CannotRun, match="nowhere-tool is not installed; run: make deps"):
        host.run("nowhere-tool")
    with pytest.raises(CannotRun, match="it needs veth"):
        netns.finish(netns.ip_batch("link add x type nosuchtype\n"))
    with pytest.raises(Broken, match="iproute2 refused: .*[nN]owhere"):
        netns.finish(netns.ip_batch("link set nowhere up\n"))


def test_the_socket_table_is_the_labs_own(lab: Lab) -> None:
    with netns.inside(lab.hosts["client"].path):
        entries = int(Path("/proc/sys/net/ipv4/tcp_ehash_entries").read_text())
    assert entries == 1024  # negative: the machine's table


def test_the_timeline_has_begun_when_a_lab_is_built(
    evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(hosts: Mapping[str, Path], command: Callable = census.command) -> list[str | Path]:
        return ["sh", "-c", 'sleep 0.5; exec "$@"', "sh", *command(hosts)]

    monkeypatch.setattr(census, "command", late)
    lab = Lab("late", evidence)
    try:
        first = (evidence / "timeline.jsonl").read_text().splitlines()[0]
        assert json.loads(first)["states"] == {}
    finally:
        lab.close()


def test_the_timeline_tells_every_change(lab: Lab) -> None:
    server = lab.server("closewait_leak", "buggy")
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N)
    timeline = lab._samples
    assert timeline
    lab.happened_value(
        "timeline", "CLOSE_WAIT", lambda: timeline.peaks()["server"].get("CLOSE_WAIT", 0), N, within=LONGEST
    )
    lab.close()
    samples = [json.loads(line) for line in (lab.evidence / "timeline.jsonl").open()]
    assert {sample["host"] for sample in samples} == {"client", "server"}
    mine = [sample["states"] for sample in samples if sample["host"] == "server"]
    assert mine[0].get("CLOSE_WAIT", 0) == 0
    assert max(states.get("CLOSE_WAIT", 0) for states in mine) == N
    assert all(before != after for before, after in zip(mine, mine[1:-1]))


def test_the_timeline_shows_what_there_was_at_the_verdict(lab: Lab) -> None:
    """Even if its census had no processor until then."""
    timeline = lab._samples
    assert timeline
    timeline.freeze()
    server = lab.server("closewait_leak", "buggy")
    lab.peer("connect hello fin", connections=N).wait()
    lab.happened(server, CLOSE_WAIT=N)
    timeline.thaw()
    lab.result()
    last = {sample["host"]: sample for sample in map(json.loads, timeline.log.open())}
    assert last["server"]["states"]["CLOSE_WAIT"] == N


def test_a_timeline_that_has_ended_is_no_evidence(lab: Lab) -> None:
    assert lab._samples
    lab._samples.kill()
    with pytest.raises(Broken, match="timeline is incomplete: census was ended by SIGKILL"):
        lab.result()


def test_what_follows_a_look_does_not_hide_it(tmp_path: Path) -> None:
    """A look prints every host when asked, but a later one only those that have changed."""
    samples = Samples.__new__(Samples)
    samples.log, samples._hosts = tmp_path / "timeline.jsonl", ["client", "server"]
    lines = [("client", 1.0), ("server", 1.0), ("client", 2.0)]
    text = "".join(json.dumps({"time": time, "host": host, "states": {}}) + "\n" for host, time in lines)
    samples.log.write_text(f'{{"cut": \n{text}census: why it ended\n')
    assert samples._has_looked_since(0.9) and not samples._has_looked_since(1.5)


def test_closing_removes_the_hosts(lab: Lab) -> None:
    paths = [host.path for host in lab.hosts.values()]
    assert all(path.exists() for path in paths)
    lab.close()
    netns.await_removed()
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize("value", ["ten", "=> 1", "", "1 1"])
def test_an_expectation_is_a_number_or_a_comparison(value: str) -> None:
    with pytest.raises(Usage, match="a number or a comparison"):
        census.comparison(value)


def test_comparisons() -> None:
    assert census.comparison(100) == ("==", 100)
    assert census.holds(1, "<= 1") and not census.holds(2, "<= 1")
    assert census.holds(2, "!=1") and not census.holds(1, "!=1")


def test_connections_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINGER_CONNECTIONS", raising=False)
    assert connections(5) == 5
    monkeypatch.setenv("LINGER_CONNECTIONS", "7")
    assert connections(5) == 7

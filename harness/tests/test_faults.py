"""Faults: each strikes exactly as often as it says, and says how often it struck."""

from __future__ import annotations

import pytest

from linger.lab import Lab, faults
from linger.lab.errors import NotHeld

N = 10


def leave(lab: Lab, actions: str = "connect hello fin") -> None:
    lab.peer(actions, connections=N).wait()


def test_a_lost_fin_is_counted_and_comes_through_when_lifted(lab: Lab) -> None:
    server = lab.server("closewait_leak", "buggy")
    fault = faults.drop(lab.hosts["server"], flags="fin")
    assert fault.struck() == 0
    leave(lab)
    lab.happened_fault(fault, f">= {N}")
    lab.happened(server, hold=0.1, CLOSE_WAIT=0)
    fault.lift()
    lab.happened(server, CLOSE_WAIT=N)


def test_exactly_the_nth_packet_is_lost(lab: Lab) -> None:
    lab.server("closewait_leak", "fixed")
    fault = faults.drop_nth(lab.hosts["server"], 2, "tcp flags & syn == syn")
    leave(lab)
    lab.happened_fault(fault, 1)
    with pytest.raises(
        NotHeld, match="did not happen: network has packet 2 lost at server 1, .* == 2"
    ):
        lab.happened_fault(fault, 2, within=0.05)


def test_a_partition_is_silence(lab: Lab) -> None:
    server = lab.server("closewait_leak", "fixed")
    peer = lab.peer("connect hello await fin", connections=N)
    peer.said("await")
    fault = faults.partition(*lab.hosts.values())
    peer.go()
    peer.wait()
    lab.happened_fault(fault)
    lab.happened(server, hold=0.2, ESTABLISHED=N, CLOSE_WAIT=0)


def test_watching_loses_nothing(lab: Lab) -> None:
    server = lab.server("closewait_leak", "fixed")
    seen = faults.watch(lab.hosts["server"], "tcp flags & fin == fin")
    leave(lab)
    lab.happened_fault(seen, N)
    lab.happened_event(server, "recv", N, n=0)


def test_a_cut_link_takes_the_carrier_of_both_ends(lab: Lab) -> None:
    client, server = lab.hosts.values()
    assert "NO-CARRIER" not in server.run("ip", "link", "show", "eth0")
    faults.link_down(client)
    assert "state DOWN" in client.run("ip", "link", "show", "eth0")
    assert "NO-CARRIER" in server.run("ip", "link", "show", "eth0")


def test_destroyed_sockets_are_counted(lab: Lab) -> None:
    server = lab.server("closewait_leak", "buggy")
    leave(lab)
    lab.happened(server, CLOSE_WAIT=N)
    assert faults.destroy(server.host, "state close-wait") == N
    lab.happened(server, CLOSE_WAIT=0, ghosts=N)


def test_a_frozen_program_answers_when_thawed(lab: Lab) -> None:
    server = lab.server("closewait_leak", "fixed")
    server.freeze()
    peer = lab.peer("connect hello fin", connections=1)
    lab.happened(server, accept_queue=1)
    assert not peer.events("done", action="hello")
    server.thaw()
    peer.wait()


def test_heard_waits_for_what_the_event_says(lab: Lab) -> None:
    """Events of the same name with other fields do not end the wait."""
    server = lab.server("closewait_leak", "fixed")
    leave(lab)
    lab.happened_event(server, "recv", N, n=0)
    leave(lab, "connect hello rst")
    lab.happened_event(server, "recv", N, err="ECONNRESET")
    with pytest.raises(NotHeld, match="recv err=EPIPE 0 of 1 times, then 0.05 s passed"):
        lab.happened_event(server, "recv", 1, within=0.05, err="EPIPE")


def test_a_peer_that_is_gone_cannot_go_on(lab: Lab) -> None:
    lab.server("closewait_leak", "fixed")
    peer = lab.peer("connect await fin")
    peer.said("await")
    peer.kill()
    with pytest.raises(NotHeld, match="peer was ended by SIGKILL, it cannot go on"):
        peer.go()

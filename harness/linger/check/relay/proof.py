"""Whether the packets show what the relay says it did."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Mapping, Sequence

from linger.check.finding import NotStruck
from linger.check.relay.stage import Stage

ENDS = {"fin": "f", "half": "f", "rst": "r"}  # of the server's end, in a history as Zeek writes it


def must_hold(stage: Stage, names: Sequence[str]) -> None:
    """Errors: NotStruck when the packets do not show the strikes on the ports of these names."""
    assert stage.lab.recorder
    ports = [stage.relay.port(name) for name in names]
    wrong = unproved(
        [event for port in ports for event in stage.relay.struck(port)],
        [event for port in ports for event in stage.relay.accepted(port)],
        stage.lab.recorder.connections("server"),
    )
    if wrong:
        raise NotStruck(f"the packets do not show {len(wrong)} strike{'s' * (len(wrong) > 1)}: {wrong[0]}")


def unproved(
    strikes: Sequence[Mapping[str, str]],
    accepts: Sequence[Mapping[str, str]],
    connections: Sequence[Mapping[str, Any]],
) -> list[str]:
    """The strikes that the packets do not show, in words; empty: all are proved.

    For each, exactly as many bytes must have left the server as the relay says; for a trickle, at least that
    many. A strike that is an end must show one.

    strikes, accepts: the relay's events; connections: those of the packets, at the server
    (`wire list --json`).
    """
    peers = {event["conn"]: event for event in accepts}
    # A client may have used the same port again, for example for a refused connection.
    seen: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in connections:
        seen[one["client"], one["server"].rpartition(":")[2]].append(one)
    found = []
    for strike in strikes:
        peer = peers[strike["conn"]]
        rows = seen[f"{peer['peer']}:{peer['peerport']}", peer["port"]]
        whys = [_unlike(strike, one) for one in rows] or ["no packet"]
        if all(whys):
            found.append(f"{strike['what']} on port {peer['port']}: {whys[0]}")
    return found


def _unlike(strike: Mapping[str, str], one: Mapping[str, Any]) -> str:
    """Why the packets of a connection do not show a strike; "" if they do."""
    wanted, count = int(strike["sent"]), one["server_bytes"]
    if count < wanted or count > wanted and strike["what"] != "trickle":
        return f"{count} bytes, not {wanted}"
    if ENDS.get(strike["what"], "") not in one["history"]:
        return f"no such end, but {one['history']}"
    return ""

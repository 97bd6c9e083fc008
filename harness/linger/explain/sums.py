"""Turns observations, a capture's summary and a blame report into named numbers.

A missing name was not measured: a rule that needs it does not fit.
"""

from __future__ import annotations

from typing import Any, Mapping

from linger.explain.observe import Observation
from linger.lab.census import STATES

Values = dict  # numbers by their names
EVENTS = {"epoll_wait", "epoll_pwait", "epoll_pwait2", "accept", "accept4"}
POLLS = {"poll", "ppoll", "select", "pselect6"}
ON_SOCKET = {*"read readv recvfrom recvmsg write writev sendto sendmsg connect".split()}
RULES = "unaccepted shared eof timeout error shutdown unread gone".split()  # of blame
HOWS = "orderly open unknown half-closed unanswered refused reset".split()  # of wire
ENDS = ("client", "server")
# Names, and what they count. Those of states come three times: "CLOSE_WAIT" all held by the
# program, "CLOSE_WAIT.in" on ports that it listens on, "CLOSE_WAIT.out" elsewhere.
MEANINGS = {
    "unread": "CLOSE_WAITs whose FIN was certainly never read (.in, .out)",
    "muted": "of the first CLOSE_WAITs, those that epoll watches but not for reading",
    "unwatched": "of the first CLOSE_WAITs, those that epoll does not watch",
    "keepalive": "ESTABLISHED with SO_KEEPALIVE on ports that it listens on",
    "gone": "descriptors of TCP sockets that no table lists, except those from before it forked",
    "descriptors": "descriptors of TCP sockets that do not listen",
    "open": "descriptors of the process, of all kinds",
    "free": "descriptors that it may still open",
    "listeners": "listening sockets",
    "accept_queue": "connections that wait for accept()",
    "CLOSE_WAIT.unaccepted": "of those, the ones whose client has closed",
    "CLOSE_WAIT.inherited": "CLOSE_WAITs on its ports that another program holds",
    "TIME_WAIT.in": "TIME_WAITs on ports that it listens on",
    "TIME_WAIT.out": "TIME_WAITs on other ports of its network namespace",
    "ports": "ports that connect() chooses from",
    "one_remote": "the most CLOSE_WAIT.out to a single service",
    "silent": "seconds since the longest-silent ESTABLISHED received anything",
    "threads": "threads of the program",
    "waits.events": "threads that wait for events or connections (epoll_wait, accept)",
    "waits.elsewhere": "threads that wait in poll() without a timeout, or for one socket",
    "cpu": "percent of a processor that it wanted",
    "libevent": "1 if it is linked with libevent",
    **{f"blame.{rule}": f"connections for which blame reports: {rule}" for rule in RULES},
    "capture.connections": "connections in the capture",
    **{f"capture.{how}": f"connections in the capture that went this way: {how}" for how in HOWS},
    **{f"capture.first.{end}": f"connections that the {end} closed first" for end in ENDS},
    **{f"capture.resets.{end}": f"connections that the {end} reset after data" for end in ENDS},
}
HELD = [state for state in STATES if state not in ("LISTEN", "TIME_WAIT", "CLOSED")]
NAMES = {*MEANINGS, "unread.in", "unread.out"} | {
    f"{state}{where}" for state in HELD for where in ("", ".in", ".out")
}


def lasting(before: Values, later: Values) -> Values:
    """The numbers that hold at both times, and so between them: the smaller of each."""
    return {name: min(before[name], later[name]) for name in before if name in later}


def measured(observation: Observation) -> Values:
    """The numbers of one observation."""
    listened = {each["port"] for one in observation.members for each in one["listeners"]}
    values: Values = dict.fromkeys((f"{state}.in" for state in HELD), 0)
    values |= dict.fromkeys(("unread", "unread.in", "keepalive", "gone", "descriptors"), 0)
    values |= {state: sum(one["states"][state] for one in observation.members) for state in HELD}
    for snapshot in observation.members:
        for name in ("unread", "gone", "descriptors"):
            values[name] += snapshot[name] or 0
        for row in snapshot["rows"]:
            if row["port"] in listened and row["state"] in HELD:
                values[f"{row['state']}.in"] += row["count"]
                values["unread.in"] += row["unread"]
                values["keepalive"] += row["keepalive"] if row["state"] == "ESTABLISHED" else 0
    values["gone"] -= min(values["gone"], observation.shared)
    values |= {f"{state}.out": values[state] - values[f"{state}.in"] for state in HELD}
    values["unread.out"] = values["unread"] - values["unread.in"]
    queues = {  # workers share a listener
        (each["address"], each["port"]): each["recv_q"]
        for one in observation.members
        for each in one["listeners"]
    }
    values |= {"listeners": len(queues), "accept_queue": sum(queues.values())}
    return (
        values
        | _of_process(observation)
        | _of_host(observation, listened)
        | _of_others(observation)
    )


def _of_process(observation: Observation) -> Values:
    """What its threads do, and how many descriptors it has."""
    values: Values = {"threads": observation.threads}
    waits = observation.waits or ()
    calls = [wait["call"] for wait in waits]
    elsewhere = [
        wait
        for wait in waits
        if wait["call"] in POLLS
        and wait["timeout_known"]
        and wait["timeout_ms"] is None
        or wait["call"] in ON_SOCKET
        and wait["socket"]
    ]
    if observation.waits is not None:
        values["waits.events"] = sum(call in EVENTS for call in calls)
        values["waits.elsewhere"] = len(elsewhere)
    if observation.left is not None:
        values["muted"], values["unwatched"] = observation.left
    for name in ("open", "libevent", "ports"):
        if (value := getattr(observation, name)) is not None:
            values[name] = int(value)
    if observation.limit is not None and observation.open is not None and observation.limit >= 0:
        values["free"] = max(0, observation.limit - observation.open)
    return values


def _of_host(observation: Observation, listened: set[int]) -> Values:
    """What is on its ports, no matter which process holds it."""
    if observation.host is None:
        return {}
    rows = observation.host["rows"]
    own = {process["pid"] for one in observation.members for process in one["processes"]}
    on_ports = [row for row in rows if row["port"] in listened]
    others = {  # a listener on the same port at another address has its own connections
        each["pid"] for each in observation.host["listeners"] if each["port"] in listened
    } - observation.below
    waiting = observation.host["states"]["TIME_WAIT"]
    inside = sum(row["count"] for row in on_ports if row["state"] == "TIME_WAIT")
    return {
        "CLOSE_WAIT.unaccepted": sum(
            row["unaccepted"] for row in on_ports if row["state"] == "CLOSE_WAIT"
        ),
        "CLOSE_WAIT.inherited": sum(
            owner["sockets"]
            for owner in observation.host["owners"]
            if owner["state"] == "CLOSE_WAIT"
            and owner["port"] in listened
            and owner["pid"] not in own | others
        ),
        "TIME_WAIT.in": inside,
        "TIME_WAIT.out": waiting - inside,
    }


def _of_others(observation: Observation) -> Values:
    """What the census shows about the other ends."""
    silent = [
        row["silent_ms"] // 1000
        for snapshot in observation.members
        for row in snapshot["rows"]
        if row["state"] == "ESTABLISHED" and row["silent_ms"] is not None
    ]
    most = service(observation)
    return {"one_remote": most["count"] if most else 0, "silent": max(silent, default=0)}


def service(observation: Observation) -> dict[str, Any] | None:
    """The service that most CLOSE_WAITs lead to, as the census has it in "remotes"; None without any."""
    found = [
        remote
        for snapshot in observation.members
        for remote in snapshot["remotes"]
        if remote["state"] == "CLOSE_WAIT" and remote["port"] is not None
    ]
    return max(found, key=lambda remote: remote["count"], default=None)


def of_capture(ladders: Mapping[str, Any]) -> Values:
    """The numbers in the output of `wire ladder --json`."""
    summary = ladders["summary"]
    values = {f"capture.{how}": summary["how"][how] for how in HOWS}
    values |= {f"capture.first.{end}": summary["first_closer"][end] for end in ENDS}
    values |= dict.fromkeys((f"capture.resets.{end}" for end in ENDS), 0)
    for reset in summary["resets"]:
        if "handshake" not in reset["when"] and reset["by"] in ENDS:
            values[f"capture.resets.{reset['by']}"] += reset["connections"]
    return values | {"capture.connections": summary["connections"]}


def of_blame(report: Mapping[str, Any], pid: int) -> Values:
    """The numbers in a blame report: of the process, or of all if it is from another run."""
    groups = report["groups"]
    groups = [group for group in groups if group["pid"] == pid] or groups
    values = dict.fromkeys((f"blame.{rule}" for rule in RULES), 0)
    for group in groups:
        if group["rule"] in RULES:
            values[f"blame.{group['rule']}"] += group["count"]
    return values

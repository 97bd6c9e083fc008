"""Presents what fits, in words and as a JSON document (schema/explain.schema.json)."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterator, Mapping, Sequence

from linger.explain import sums
from linger.explain.fitting import Fit
from linger.explain.observe import Observation
from linger.lab.census import STATES
from linger.run import scenarios
from linger.run.printer import wrapped

SCHEMA = 1
INDENT = 14 * " "  # columns of the text after a label
MOST = 4  # scenarios to show to a person, pids of workers
MOST_CALLS = 4  # in which its threads wait


def document(
    observation: Observation, seconds: float, values: Mapping[str, int], fits: Sequence[Fit]
) -> dict[str, Any]:
    """The whole document. observation: the last one; seconds: how long the numbers held."""
    process, *workers = (one for each in observation.members for one in each["processes"])
    return {
        "schema": SCHEMA,
        "pid": observation.pid,
        "process": process["process"],
        "workers": [worker["pid"] for worker in workers],
        "seconds": round(seconds, 1),
        "values": dict(values),
        "service": _service(observation),
        "waits": [*_waits(observation)],
        "unseen": [*observation.unseen],
        "scenarios": [_scenario(fit) for fit in fits],
    }


def _service(observation: Observation) -> dict[str, Any] | None:
    most = sums.service(observation)
    return {name: most[name] for name in ("address", "port", "count")} if most else None


def _waits(observation: Observation) -> Iterator[dict[str, Any]]:
    """How many threads wait in the same call with the same timeout."""
    known = [wait for wait in observation.waits or () if wait["call"]]
    alike = Counter((wait["call"], wait["timeout_ms"], wait["timeout_known"]) for wait in known)
    for (call, ms, is_known), threads in alike.most_common():
        yield {"call": call, "timeout_ms": ms, "timeout_known": is_known, "threads": threads}


def _scenario(fit: Fit) -> dict[str, Any]:
    name = fit.symptom.scenario
    answers = scenarios.answers(name)
    return {
        "scenario": name,
        "title": scenarios.title(name),
        "weight": fit.weight,
        "for": [*fit.supports],
        "against": [*fit.opposes],
        "look": fit.symptom.look,
        "helps": [*answers.helps],
        "does_not_help": [*answers.does_not_help],
    }


def lines(made: Mapping[str, Any]) -> Iterator[str]:
    """A document as lines of text."""
    yield wrapped(f"process {made['pid']} ({made['process']}){_workers(made['workers'])}, for "
                  f"{made['seconds']:g} s:", "")  # fmt: skip
    values = made["values"]
    work = (f"{values['cpu']} % of a processor", *_calls(made["waits"]))
    for said in (_sockets(values), _descriptors(values), work):
        if text := ", ".join(said):
            yield wrapped(text)
    if most := made["service"]:
        host = f"[{most['address']}]" if ":" in most["address"] else most["address"]
        yield wrapped(f"CLOSE_WAITs to one service: at most {most['count']}, to {host}:{most['port']}")
    for what in made["unseen"]:
        yield wrapped(f"not seen: {what}")
    found = made["scenarios"]
    yield ""
    if not found:
        yield "no scenario fits"
        return
    number = f"{len(found)} scenarios fit" if len(found) > 1 else "1 scenario fits"
    yield number + (f", of which the best {MOST} are:" if len(found) > MOST else ":")
    for rank, one in enumerate(found[:MOST], start=1):
        yield ""
        yield wrapped(f"{one['scenario']}: {one['title']}", f"{rank}. ", "   ")
        for label, texts in (
            ("for", one["for"]),
            ("against", one["against"]),
            ("look", [one["look"]]),
            ("helps", one["helps"]),
            ("no help", one["does_not_help"]),
        ):
            for text in texts:
                yield wrapped(text, f"   {label:10} ", INDENT)
                label = ""
    yield ""
    yield f"To see it happen, and its repair: make scenario-{found[0]['scenario']}"


def _workers(pids: Sequence[int]) -> str:
    """Which other processes are counted in, in words."""
    if not pids:
        return ""
    more = ", ..." if len(pids) > MOST else ""
    number = "1 process" if len(pids) == 1 else f"{len(pids)} processes"
    return f" and {number} below it ({', '.join(map(str, pids[:MOST]))}{more})"


def _sockets(values: Mapping[str, int]) -> Iterator[str]:
    """Its connections, in words."""
    for state in STATES:
        if values.get(state):
            unread = f" ({values['unread']} unread)" if state == "CLOSE_WAIT" else ""
            yield f"{values[state]} {state}{unread}"
    yield f"{values['accept_queue']} waiting for accept()"
    if "capture.connections" in values:
        yield f"{values['capture.connections']} in the capture"


def _descriptors(values: Mapping[str, int]) -> Iterator[str]:
    if "open" in values:
        limit = f" of {values['open'] + values['free']}" if "free" in values else ""
        yield f"{values['open']}{limit} descriptors"
    if values["gone"]:
        yield f"{values['gone']} of TCP sockets that are gone or never connected"


def _calls(waits: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where its threads wait, in words."""
    for wait in waits[:MOST_CALLS]:
        limit = f" for {wait['timeout_ms']} ms" if wait["timeout_ms"] is not None else ""
        if wait["timeout_known"] and not limit:
            limit = " without a timeout"
        threads = "1 thread" if wait["threads"] == 1 else f"{wait['threads']} threads"
        yield f"{threads} in {wait['call']}(){limit}"

"""The register of checks. A check is a function from a trial to a finding, and what is known of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Callable, Iterable, Mapping

from linger.lab.errors import Usage

if TYPE_CHECKING:
    from linger.check.finding import Finding
    from linger.check.server.trial import Trial


@dataclass(frozen=True)
class Check:
    """One check."""

    id: str  # stable: files of known verdicts name it
    peer: str  # what the clients do, as the rest of "the clients ..."
    mistake: str  # what kind of mistake does this, one or two sentences
    scenarios: tuple[str, ...]  # of the catalogue, that show it and its repair
    slow: bool  # it waits for time-outs
    ends_target: bool  # it ends the server itself
    descriptors: int  # the server's limit, 0 for the caller's
    sysctls: Mapping[str, int]  # net.ipv4 of the server's host, set before it starts
    run: Callable[[Trial], Finding]


CHECKS: dict[str, Check] = {}  # by id, in the order of the table


def check(
    id: str,
    peer: str,
    mistake: str,
    scenarios: Iterable[str],
    slow: bool = False,
    ends_target: bool = False,
    descriptors: int = 0,
    sysctls: Mapping[str, int] = MappingProxyType({}),
) -> Callable[[Callable[[Trial], Finding]], Callable[[Trial], Finding]]:
    """Register a function as a check; the parameters are the fields of Check."""

    def register(run: Callable[[Trial], Finding]) -> Callable[[Trial], Finding]:
        CHECKS[id] = Check(
            id, peer, mistake, tuple(scenarios), slow, ends_target, descriptors, sysctls, run
        )
        return run

    return register


def choose(only: str | None, quick: bool) -> list[Check]:
    """The checks to run: those named in "ID,ID", else all; quick: none that waits for time-outs.

    Errors: Usage for an unknown id, with the nearest known one, or when none is left.
    """
    chosen = list(CHECKS.values())
    if only is not None:
        ids = [word.strip() for word in only.split(",") if word.strip()]
        for id in ids:
            if id not in CHECKS:
                near = difflib.get_close_matches(id, CHECKS, 1, 0.4)
                hint = f"did you mean {near[0]}?" if near else "`linger check --list` shows them"
                raise Usage(f"unknown check {id!r}; {hint}")
        chosen = [check for check in chosen if check.id in ids]
    chosen = [check for check in chosen if not (quick and check.slow)]
    if not chosen:
        raise Usage("no check is left to run")
    return chosen

"""The implicit end of every scenario.

For a bug: what is kept will stay (lab/lasting.py). For a repair, ours or a student's, and both variants of a
kernel behaviour: no program holds more than it may (lab/holding.py).
"""

from __future__ import annotations

import itertools
from typing import Sequence

from linger.lab import holding, lasting
from linger.lab.expect import Peer
from linger.lab.lab import Lab


def conclude(lab: Lab, stem: str, buggy: bool, most: int) -> None:
    """Judge the end of a scenario that has held so far.

    stem: of its pair's programs; without a pair, all programs of the lab count. most: what they may hold, see
    scenario(). Errors: NotHeld.
    """
    verdict = lab.verdict
    if verdict.prove or verdict.withhold or not verdict.judged:
        return
    subjects = [peer for peer in lab.peers if peer.program.startswith(f"{stem}_")] or lab.peers
    subjects = sorted((peer for peer in subjects if peer.running), key=_host)
    groups = [list(group) for _, group in itertools.groupby(subjects, _host)]
    for group in groups:
        _judge(lab, group, buggy, most)


def _judge(lab: Lab, subjects: Sequence[Peer], buggy: bool, most: int) -> None:
    if buggy:
        lasting.expect_lasting(lab, subjects)
    else:
        holding.expect_held(lab, subjects, most)


def _host(peer: Peer) -> str:
    return peer.host.name

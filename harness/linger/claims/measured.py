"""Which run judges the claims.

One run, so that all verdicts are from one kernel and one day: the newest one of this kernel in the folder
results that decides every requested claim, or the one that the caller names.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Tuple

from linger.claims import judge, ledger
from linger.claims.judge import Judged
from linger.claims.ledger import Claim
from linger.lab.errors import Broken, Usage
from linger.run import near, results, scenarios

Found = Tuple[Path, Dict[str, Any], List[Judged]]  # the run, its environment, the verdicts


def choose(names: Iterable[str]) -> list[Claim]:
    """The requested claims: by id, or by a scenario that decides them; all, if none is named.

    Errors: Usage for an unknown one, suggesting a near one, or for a scenario that decides none.
    """
    known = ledger.load()
    words = {word for claim in known for word in (claim.id, *claim.scenarios)}
    wanted = list(names)
    for name in wanted:
        if name in scenarios.names() and name not in words:
            raise Usage(f"scenario {name} decides no claim")
        if name not in words:
            raise near.unknown("claim or scenario", name, words, "linger claims")
    return [claim for claim in known if not wanted or {claim.id, *claim.scenarios} & {*wanted}]


def deciders(chosen: Sequence[Claim]) -> list[str]:
    """The scenarios that decide these claims."""
    return sorted({name for claim in chosen for name in claim.scenarios})


def by_run(run: Path, chosen: Sequence[Claim]) -> Found:
    """Judge claims by a given run.

    chosen: from the ledger. Errors: Usage when the folder holds no finished run; Broken naming what it does
    not decide.
    """
    found = environment(run)
    if found is None:
        raise unfinished(run)
    judged = judge.judge(list(results.read_results(run)), chosen)
    gaps = [f"claim {one.id}: {one.evidence}" for one in judged if one.verdict is None]
    if gaps:
        more = f"; and {len(gaps) - 1} more" if len(gaps) > 1 else ""
        raise Broken(f"{results.shortest(run)} does not decide {gaps[0]}{more}")
    return run, found, judged


def newest(folder: Path, chosen: Sequence[Claim]) -> Found | None:
    """Judge claims by the newest run in a folder that decides them all; None without one."""
    for run in _finished(folder, deciders(chosen)):
        try:
            return by_run(run, chosen)
        except Broken:
            continue  # an older one may decide them
    return None


def _finished(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """The finished runs of these scenarios on this kernel, the newest first."""
    dated = []
    for run in folder.glob("*/") if folder.is_dir() else ():
        if run.is_symlink() or not all((run / name).is_dir() for name in names):
            continue
        found = environment(run)
        if found and found["kernel"] == platform.release():
            dated.append((found["date"], run))
    return (run for _, run in sorted(dated, reverse=True))


def unfinished(run: Path) -> Usage:
    """The error for a folder that has no environment()."""
    return Usage(f"{run} holds no finished run (its environment.json is missing or too old)")


def environment(run: Path) -> dict[str, Any] | None:
    """What a finished run ran on, or None."""
    try:
        environment = json.loads((run / "environment.json").read_text())
    except (OSError, ValueError):
        return None
    return environment if "date" in environment else None

"""From measurements to verdicts, for a client behind a relay: pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence

from linger.check.client import ruling
from linger.check.client.outcome import DONE, PENDING, RETRIES, Outcome
from linger.check.client.yardstick import Product
from linger.check.finding import CHOICE, FAIL, LEAK, PASS, WARN, Finding, died, not_tested
from linger.check.relay import pulse
from linger.check.relay.phases import Lived

SOON = ruling.SOON  # s
NAMED = 4  # strikes in one line
UNLIKE = (
    "exit code 0 after a strike, but good runs differ, or this one made more than they did; "
    "give --verify COMMAND"
)


@dataclass(frozen=True)
class Met:
    """A strike that fell, and the outcome of the run."""

    outcome: Outcome
    whole: bool | None  # whether it made what the good runs made; None: not known

    @property
    def truncated(self) -> bool:
        """Whether it takes a part for the whole."""
        return self.outcome.took and self.whole is False


def met(outcome: Outcome, good: Product | None, verified: bool) -> Met:
    """The result of a strike. good: what all good runs make; verified: --verify decides success."""
    if verified or outcome.end != DONE:
        return Met(outcome, outcome.success if outcome.end == DONE else None)
    if not good or outcome.product.size > good.size:  # perhaps a message besides the whole
        return Met(outcome, None)
    return Met(outcome, outcome.product == good)


def cut(tries: Sequence[Met], good: Product | None, planned: int) -> Finding:
    """Connections that end before the exchange is over. planned: strikes, of which tries fell."""
    outcomes = [one.outcome for one in tries]
    if finding := ruling.broken(outcomes) or _truncated(tries, good):
        return finding
    if unclear := _unclear(tries):
        return unclear
    failed = [one for one in outcomes if one.end == DONE and not one.took]
    whole = [one for one in tries if one.outcome.took]
    told = [f"an error is reported {len(failed)} of {len(tries)} times ({failed[0].said})"] if failed else []
    told += [f"{len(whole)} made the whole nevertheless"] if whole else []
    again = [one for one in outcomes if one.goes_on]
    told += [f"{len(again)} still trying after {again[0].seconds:.0f} s ({_named(again)})"] if again else []
    return Finding(PASS, "; ".join(told) + _missed(len(tries), planned))


def waited(tries: Sequence[Met], good: Product | None, planned: int, limit: float) -> Finding:
    """Exchanges that stall or trickle. limit: seconds that were waited."""
    outcomes = [one.outcome for one in tries]
    if finding := ruling.broken(outcomes) or _truncated(tries, good):
        return finding
    if unclear := _unclear(tries):
        return unclear
    missed = _missed(len(tries), planned)
    if pending := [one for one in outcomes if one.end == PENDING]:
        told = f"still waits after {limit:.0f} s at {len(pending)} of {_strikes(tries)}: no timeout"
        return Finding(WARN, f"{told} ({_named(pending)}){missed}", notes=pending[0].notes)
    if all(one.outcome.took for one in tries):
        return Finding(PASS, f"made the whole at {len(tries)} of {_strikes(tries)}{missed}")
    longest = max(outcomes, key=lambda one: one.seconds)
    how = "tries again" if longest.end == RETRIES else f"gives up: {longest.said}"
    return Finding(CHOICE, f"after {longest.seconds:.1f} s at most it {how}{missed}")


def _truncated(tries: Sequence[Met], good: Product | None) -> Finding | None:
    if not (parts := [one.outcome for one in tries if one.truncated]):
        return None
    whole = good.size if good else 0
    sizes = sorted({one.size or 0 for one in parts})
    part = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
    told = f"exit code 0 and {part} of {whole} bytes, or others, at {_strikes(parts)} ({_named(parts)})"
    return Finding(FAIL, told, ports=[one.port for one in parts])


def _unclear(tries: Sequence[Met]) -> Finding | None:
    outcomes = [one.outcome for one in tries]
    if any(one.end == DONE and one.success is None for one in outcomes):
        return not_tested(ruling.MUTE)
    if any(one.outcome.took and one.whole is None for one in tries):
        return not_tested(UNLIKE)
    return None


def _named(outcomes: Sequence[Outcome]) -> str:
    return _some([one.behaviour for one in outcomes])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _missed(fell: int, planned: int) -> str:
    return f"; {planned - fell} of {planned} strike{'s' * (planned > 1)} did not fall" if fell < planned else ""


def _strikes(tries: Sequence[object]) -> str:
    return f"{len(tries)} strike{'s' * (len(tries) > 1)}"


# Programs that last.


def recovered(what: str, lived: Lived, hard: bool) -> Finding:
    """How a long-running program recovers. hard: the server announces its fault, so never recovering is a
    FAIL."""
    rows = pulse.timeline(lived.looks)
    finding = _ending(what, lived) or _leaking(lived) or _returning(what, lived, hard)
    finding.timeline = rows
    finding.notes += [*_reactions(lived), *pulse.told(rows)]
    return finding


def _ending(what: str, lived: Lived) -> Finding | None:
    if not lived.ended:
        return None
    verdict = FAIL if lived.killed else WARN
    return replace(died(f"{what}: the program {lived.ended}"), verdict=verdict, crashed=lived.killed)


def _leaking(lived: Lived) -> Finding | None:
    if lived.dead < 2 or 2 * lived.dead < lived.attempts:
        return None
    told = f"{lived.dead} connections that the server has ended are still held, after {lived.attempts} attempts"
    return Finding(LEAK, told, lived.held)


def _returning(what: str, lived: Lived, hard: bool) -> Finding:
    if lived.back is None:
        seconds = lived.looks[-1].at - lived.struck
        told = f"{what}: no byte of the server reaches it, {seconds:.0f} s after the fault began"
        return Finding(FAIL if hard else WARN, told, lived.held)
    verdict = PASS if lived.back <= SOON else CHOICE
    return Finding(verdict, f"{what}: the server reaches it again after {lived.back:.1f} s")


def _reactions(lived: Lived) -> list[str]:
    """What it did first, after the fault began."""
    error = pulse.after(lived.looks, "errors", lived.struck)
    connect = pulse.after(lived.looks, "opened", lived.struck)
    return [
        "no error on standard error" if error is None else f"first error after {error:.1f} s",
        "no connect" if connect is None else f"first connect after {connect:.1f} s",
    ]


@dataclass(frozen=True)
class Survived:
    """A program that lasts, after one strike at one message."""

    strike: str
    back: float | None = None  # s until the backend's bytes reached it again
    ended: str = ""  # how it ended, in words
    killed: bool = False  # by a signal


def survived(tries: Sequence[Survived], planned: int) -> Finding:
    """Strikes at each message of programs that last. planned: strikes, of which tries fell."""
    killed = [one for one in tries if one.killed]
    ended = [one for one in tries if one.ended]
    lost = [one for one in tries if one.back is None and not one.ended]
    missed = _missed(len(tries), planned)
    if killed:
        return Finding(FAIL, f"{killed[0].strike}: the program {killed[0].ended}{missed}")
    if lost:
        told = f"no byte of the server reaches it in {SOON:.0f} s after {len(lost)} of {_strikes(tries)}"
        return Finding(FAIL, f"{told} ({_some([one.strike for one in lost])}){missed}")
    if ended:
        told = f"the program ends at {len(ended)} of {_strikes(tries)} ({ended[0].strike}: {ended[0].ended})"
        return Finding(WARN, told + missed)
    most = max(one.back or 0.0 for one in tries)
    return Finding(PASS, f"the server reaches it again after {len(tries)} of {_strikes(tries)}, in {most:.1f} s at most{missed}")

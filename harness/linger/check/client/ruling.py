"""From measurements to verdicts: pure functions, one for each kind of measurement.

The clauses are with the checks. One rule holds in all: a client that is not done and has no connection from
which anything could come will wait forever, regardless of its timeouts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from linger.check.client.outcome import DIED, DONE, PENDING, RETRIES, WAITS, Outcome
from linger.check.finding import CHOICE, FAIL, LEAK, PASS, WARN, Finding, Held, not_tested

SOON = 10.0  # s: the next good request must succeed by then
RACED = 5.0  # s: another address must have been tried by then (RFC 8305)
RESENT = 5  # times; beyond that the rate is reported
A_SECOND = 5.0  # of them that are no longer a policy
WORST_FIRST = (LEAK, FAIL, WARN, CHOICE, PASS)
MUTE = "the exit code is 0 even when the server refuses, so it proves nothing; give --verify COMMAND"


def broken(tries: Sequence[Outcome]) -> Finding | None:
    """The finding that overrides all others: the client died of a reply, or waits for nothing."""
    for one in tries:
        if one.end == DIED:
            told = f"{one.behaviour}: {one.said}"
            return Finding(FAIL, told, notes=one.notes, ports=[one.port], crashed=True)
    for one in tries:
        if one.end == WAITS:
            text = f"{one.behaviour}: not done after {one.seconds:.0f} s, and nothing can wake it"
            return Finding(FAIL, f"{text}: {one.said}", notes=one.notes, ports=[one.port])
    return None


def cut_short(tries: Sequence[Outcome], whole: int) -> Finding:
    """Replies that are cut short. whole: bytes that each of them announces."""
    if finding := broken(tries):
        return finding
    if any(one.end == DONE and one.success is None for one in tries):
        return not_tested(MUTE)
    if taken := [one for one in tries if one.took]:
        sizes = {one.size for one in taken if one.size is not None}
        part = f"{' or '.join(map(str, sorted(sizes)))} of {whole} bytes" if sizes else "a part"
        where = ", ".join(one.behaviour for one in taken)
        told = f"{part} taken for the whole reply: {where}"
        return Finding(FAIL, told, ports=[one.port for one in taken])
    return Finding(PASS, f"{_refused(tries)}, {len(tries)} of {len(tries)} times")


def released(tries: Sequence[Outcome]) -> Finding:
    """Connections ended at every point of an exchange: whether the client goes on."""
    if finding := broken(tries):
        return finding
    again = sum(one.end != DONE for one in tries)
    done = [one.seconds for one in tries if one.end == DONE]
    told = f"done after {len(done)} of {len(tries)} ends"
    told += f", in {max(done):.1f} s at most" if done else ""
    return Finding(PASS, told + (f"; after {again} it tries again" if again else ""))


def close_delimited(control: Outcome, resets: Sequence[Outcome], whole: int) -> Finding:
    """A reply delimited by the end of the connection: whole after a FIN, not after a RST.

    resets: several, because in some clients the error races with the end.
    """
    if finding := broken([control, *resets]):
        return finding
    if control.success is None:
        return not_tested(MUTE)
    if not control.took:
        return not_tested(f"it fails even after a FIN, which ends such a reply: {control.said}")
    taken = [one for one in resets if one.took]
    if not taken:
        return cut_short(resets, whole)
    return Finding(FAIL, f"{taken[0].size} of {whole} bytes taken for the whole reply after a RST, "
                         f"{len(taken)} of {len(resets)} times", ports=[one.port for one in taken])  # fmt: skip


def unnotified(one: Outcome) -> Finding:
    """TLS that ends without close_notify, where only the end shows how long the reply is."""
    finding = cut_short([one], one.size or 0)
    if finding.verdict == FAIL and one.took:
        return Finding(WARN, "the reply is taken for whole without close_notify: anyone can truncate it")
    return finding


def cut_gzip(one: Outcome, raw: int) -> Finding:
    """Compressed content that ends early. raw: its compressed bytes that were sent."""
    if finding := broken([one]):
        return finding
    if one.end == DONE and one.success is None:
        return not_tested(MUTE)
    if not one.took:
        return Finding(PASS, _refused([one]))
    if one.size in (raw, None):
        return not_tested("it does not decode gzip")
    return Finding(WARN, f"{one.size} decoded bytes of truncated content are taken for the whole")


def patience(one: Outcome, limit: float) -> Finding:
    """A reply that never ends. limit: seconds that were waited."""
    if finding := broken([one]):
        return finding
    if one.took:
        return Finding(FAIL, f"success after {one.seconds:.0f} s, without the whole reply")
    if one.end == PENDING:
        return Finding(WARN, f"still waits after {limit:.0f} s: no timeout", notes=one.notes)
    if one.end == RETRIES:
        return Finding(CHOICE, f"tries again, {one.connects} connections in {one.seconds:.0f} s")
    return Finding(CHOICE, f"gives up after {one.seconds:.1f} s: {one.said}")


@dataclass(frozen=True)
class Sent:
    """A request that the server read but did not answer."""

    method: str
    port: int  # of the server
    reused: bool  # the connection had carried another one before
    reads: int  # how often the server read the whole request
    seconds: float  # in which it did

    @property
    def verdict(self) -> str:
        if self.reads > A_SECOND * max(1.0, self.seconds):
            return FAIL
        if self.reads <= 1:
            return PASS
        if self.method == "GET":
            return CHOICE
        return WARN if self.reused else FAIL

    def __str__(self) -> str:
        where = "a reused" if self.reused else "a fresh"
        times = f"{self.reads} times" + (f" in {self.seconds:.0f} s" if self.reads > RESENT else "")
        return f"{self.method} on {where} connection: {times}"


def repeated(sent: Sequence[Sent]) -> Finding:
    """Requests that the server reads but does not answer, one for each way of sending."""
    more = [one for one in sent if one.verdict != PASS]
    once = f"read once: {len(sent) - len(more)} of {len(sent)} requests without an answer"
    if not more:
        return Finding(PASS, once)
    worst = min((one.verdict for one in more), key=WORST_FIRST.index)
    told = "; ".join(dict.fromkeys(map(str, more)))
    told += f"; {once}" if len(more) < len(sent) else ""
    ports = [one.port for one in more if one.verdict == worst]
    return Finding(worst, f"the server read {told}", ports=ports)


def stale(get: Outcome, post: Outcome | None) -> Finding:
    """The next requests, at least a second after the server closed an idle connection."""
    tries = [get, *([post] if post else [])]
    if finding := broken(tries):
        return finding
    if not get.took:
        return Finding(FAIL, f"the next GET fails: {get.said}")
    if post and not post.took:
        return Finding(WARN, f"the next GET succeeds, the next POST fails: {post.said}")
    return Finding(PASS, f"the next {'GET and POST succeed' if post else 'GET succeeds'}")


def idle(
    tries: Sequence[Outcome], counts: Sequence[int], origins: int, seconds: float, held: list[Held]
) -> Finding:
    """Idle connections that the server has ended.

    tries: the requests that made them, and later ones; counts: how many are left over the baseline
    after each round; origins: servers in a round; seconds: of rest before the last count; held: their
    holders.
    """
    if finding := broken(tries):
        return finding
    last = counts[-1]
    if last <= 0:
        return Finding(PASS, f"none is held {seconds:.0f} s later")
    if last > counts[0] and last > origins:
        rounds = ", ".join(map(str, counts))
        return Finding(LEAK, f"more are held after each round: {rounds}", held)
    most = f"{last} of {origins} {'is' if last == 1 else 'are'}"
    return Finding(CHOICE, f"{most} held {seconds:.0f} s later, until the next use", held)


def answered(second: Outcome, false: str) -> Finding:
    """A request after an unsolicited reply. false: the digest of that reply's body."""
    if finding := broken([second]):
        return finding
    name = second.behaviour
    if second.took and second.digest == false:
        told = f"{name}: an unsolicited reply is taken as the answer to the next request"
        return Finding(FAIL, told, ports=[second.port])
    if not second.took:
        return Finding(CHOICE, f"{name}: the next request fails: {second.said}")
    return Finding(PASS, f"{name}: the next request gets its own answer")


def early(drained: Outcome, unread: Outcome | None, status: int) -> Finding:
    """A reply while the request is still being sent.

    drained: the server reads on; unread: it does not; status: that of the reply. A client that treats such a
    status as a failure has read it if it names it.
    """
    if finding := broken([one for one in (drained, unread) if one]):
        return finding
    if drained.end != DONE:
        told = f"the reply is lost: not done after {drained.seconds:.0f} s"
        return Finding(FAIL, told, notes=drained.notes)
    if not _heard(drained, status):
        return Finding(FAIL, f"the reply is lost although the server reads on: {drained.said}")
    if unread and unread.end != DONE:
        told = f"the reply is read if the server reads on; else it waits, {unread.seconds:.0f} s so far"
        return Finding(WARN, told, notes=unread.notes)
    if unread and not _heard(unread, status):
        return Finding(CHOICE, f"the reply is read if the server reads on, else lost: {unread.said}")
    return Finding(PASS, "the reply is read while the request is being sent")


def _heard(one: Outcome, status: int) -> bool:
    """Whether a reply with this status has reached the program, even as a failure."""
    return one.took or one.status == status or str(status) in one.said


def leak(left: int, each: int, kinds: int, seconds: float, held: list[Held]) -> Finding:
    """What is left of exchanges that fail, each of every kind.

    left: over the baseline, after that many seconds of rest; it is enough that one kind leaks.
    """
    if 2 * left >= each:
        return Finding(LEAK, f"{left} of {each * kinds} are held {seconds:.0f} s later", held)
    constant = f", {left} held" if left > 0 else ""
    return Finding(PASS, f"{each * kinds} exchanges fail, all released{constant}")


def recovery(what: str, took: float | None, tries: Sequence[Outcome]) -> Finding:
    """The way back. took: seconds from the server's return to a good reply; None: it never came."""
    if finding := broken(tries):
        return finding
    if took is None:
        said = tries[-1].said if tries else ""
        return Finding(FAIL, f"after {what}, no request succeeds in {SOON:.0f} s: {said}")
    return Finding(PASS, f"after {what}, a request succeeds in {took:.1f} s")


def turned_away(one: Outcome) -> Finding:
    """A command that meets a refusing server."""
    if finding := broken([one]):
        return finding
    if one.end == DONE and one.success is None:
        return not_tested(MUTE)
    if one.took:
        return Finding(FAIL, "success is reported although the server refuses")
    if one.end != DONE:
        hectic = one.connects > A_SECOND * one.seconds
        told = f"tries again, {one.connects} connections in {one.seconds:.0f} s"
        return Finding(FAIL if hectic else CHOICE, told)
    return Finding(PASS, f"an error is reported ({one.said})")


def raced(one: Outcome) -> Finding:
    """Two addresses, of which the first is a black hole."""
    if finding := broken([one]):
        return finding
    if not one.took:
        why = one.said if one.end == DONE else f"not done after {one.seconds:.0f} s"
        return Finding(FAIL, f"the second address is never reached: {why}")
    verdict = PASS if one.seconds <= RACED else WARN
    return Finding(verdict, f"the second address answers after {one.seconds:.1f} s")


def vanished(keepalive: bool, released: float | None, waited: float, held: list[Held]) -> Finding:
    """An idle connection whose server has vanished without a FIN.

    keepalive: whether its timer runs; released: seconds until it was released, None if it was not.
    """
    if released is not None:
        timer = " (SO_KEEPALIVE)" if keepalive else ""
        return Finding(PASS, f"released after {released:.0f} s{timer}")
    if keepalive:
        return Finding(PASS, f"not yet released after {waited:.0f} s, but SO_KEEPALIVE is on")
    return Finding(WARN, f"still held after {waited:.0f} s: neither keepalive nor a timeout", held)


def worst(findings: Sequence[Finding]) -> Finding:
    """One finding from several: the worst verdict, all the measurements."""
    tested = [one for one in findings if one.verdict in WORST_FIRST]
    if not tested:
        return findings[0]
    verdict = min((one.verdict for one in tested), key=WORST_FIRST.index)
    shown = [one for one in tested if one.verdict == verdict]
    held = [thing for one in shown for thing in one.held]
    notes = [line for one in shown for line in one.notes]
    ports = [port for one in shown for port in one.ports]
    return Finding(verdict, "; ".join(dict.fromkeys(one.measured for one in tested)), held, notes, ports)


def _refused(tries: Sequence[Outcome]) -> str:
    """How a client shows that it does not take part of a reply for the whole."""
    if again := [one for one in tries if one.goes_on]:
        return f"not taken; it tries again, {again[0].connects} connections in {again[0].seconds:.0f} s"
    said = next((one.said for one in tries if one.said), "")
    return f"an error is reported ({said})" if said else "an error is reported"

"""A trial: one check on one server, and its finding when the clients have left."""

from __future__ import annotations

import time
from typing import Any, Callable

from linger.check import schedule
from linger.check.finding import CHOICE, FAIL, LEAK, PASS, WARN, Finding
from linger.check.measure import Count
from linger.check.server.crowd import Crowd
from linger.check.server.scene import Scene
from linger.lab import waiting

ONCE = 1.0  # s until a connection that may be held forever is examined


class Trial(Scene):
    """A scene that can be judged."""

    def died(self) -> str:
        """How the server has ended, or a process of it that had served from the beginning: a
        sentence with its last output, "" while all run.

        A process that was forked for a client does not count, nor one that retires with status 0.
        """
        died = f"the server {how}" if (how := self.target.ending()) else ""
        if not died and (ends := [end for end in self.watch.ended() if end.crashed]):
            new = {*self.target.pids} - {*self.before.processes}
            died = f"{ends[0]}{' and was replaced' if new else '; the others go on'}"
        return died and died + self.target.last_output()

    def unclear(self) -> str:
        """Which process that had served from the beginning ended in an unknown way; "" if none did."""
        return "; ".join(str(end) for end in self.watch.ended() if end.status is None)

    def still_held(self, within: float) -> bool:
        """Whether the server itself still holds connections after the given seconds.

        If not, it has written its whole reply and closed, and the kernel does the rest.
        """
        return self.meter.settles(self.before, self.n, within) is not None

    def leave(self, act: Callable[[Crowd], object], bare: bool = False) -> Finding:
        """Let all clients leave in the same way, wave by wave, and find whether the server let go.

        act: what a wave does; bare: as for crowd(). Errors: NotStruck.
        """

        def all_leave() -> None:
            for wave in self.waves(bare):
                act(wave)

        all_leave()
        return self.leavings(again=all_leave)

    def leavings(
        self, before: Count | None = None, again: Callable[[], object] | None = None
    ) -> Finding:
        """The finding when all clients have left: whether the server let go, and serves on.

        before: what it held before them, by default the baseline; again: lets as many clients do the same
        again. Keeping clients for a while is a policy; a pool of processes, or of connections to a
        backend, that shrinks again or is used again is not a leak.
        """
        before = before or self.before
        began = time.monotonic()
        left = self.meter.settles(before, self.n, within=min(ONCE, self.soon))
        if left and (why := self._never(before)):
            more = ", ".join(left.fuller_than(before, self.n))
            return Finding(LEAK, f"held, and {why}: {more}", self.meter.held(before))
        took = time.monotonic() - began
        if left:
            with schedule.only_waiting():
                left = self.meter.settles(before, self.n, within=self.soon - ONCE)
                took = time.monotonic() - began
        if not left:
            if why := self.fresh():
                return self._unserved(why)
            return self._threads(before, again) or Finding(PASS, self._gone(took))
        more, held = ", ".join(left.fuller_than(before, self.n)), self.meter.held(before)
        kept = left.connections_since(before)
        if died := self.died():
            return Finding(FAIL, died)
        if why := self.fresh():
            return self._unserved(why)
        if again and not kept:
            again()
            if not self.meter.settles(left, self.n, within=self.soon / 2):
                return Finding(PASS, f"{self.n} clients left; the next clients reuse what stays: {more}")
        with schedule.only_waiting():
            late = max(0.0, began + self.late - time.monotonic())
            left = self.meter.settles(before, self.n, within=late)
            took = time.monotonic() - began
        if left:
            return Finding(LEAK, f"still held after {took:.0f} s: {more}", held)
        slow = ", by a timeout of its own" if kept else ""
        let_go = Finding(CHOICE if kept else PASS, self._gone(took) + slow)
        return self._threads(before, again) or let_go

    def _threads(self, before: Count, again: Callable[[], object] | None) -> Finding | None:
        """The finding when threads stay, or are gone, although all else has been released.

        A pool fills up or shrinks once, so as many clients do the same again.
        """
        several = max(2, self.n // 2)
        first = self.meter.take().threads_since(before)
        if not again or abs(first) < several:
            return None
        again()
        self.meter.settles(before, self.n, within=self.soon / 2)
        more = self.meter.take().threads_since(before) - first
        if abs(more) < several or (more > 0) != (first > 0):
            return None
        what = "more, which stay" if more > 0 else "fewer, which a pool would miss"
        said = f"{self.n} clients left, then as many again: {abs(first)} and {abs(more)} threads {what}"
        return Finding(WARN, said)

    def _gone(self, took: float) -> str:
        return f"{self.n} clients left, all released within {took:.1f} s"

    def _unserved(self, why: str) -> Finding:
        return Finding(FAIL, f"{self.n} clients left, and a fresh request fails: {why}")

    def _never(self, before: Count) -> str:
        """Why nothing can ever end what the clients have left; "" where something may.

        All that they sent has arrived, and the server has had another client since: if all its threads wait
        for others then, no timeout or timer of its own will ever fire.
        """
        if not self._stuck() or self.fresh() or not self.meter.settles(before, self.n, ONCE):
            return ""
        calls = self._stuck()
        return calls and f"every thread waits without a timeout ({calls}), no timer is armed"

    def _stuck(self) -> str:
        """The calls in which all threads of the server and its helpers wait without a timeout; else ""."""
        snapshot = self.meter.snapshot()
        if any(row["keepalive"] for row in snapshot["rows"]):
            return ""  # the kernel may end it
        return waiting.forever(snapshot["processes"], self.target.and_helpers)

    def result(self) -> dict[str, Any]:
        """What was measured, in the shape of a scenario's result.json."""
        self.lab.snapshot = {"server": self.meter.snapshot()}
        return self.lab.result()

"""A pytest plugin: stops no program before it has dealt with the end of its predecessors.

A lab stops its younger programs first, usually the clients. If it stopped the server a moment
later, valgrind would report open connections that the server was about to close. And descriptors
that valgrind holds inside a program do not belong to the program.
"""

from __future__ import annotations

from linger.lab import census, holding
from linger.lab.expect import Peer

SEEN = "CLOSE_WAIT == 0 and ghosts == 0"  # after FINs, after RSTs
VALGRINDS = 12  # descriptors, at most
WITHIN, HOLD = 5.0, 0.1  # s; a program that leaks never gets there

_stop = Peer.stop


def _stop_in_peace(self: Peer, grace: float = 1.0) -> None:
    if self.running:
        census.until({self.host.name: self.host.path}, SEEN, WITHIN, HOLD, copies=True)
    _stop(self, grace)


Peer.stop = _stop_in_peace  # type: ignore[method-assign]
holding.OWN += VALGRINDS

"""A pytest plugin: no program is ended before it has dealt with the end of those that went before.

The younger programs of a lab are ended first, as a rule the clients. Of a server that is ended in
the next moment valgrind would say that it had connections open, though it was about to close them.
And what valgrind holds for itself in a program is not the program's.
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

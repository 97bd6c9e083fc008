"""The result of one request, as the client reports it and as the lab saw it."""

from __future__ import annotations

from dataclasses import dataclass, field

from linger.check.client.yardstick import Product

DONE = "done"  # it reported success or failure
DIED = "died"  # killed by a signal, or a driver that ended during a request
WAITS = "waits"  # not done, and no connection from which anything could still come
RETRIES = "retries"  # not done, and still connecting again and again
PENDING = "pending"  # not done, with a connection from which something could still come


@dataclass(frozen=True)
class Outcome:
    """One request."""

    behaviour: str  # of the server, by its name in turncoat
    port: int  # of the server, for this behaviour alone
    end: str  # one of the words above
    success: bool | None = None  # what the client takes it for; None: not known
    status: int | None = None  # of HTTP, if the client reports it
    size: int | None = None  # bytes of the body that it accepted
    digest: str | None = None  # of these, SHA-256
    said: str = ""  # its error, or its exit status
    seconds: float = 0.0  # from its start until it was done, or until the watch ended
    connects: int = 0  # that it began meanwhile
    notes: list[str] = field(default_factory=list)  # what it held and did then, or its last output

    @property
    def took(self) -> bool:
        """Whether it takes what it got for a success."""
        return self.end == DONE and self.success is True

    @property
    def goes_on(self) -> bool:
        """Whether it was not done in time: then a busy machine may be to blame."""
        return self.end in (RETRIES, PENDING)

    @property
    def product(self) -> Product:
        """What a run made."""
        return Product(self.size or 0, self.digest or "")

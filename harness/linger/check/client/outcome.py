"""What became of one request, as the client tells it and as the lab saw it."""

from __future__ import annotations

from dataclasses import dataclass, field

from linger.check.client.yardstick import Product

DONE = "done"  # it told success or failure
DIED = "died"  # by a signal, or a driver in the middle of a request
WAITS = "waits"  # not done, and no connection from which anything could come any more
RETRIES = "retries"  # not done, and still connecting again and again
PENDING = "pending"  # not done, with a connection from which something could still come


@dataclass(frozen=True)
class Outcome:
    """One request."""

    behaviour: str  # of the server, by its name in turncoat
    port: int  # of the server, for this behaviour alone
    end: str  # one of the words above
    success: bool | None = None  # what the client takes it for; None: nothing tells
    status: int | None = None  # of HTTP, where the client tells it
    size: int | None = None  # bytes of the body that it took
    digest: str | None = None  # of these, SHA-256
    said: str = ""  # its error, or its exit status, in its own words
    seconds: float = 0.0  # from its start until it was done, or until nobody watched it any more
    connects: int = 0  # that it began meanwhile
    notes: list[str] = field(default_factory=list)  # what it had and did then, or its last output

    @property
    def took(self) -> bool:
        """Whether it takes what it got for a success."""
        return self.end == DONE and self.success is True

    @property
    def goes_on(self) -> bool:
        """Whether it was not done when the time was over, so that a busy machine may be to blame."""
        return self.end in (RETRIES, PENDING)

    @property
    def product(self) -> Product:
        """What a run made."""
        return Product(self.size or 0, self.digest or "")

"""The exchange is cut, at each message."""

from __future__ import annotations

from linger.check.finding import Finding
from linger.check.relay import check, meetings, judgement
from linger.check.relay.stage import Stage

CUTS = ("fin", "rst", "half")


@check(
    "cut-at-each-message",
    peer="sends part of a good exchange, and ends the connection: at the boundary of each message, and "
    "in its middle, with FIN, RST and half-close",
    mistake="The end of the connection is taken for the end of the data, or an error of read() is "
    "ignored; a long-running program expects an end only between requests.",
    clause="recv(2): 0 is the end of the stream, no matter what was announced. RFC 9293, " "section 3.10.4.",
    scenarios=["truncated-reply", "waits-without-socket"],
)
def cut_at_each_message(stage: Stage) -> Finding:
    if stage.task.lasts:
        planned = meetings.strikes(stage, CUTS, meetings.FEW)
        return judgement.survived(meetings.survived_all(stage, planned), len(planned))
    planned = meetings.strikes(stage, CUTS)
    tries = meetings.met_all(stage, planned)
    return judgement.cut(tries, stage.task.order.yardstick.good, len(planned))

"""What a program does with a real server: its exchange, and whether it ends by itself."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from linger.check.client.subject import Program
from linger.check.client.vigil import LOOK
from linger.check.client.yardstick import Yardstick, product
from linger.check.relay import exchange
from linger.check.relay.middle import PASS, REFUSES
from linger.check.relay.stage import Stage, Task
from linger.lab import apart, files
from linger.lab.errors import TargetDied
from linger.lab.service import STARTING

LASTS = 10.0  # s: a connected program that has not ended by then does not end by itself
CLOSING = 2.0  # s within which the relay closes what its client has closed
AGAIN = f"{PASS}-2"  # the port of a second run


def get_to_know(task: Task, folder: Path) -> Task:
    """Let the client meet the backend through a relay that passes everything on.

    Returns the task, completed with the program's kind and its exchange. Errors: TargetDied when the backend
    or the client cannot be started, or the client never connects or fails.
    """
    files.make_folder(folder)
    apart.keep_apart(folder)
    stage = Stage("start", task, folder)
    try:
        stage.serve()
        stage.begin(PASS, PASS, REFUSES)
        program = stage.start(PASS)
        while not program.done() and time.monotonic() - stage.started < LASTS:
            time.sleep(LOOK)  # the next look
        _must_be_served(stage, program)
        if not program.done():
            stage.task = replace(task, lasts=True)
            return replace(stage.task, exchange=_said(stage, PASS))
        if program.status != 0:
            raise TargetDied(f"the client fails against the real server: it {program.ending()}"
                             f"{program.last_output()}")  # fmt: skip
        [second] = stage.meets([AGAIN], STARTING)
        if not second.took:
            raise TargetDied(f"the client fails against the real server, the second time: {second.said}")
        [refused] = stage.meets([REFUSES])
        made = product(stage.folder / "stdout", stage.folder / "out")
        mute = refused.took and not task.order.verify
        yardstick = Yardstick(mute, made if made == second.product else None)
        return replace(
            task, order=replace(task.order, yardstick=yardstick),
            exchange=exchange.agreed(_said(stage, PASS), _said(stage, AGAIN)),
        )  # fmt: skip
    finally:
        stage.close()


def _said(stage: Stage, strike: str) -> tuple[exchange.Sizes, ...]:
    """What the backend has said on a port; everything, if the run is over."""
    deadline = time.monotonic() + CLOSING
    while not stage.task.lasts and stage.relay.open(stage.relay.port(strike)) and time.monotonic() < deadline:
        time.sleep(LOOK)  # the next look: the last message is reported when its connection is closed
    return exchange.sizes(stage.relay.accepted(stage.relay.port(strike)), stage.relay.said())


def _must_be_served(stage: Stage, program: Program) -> None:
    """Errors: TargetDied when nothing of the backend has reached the client."""
    stage.relay.sync()
    port = stage.relay.port(PASS)
    if stage.relay.talks_since(port, 0.0):
        return
    at = stage.address(PASS)
    how = f"it {program.ending()}{program.last_output()}"
    if not stage.relay.accepted(port):
        raise TargetDied(f"the client never connects to {at.host} port {port}: {how}")
    raise TargetDied(f"the client connects to {at.host} port {port}, and the server says nothing: {how}")

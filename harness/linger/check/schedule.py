"""Many trials at the same time, each in a process of its own.

A trial that crashes takes nothing else with it, and each has an own /run, so that several instances
of one server do not meet in their pid files there. They may meet elsewhere, in a file that all
share, and they take each other's processor: so what does not start beside the others, fails or
starves is tried again by itself before that is believed.
"""

from __future__ import annotations

import shutil
import signal
import time
import traceback
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from linger.check.battery import Check
from linger.check.finding import BAD, FAIL, NOT_TESTED, STARVE, Finding, not_tested
from linger.check.request import Request
from linger.check.server.trial import NotStruck, Trial, Wish
from linger.lab import files, netns
from linger.lab.errors import Broken, LingerError, TargetDied, os_sentence
from linger.run import results

SCHEMA = 1  # of finding.json (schema/finding.schema.json)
Result = dict[str, Any]
FORK = get_context("fork")


def run(
    checks: Sequence[Check],
    wish: Wish,
    folder: Path,
    at_once: int,
    on_end: Callable[[Result], None],
) -> list[Result]:
    """Run checks, the slow ones first; returns their results in the order of checks.

    folder: for the evidence, a folder each; at_once: trials at the same time.
    on_end: told each result as it comes. Errors: what a trial could not run for.
    """
    order = sorted(checks, key=lambda check: not check.slow)
    done: dict[str, Result] = {}
    alone = []
    for check, result in _round(order, wish, folder, at_once):
        if at_once == 1 and not result["stall"] or not _doubtful(result):
            done[check.id] = result
            on_end(result)
        else:
            alone.append(check)
    for check, result in _round(alone, wish, folder, 1):
        if result["stall"] and result["verdict"] in BAD:
            raise Broken(f"{result['stall']}, so {check.id} proves nothing: {result['measured']}")
        done[check.id] = result
        on_end(result)
    return [done[check.id] for check in checks]


def _doubtful(result: Result) -> bool:
    """Whether others, or the machine, may be to blame for what a check found."""
    if result["stall"] and result["verdict"] in BAD:
        return True
    return not result["started"] or result["verdict"] in (FAIL, STARVE)


def _round(
    checks: list[Check], wish: Wish, folder: Path, at_once: int
) -> Iterator[tuple[Check, Result]]:
    """Each check with its result, as they come."""
    waiting = list(reversed(checks))
    running: dict[Any, tuple[Child, Check]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                check = waiting.pop()
                child = Child(attempt, check, wish, folder / check.id)
                running[child.pipe] = child, check
            for pipe in wait(list(running)):
                child, check = running.pop(pipe)
                yield check, child.result()
    finally:
        for child, _ in running.values():
            child.end()


class Child:
    """A function that runs in a process of its own, with an own /run."""

    def __init__(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Start work(*arguments)."""
        self._work, self._arguments = work, arguments
        self.pipe, self._sender = FORK.Pipe(duplex=False)
        self._process = FORK.Process(target=self._run)
        self._process.start()
        self._sender.close()

    def _run(self) -> None:
        """The life of the child. Who interrupts at a terminal means the parent, which ends it."""
        signal.signal(signal.SIGINT, lambda number, frame: None)
        try:
            netns.own_run()
            self._sender.send(self._work(*self._arguments))
        except LingerError as error:
            self._sender.send(error)
        except OSError as error:
            self._sender.send(Broken(os_sentence(error)))
        except Exception:
            self._sender.send(Broken(traceback.format_exc()))

    def result(self) -> Any:
        """What the work returned, once it has. Errors: those of the work; Broken when it died."""
        try:
            result = self.pipe.recv()
        except EOFError:
            raise Broken("the process of a check ended without a result") from None
        except KeyboardInterrupt:
            self._process.terminate()
            raise
        finally:
            self._process.join()
        if isinstance(result, LingerError):
            raise result
        return result

    def end(self) -> None:
        """End it before its time."""
        self._process.terminate()
        self._process.join()


def find_request(wish: Wish, evidence: Path) -> Request:
    """Start the server once and find out how it is asked. Errors: those of Trial.find_request()."""
    files.make_folder(evidence)
    trial = Trial("start", wish, evidence)
    try:
        return trial.find_request()
    finally:
        trial.close()


def attempt(check: Check, wish: Wish, evidence: Path) -> Result:
    """Run one check on a server started for it; returns its result, and leaves the evidence.

    A second try leaves its own only: lines of two servers in one log tell nothing.
    """
    if evidence.exists():
        shutil.rmtree(evidence)
    files.make_folder(evidence)
    steps: list[str] = []
    began = time.monotonic()
    trial = Trial(check.id, wish, evidence, steps.append)
    started = False
    try:
        trial.server.sysctl(**check.sysctls)
        try:
            trial.begin(check.descriptors)
            started = True
            finding = check.run(trial)
        except NotStruck as error:
            finding = not_tested(str(error))
        except TargetDied as error:
            sentence, *output = str(error).splitlines()
            if check.descriptors and not started:
                limit = f"with a limit of {check.descriptors} descriptors "
                finding = not_tested(limit + sentence)
                started = True  # as far as it can be
            else:
                finding = Finding(FAIL, sentence, [line.strip() for line in output])
        if started and not check.ends_target and (how := trial.target.ending()):
            if finding.verdict != NOT_TESTED or not check.descriptors:
                sentence, *output = f"the server {how}{trial.target.last_output()}".splitlines()
                finding = Finding(FAIL, sentence, [line.strip() for line in output])
        measured = trial.result()
        stall = trial.lab.watchdog.sentence() if trial.lab.watchdog.stalled else ""
    finally:
        trial.close()
    seconds = round(time.monotonic() - began, 3)
    bad = {NOT_TESTED: "cannot run", **dict.fromkeys(BAD, "fail")}
    files.write_json(
        evidence / "result.json",
        {
            "schema": results.SCHEMA,
            "scenario": "check",
            "variant": check.id,
            "repetition": 1,
            "connections": wish.connections,
            "claims": [],
            "verdict": bad.get(finding.verdict, "pass"),
            "message": finding.measured if finding.verdict in bad else None,
            "failures": [],
            **measured,
        },
    )
    found = {
        "id": check.id,
        "verdict": finding.verdict,
        "measured": finding.measured,
        "held": finding.held,
        "seconds": seconds,
    }
    files.write_json(
        evidence / "finding.json",
        {"schema": SCHEMA, **found, "check": check.told(), "since": trial.lab.since, "steps": steps},
    )
    return {**found, "started": started, "stall": stall}

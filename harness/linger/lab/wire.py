"""The packets of a lab: recorded by build/wire and shown as ladders (results/README.md).

The recorder runs from before the first program starts until all have ended. Its files are evidence
like the logs: a pcap for each host, and the ladder.json made of them.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Mapping, Sequence

from linger.lab import files
from linger.lab.errors import Broken, CannotRun, NotHeld
from linger.lab.host import Host
from linger.lab.process import Process
from linger.lab.programs import program

LOG_GROUP = 9  # of NFLOG: rules that drop packets log them there


class Recorder:
    """The recorder of one lab."""

    def __init__(self, hosts: Mapping[str, Host], evidence: Path) -> None:
        """Start to record each host into EVIDENCE/NAME.pcap; see await_ready()."""
        self._hosts = hosts
        self._evidence = evidence
        words: list[str | Path] = [program("wire"), "record", "--group", str(LOG_GROUP)]
        for name, host in hosts.items():
            words += ["--host", f"{name}={host.path}:{evidence / name}.pcap"]
        self._process = Process(words, evidence / "recorder.log")
        self._flushed = 0

    def await_ready(self) -> None:
        """Wait until everything from now on will be recorded.

        Errors: Broken, or CannotRun, with the recorder's own sentence.
        """
        logged = self._said("ready")["losses"] == "logged"
        for host in self._hosts.values():
            host.log_group = LOG_GROUP if logged else None

    def _said(self, event: str, times: int = 1) -> dict[str, str]:
        try:
            return self._process.said(event, times, within=60.0)
        except NotHeld:
            raise self._failure() from None

    def _failure(self) -> Exception:
        """Why the recorder failed, in its own words if it printed any."""
        ending = self._process.ending(1.0)
        why = self._process.prose or f"wire {ending}"
        kind = CannotRun if self._process.status == CannotRun.code else Broken
        return kind(f"the packets are not recorded: {why}")

    def ladder(self) -> dict[str, Any]:
        """The ladders of everything so far, as in ladder.json."""
        self._flush()
        return json.loads(self._derive())

    def connections(self, host: str) -> list[dict[str, Any]]:
        """What the packets at a host show about each connection so far, as `wire list --json` does."""
        self._flush()
        words = [program("wire"), "list", "--json", self._evidence / f"{host}.pcap"]
        done = subprocess.run(words, capture_output=True)
        if done.returncode not in (0, 1):
            raise Broken(f"no connections: {done.stderr.decode(errors='replace').strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def _flush(self) -> None:
        """Make the recorder write everything so far."""
        self._flushed += 1
        try:
            self._process.go()
        except NotHeld:
            raise self._failure() from None
        self._said("flushed", self._flushed)

    def conclude(self, verdict: float | None = None, since: float = 0.0) -> None:
        """End the recorder, which writes the rest, and write ladder.json.

        verdict: its time in seconds since 1970, if there was one; anything later belongs to the lab's end.
        since: as for tell(). Errors: Broken if it had failed, or no ladder can be made; CannotRun
        on a full disk.
        """
        self._process.terminate()
        self._said("end")  # all is written; the kernel then takes its time to release the taps
        self._process.must_be_logged()
        ladders = self._derive(verdict, since).decode()
        files.write_text(self._evidence / "ladder.json", ladders)

    def _derive(self, verdict: float | None = None, since: float = 0.0) -> bytes:
        return tell(self._evidence, list(self._hosts), "--json", verdict=verdict, since=since)


def tell(
    evidence: Path,
    hosts: Sequence[str],
    *options: str,
    verdict: float | None = None,
    since: float = 0.0,
) -> bytes:
    """What `wire ladder` says about the hosts' packets, from what a lab left in a directory.

    verdict: as for Recorder.conclude(); since: seconds since 1970: leave out connections that began earlier.
    Errors: Broken with its sentence.
    """
    words: list[str | Path] = [program("wire"), "ladder", "--losses", *options]
    words += ["--census", evidence / "timeline.jsonl", "--recorder", evidence / "recorder.log"]
    words += ["--verdict", f"{verdict:.6f}"] if verdict else []
    words += ["--since", f"{since:.6f}"] if since else []
    words += [f"{name}={evidence / name}.pcap" for name in hosts]
    done = subprocess.run(words, capture_output=True)
    if done.returncode not in (0, 1):  # 1: a file is truncated, because its recorder was killed
        raise Broken(f"no ladder: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def recording() -> bool:
    """Whether labs record packets; only harness/wire/bench.py sets LINGER_RECORD=0."""
    return os.environ.get("LINGER_RECORD") != "0"

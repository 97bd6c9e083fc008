"""A register of checks. A check is a function from a trial to a finding, with its description.

Files of checks are found by place: in a battery's own package and in folders given by --checks.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping

from linger.lab.errors import LingerError, Usage
from linger.run import near

if TYPE_CHECKING:
    from linger.check.finding import Finding

    Run = Callable[[Any], Finding]  # from a trial of the battery's kind


@dataclass(frozen=True)
class Check:
    """One check."""

    id: str  # stable: used in files of known verdicts
    program: str  # what is judged, "server" or "client"
    happens: str  # what the other side does, a sentence
    mistake: str  # what kind of mistake causes it, one or two sentences
    clause: str  # of an RFC or a man page that it rests on
    scenarios: tuple[str, ...]  # of the catalogue that show it and its repair
    slow: bool  # it waits for timeouts
    long: bool  # it may last longest of those that are not slow, so it starts early
    ends_target: bool  # the check itself ends the program
    descriptors: int  # the program's limit, 0 for the caller's
    sysctls: Mapping[str, int | str]  # net.ipv4 of the program's host, set before it starts
    tls: bool  # it is about TLS itself; chosen with --tls only
    run: Run

    def told(self) -> dict[str, Any]:
        """Its description for finding.json: a report must not need the check's file."""
        return {
            "happens": self.happens, "mistake": self.mistake, "clause": self.clause,
            "scenarios": list(self.scenarios),
        }  # fmt: skip


class Battery:
    """The checks for one kind of program."""

    def __init__(self, package: str, peer: str, program: str, tool: str) -> None:
        """package: where its own checks are; peer: who misbehaves, as the start of a sentence.

        program: what is judged, "server" or "client"; tool: the command that judges it.
        """
        self._package, self._peer = package, peer
        self.program, self.tool = program, tool
        self.checks: dict[str, Check] = {}  # by id, in the order of the table: the quick ones first

    def load(self, more: Iterable[Path] = ()) -> None:
        """Load linger's own checks, and those in further folders.

        Errors: Usage when a folder holds no file of checks, or a file cannot be read.
        """
        [ours] = import_module(self._package).__path__
        for path in sorted(Path(ours).glob("[!_]*.py")):
            import_module(f"{self._package}.{path.stem}")
        for folder in more:
            files = sorted(folder.glob("[!_]*.py"))
            if not files:
                raise Usage(f"{folder} holds no file of checks (NAME.py)")
            for path in files:
                self._read(path)
        found = sorted(self.checks.values(), key=lambda check: check.slow)
        self.checks.clear()
        self.checks.update({check.id: check for check in found})

    def _read(self, path: Path) -> None:
        """Run a user's file of checks, once."""
        name = f"linger_checks.{path.resolve()}"
        if name in sys.modules:
            return
        spec = spec_from_file_location(name, path)
        assert spec and spec.loader
        sys.modules[name] = module = module_from_spec(spec)
        before = len(self.checks)
        try:
            spec.loader.exec_module(module)
        except LingerError:
            raise
        except Exception as wrong:
            raise Usage(f"cannot load {path}: {type(wrong).__name__}: {wrong}") from wrong
        if len(self.checks) == before:
            raise Usage(f"{path} registers no check; see harness/linger/check/README.md")

    def check(
        self,
        id: str,
        peer: str,
        mistake: str,
        clause: str,
        scenarios: Iterable[str],
        slow: bool = False,
        long: bool = False,
        ends_target: bool = False,
        descriptors: int = 0,
        sysctls: Mapping[str, int | str] = MappingProxyType({}),
        tls: bool = False,
    ) -> Callable[[Run], Run]:
        """Decorate a function as a check; the parameters are the fields of Check.

        peer: what the other side does, completing "The clients ...".
        """

        def register(run: Run) -> Run:
            if id in self.checks:
                raise Usage(f"there are two checks {id!r}; rename yours")
            self.checks[id] = Check(
                id, self.program, f"{self._peer} {peer}.", mistake, clause, tuple(scenarios), slow,
                long, ends_target, descriptors, sysctls, tls, run,
            )  # fmt: skip
            return run

        return register

    def choose(self, only: str | None, quick: bool, tls: bool = False) -> list[Check]:
        """The checks to run: those named in "ID,ID", else all; quick: without those that wait for timeouts.

        tls: also those about TLS itself. Errors: Usage for an unknown id, suggesting a near one, or when none
        is left.
        """
        chosen = list(self.checks.values())
        if only is not None:
            ids = [word.strip() for word in only.split(",") if word.strip()]
            for id in ids:
                if id not in self.checks:
                    raise near.unknown("check", id, self.checks, f"{self.tool} --list")
            chosen = [check for check in chosen if check.id in ids]
        else:
            chosen = [check for check in chosen if tls or not check.tls]
        chosen = [check for check in chosen if not (quick and check.slow)]
        if not chosen:
            raise Usage("no check is left to run")
        return chosen

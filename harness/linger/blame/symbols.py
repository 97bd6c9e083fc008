"""Addresses become functions and lines, only in stacks that are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

from linger.blame import tracing
from linger.lab.foreign import printable
from linger.lab.programs import ROOT, program

# Mangled function names of Rust and C++ in the symbol table: _ZN4core3ptr...17h<hash>E
MANGLED = re.compile(r"^_ZNK?(?P<parts>.*)E")
HASH = re.compile(r"^h[0-9a-f]{16}$")


@dataclass(frozen=True)
class Frame:
    """A function that was active."""

    function: str  # "" when it is not known
    file: str  # of the source; "" when there is no debug information
    line: int
    path: str  # of the ELF file; "" for code generated at run time
    address: int  # in it

    def record(self) -> dict[str, Any]:
        """As the document has it."""
        return dict(vars(self))


def plain(name: str) -> str:
    """A function's name as in its source, as far as that is easily recovered."""
    if not (found := MANGLED.match(name)):
        return name
    rest, parts = found["parts"], []
    while length := re.match(r"\d+", rest):
        end = length.end() + int(length[0])
        parts.append(rest[length.end() : end])
        rest = rest[end:]
    return "::".join(part for part in parts if not HASH.match(part)) or name


def source_of(file: str, path: str) -> str:
    """Where the source of an ELF file is: our own pairs name it relative to the top of the repository."""
    ours = file.startswith("./") and Path(path).is_relative_to(program("").resolve())
    return str(ROOT / file) if ours else file


class Stacks:
    """The stacks of a report, by their numbers, from 1 on."""

    def __init__(self, report: dict[str, Any], symbols: Path | None = None) -> None:
        """symbols: a file of the program's name with its debug information."""
        self._stacks = report["stacks"]
        self._modules = ["", *report["modules"]]
        self._symbols = symbols
        self._known: dict[tuple[str, int], list[Frame]] = {}

    def resolve(self, numbers: Iterable[int], lines: Iterable[list[int]] = ()) -> None:
        """Look up functions and lines, all at once. lines: further addresses, [module, address]."""
        wanted = {(module, address) for number in numbers if number
                  for module, address in self._stacks[number - 1]}  # fmt: skip
        wanted |= {(module, address) for module, address in lines}
        questions = sorted({(self._modules[module], address) for module, address in wanted if module})
        for answer in tracing.answers(questions, self._symbols) if questions else ():
            place = answer["path"], answer["address"]
            self._known[place] = [
                Frame(printable(plain(one["function"] or "")),
                      printable(source_of(one["file"] or "", answer["path"])), one["line"], *place)
                for one in answer["frames"]
            ]  # fmt: skip

    def at(self, module: int, address: int) -> list[Frame]:
        """The functions at an address: the innermost, and those it was inlined into."""
        place = self._modules[module], address
        return self._known.get(place) or [Frame("", "", 0, *place)]

    def frames(self, number: int) -> list[Frame]:
        """The frames of a stack, innermost first."""
        stack = self._stacks[number - 1] if number else []
        return [frame for module, address in stack for frame in self.at(module, address)]

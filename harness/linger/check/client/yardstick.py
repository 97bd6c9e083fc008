"""How to tell whether a one-shot command has succeeded: by its exit code, and by its product."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Product:
    """What a run made."""

    size: int  # bytes, of standard output and of the files at {out}
    digest: str


@dataclass(frozen=True)
class Yardstick:
    """What runs against a good server, and one against no server, showed about the command."""

    mute: bool = False  # its exit code is 0 even when the server refuses
    good: Product | None = None  # None: two good runs made different things

    def success(self, status: int | None, made: Product) -> bool | None:
        """Whether a run was a success; None: not known."""
        if status != 0:
            return False
        if not self.mute:
            return True
        return True if self.good and self.good.size and made == self.good else None


def product(stdout: Path, out: Path) -> Product:
    """What a run wrote to standard output and to the file or folder that {out} stood for."""
    size, digest = 0, hashlib.sha256()
    for path in (stdout, *(sorted(out.rglob("*")) if out.is_dir() else [out])):
        if path.is_file():
            with path.open("rb") as content:
                while block := content.read(1 << 20):
                    size += len(block)
                    digest.update(block)
    return Product(size, digest.hexdigest())

"""What the result of a scenario is made of: its sources, as a digest that a result is kept with.

When the digest changes, `make kernels` runs the scenario again. It covers the scenario's Python file, the
programs that the file names, and what a lab is made of: harness/linger/lab and the C programs that it runs. It
does not cover the texts beside the scenario, nor Debian's packages.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Iterator

from linger.lab.programs import ROOT
from linger.run import scenarios

FILE = "sources"  # beside a scenario's variants
TOOLS = ("census", "common", "sandbox", "segment", "turncoat", "wire")
LAB = (*(f"harness/{tool}/**/*.[ch]" for tool in TOOLS), "harness/sandbox/sandbox",
       "harness/linger/lab/*", "harness/linger/run/ending.py")  # fmt: skip


def digest(name: str) -> str:
    """The digest of what decides a scenario, as of now."""
    summed = hashlib.sha256()
    for path in sorted(_deciding(name)):
        content = path.read_bytes()
        summed.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode() + content)
    return summed.hexdigest()


def _deciding(name: str) -> Iterator[Path]:
    yield (file := scenarios.path_of(name))
    text = file.read_text()
    for program in [*ROOT.glob("servers/*.c"), *ROOT.glob("clients/*.c")]:
        if program.stem.removesuffix("_buggy").removesuffix("_fixed") in text:
            yield program
    for pattern in LAB:
        for path in ROOT.glob(pattern):
            if path.is_file() and not path.name.startswith("test_"):
                yield path

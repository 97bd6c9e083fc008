"""Where linger's own files are: the built programs, and the folder that everything belongs to.

There are three shapes. In the repository, programs are in build/, or in build/san by `make SAN=1`.
`make install` and pip (harness/pack.py) put them into the package itself, linger/programs; the
folder is then PREFIX/lib/linger, and nobody is to write there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKED = Path(__file__).resolve().parents[1] / "programs"
INSTALLED = PACKED.exists()
# Where results/ and labs/ are, unless the caller names others: the working folder, when installed.
WRITABLE = Path() if INSTALLED else ROOT


def program(name: str) -> Path:
    """The path of a built program, such as "census" or "servers/closewait_leak_buggy"."""
    return Path(os.environ.get("LINGER_BUILD") or (PACKED if INSTALLED else ROOT / "build"), name)


# What to type where there is no Makefile, by what our sentences say.
TYPED = {
    r"\bmake(\s+)lab-": r"linger\1lab ",  # of a paragraph, perhaps
    r"\bmake scenario-": "linger run ",
    r"\bmake (lab|report)\b(?!-)": r"linger \1",
    r"\bHINT=(?=\d)": "--hint ",
    r"\bPREDICT=(?=[a-z]\b)": "--predict ",
    r"\bbuild/(linger|census|wire)\b": r"\1",
    r"\brun: make deps( all)?\b": "install what is missing",
    r"\brun: make$": "install linger again",
}


def typed(text: str, installed: bool = INSTALLED) -> str:
    """A text that tells what to type, as it must be typed here: texts speak of the repository."""
    for told, here in TYPED.items() if installed else ():
        text = re.sub(told, here, text)
    return text

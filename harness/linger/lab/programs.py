"""Where linger's own files are: the built programs, and the folder that contains everything.

There are three shapes. In the repository, programs are in build/, or in build/san by `make SAN=1`.
`make install` and pip (harness/pack.py) put them into the package itself, linger/programs; the
folder is then PREFIX/lib/linger, which is read-only.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKED = Path(__file__).resolve().parents[1] / "programs"
INSTALLED = PACKED.exists()
# Where results/ and labs/ are by default: in the working folder, if installed.
WRITABLE = Path() if INSTALLED else ROOT
# What starts linger after `python -c`, as in linger.sh. (-m finds modules in the working folder first.)
MAIN = 'import sys; "" in sys.path and sys.path.remove(""); import linger.__main__'


def program(name: str) -> Path:
    """The path of a built program, such as "census" or "servers/closewait_leak_buggy"."""
    return Path(os.environ.get("LINGER_BUILD") or (PACKED if INSTALLED else ROOT / "build"), name)


# What to type without a Makefile, by the words in our sentences.
TYPED = {
    r"\bmake(\s+)lab-": r"linger\1lab ",  # perhaps across lines of a paragraph
    r"\bmake scenario-": "linger run ",
    r"\bmake (lab|report)\b(?!-)": r"linger \1",
    r"\bHINT=(?=\d|blame\b)": "--hint ",
    r"\bPREDICT=(?=[a-z]\b)": "--predict ",
    r"\bbuild/(linger|census|wire)\b": r"\1",
    r"\brun: make deps( all)?\b": "install what is missing",
    r"\brun: make$": "install linger again",
}


def typed(text: str, installed: bool = INSTALLED) -> str:
    """Adapt a text that says what to type, written for the repository, to this installation."""
    for told, here in TYPED.items() if installed else ():
        text = re.sub(told, here, text)
    return text

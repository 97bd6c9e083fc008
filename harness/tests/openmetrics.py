"""A strict reader of OpenMetrics 1.0, for its gauges only."""

from __future__ import annotations

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:{{((?:{LABEL})(?:,{LABEL})*)}})? (-?[0-9]+(?:\.[0-9]+)?)")
Family = dict[str, float]  # labels, as written, to the value


def read(text: str) -> dict[str, Family]:
    """The families by name. Raises ValueError with the line that is wrong."""
    families: dict[str, Family] = {}
    told: dict[str, set[str]] = {}  # by family: what has been said about it
    if not text.endswith("# EOF\n"):
        raise ValueError("the end is missing")
    for line in text.removesuffix("# EOF\n").splitlines():
        if line.startswith("# "):
            _describe(line, families, told)
            continue
        sample = SAMPLE.fullmatch(line)
        name = list(families)[-1] if families else ""  # samples follow their family
        if not sample or sample[1] != name or (sample[2] or "") in families[name]:
            raise ValueError(line)
        families[name][sample[2] or ""] = float(sample[3])
    for name, said in told.items():
        if not {"TYPE", "HELP"} <= said:
            raise ValueError(f"{name} is not described")
    return families


def _describe(line: str, families: dict[str, Family], told: dict[str, set[str]]) -> None:
    words = line.split(" ", 3)
    if len(words) < 4 or words[1] not in ("TYPE", "UNIT", "HELP"):
        raise ValueError(line)
    word, name, text = words[1:]
    if name not in families:
        families[name] = {}
    elif list(families)[-1] != name or families[name] or word in told[name]:
        raise ValueError(f"{line}: a family begins twice")
    told.setdefault(name, set()).add(word)
    if word == "TYPE" and text != "gauge" or word == "UNIT" and not name.endswith(f"_{text}"):
        raise ValueError(line)

"""Colours and dashes: a TCP state looks the same in every drawing, in light and in dark.

A drawing names a colour as a CSS variable with the light colour to fall back on. So one drawing
serves both schemes, and stands alone as well.
"""

from __future__ import annotations

from typing import NamedTuple


class Ink(NamedTuple):
    """A colour for each scheme (contrast to the paper of at least 3 to 1), and a dash in widths of
    the line."""

    light: str
    dark: str
    dash: tuple[float, ...] = ()


STATES = {
    "ESTABLISHED": Ink("#1b7f4b", "#58c98c"),
    "SYN_SENT": Ink("#6f7780", "#9aa3ab", (1, 1)),
    "SYN_RECEIVED": Ink("#4c5b69", "#b6c2cd", (3, 1)),
    "FIN_WAIT1": Ink("#947000", "#dcb541", (1.5, 1.5)),
    "FIN_WAIT2": Ink("#b3136f", "#f27cbb", (5, 1.5, 1, 1.5)),
    "TIME_WAIT": Ink("#1f69ab", "#6fb4f2", (6, 2)),
    "CLOSED": Ink("#8b9299", "#7d858c", (1, 3)),
    "CLOSE_WAIT": Ink("#c43c14", "#ff8359"),
    "LAST_ACK": Ink("#7247b3", "#ba9ff2", (3, 1.5)),
    "LISTEN": Ink("#8b9299", "#7d858c", (1, 4)),
    "CLOSING": Ink("#007f86", "#4dd0d4", (5, 1.5)),
}
PAGE = {
    "paper": Ink("#fdfdfb", "#15181b"),
    "ink": Ink("#1c2126", "#e3e6e8"),
    "soft": Ink("#59626b", "#a3acb5"),
    "rule": Ink("#d5d9dc", "#363d44"),
    "alarm": Ink("#b3261e", "#ff8a80"),
}
INKS = {**PAGE, **STATES}


def _variable(name: str) -> str:
    return "--" + name.lower().replace("_", "-")


_COLOURS = {name: f"var({_variable(name)}, {ink.light})" for name, ink in INKS.items()}


def colour(name: str) -> str:
    """The CSS colour of a state or of a part of the page; of a state unknown here, that of CLOSED."""
    return _COLOURS.get(name, _COLOURS["CLOSED"])


def variables(scheme: str) -> str:
    """The declarations of all colours for a scheme, "light" or "dark"."""
    return "\n".join(f"{_variable(name)}: {getattr(ink, scheme)};" for name, ink in INKS.items())

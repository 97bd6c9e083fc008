"""The checks, one module for those that belong together."""

from importlib import import_module

MODULES = "leaving half_close idle vanished limit restart stopping reply".split()  # as in the table


def load() -> None:
    """Import the modules, so that every check is registered."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")

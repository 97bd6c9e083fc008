"""TOML files of the project (Python's own parser from 3.11 on, tomli before that)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from linger.lab.errors import Broken, os_sentence


def read(path: Path) -> dict[str, Any]:
    """The content of a TOML file. Errors: Broken with file and line when it cannot be read."""
    if sys.version_info >= (3, 11):  # not at the top: `linger list` does not need it
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise Broken(os_sentence(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Broken(f"{path.name}: {error}") from None

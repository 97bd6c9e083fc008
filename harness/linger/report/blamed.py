"""What blame found out about the programs of a lab, for its page: as on the terminal."""

from __future__ import annotations

from pathlib import Path

from linger.blame import documents, wording
from linger.lab.errors import Broken, Usage


def told(folder: Path) -> list[str]:
    """The words of all documents of blame in a folder; none when nothing ran under blame.

    Errors: Broken for a document that is not as linger writes it.
    """
    try:
        return [line for path in documents.of_variant(folder)
                for line in wording.lines(documents.read(path))]  # fmt: skip
    except (Usage, LookupError, TypeError) as error:
        raise Broken(f"{folder}: evidence that is not as linger writes it ({error!r})") from error

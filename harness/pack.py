"""How pip makes a wheel of linger for other projects' tests (PEP 517, PEP 660, PEP 427).

The wheel has the rooms of harness/linger that a lab needs, and the built programs in
linger/programs, so it fits only this architecture. `pip install -e` uses this checkout instead.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("LINGER_BUILD") or HERE.parent / "build")
ROOMS = ("__init__.py", "pytest.py", "lab", "run")
NOT_PACKED = {"linger", "compile"}  # of the programs: those that need the repository


def build_wheel(folder: str, settings: Any = None, metadata: Any = None) -> str:
    """Write the wheel into a folder; returns its name."""
    return _write(Path(folder), {**_modules(), **_programs()})


def build_editable(folder: str, settings: Any = None, metadata: Any = None) -> str:
    """Write a wheel that points here; returns its name."""
    return _write(Path(folder), {"linger.pth": f"{HERE}\n".encode()})


def describe(folder: str) -> None:
    """Write a package's metadata, its version and its plugin, into its folder."""
    for name, text in _told(_project()).items():
        path = Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def _modules() -> dict[str, Path]:
    files: list[Path] = []
    for room in ROOMS:
        path = HERE / "linger" / room
        files += sorted(path.rglob("*")) if path.is_dir() else [path]
    kept = (file for file in files if file.is_file() and file.suffix != ".pyc")
    return {str(file.relative_to(HERE)): file for file in kept}


def _programs() -> dict[str, Path]:
    built = [*BUILD.glob("*"), BUILD / "clients" / "peer"]
    files = [file for file in built if file.is_file() and not file.is_symlink()]
    if BUILD / "sandbox" not in files or built[-1] not in files:
        sys.exit(f"linger is not built: {BUILD}/sandbox is missing; run: make")
    kept = (file for file in files if file.name not in NOT_PACKED and file.suffix != ".a")
    return {f"linger/programs/{file.relative_to(BUILD)}": file for file in kept}


def _write(folder: Path, files: dict[str, Any]) -> str:
    """Write a wheel of files, each a path or its content, by their names in it."""
    project = _project()
    info, told = _info(project), _told(project)
    tag = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
    wheel = f"Wheel-Version: 1.0\nGenerator: linger\nRoot-Is-Purelib: false\nTag: {tag}\n"
    told[f"{info}/WHEEL"] = wheel
    files = {**files, **{name: text.encode() for name, text in told.items()}}
    record = ""
    name = f"{project['name']}-{project['version']}-{tag}.whl"
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, source in files.items():
            content = source.read_bytes() if isinstance(source, Path) else source
            entry = zipfile.ZipInfo(place, (1980, 1, 1, 0, 0, 0))  # the same wheel each time
            runs = isinstance(source, Path) and os.access(source, os.X_OK)
            entry.external_attr = (0o100755 if runs else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record += f"{place},sha256={digest.decode()},{len(content)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return name


def _project() -> dict[str, Any]:
    toml = __import__("tomllib" if sys.version_info >= (3, 11) else "tomli")
    version = (HERE / "VERSION").read_text().strip()
    return {**toml.loads((HERE / "pyproject.toml").read_text())["project"], "version": version}


def _info(project: dict[str, Any]) -> str:
    return f"{project['name']}-{project['version']}.dist-info"


def _told(project: dict[str, Any]) -> dict[str, str]:
    """The files that tell of the package, by their names beside it."""
    info = _info(project)
    return {f"{info}/METADATA": _metadata(project), f"{info}/entry_points.txt": _entries(project)}


def _metadata(project: dict[str, Any]) -> str:
    needs = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
    return (
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        f"Summary: {project['description']}\nRequires-Python: {project['requires-python']}\n{needs}"
    )


def _entries(project: dict[str, Any]) -> str:
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {module}" for name, module in entries.items())]
    return "\n".join(lines) + "\n"

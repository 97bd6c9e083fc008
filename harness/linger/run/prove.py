"""Proves that every guard of every scenario can fail: withholds each fault once, and the scenario
must notice.

`make prove` withholds in every variant of the named scenarios; `make test` in the first variant of
all, because both variants share the guards.
"""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest

from linger.lab import Lab, capture, faults, files, sockets  # noqa: F401, each registers its faults
from linger.lab.errors import NotHeld
from linger.lab.failure import UNGUARDED, Failure, not_held
from linger.lab.verdict import Verdict
from linger.lab.withhold import FAULTS, SETTINGS, Site, sites, withholding
from linger.run import scenarios


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "site" not in metafunc.fixturenames:
        return
    named = metafunc.config.getoption("withhold")
    cases: list[Any] = []
    for name in named.split(",") if named else scenarios.names():
        path = scenarios.path_of(name)
        variants = list(load(path).EXPECT)
        for variant in variants if named else variants[:1]:
            for site in sites(path):
                cases.append(pytest.param(path, variant, site, id=f"{name}-{variant}-{site}"))
    metafunc.parametrize("path, variant, site", cases)


def test_the_scenario_notices(
    lab: Lab, path: Path, variant: str, site: Site, pytestconfig: pytest.Config
) -> None:
    longest = 3.0 if pytestconfig.getoption("withhold") else 0.7  # s
    module = load(path)
    told: Callable[..., None] = getattr(module, f"test_{path.stem}")
    lab.verdict = Verdict(withhold=True)
    with withholding(path, site, longest) as withheld:
        try:
            told(lab, variant)
        except NotHeld as noticed:
            lab.tell(f"noticed: {noticed}")
            files.write_text(lab.evidence / "noticed.txt", f"{noticed}\n")
        else:
            assert withheld.times, f"this variant does nothing at line {site.first}"
            where = f"line {site.first}"
            raise not_held([Failure(UNGUARDED, where, site.call, "a failure", "none")])
    assert withheld.times, f"it ended before line {site.first}"


def test_every_function_of_the_faults_is_marked() -> None:
    """One that is not would never be withheld."""
    here = {name for name, it in vars(faults).items() if inspect.isfunction(it)
            and it.__module__ == faults.__name__ and name[0] != "_"}  # fmt: skip
    assert here == (here & FAULTS) ^ (here & SETTINGS)


def test_every_scenario_does_a_fault() -> None:
    idle = [name for name in scenarios.names() if not sites(scenarios.path_of(name))]
    assert idle == ["kernel-defaults"]  # it only reads what the kernel says
